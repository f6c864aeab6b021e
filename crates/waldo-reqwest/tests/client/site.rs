//! An emulator with a client, and a runtime for its calls.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_reqwest::reqwest::{self, Response};
use waldo_reqwest::{Client, ClientBuilder, Credentials, Error, Reason, Refusal, Refused};

/// The longest that anything in a test is waited for.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn emulator() -> Emulator {
    Emulator::start(Server::default()).unwrap()
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap()
}

/// A client whose calls do not hang for ever, and that returns a 4xx or 5xx as a response.
pub(crate) fn builder(origin: impl Into<String>) -> ClientBuilder {
    Client::builder(credentials())
        .origin(origin)
        .timeout(TIMEOUT)
        .max_wait(TIMEOUT)
        .http_status_as_error(false)
}

pub(crate) fn builder_over(
    origin: impl Into<String>,
    settings: reqwest::ClientBuilder,
) -> ClientBuilder {
    builder(origin).client_builder(settings)
}

pub(crate) fn client(origin: impl Into<String>) -> Client {
    builder(origin).build().unwrap()
}

/// A call that every server of these tests answers.
pub(crate) async fn call(client: &Client) -> Result<Response, Error> {
    client.get("/customer?field=id").send().await
}

/// The status of that call, when its whole answer has come.
pub(crate) async fn status(client: &Client) -> u16 {
    let response = call(client).await.unwrap();
    let status = response.status().as_u16();
    response.bytes().await.unwrap();
    status
}

/// Why a login brought no token.
pub(crate) fn reason(error: &Error) -> Reason {
    let Error::Refused(Refused { refusal: Refusal::Unavailable { failure, .. }, .. }) = error
    else {
        panic!("not an unavailable login: {error:?}")
    };
    failure.reason()
}

/// Runs a test on a runtime of its own, and fails it when it does not end. The test's own future
/// may block: nothing else is on its thread.
pub(crate) fn bounded<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(TIMEOUT * 6, test).await.expect("the test did not end")
    })
}

/// Makes a task of each future.
pub(crate) fn spawn<T: Send + 'static>(
    count: usize,
    future: impl Fn() -> std::pin::Pin<Box<dyn Future<Output = T> + Send>>,
) -> JoinSet<T> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        tasks.spawn(future());
    }
    tasks
}

/// So many calls, each a task of its own.
pub(crate) fn spawn_calls(count: usize, client: &Client) -> JoinSet<u16> {
    spawn(count, || {
        let client = client.clone();
        Box::pin(async move { status(&client).await })
    })
}
