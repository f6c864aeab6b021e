//! The body of an answer, which may break off in the middle.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// How long a trickling body pauses before each byte. It is shorter than any timeout of a single
/// read.
const PAUSE: Duration = Duration::from_millis(20);

/// How many bytes of a flood are sent at once.
const WAVE: usize = 4096;

/// How many bytes of a flood are sent fast. A client that reads all of them has no limit. Then the
/// flood slows down, so that the client does not run out of memory.
const MOST: usize = 64 << 20;

/// The error that cuts the connection, as a fault asks.
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

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// Bytes that are sent completely, or that break off halfway.
    Finite { announced: u64, rest: Option<Bytes>, end: End },
    /// Bytes that are sent one by one, and then endless spaces.
    Trickle { rest: Bytes, pause: Pin<Box<Sleep>> },
    /// Bytes that are sent at once, and then spaces as fast as the client reads. After [`MOST`]
    /// bytes, the spaces are sent one by one.
    Flood { rest: Bytes, sent: usize },
}

#[derive(Debug)]
pub(crate) enum End {
    Whole,
    /// The first half must reach the socket before the cut, so wait for one more turn of the
    /// connection's loop.
    Flush,
    Break,
}

impl AnswerBody {
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        Self::Finite { announced: length(&bytes), rest: Some(bytes.into()), end: End::Whole }
    }

    pub(crate) fn broken(mut bytes: Vec<u8>) -> Self {
        // An empty body that breaks off would look complete.
        let announced = length(&bytes).max(2);
        bytes.truncate(bytes.len() / 2);
        Self::Finite { announced, rest: Some(bytes.into()), end: End::Flush }
    }

    pub(crate) fn trickling(bytes: Vec<u8>) -> Self {
        Self::Trickle { rest: bytes.into(), pause: Box::pin(tokio::time::sleep(PAUSE)) }
    }

    pub(crate) fn flooding(bytes: Vec<u8>) -> Self {
        Self::Flood { rest: bytes.into(), sent: 0 }
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
        let (rest, end) = match &mut *self {
            Self::Finite { rest, end, .. } => (rest, end),
            Self::Flood { rest, sent } => {
                let wave = std::mem::replace(rest, Bytes::from_static(&[b' '; WAVE]));
                *sent += wave.len();
                if *sent >= MOST {
                    *self = Self::trickling(Vec::new());
                }
                return Poll::Ready(Some(Ok(Frame::data(wave))));
            }
            Self::Trickle { rest, pause } => {
                ready!(pause.as_mut().poll(context));
                pause.set(tokio::time::sleep(PAUSE));
                let byte =
                    if rest.is_empty() { Bytes::from_static(b" ") } else { rest.split_to(1) };
                return Poll::Ready(Some(Ok(Frame::data(byte))));
            }
        };
        if let Some(bytes) = rest.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match end {
            End::Whole => Poll::Ready(None),
            End::Flush => {
                *end = End::Break;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::Break => Poll::Ready(Some(Err(Severed))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Finite { rest, end: End::Whole, .. } if rest.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Finite { announced, .. } => SizeHint::with_exact(*announced),
            Self::Trickle { .. } | Self::Flood { .. } => SizeHint::default(),
        }
    }
}
