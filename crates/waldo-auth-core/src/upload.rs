//! How the body of an admitted request is sent.

/// How the body of an admitted request is sent, if it is an upload: more than 64 KiB, or of unknown length.
///
/// A server may refuse a token on the head of a request, and close the connection without reading the body. The client is
/// then still writing, and often cannot read the 401. A shorter body fits into the connection's buffers, so its response can
/// always be read; such a request is sent at once, whatever this says.
///
/// Exhaustive on purpose: an adapter has to know how to do each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upload {
    /// Send head and body at once.
    Send,
    /// An upload with this token broke off, so the server may refuse the token. Send the head with `Expect: 100-continue`. Send the
    /// body when the server asks for it, or after a second of silence.
    Ask,
    /// This very call broke off. Send the head with `Expect: 100-continue`, and never the body.
    ///
    /// A final status, except 417, is the call's answer: [`conclude`](crate::Session::conclude) the attempt with it. If the server asks for the body,
    /// answers 417, or is silent for a second, then close the connection and report the error of the first sending: the token
    /// may have been refused.
    Probe,
}
