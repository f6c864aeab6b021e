//! A call as a middleware, with other middlewares around and below it.

use std::sync::Arc;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next, Result};

use crate::call;
use crate::client::Client;
use crate::error::{BROKE_OFF, Error};
use crate::payload::Payload;
use crate::sending::Exchange;

impl Client {
    /// A builder of a `reqwest-middleware` client that makes its calls through this client. The
    /// given middlewares run around a call, and middlewares that you add to the builder run below
    /// it.
    ///
    /// A middleware around a call sees the call once. A middleware below a call sees each sending,
    /// with the token. No middleware sees a login. An error of this crate is a
    /// `reqwest_middleware::Error::Middleware`, which can be downcast to [`Error`]. Errors of
    /// the middlewares stay unchanged, and errors of reqwest lose their URL.
    /// A 4xx or 5xx is a response: see [`error_for_status`](crate::error_for_status).
    ///
    /// This crate exports no middleware for other clients, because a client that follows redirects
    /// would show the token to other servers.
    ///
    /// ```
    /// # use waldo_emulator::{Emulator, model::Server};
    /// # use waldo_reqwest::{Client, Credentials, reqwest};
    /// use std::sync::Arc;
    /// use async_trait::async_trait;
    /// use http::Extensions;
    /// use waldo_reqwest::reqwest_middleware::{Middleware, Next, Result};
    ///
    /// /// Makes a call again when the server is busy.
    /// struct Again;
    ///
    /// #[async_trait]
    /// impl Middleware for Again {
    ///     async fn handle(
    ///         &self,
    ///         request: reqwest::Request,
    ///         extensions: &mut Extensions,
    ///         next: Next<'_>,
    ///     ) -> Result<reqwest::Response> {
    ///         let copy = request.try_clone();
    ///         let response = next.clone().run(request, extensions).await?;
    ///         match copy {
    ///             Some(copy) if response.status() == 503 => next.run(copy, extensions).await,
    ///             _ => Ok(response),
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start(Server::default())?;
    /// # let busy = waldo_emulator::model::Answer::status(503);
    /// # emulator.push_fault(waldo_emulator::model::Fault::call(busy));
    /// # let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
    /// # let waldo = Client::builder(credentials).origin(emulator.origin()).build()?;
    /// let client = waldo.middleware_stack([Arc::new(Again) as Arc<dyn Middleware>]).build();
    /// let response = client.get(format!("{}/customer?field=id", waldo.origin())).send().await?;
    /// assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    pub fn middleware_stack(
        &self,
        around: impl IntoIterator<Item = Arc<dyn Middleware>>,
    ) -> ClientBuilder {
        let stack = ClientBuilder::new(self.http().clone());
        around.into_iter().fold(stack, ClientBuilder::with_arc).with(Calls(self.clone()))
    }
}

/// A middleware that makes a call of each request. It is private, because a client that follows
/// redirects would show the token to other servers.
struct Calls(Client);

#[async_trait]
impl Middleware for Calls {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let result = call::run(&self.0, request, Payload::Own, Below { next, extensions }).await;
        result.map_err(reqwest_middleware::Error::without_url)
    }
}

/// Sends through the middlewares below the call.
struct Below<'a> {
    next: Next<'a>,
    extensions: &'a mut Extensions,
}

impl Exchange for Below<'_> {
    type Error = reqwest_middleware::Error;

    fn send(&mut self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        self.next.clone().run(request, self.extensions)
    }

    fn failure(error: &reqwest_middleware::Error) -> Option<&reqwest::Error> {
        match error {
            reqwest_middleware::Error::Reqwest(error) => Some(error),
            // Several middlewares may have added context to the error.
            reqwest_middleware::Error::Middleware(error) => {
                error.chain().find_map(|cause| cause.downcast_ref())
            }
        }
    }

    fn broke_off(error: reqwest_middleware::Error) -> reqwest_middleware::Error {
        match error {
            reqwest_middleware::Error::Reqwest(error) => {
                Error::BrokeOff(error.without_url()).into()
            }
            // The message begins with these words, and the middleware's error is the source.
            reqwest_middleware::Error::Middleware(error) => {
                reqwest_middleware::Error::Middleware(error.context(BROKE_OFF))
            }
        }
    }
}

impl From<Error> for reqwest_middleware::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Reqwest(error) => Self::Reqwest(error),
            error @ (Error::BrokeOff(_)
            | Error::Refused(_)
            | Error::ForeignOrigin(_)
            | Error::TooManyHeaders
            | Error::Url(_)
            | Error::Segment(_)
            | Error::Body(_)
            | Error::Status(_)) => Self::middleware(error),
        }
    }
}
