//! Whether the reqwest that this crate is built with has TLS.
//!
//! It is for each program to choose its TLS, by a feature of reqwest that some crate of it names. A
//! reqwest to which none has given any takes `https` all the same, and where there is a proxy,
//! sends it what TLS should have hidden. So it must be known before a key pair is sent, and
//! features of other crates can be seen by what they bring only.

use reqwest::ClientBuilder;

/// reqwest has `ClientBuilder::tls_info` where it has TLS. What a type has by itself comes before
/// what it has by a trait.
#[allow(dead_code, reason = "it is not used where reqwest has its own")]
trait TlsInfo: Sized {
    fn tls_info(self, _: bool) -> Absent {
        Absent
    }
}

impl TlsInfo for ClientBuilder {}

/// What reqwest's own never returns.
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

/// Whether what is to go out over TLS does.
pub(crate) const IS_THERE: bool = tells(ClientBuilder::tls_info);

/// What the feature of this crate's own brings is seen, or this does not compile.
#[cfg(feature = "rustls")]
const _: () = assert!(IS_THERE);
