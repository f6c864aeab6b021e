//! How the body of an admitted request is sent.

use std::time::Duration;

/// How the body of an admitted request is sent, if it is an upload: more than 64 KiB, or of unknown
/// length.
///
/// A server may refuse a token as soon as it has read the head of a request, and close the
/// connection without reading the body. The client is then still writing, and often cannot read the
/// 401.
///
/// Send a request with a shorter body at once, and ignore this value. A shorter body fits into the
/// connection's buffers, so its response can always be read.
///
/// Exhaustive on purpose, because an adapter must handle every variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upload {
    /// Send head and body at once.
    Send,
    /// An upload with this token broke off, so the server may refuse the token. Send the head with
    /// `Expect: 100-continue`. Send the body when the server asks for it, or after a second of
    /// silence.
    ExpectContinue,
    /// The upload of this call broke off. Send the head with `Expect: 100-continue`, and never the
    /// body.
    ///
    /// A final response is the call's answer, except a 417: [`conclude`](crate::Session::conclude)
    /// the attempt with this response. If the server answers 100 or 417, or is silent for a second,
    /// close the connection and call [`break_off`](crate::Session::break_off). Then the call ends
    /// with the error of the first sending, and this error should say that the token may have been
    /// refused.
    HeadOnly,
}

impl Upload {
    /// The longest body that is not an upload, in bytes: 64 KiB.
    pub const MAX_SHORT_BODY: u64 = 64 * 1024;

    /// How long a server has to ask for the body after `Expect: 100-continue`: a second.
    pub const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
}
