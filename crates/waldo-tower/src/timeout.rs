//! The limit of one whole call.

use std::time::Duration;

/// An extension of a request: how long its whole call may take, until the head of the response has
/// come. It replaces the timeout of the [layer](crate::WaldoLayer::timeout). `Duration::MAX` sets
/// no limit.
///
/// ```
/// use std::time::Duration;
/// use waldo_tower::Timeout;
/// use waldo_tower::http::Request;
///
/// let request = Request::post("https://api.waldo.ai/document")
///     .extension(Timeout(Duration::from_secs(300)))
///     .body(())?;
/// # Ok::<(), waldo_tower::http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Duration);
