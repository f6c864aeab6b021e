//! Finds the reason for a failed login in the error of the HTTP stack.

use std::error::Error;
use std::io;
use std::iter::successors;

use crate::failure::Reason;

/// How many sources of an error are read at most.
const MAX_SOURCES: usize = 32;

/// Phrases by which HTTP stacks, TLS libraries and operating systems name a fault. Each phrase
/// contains a space, so a URL in an error's text cannot match.
const PHRASES: [(Reason, &[&str]); 4] = [
    (
        Reason::Certificate,
        &[
            "peer certificate",            // rustls
            "certificate verify",          // OpenSSL
            "certificate problem",         // curl
            "certificate chain",           // Windows
            "target principal name",       // Windows: another host's
            "certificate was not trusted", // macOS
            "certificate is not ",         // macOS, Go
            "certificate has ",            // "expired", "been revoked"
            "certificate not ",            // "trusted", "valid"
            "signed certificate",          // "self-signed" in both spellings
            "certificates presented",      // rustls: none
            "sent no certificates",        // rustls
            "host name mismatch",          // macOS
            "hostname mismatch",           // OpenSSL
            "no alternative certificate ", // curl
        ],
    ),
    (
        Reason::NameResolution,
        &[
            "dns error",                  // hyper
            "host not found",             // ureq
            "failed to lookup address",   // Rust's standard library
            "name or service not known",  // Linux
            "nodename nor servname",      // macOS, BSD
            "in name resolution",         // Linux: a temporary failure
            "no such host",               // Windows, Go
            "could not resolve",          // curl
            "name does not resolve",      // musl
            "no address associated with", // Linux
        ],
    ),
    (Reason::ConnectionRefused, &["connection refused", "actively refused"]),
    (
        Reason::Tls,
        &[
            "corrupt message",      // rustls: the port does not speak TLS
            "wrong version number", // OpenSSL: the same
            "fatal alert",          // rustls
            "ssl routines",         // OpenSSL
            "peer is incompatible", // rustls
            "tls handshake",
            "ssl handshake",
            "handshake eof",     // rustls, over tokio
            "ssl connect error", // curl
        ],
    ),
];

/// The reason that the error, or one of its sources, names.
pub(crate) fn reason_of(error: &(dyn Error + 'static)) -> Reason {
    successors(Some(error), |error| source_of(*error))
        .take(MAX_SOURCES)
        .find_map(|error| of_kind(error).or_else(|| of_words(&error.to_string())))
        .unwrap_or(Reason::Transport)
}

/// The source of an error. An [`io::Error`] that wraps an error skips the wrapped error in
/// `source`, so this function returns the wrapped error.
fn source_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn of_kind(error: &(dyn Error + 'static)) -> Option<Reason> {
    let kind = error.downcast_ref::<io::Error>()?.kind();
    [
        (io::ErrorKind::ConnectionRefused, Reason::ConnectionRefused),
        (io::ErrorKind::TimedOut, Reason::Timeout),
    ]
    .into_iter()
    .find_map(|(known, reason)| (kind == known).then_some(reason))
}

fn of_words(text: &str) -> Option<Reason> {
    let text = text.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    PHRASES.iter().find(|(_, phrases)| says(phrases)).map(|(reason, _)| *reason)
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// An error that says `text`, because of `source`.
    #[derive(Debug)]
    struct Said(&'static str, Option<Box<dyn Error + Send + Sync>>);

    impl fmt::Display for Said {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Said {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|source| source as &(dyn Error + 'static))
        }
    }

    /// The words of each library.
    #[test]
    fn rule_02_a_transport_error_is_known_by_its_words() {
        for (text, reason) in [
            ("rustls: invalid peer certificate: UnknownIssuer", Reason::Certificate),
            (
                "native-tls: error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:2123: (self-signed certificate)",
                Reason::Certificate,
            ),
            (
                "SSL certificate problem: unable to get local issuer certificate",
                Reason::Certificate,
            ),
            ("The certificate was not trusted.", Reason::Certificate),
            (
                "A certificate chain processed, but terminated in a root certificate which is not trusted",
                Reason::Certificate,
            ),
            ("host not found", Reason::NameResolution),
            (
                "io: failed to lookup address information: Temporary failure in name resolution",
                Reason::NameResolution,
            ),
            ("No such host is known. (os error 11001)", Reason::NameResolution),
            ("io: Connection refused (os error 111)", Reason::ConnectionRefused),
            (
                "No connection could be made because the target machine actively refused it. (os error 10061)",
                Reason::ConnectionRefused,
            ),
            ("rustls: received corrupt message of type InvalidContentType", Reason::Tls),
            ("rustls: received fatal alert: CertificateRequired", Reason::Tls),
            (
                "native-tls: error:0A00010B:SSL routines:ssl3_get_record:wrong version number",
                Reason::Tls,
            ),
            ("io: Connection reset by peer (os error 104)", Reason::Transport),
            ("", Reason::Transport),
            // Words in a URL must not match.
            (
                "error sending request for url (https://certificate-verify.refused/dns/error)",
                Reason::Transport,
            ),
        ] {
            assert_eq!(reason_of(&Said(text, None)), reason, "{text}");
        }
    }

    #[test]
    fn rule_02_the_sources_of_an_error_are_read_too() {
        let kind = |kind: io::ErrorKind| {
            Said("client error (Connect)", Some(io::Error::from(kind).into()))
        };
        assert_eq!(reason_of(&kind(io::ErrorKind::ConnectionRefused)), Reason::ConnectionRefused);
        assert_eq!(reason_of(&kind(io::ErrorKind::TimedOut)), Reason::Timeout);
        assert_eq!(reason_of(&kind(io::ErrorKind::BrokenPipe)), Reason::Transport);
        let tls = Said("invalid peer certificate: Expired", None);
        let wrapped = Said("x", Some(io::Error::new(io::ErrorKind::InvalidData, tls).into()));
        assert_eq!(reason_of(&wrapped), Reason::Certificate);
        let deeper = Said("y", Some(io::Error::other(Said("z", Some(Box::new(wrapped)))).into()));
        assert_eq!(reason_of(&deeper), Reason::Certificate);
    }

    #[test]
    fn an_endless_chain_of_sources_is_cut() {
        #[derive(Debug)]
        struct Endless;

        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("again")
            }
        }

        impl Error for Endless {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }

        assert_eq!(reason_of(&Endless), Reason::Transport);
    }
}
