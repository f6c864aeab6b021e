//! The limit of one call's waiting.

use std::time::Duration;

/// An extension of a request: how long its call may wait for a login or a backoff. It replaces the
/// limit of the [layer](crate::WaldoLayer::max_wait).
///
/// The limit bounds waiting only. To bound the whole call, add a [`Timeout`](crate::Timeout).
///
/// ```
/// use std::time::Duration;
/// use waldo_tower::MaxWait;
/// use waldo_tower::http::Request;
///
/// let request = Request::get("https://api.waldo.ai/customer")
///     .extension(MaxWait(Duration::from_millis(500)))
///     .body(())?;
/// # Ok::<(), waldo_tower::http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxWait(pub Duration);
