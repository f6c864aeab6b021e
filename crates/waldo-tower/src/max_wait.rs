//! How long one call may wait.

use std::time::Duration;

/// How long this call may wait for a login or a backoff, in place of what the
/// [layer](crate::WaldoLayer::max_wait) says: an extension of its request.
///
/// It bounds waiting only. How long the whole call may take is a timeout around it.
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
