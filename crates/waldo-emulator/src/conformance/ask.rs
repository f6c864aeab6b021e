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
