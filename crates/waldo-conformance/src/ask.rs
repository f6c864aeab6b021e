//! One call that a client is asked to make.

use std::time::Duration;

use http::{HeaderMap, Method, Request, Uri};
use tokio::sync::watch;
use waldo_test_driver::scenario::BodyKind;

/// One call that a client is asked to make.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(super) request: Request<Vec<u8>>,
    pub(super) body: BodyKind,
    pub(super) deadline: Option<Duration>,
    pub(super) cancelled: watch::Receiver<bool>,
}

impl Ask {
    /// The whole request, as the client's user makes it. The client must send all its parts.
    pub fn request(&self) -> &Request<Vec<u8>> {
        &self.request
    }

    /// The method of the request.
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The absolute URI of the request. If it has another origin than the client's, the client must
    /// refuse the call.
    ///
    /// The URI may have an odd spelling of the client's origin. Then the client may refuse the call
    /// as one to another origin, or send the request to exactly its own origin.
    pub fn uri(&self) -> &Uri {
        self.request.uri()
    }

    /// The user's headers. The client must send each header unchanged, with every attempt of the
    /// call.
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Whether the request has a body, and whether the body can be sent again.
    /// [`bytes`](Self::bytes) returns its bytes.
    pub fn body(&self) -> BodyKind {
        self.body
    }

    /// The bytes of the body, which may be some megabytes. Empty if the request has no body.
    pub fn bytes(&self) -> &[u8] {
        self.request.body()
    }

    /// How long the call may take from now on; `None` for no limit.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Ends when the call is cancelled. Then an asynchronous client drops the future of the call,
    /// and returns [`Ending::Cancelled`](super::Ending::Cancelled). This future works on any
    /// runtime.
    ///
    /// A blocking client cannot use it, so its [`Adapter::lacks`](super::Adapter::lacks) names
    /// [`Need::Cancellation`](super::Need::Cancellation).
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            // The sender is gone, so nothing can cancel the call any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn an_ask_says_what_the_call_is() {
        let request = Request::put("http://127.0.0.1:1/a?b").header("x-note", "one");
        let (_cancel, cancelled) = watch::channel(false);
        let (body, deadline) = (BodyKind::OneShot, Some(Duration::from_secs(3)));
        let ask = Ask { request: request.body(vec![7; 3]).unwrap(), body, deadline, cancelled };
        assert_eq!(*ask.method(), Method::PUT);
        assert_eq!(*ask.uri(), "http://127.0.0.1:1/a?b");
        assert_eq!(ask.headers()["x-note"], "one");
        assert_eq!((ask.body(), ask.bytes(), ask.deadline()), (body, &[7; 3][..], deadline));
        assert_eq!((ask.request().uri(), ask.request().body()), (ask.uri(), &vec![7; 3]));
    }

    #[test]
    fn an_ask_is_cancelled_by_its_scenario_only() {
        let (cancel, cancelled) = watch::channel(false);
        let ask =
            Ask { request: Request::default(), body: BodyKind::None, deadline: None, cancelled };
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut waiting = pin!(ask.cancelled());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            cancel.send_replace(true);
            assert!(waiting.as_mut().poll(&mut context).is_ready());
        }
        cancel.send_replace(false);
        let mut waiting = pin!(ask.cancelled());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(cancel);
        assert!(waiting.as_mut().poll(&mut context).is_pending());
    }
}
