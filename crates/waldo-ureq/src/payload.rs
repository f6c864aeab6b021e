//! The bodies of requests. The type of a body says whether it can be sent again.

use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;

use self::sealed::Source;

/// The body of a request. Its type says whether the body can be produced again (rule 17).
///
/// | body | sent again after a refused token? |
/// |---|---|
/// | `()` | yes: there is none |
/// | `String`, `Vec<u8>`, and references to text and bytes: `&str`, `&[u8]`, `&[u8; N]`, `&Vec<u8>` … | yes |
/// | [`Factory`]: a closure that makes a reader | yes: the closure is asked again |
/// | [`OneShot`]: a reader | only if none of it was read |
///
/// If you set a `Content-Length`, it must be the length of the body, or the call fails with
/// [`Error::Body`](crate::Error::Body). No body is buffered to make it replayable. The trait is
/// sealed: convert your own type to one of these, or use a [`Factory`].
pub trait Payload: Source {}

impl<S: Source> Payload for S {}

pub(crate) mod sealed {
    use super::{Read, io};

    /// The inner interface of a body. The defaults are right for bodies in memory.
    pub trait Source {
        /// Whether [`reader`](Self::reader) may be called again.
        const REPLAYABLE: bool = true;

        fn bytes(&self) -> &[u8] {
            &[]
        }

        /// The length of the body in bytes, if it is known.
        fn length(&self) -> Option<u64> {
            Some(self.bytes().len() as u64)
        }

        /// Whether the client asks the server (`Expect: 100-continue`) before it sends the body.
        fn expects(&self) -> bool {
            false
        }

        /// A reader of the whole body, for one sending.
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

/// A body that a closure makes for each sending, such as a file that is opened again.
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
    /// A body from `make`, which is called each time the request is sent. Its error ends the call
    /// as [`Error::Body`](crate::Error::Body).
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

/// A body that can be read only once: a pipe, a socket, or an upload that is passed on.
///
/// The request has `Expect: 100-continue`, so a server that checks the token first can refuse the
/// request before the body is read. Then the client logs in and sends the call again. Many servers
/// read the body before they check the token. Then the body is spent: the 401 is delivered, and the
/// next call logs in. If you can, use a [`Factory`] instead.
///
/// If the server does not answer the `Expect`, later requests do not ask until an upload breaks
/// off.
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
    /// A body of all bytes that `reader` returns until its end.
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
    /// Use this for servers and proxies that ignore `Expect`. Otherwise the first request to them
    /// waits for the agent's `timeout_await_100` (default: 1 s) before it sends the body. An upload
    /// with a doubtful token still sends `Expect`.
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
