//! A token's lifetime in six scenes, without an account: the API is an emulator in this program.
//!
//!     cargo run -p quickstart
//!
//! Each scene prints what the server counted, and what the client would do next. The program fails
//! if the server counted anything else than the scene expects.

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error;
use std::thread;

use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};
use waldo_ureq::{Client, Credentials};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const KEY: &str = "sandbox.wk.quickstart";
const SECRET: &str = "sandbox.ws.quickstart";

fn main() -> Outcome {
    let emulator = Emulator::start(Server::new(Policy::default()).with_key(KEY, SECRET))?;
    // Expects numbers of logins, calls, and calls that the server answered with 401.
    let scene = |title: &str, client: &Client, expected: [u64; 3], act: &dyn Fn() -> Outcome| {
        emulator.reset_stats();
        act()?;
        let stats = emulator.stats().server;
        let [logins, calls, refused] =
            [stats.logins(), stats.total() - stats.logins(), stats.calls_unauthorized];
        println!("\n{title}");
        println!("   server  logins: {logins}, calls: {calls}, answered with 401: {refused}");
        println!("   client  {}", client.explain());
        let failure = format!("the scene expected {expected:?}");
        if [logins, calls, refused] == expected { Ok(()) } else { Err(failure.into()) as Outcome }
    };

    let client = connect(&emulator)?;
    scene("1. The first call logs in.", &client, [1, 1, 0], &|| call(&client))?;

    let title = "2. Each response renews the token, so that five more calls need no login.";
    scene(title, &client, [0, 5, 0], &|| (0..5).try_for_each(|_| call(&client)))?;

    let crowd = connect(&emulator)?;
    let title = "3. 32 threads share a new client: one thread logs in, and the others wait.";
    scene(title, &crowd, [1, 32, 0], &|| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..32).map(|_| scope.spawn(|| call(&crowd))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a panic")?)
        })
    })?;

    emulator.rotate_signing_key();
    let title = "4. The server refuses the token: the client logs in, and sends the call again.";
    scene(title, &client, [1, 2, 1], &|| call(&client))?;

    emulator.revoke_key(KEY);
    let revoked = connect(&emulator)?;
    let title = "5. The API key is revoked: one login fails, and 100 more calls are not sent.";
    scene(title, &revoked, [1, 0, 0], &|| {
        let succeeded = (0..101).filter(|_| call(&revoked).is_ok()).count();
        if succeeded == 0 { Ok(()) } else { Err("a call with a revoked key succeeded".into()) }
    })?;

    emulator.restore_key(KEY);
    revoked.reset(Credentials::new(KEY, SECRET)?);
    let title = "6. The API key is restored, and the program says so: the next call logs in.";
    scene(title, &revoked, [1, 1, 0], &|| call(&revoked))
}

fn connect(emulator: &Emulator) -> Outcome<Client> {
    Ok(Client::builder(Credentials::new(KEY, SECRET)?).origin(emulator.origin()).build()?)
}

fn call(client: &Client) -> Outcome {
    let mut response = client.get("/customer").query("field", "id").call()?;
    // Read the body to its end, so that the next call can use the same connection.
    response.body_mut().read_to_vec()?;
    Ok(())
}
