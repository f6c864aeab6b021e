//! A 4xx or 5xx as an error.

use std::time::SystemTime;

use reqwest::Response;
use tokio::time::timeout;
use waldo_auth_client::AnswerBody;
use waldo_auth_core::{ApiError, Head};

use crate::error::Error;

/// Turns a 4xx or 5xx into [`Error::Status`], with the code and the message of its body. Returns
/// any other response.
///
/// [`RequestBuilder::send`](crate::RequestBuilder::send) does so by default. Use this function for
/// the responses of [`Client::execute`](crate::Client::execute) and of a stack of middlewares. It
/// reads at most 64 KiB of the body, for at most 5 s, and within the timeout of the call. If the
/// body breaks off, the error has the fields that have come.
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
    let reading = body.read(reqwest::Body::from(response));
    // If the body breaks off, or comes too late, the part that has come may have the code.
    drop(timeout(ApiError::BODY_TIMEOUT, reading).await);
    Err(Error::Status(error.with_body(body.bytes())))
}
