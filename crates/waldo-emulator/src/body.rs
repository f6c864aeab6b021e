//! The body of an answer, which may break off in the middle.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// The connection is to be cut: a fault says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Severed;

impl fmt::Display for Severed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on request")
    }
}

impl std::error::Error for Severed {}

impl From<Infallible> for Severed {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Bytes that are sent in full, or announced in full and broken off halfway.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    announced: u64,
    rest: Option<Bytes>,
    end: End,
}

#[derive(Debug)]
enum End {
    Whole,
    /// The half that is sent has to reach the socket first: one more turn of the connection's loop.
    Flush,
    Break,
}

impl AnswerBody {
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        Self { announced: length(&bytes), rest: Some(bytes.into()), end: End::Whole }
    }

    pub(crate) fn broken(mut bytes: Vec<u8>) -> Self {
        // An empty body could not be told from a whole one.
        let announced = length(&bytes).max(2);
        bytes.truncate(bytes.len() / 2);
        Self { announced, rest: Some(bytes.into()), end: End::Flush }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Severed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Severed>>> {
        if let Some(bytes) = self.rest.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Flush => {
                self.end = End::Break;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::Break => Poll::Ready(Some(Err(Severed))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Whole) && self.rest.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
