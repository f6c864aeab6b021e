//! A body that can be sent once.

/// A body that can be sent once only, such as a stream, stated by its type.
///
/// A call with it is never sent twice, so a 401 to it is delivered; the next call has a fresh token. In exchange its token is
/// renewed early: a quarter of its life before its end, at most five minutes.
///
/// A body that says it is at its end before it is sent, as that of most `GET`s, can be sent again like any other.
///
/// ```
/// use waldo_tower::OneShot;
/// use waldo_tower::http::Request;
///
/// # let stream = http_body_util::Empty::<bytes::Bytes>::new();
/// let request = Request::post("https://api.waldo.ai/document").body(OneShot(stream))?;
/// # Ok::<(), waldo_tower::http::Error>(())
/// ```
// Not `Clone`, whatever is in it: that is what tells it from a body that can be sent again.
#[derive(Debug)]
pub struct OneShot<B>(pub B);
