//! An emulator with a client, and threads to drive it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use waldo_emulator::model::{Policy, Server, Target};
use waldo_emulator::{Emulator, Hold};
use waldo_ureq::ureq::Agent;
use waldo_ureq::ureq::config::{Config, ConfigBuilder};
use waldo_ureq::ureq::typestate::AgentScope;
use waldo_ureq::{Client, ClientBuilder, Credentials};

use crate::listener::Listener;

/// The longest that anything in a test is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn emulator() -> Emulator {
    Emulator::start(Server::default()).unwrap()
}

pub(crate) fn emulator_with(policy: Policy) -> Emulator {
    Emulator::start(Server::new(policy).with_key(Server::KEY_ID, Server::KEY_SECRET)).unwrap()
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap()
}

/// How long a call may take. A login may take less, so it runs in the thread of its call, and its
/// events have come when the call returns.
const LIMIT: Duration = Duration::from_secs(40);

/// Settings for tests: statuses are answers, no proxy from the environment, enough idle
/// connections, and nothing hangs for ever.
pub(crate) fn settings() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_idle_connections(128)
        .max_idle_connections_per_host(128)
        .timeout_global(Some(LIMIT))
}

pub(crate) fn builder(origin: impl Into<String>) -> ClientBuilder {
    builder_over(origin, settings().build())
}

pub(crate) fn builder_over(origin: impl Into<String>, settings: Config) -> ClientBuilder {
    Client::builder(credentials()).origin(origin).agent(settings).max_wait(LIMIT)
}

pub(crate) fn client(origin: impl Into<String>) -> Client {
    builder(origin).build().unwrap()
}

/// The status of a call that every server of these tests answers.
pub(crate) fn status(client: &Client) -> u16 {
    let mut response = client.get("/customer").query("field", "id").call().unwrap();
    response.body_mut().read_to_vec().unwrap();
    response.status().as_u16()
}

/// Runs a test on a thread of its own, and fails it when it does not end.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    bounded_by(PATIENCE * 6, test);
}

/// The same for a test that knows how long it may take.
pub(crate) fn bounded_by(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let running = thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    let timed_out = matches!(ended.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Timeout));
    assert!(!timed_out, "the test did not end");
    if let Err(panic) = running.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `call` on so many threads at once, each of them listening, and `meanwhile` on this one.
pub(crate) fn on_threads<T: Send>(
    count: usize,
    listener: &Listener,
    call: impl Fn(usize) -> T + Sync,
    meanwhile: impl FnOnce(),
) -> Vec<T> {
    thread::scope(|scope| {
        let call = &call;
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || listener.during(|| call(number))))
            .collect();
        meanwhile();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Makes a call on each of so many threads, and holds the first login until all the others have
/// joined it.
pub(crate) fn with_one_login_for_all<T: Send>(
    count: usize,
    emulator: &Emulator,
    listener: &Listener,
    call: impl Fn() -> T + Sync,
) -> Vec<T> {
    emulator.hold(Hold::logins());
    on_threads(
        count,
        listener,
        |_| call(),
        || {
            listener.wait_for("coalesced", count - 1);
            emulator.release(Target::Login);
        },
    )
}
