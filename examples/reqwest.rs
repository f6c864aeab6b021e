//! `waldo-reqwest`, by itself and in a stack of `reqwest-middleware`.
//!
//!     cargo run --example reqwest
//!
//! The embedding is what stands above the lines that end it: the client and a call, then the stack
//! that is made of that client. What follows shows it at work against an emulator, and exits
//! non-zero when that has counted otherwise than it should.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use http::{Extensions, Request};
use tokio::runtime::Runtime;
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;
use waldo_examples::check::{self, Failure};
use waldo_reqwest::reqwest::{self, Response};
use waldo_reqwest::reqwest_middleware::{self, ClientWithMiddleware, Middleware, Next};
use waldo_reqwest::{BuildError, Client, Credentials};

/// Its clones share one session, for as many tasks as there are.
fn client(credentials: Credentials, origin: String) -> Result<Client, BuildError> {
    Client::builder(credentials).origin(origin).build()
}

async fn send(client: &Client, request: Request<Vec<u8>>) -> Result<Response, Failure> {
    Ok(client.execute(request.try_into()?).await?)
}

// Here ends the embedding.

/// The middleware around sees each call once. The middleware below sees each sending.
fn stack(
    client: &Client,
    around: Arc<dyn Middleware>,
    below: Arc<dyn Middleware>,
) -> ClientWithMiddleware {
    client.middleware_stack([around]).with_arc(below).build()
}

async fn send_through(
    stack: &ClientWithMiddleware,
    request: Request<Vec<u8>>,
) -> Result<Response, Failure> {
    Ok(stack.execute(request.try_into()?).await?)
}

// Here ends the embedding with middlewares.

/// A middleware that counts what passes.
#[derive(Default)]
struct Count(AtomicU64);

#[async_trait]
impl Middleware for Count {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        self.0.fetch_add(1, Ordering::Relaxed);
        next.run(request, extensions).await
    }
}

fn main() -> Result<(), Failure> {
    let runtime = Runtime::new()?;
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
    let emulator = Emulator::start(Server::default())?;
    let client = client(credentials, emulator.origin())?;
    check::check(&emulator, |request| {
        runtime.block_on(send(&client, request)).map(http::Response::from)
    })?;

    let (calls, sendings) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let stack = stack(&client, calls.clone(), sendings.clone());
    check::sent_again(&emulator, |request| {
        runtime.block_on(send_through(&stack, request)).map(http::Response::from)
    })?;
    check::expect("calls that the middleware around has seen", calls.0.load(Ordering::Relaxed), 1)?;
    check::expect(
        "sendings that the middleware below has seen",
        sendings.0.load(Ordering::Relaxed),
        2,
    )
}
