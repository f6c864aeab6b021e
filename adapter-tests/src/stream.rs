//! A body that is sent once.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Bytes that come in frames of one size. Their number is known beforehand, or not.
#[derive(Clone, Debug)]
pub struct Stream {
    /// How many bytes are left.
    pub left: usize,
    /// How many bytes a frame has at most.
    pub frame: usize,
    /// Whether the length is known beforehand.
    pub is_known: bool,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.left.min(self.frame);
        self.left -= length;
        Poll::Ready((length > 0).then(|| Ok(Frame::data(Bytes::from(vec![7; length])))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_known { SizeHint::with_exact(self.left as u64) } else { SizeHint::new() }
    }
}

impl io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.left.min(self.frame).min(buffer.len());
        self.left -= length;
        buffer.iter_mut().take(length).for_each(|byte| *byte = 7);
        Ok(length)
    }
}
