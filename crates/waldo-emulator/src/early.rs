//! Refuses a request after its head, and never reads the body. HTTP libraries cannot do this for a
//! server.

use http::Response;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use crate::connection::LONGEST_BODY;

/// The answer to a head, without reading the body.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) response: Response<Vec<u8>>,
    /// Whether the server closes the connection after the answer. Otherwise the connection stays
    /// open, and the server stops reading.
    pub(crate) closes: bool,
}

/// Writes the refusal, and closes the connection or leaves it open.
pub(crate) async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, refusal: &Refusal) {
    // An error means that the client is gone.
    if stream.write_all(&written(refusal)).await.is_ok()
        && stream.flush().await.is_ok()
        && !refusal.closes
    {
        // Wait until the client closes. After `LONGEST_BODY`, the server closes.
        sleep(LONGEST_BODY).await;
    }
}

fn written(Refusal { response, closes }: &Refusal) -> Vec<u8> {
    let status = response.status();
    let mut bytes = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    )
    .into_bytes();
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    let connection = if *closes { "connection: close\r\n" } else { "" };
    bytes.extend_from_slice(
        format!("content-length: {}\r\n{connection}\r\n", response.body().len()).as_bytes(),
    );
    bytes.extend_from_slice(response.body());
    bytes
}
