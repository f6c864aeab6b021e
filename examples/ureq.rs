//! `waldo-ureq`, in a program that has requests of the `http` crate.
//!
//!     cargo run --example ureq
//!
//! The embedding is what stands above the line that ends it: the client and a call.
//! What follows shows it at work against an emulator, and exits non-zero when that has counted
//! otherwise than it should.

use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};
use waldo_ureq::http::{Request, Response};
use waldo_ureq::ureq::{Agent, Body};
use waldo_ureq::{BuildError, Client, Credentials, Error};

/// Its clones share one session, for as many threads as there are.
fn client(credentials: Credentials, origin: String) -> Result<Client, BuildError> {
    let agent = Agent::config_builder().http_status_as_error(false);
    Client::builder(credentials).origin(origin).agent(agent.build()).build()
}

fn send(client: &Client, request: Request<Vec<u8>>) -> Result<Response<Body>, Error> {
    client.run(request)
}

// Here ends the embedding.

fn main() -> Result<(), Failure> {
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
    let emulator = Emulator::start(Server::default())?;
    let client = client(credentials, emulator.origin())?;
    check::check(&emulator, |request| send(&client, request))
}
