//! What a request may carry, told apart by whether it can be sent a second time.

use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;

use self::sealed::Source;

/// A request's body; its type says whether it can be produced a second time (rule 17).
///
/// | body | sent again after a refused token? |
/// |---|---|
/// | `()` | yes: there is none |
/// | `String`, `Vec<u8>`, and references to text and bytes: `&str`, `&[u8]`, `&[u8; N]`, `&Vec<u8>` … | yes |
/// | [`Factory`]: a closure that makes a reader | yes: the closure is asked again |
/// | [`OneShot`]: a reader | only if none of it was read |
///
/// A `Content-Length` that is set by hand must be the body's; another one ends the call as
/// [`Error::Body`](crate::Error::Body). Nothing is ever buffered to make a body replayable. The
/// trait is sealed: a type of your own is one of these, or behind a [`Factory`].
pub trait Payload: Source {}

impl<S: Source> Payload for S {}

pub(crate) mod sealed {
    use super::{Read, io};

    /// How this crate sees a body; what is in memory has nothing but its bytes to tell.
    pub trait Source {
        /// Whether [`reader`](Self::reader) may be asked for twice.
        const REPLAYABLE: bool = true;

        fn bytes(&self) -> &[u8] {
            &[]
        }

        /// How long the body is, if that is known.
        fn length(&self) -> Option<u64> {
            Some(self.bytes().len() as u64)
        }

        /// Whether the server is asked before it gets the body.
        fn expects(&self) -> bool {
            false
        }

        /// The body from its beginning, for one sending.
        fn reader(&mut self) -> io::Result<Box<dyn Read + '_>> {
            Ok(Box::new(self.bytes()))
        }
    }
}

impl Source for () {}

impl Source for String {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Source for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl<T: AsRef<[u8]> + ?Sized> Source for &T {
    fn bytes(&self) -> &[u8] {
        (*self).as_ref()
    }
}

/// A body that a closure makes anew for each sending, such as a file that is opened again.
///
/// ```
/// use std::fs::File;
/// use waldo_ureq::Factory;
///
/// let document = Factory::new(|| File::open("passport.pdf"));
/// let of_known_length = Factory::new(|| Ok("a text".as_bytes())).with_length(6);
/// ```
pub struct Factory<F, R> {
    make: F,
    made: PhantomData<R>,
    length: Option<u64>,
}

impl<F: FnMut() -> io::Result<R>, R: Read> Factory<F, R> {
    /// Asks `make` for a reader each time the request is sent. Its error ends the call as
    /// [`Error::Body`](crate::Error::Body).
    pub fn new(make: F) -> Self {
        Self { make, made: PhantomData, length: None }
    }

    /// Says how many bytes each reader gives, so that the request goes out with a `Content-Length`
    /// and not in chunks.
    ///
    /// A reader that ends before, or is seen to give more, ends the call as
    /// [`Error::Body`](crate::Error::Body).
    #[must_use]
    pub fn with_length(self, bytes: u64) -> Self {
        Self { length: Some(bytes), ..self }
    }
}

impl<F: FnMut() -> io::Result<R>, R: Read> Source for Factory<F, R> {
    fn length(&self) -> Option<u64> {
        self.length
    }

    fn reader(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new((self.make)()?))
    }
}

impl<F, R> fmt::Debug for Factory<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").field("length", &self.length).finish_non_exhaustive()
    }
}

/// A body that can be read once: a pipe, a socket, an upload that is passed on.
///
/// It goes out with `Expect: 100-continue`, so that a server that looks at the token first can
/// refuse the request before the body is touched; then the call logs in and sends it after all. A
/// server that takes the body before it looks (many do) leaves nothing to send: its 401 is
/// delivered, and the next call logs in. Where a [`Factory`] can do the work, prefer it.
///
/// If a server was silent when it was asked, later requests do not ask, until an upload breaks off.
///
/// ```
/// use waldo_ureq::OneShot;
///
/// let upload = OneShot::new(std::io::stdin());
/// let of_known_length = OneShot::new(&b"a text"[..]).with_length(6);
/// ```
pub struct OneShot<R> {
    reader: R,
    length: Option<u64>,
    expect: bool,
}

impl<R: Read> OneShot<R> {
    /// Sends what `reader` gives until its end.
    pub fn new(reader: R) -> Self {
        Self { reader, length: None, expect: true }
    }

    /// Says how many bytes the reader gives, so that the request goes out with a `Content-Length`
    /// and not in chunks.
    ///
    /// A reader that ends before, or is seen to give more, ends the call as
    /// [`Error::Body`](crate::Error::Body).
    #[must_use]
    pub fn with_length(self, bytes: u64) -> Self {
        Self { length: Some(bytes), ..self }
    }

    /// Sends the body at once, without asking the server first.
    ///
    /// This is for servers and proxies that ignore `Expect`. Otherwise the first request to them
    /// waits for the agent's `timeout_await_100` (one second by default) before its body follows.
    /// While a token is in doubt, an upload still sends `Expect`.
    #[must_use]
    pub fn without_expect(self) -> Self {
        Self { expect: false, ..self }
    }
}

impl<R: Read> Source for OneShot<R> {
    const REPLAYABLE: bool = false;

    fn length(&self) -> Option<u64> {
        self.length
    }

    fn expects(&self) -> bool {
        self.expect
    }

    fn reader(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(&mut self.reader))
    }
}

impl<R> fmt::Debug for OneShot<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneShot").field("length", &self.length).finish_non_exhaustive()
    }
}
