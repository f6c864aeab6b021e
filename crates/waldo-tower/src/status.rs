//! A 4xx or 5xx as an error.

use std::time::SystemTime;

use http::Response;
use waldo_auth_client::AnswerBody;
use waldo_auth_core::{ApiError, Head};

use crate::error::Error;

/// Turns a 4xx or 5xx into [`Error::Status`], with the code and the message of its body. Returns
/// any other response.
///
/// The services of this crate return every response as `Ok`, because the layers around them decide
/// by the response. This function reads at most 64 KiB of the body. If the body breaks off, the
/// error has the fields that have come.
///
/// **This function has no timer, and a body may never end.** So put a timeout around it, such as
/// [`ApiError::BODY_TIMEOUT`].
///
/// ```
/// use http_body_util::Full;
/// use waldo_tower::error_for_status;
/// use waldo_tower::http::Response;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let body = r#"{"code":"NOT_FOUND","message":"No such customer"}"#;
/// let response = Response::builder().status(404).body(Full::<bytes::Bytes>::from(body))?;
/// let error = error_for_status(response).await.unwrap_err();
/// assert_eq!(error.code(), Some("NOT_FOUND"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Status`], if the status is a 4xx or 5xx.
pub async fn error_for_status<R: http_body::Body>(
    response: Response<R>,
) -> Result<Response<R>, Error> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response);
    }
    let error = ApiError::new(Head::from(&response), response.extensions(), SystemTime::now());
    let mut body = AnswerBody::new();
    // If the body breaks off, the part that has come may have the code.
    drop(body.read(response.into_body()).await);
    Err(Error::Status(error.with_body(body.bytes())))
}
