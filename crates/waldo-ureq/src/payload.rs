//! What a request may carry, told apart by whether it can be sent a second time.

use std::fmt;
use std::io::{self, Read};

use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

use self::sealed::{Content, Source};

/// A request's body; its type says whether it can be produced a second time (rule 17).
///
/// | body | sent again after a refused token? |
/// |---|---|
/// | `()` | yes: there is none |
/// | `&str`, `String`, `&String`, `Vec<u8>`, `&Vec<u8>`, `&[u8]`, `&[u8; N]` | yes |
/// | [`Factory`]: a closure that makes a reader | yes: the closure is asked again |
/// | [`OneShot`]: a reader | only if none of it was read |
///
/// A `Content-Length` that is set by hand must be the body's; another one ends the call as [`Error::Body`](crate::Error::Body).
/// Nothing is ever buffered to make a body replayable. The trait is sealed: a type of your own is one of these, or behind a
/// [`Factory`].
pub trait Payload: Source {}

pub(crate) mod sealed {
    use super::{HeaderMap, Read, io};

    /// How this crate sees a body.
    pub trait Source {
        /// Whether [`content`](Self::content) may be asked for twice.
        const REPLAYABLE: bool;

        /// Adds the headers that only the body knows, where the user has not.
        fn describe(&self, _headers: &mut HeaderMap) {}

        /// The body from its beginning, for one sending.
        fn content(&mut self) -> io::Result<Content<'_>>;
    }

    /// The body of one sending.
    #[expect(missing_debug_implementations, reason = "a reader shows nothing")]
    pub enum Content<'a> {
        /// A body of known length, which may be none at all.
        Bytes(&'a [u8]),
        /// A body that shows its end when it is there.
        Reader(&'a mut dyn Read),
    }
}

impl Payload for () {}

impl Source for () {
    const REPLAYABLE: bool = true;

    fn content(&mut self) -> io::Result<Content<'_>> {
        Ok(Content::Bytes(&[]))
    }
}

macro_rules! bytes {
    ($($type:ty),*) => {$(
        impl Payload for $type {}

        impl Source for $type {
            const REPLAYABLE: bool = true;

            fn content(&mut self) -> io::Result<Content<'_>> {
                Ok(Content::Bytes(AsRef::<[u8]>::as_ref(self)))
            }
        }
    )*};
}

bytes!(&str, String, &String, Vec<u8>, &Vec<u8>, &[u8]);

impl<const N: usize> Payload for &[u8; N] {}

impl<const N: usize> Source for &[u8; N] {
    const REPLAYABLE: bool = true;

    fn content(&mut self) -> io::Result<Content<'_>> {
        Ok(Content::Bytes(self.as_slice()))
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
    /// The reader of the sending under way.
    made: Option<R>,
    length: Option<u64>,
}

impl<F: FnMut() -> io::Result<R>, R: Read> Factory<F, R> {
    /// Asks `make` for a reader each time the request is sent. Its error ends the call as [`Error::Body`](crate::Error::Body).
    pub fn new(make: F) -> Self {
        Self { make, made: None, length: None }
    }

    /// Says how many bytes each reader gives, so that the request goes out with a `Content-Length` and not in chunks.
    ///
    /// A reader that ends before, or is seen to give more, ends the call as [`Error::Body`](crate::Error::Body).
    #[must_use]
    pub fn with_length(self, bytes: u64) -> Self {
        Self { length: Some(bytes), ..self }
    }
}

impl<F: FnMut() -> io::Result<R>, R: Read> Payload for Factory<F, R> {}

impl<F: FnMut() -> io::Result<R>, R: Read> Source for Factory<F, R> {
    const REPLAYABLE: bool = true;

    fn describe(&self, headers: &mut HeaderMap) {
        describe_length(self.length, headers);
    }

    fn content(&mut self) -> io::Result<Content<'_>> {
        let made = (self.make)()?;
        Ok(Content::Reader(self.made.insert(made)))
    }
}

impl<F, R> fmt::Debug for Factory<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").field("length", &self.length).finish_non_exhaustive()
    }
}

/// A body that can be read once: a pipe, a socket, an upload that is passed on.
///
/// It goes out with `Expect: 100-continue`, so that a server that looks at the token first can refuse the request before the body is
/// touched; then the call logs in and sends it after all. A server that takes the body before it looks (many do) leaves
/// nothing to send: its 401 is delivered, and the next call logs in. Where a [`Factory`] can do the work, prefer it.
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

    /// Says how many bytes the reader gives, so that the request goes out with a `Content-Length` and not in chunks.
    ///
    /// A reader that ends before, or is seen to give more, ends the call as [`Error::Body`](crate::Error::Body).
    #[must_use]
    pub fn with_length(self, bytes: u64) -> Self {
        Self { length: Some(bytes), ..self }
    }

    /// Sends the body at once, without asking the server first.
    ///
    /// For servers and proxies that ignore `Expect`, each request to which waits for the agent's `timeout_await_100` (one second by
    /// default) before its body follows.
    #[must_use]
    pub fn without_expect(self) -> Self {
        Self { expect: false, ..self }
    }
}

impl<R: Read> Payload for OneShot<R> {}

impl<R: Read> Source for OneShot<R> {
    const REPLAYABLE: bool = false;

    fn describe(&self, headers: &mut HeaderMap) {
        describe_length(self.length, headers);
        if self.expect {
            headers.entry(EXPECT).or_insert(HeaderValue::from_static("100-continue"));
        }
    }

    fn content(&mut self) -> io::Result<Content<'_>> {
        Ok(Content::Reader(&mut self.reader))
    }
}

impl<R> fmt::Debug for OneShot<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneShot")
            .field("length", &self.length)
            .field("expect", &self.expect)
            .finish_non_exhaustive()
    }
}

fn describe_length(length: Option<u64>, headers: &mut HeaderMap) {
    if let Some(length) = length
        && !headers.contains_key(TRANSFER_ENCODING)
    {
        headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
}
