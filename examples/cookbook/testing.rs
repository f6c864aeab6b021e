//! How to test code of your own with the emulator: the tests are at the end of this file. They set
//! the answers, end a token in mid-run, let a server be slow, and count the logins.
//!
//!     cargo run --example testing
//!     cargo test --package waldo-examples --example testing

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use serde_json::Value;
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_ureq::http::StatusCode;
use waldo_ureq::{Client, Credentials, Error};

/// The code under test: the name of a customer; `None` if there is no such customer.
fn name_of(client: &Client, customer_id: &str) -> Result<Option<String>, Error> {
    match client.get("/customer").query("customerId", customer_id).call() {
        Ok(mut response) => {
            let customer: Value = response.body_mut().read_json()?;
            Ok(customer.get("firstName").and_then(Value::as_str).map(str::to_owned))
        }
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Server::default())?;
    // A program with an account begins with `Client::from_env()`.
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
    let client = Client::builder(credentials).origin(emulator.origin()).build()?;
    let name = name_of(&client, "unknown")?;
    println!("the name of an unknown customer: {name:?}");
    if name.is_none() { Ok(()) } else { Err("an unknown customer has a name".into()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use waldo_emulator::model::{Answer, Fault, Hold, Method, RetryAfter, Stub};

    use super::*;

    fn start() -> (Emulator, Client) {
        start_with(Duration::from_secs(60))
    }

    /// An emulator whose customer is Ada, and a client with this timeout. Each test has its own.
    fn start_with(timeout: Duration) -> (Emulator, Client) {
        let emulator = Emulator::start(Server::default()).unwrap();
        let ada = json!({ "customerId": "c-1", "firstName": "Ada" });
        emulator.push_stub(Stub::path(Method::GET, "/customer").json(200, &ada));
        let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap();
        let client = Client::builder(credentials).origin(emulator.origin()).timeout(timeout);
        (emulator, client.build().unwrap())
    }

    #[test]
    fn name_is_first_name_of_answer() {
        let (_emulator, client) = start();
        assert_eq!(name_of(&client, "c-1").unwrap().as_deref(), Some("Ada"));
    }

    #[test]
    fn unknown_customer_has_no_name() {
        let (emulator, client) = start();
        let not_found = json!({ "code": "NOT_FOUND", "message": "No such customer" });
        emulator.push_stub(Stub::path(Method::GET, "/customer").json(404, &not_found));
        assert_eq!(name_of(&client, "c-2").unwrap(), None);
    }

    #[test]
    fn dead_token_costs_one_login_and_no_failure() {
        let (emulator, client) = start();
        name_of(&client, "c-1").unwrap();
        emulator.expire_all();
        assert_eq!(name_of(&client, "c-1").unwrap().as_deref(), Some("Ada"));
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized), (2, 1));
    }

    #[test]
    fn hundred_names_cost_one_login() {
        let (emulator, client) = start();
        (0..100).for_each(|_| drop(name_of(&client, "c-1").unwrap()));
        assert_eq!(emulator.stats().server.logins(), 1);
    }

    #[test]
    fn slow_server_is_a_timeout() {
        let (emulator, client) = start_with(Duration::from_millis(500));
        emulator.hold(Hold::calls()); // No call is answered.
        assert!(name_of(&client, "c-1").unwrap_err().is_timeout());
    }

    #[test]
    fn busy_server_says_when_to_come_again() {
        let (emulator, client) = start();
        emulator.push_fault(Fault::call(Answer::too_many_requests(RetryAfter::Seconds(7))));
        let error = name_of(&client, "c-1").unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(error.retry_in(), Some(Duration::from_secs(7)));
    }
}
