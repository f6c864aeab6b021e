//! One call that a client is asked to make.

use std::time::Duration;

use http::{Method, Uri};
use tokio::sync::watch;
use waldo_test_driver::scenario::BodyKind;

/// One call that a client is asked to make.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) body: BodyKind,
    pub(super) deadline: Option<Duration>,
    pub(super) cancelled: watch::Receiver<bool>,
}

impl Ask {
    /// `GET` without a body, else `POST`.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where to, with scheme and port. It may be another origin than the client's, which the client has to refuse.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Which kind of body; [`BodyKind::bytes`] are its bytes.
    pub fn body(&self) -> BodyKind {
        self.body
    }

    /// How long the call may take, from now on.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Ends when the call is cancelled: a client with futures drops the call then, and answers
    /// [`Ending::Cancelled`](super::Ending::Cancelled). It needs no runtime of its own.
    ///
    /// A client that blocks has no use for it, and names [`Need::Cancellation`](super::Need::Cancellation) in
    /// [`Adapter::lacks`](super::Adapter::lacks).
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            // Nobody is left who could cancel it.
            std::future::pending::<()>().await;
        }
    }
}
