//! Whether the program's reqwest has TLS.
//!
//! A program chooses its TLS by a feature of reqwest, which any of its crates may enable. Without
//! such a feature, reqwest still accepts `https` URLs, and sends a proxy the plain text of the
//! request. So this crate must know whether there is TLS before it sends a key pair. It cannot see
//! the features of reqwest, so it looks for a method that only TLS adds.

use reqwest::ClientBuilder;

/// reqwest has the method `ClientBuilder::tls_info` only if it has TLS. An inherent method takes
/// precedence over the method of this trait.
#[allow(dead_code, reason = "it is not used where reqwest has its own")]
trait TlsInfo: Sized {
    fn tls_info(self, _: bool) -> Absent {
        Absent
    }
}

impl TlsInfo for ClientBuilder {}

/// The result of this trait's method. reqwest's own method never returns it.
struct Absent;

trait Told {
    const HAS_TLS: bool;
}

impl Told for ClientBuilder {
    const HAS_TLS: bool = true;
}

impl Told for Absent {
    const HAS_TLS: bool = false;
}

const fn tells<T: Told>(_: fn(ClientBuilder, bool) -> T) -> bool {
    T::HAS_TLS
}

/// Whether reqwest has TLS.
pub(crate) const IS_THERE: bool = tells(ClientBuilder::tls_info);

/// Fails to compile if this crate's own feature `rustls` is not noticed.
#[cfg(feature = "rustls")]
const _: () = assert!(IS_THERE);
