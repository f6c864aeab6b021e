//! The readers that give ureq a body.

use std::io::{self, ErrorKind, Read};
use std::time::Instant;

/// A reader of a body that counts the bytes, and records the first read and the end.
pub(crate) struct Watched<'a> {
    reader: Box<dyn Read + 'a>,
    /// How many bytes of the stated length are still to come.
    left: Option<u64>,
    /// The time of the first read.
    pub(crate) touched: Option<Instant>,
    /// Whether the whole body was read.
    pub(crate) ended: bool,
    /// Whether the body failed by itself.
    pub(crate) failed: bool,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(reader: Box<dyn Read + 'a>, left: Option<u64>) -> Self {
        Self { reader, left, touched: None, ended: false, failed: false }
    }

    fn read_counted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left else { return self.reader.read(buffer) };
        // ureq stops reading at the stated length. So read one byte less here, and the next read
        // can find a byte too many.
        let exact = buffer.len() > 1 && buffer.len() as u64 == left;
        let room = buffer.len() - usize::from(exact);
        let count = self.reader.read(buffer.get_mut(..room).unwrap_or_default())?;
        if count == 0 && left > 0 && room > 0 {
            let message = format!("the body ended {left} bytes before its stated length");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
        }
        self.left = left.checked_sub(count as u64);
        if self.left.is_none() {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "the body is longer than its stated length",
            ));
        }
        Ok(count)
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.touched.get_or_insert_with(Instant::now);
        // `Read` asks its callers to read again after a signal, and ureq does not.
        let read = loop {
            match self.read_counted(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.failed = read.is_err();
        self.ended = self.left == Some(0) || matches!(read, Ok(0));
        read
    }
}

/// The body of a head-only attempt, which is never sent.
pub(crate) struct Withheld;

impl Read for Withheld {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("a probe has no body"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(length: u64, body: &'static [u8]) -> Watched<'static> {
        Watched::new(Box::new(body), Some(length))
    }

    #[test]
    fn interrupted_read_is_repeated() {
        struct Signalled(bool);
        impl Read for Signalled {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return (&b"body"[..]).read(buffer);
                }
                Err(ErrorKind::Interrupted.into())
            }
        }
        let mut body = Watched::new(Box::new(Signalled(false)), Some(4));
        assert_eq!(body.read(&mut [0; 8]).unwrap(), 4);
        assert!(!body.failed && body.ended);
    }

    #[test]
    fn last_read_leaves_room_to_detect_excess() {
        let read =
            |length, room| stated(length, b"a longer text").read(&mut vec![0; room]).unwrap();
        assert_eq!(read(13, 4), 4);
        assert_eq!(read(4, 4), 3);
        assert_eq!(read(1, 1), 1, "there must be room for something");
        assert_eq!(read(4, 0), 0, "which is no early end");
    }

    #[test]
    fn a_body_ends_at_its_stated_length() {
        let (mut body, mut buffer) = (stated(4, b"text"), [0; 8]);
        assert_eq!(body.read(&mut buffer).unwrap(), 4);
        assert_eq!(body.read(&mut buffer).unwrap(), 0);
        assert!(body.ended && !body.failed);
    }
}
