//! A 4xx or 5xx as an error.

use std::time::SystemTime;

use reqwest::Response;
use waldo_auth_client::AnswerBody;
use waldo_auth_core::{ApiError, Head};

use crate::error::Error;

/// Turns a 4xx or 5xx into [`Error::Status`], with the code and the message of its body. Returns any
/// other response.
///
/// [`RequestBuilder::send`](crate::RequestBuilder::send) does so by default. Use this function for
/// the responses of [`Client::execute`](crate::Client::execute) and of a stack of middlewares. It
/// reads at most 64 KiB of the body, within the timeout of the call. If the body breaks off, the
/// error still has the status.
///
/// ```
/// # use waldo_emulator::{Emulator, model::Server};
/// # use waldo_reqwest::{Client, Credentials};
/// use waldo_reqwest::error_for_status;
/// use waldo_reqwest::reqwest::{Method, Request};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start(Server::default())?;
/// # let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
/// # let client = Client::builder(credentials).origin(emulator.origin()).build()?;
/// let url = format!("{}/history/kyc/unknown", client.origin());
/// let response = client.execute(Request::new(Method::GET, url.parse()?)).await?;
/// let error = error_for_status(response).await.unwrap_err();
/// assert_eq!(error.code(), Some("NOT_FOUND"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Status`], if the status is a 4xx or 5xx.
pub async fn error_for_status(response: Response) -> Result<Response, Error> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response);
    }
    let head = Head::new(status, response.headers());
    let error = ApiError::new(head, response.extensions(), SystemTime::now());
    let mut body = AnswerBody::new();
    // If the body breaks off, the part that has come may have the code.
    drop(body.read(reqwest::Body::from(response)).await);
    Err(Error::Status(error.with_body(body.bytes())))
}
