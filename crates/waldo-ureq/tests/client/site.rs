//! An emulator with a client, and threads to drive it.

use std::time::Duration;

use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};
use waldo_ureq::ureq::Agent;
use waldo_ureq::ureq::config::{Config, ConfigBuilder};
use waldo_ureq::ureq::typestate::AgentScope;
use waldo_ureq::{Client, ClientBuilder, Credentials};

pub(crate) use waldo_adapter_tests::*;

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
