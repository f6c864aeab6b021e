//! The scheme, host and port that the token may be sent to.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, Scheme};

/// The scheme, host and port of the API. The token is sent to this origin only (rule 3).
///
/// ```
/// use waldo_auth_core::Origin;
///
/// let origin: Origin = "https://API.waldo.ai".parse()?;
/// assert_eq!(origin.to_string(), "https://api.waldo.ai");
/// assert!(origin.contains(&"https://api.waldo.ai:443/customer?field=x".parse()?));
/// assert!(!origin.contains(&"https://api.waldo.ai:8443/customer".parse()?));
///
/// // An `http` origin must be this machine, and `localhost` is replaced by its address.
/// let emulator: Origin = "http://localhost:8787".parse()?;
/// assert_eq!(emulator.to_string(), "http://127.0.0.1:8787");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// True for `https`, false for `http`.
    secure: bool,
    /// Host and port in the canonical spelling, without the scheme's own port. Behind a pointer, so
    /// that errors that name an origin are small.
    authority: Arc<Authority>,
    port: u16,
}

impl Origin {
    /// The origin of an absolute URI, without its path.
    ///
    /// # Errors
    /// The URI is not absolute, is neither `http` nor `https`, or is `http` to another machine.
    pub(crate) fn of(uri: &Uri) -> Result<Self, OriginError> {
        let (secure, host, port) = split(uri).ok_or(OriginError::NotAbsolute)?;
        if !secure && !is_loopback(host) {
            return Err(OriginError::Insecure);
        }
        let host = canonical_host(secure, host);
        let authority = if port == default_port(secure) { host } else { format!("{host}:{port}") };
        let authority = Authority::try_from(authority).map_err(|_| OriginError::NotAbsolute)?;
        Ok(Self { secure, authority: Arc::new(authority), port })
    }

    /// Whether `uri` has exactly this origin: the same scheme, the same host in any spelling, and
    /// the same port with defaults filled in.
    ///
    /// A URI that is built from parts can have a scheme in capital letters. It counts as another
    /// scheme, because HTTP stacks send a request with the scheme `HTTPS` without TLS.
    #[inline]
    pub fn contains(&self, uri: &Uri) -> bool {
        self.is_spelled_in(uri) || self.is_meant_by(uri)
    }

    /// `https`, or `http` on this machine.
    pub fn scheme(&self) -> &Scheme {
        if self.secure { &Scheme::HTTPS } else { &Scheme::HTTP }
    }

    /// The host in its canonical spelling, and the port if it is not the default of the scheme.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether the URI spells the origin in the canonical way, as nearly every URI does.
    #[inline]
    pub(crate) fn is_spelled_in(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(self.scheme())
            && uri.authority().is_some_and(|found| found.as_str() == self.authority.as_str())
    }

    /// Replaces the scheme and authority of a URI of this origin by the origin's own, because
    /// stacks read odd spellings in different ways (rule 3).
    #[inline]
    pub(crate) fn normalize(&self, uri: &mut Uri) -> Result<(), ForeignOrigin> {
        if self.is_spelled_in(uri) { Ok(()) } else { self.respell(uri) }
    }

    #[cold]
    fn respell(&self, uri: &mut Uri) -> Result<(), ForeignOrigin> {
        let foreign = || ForeignOrigin { origin: self.clone() };
        if !self.is_meant_by(uri) {
            return Err(foreign());
        }
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(self.scheme().clone());
        parts.authority = Some(self.authority().clone());
        *uri = Uri::from_parts(parts).map_err(|_| foreign())?;
        Ok(())
    }

    #[cold]
    fn is_meant_by(&self, uri: &Uri) -> bool {
        split(uri).is_some_and(|(secure, host, port)| {
            secure == self.secure
                && port == self.port
                && canonical_host(secure, host) == self.authority.host()
        })
    }
}

fn split(uri: &Uri) -> Option<(bool, &str, u16)> {
    // `Scheme` keeps the capital letters of an `HTTPS` that was built from parts, and stacks send
    // such a request without TLS. So compare exactly.
    let secure = match uri.scheme()? {
        scheme if *scheme == Scheme::HTTPS => true,
        scheme if *scheme == Scheme::HTTP => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    if authority.host().is_empty() {
        return None;
    }
    Some((secure, authority.host(), port(authority, secure)?))
}

/// The port, or the scheme's default. `None` if the text after the host is not a port, so that no
/// default replaces a faulty port.
fn port(authority: &Authority, secure: bool) -> Option<u16> {
    let host_and_port =
        authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, rest)| rest);
    match host_and_port.get(authority.host().len()..)? {
        "" | ":" => Some(default_port(secure)),
        port => port
            .strip_prefix(':')
            .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?
            .parse()
            .ok(),
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// The canonical spelling of a host: lower case, and IPv6 addresses as in RFC 5952.
///
/// In an `http` origin, `localhost` becomes an address, because a hosts file can make the name mean
/// another machine.
fn canonical_host(secure: bool, host: &str) -> String {
    match address(host) {
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        Some(IpAddr::V4(address)) => address.to_string(),
        None if !secure && is_localhost(host) => Ipv4Addr::LOCALHOST.to_string(),
        None => host.to_ascii_lowercase(),
    }
}

fn is_loopback(host: &str) -> bool {
    is_localhost(host) || address(host).is_some_and(|address| address.is_loopback())
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// Reads an origin without anything else. A URI with a path, a query or user information is
/// refused, because that part would be ignored.
impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let uri: Uri = text.parse().map_err(|_| OriginError::NotAUri)?;
        let origin = Self::of(&uri)?;
        if uri.path_and_query().is_some_and(|path| !matches!(path.as_str(), "" | "/"))
            || text.contains('#')
        {
            return Err(OriginError::HasPath);
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(OriginError::HasUserInfo);
        }
        Ok(origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

/// Why a text or a URI is refused as an origin.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginError {
    /// The text is not a URI.
    NotAUri,
    /// There is no scheme, no host or no valid port, or the scheme is neither `http` nor `https`.
    NotAbsolute,
    /// `http` to another machine would show the key pair and the tokens to everyone on the way.
    Insecure,
    /// A path or a query stands behind the origin.
    HasPath,
    /// A user name stands before the host.
    HasUserInfo,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUri => "the origin is not a URI; write it like https://api.waldo.ai or http://127.0.0.1:8787",
            Self::NotAbsolute => "the origin needs http or https, a host, and a valid port if any; write it like https://api.waldo.ai or http://127.0.0.1:8787",
            Self::Insecure => "the origin must use https; http is allowed to this machine only (localhost, 127.0.0.1, [::1])",
            Self::HasPath => "the origin must end after the host and port; the login path is a setting of its own",
            Self::HasUserInfo => "the origin must not hold a user name; the key pair is given separately",
        })
    }
}

/// Shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
impl fmt::Debug for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for OriginError {}

/// The request does not go to the session's origin, so no token may be sent with it.
///
/// The error names the session's origin. It does not show the request's URI, because that URI may
/// hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignOrigin {
    /// The only origin that may see the token.
    pub origin: Origin,
}

impl fmt::Display for ForeignOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the request's URI is none of {0}, the only origin that may see the token; write the whole of it, as {0}/path, \
             send the request without this client, or set the client's origin",
            self.origin
        )
    }
}

/// Shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
impl fmt::Debug for ForeignOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ForeignOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Result<String, OriginError> {
        text.parse::<Origin>().map(|origin| origin.to_string())
    }

    #[test]
    fn rule_03_https_is_required_except_on_loopback() {
        for text in [
            "http://127.0.0.1:8787",
            "http://localhost",
            "http://LOCALHOST:1",
            "http://[::1]:9",
            "http://127.9.9.9",
        ] {
            assert!(origin(text).is_ok(), "{text}");
        }
        for text in [
            "http://api.waldo.ai",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://[::2]",
        ] {
            assert_eq!(origin(text), Err(OriginError::Insecure), "{text}");
        }
    }

    #[test]
    fn invalid_origin_is_refused_with_its_reason() {
        for (text, error) in [
            ("", OriginError::NotAUri),
            ("api.waldo.ai", OriginError::NotAbsolute),
            ("/authenticate", OriginError::NotAbsolute),
            ("ftp://api.waldo.ai", OriginError::NotAbsolute),
            ("https://api.waldo.ai:99999", OriginError::NotAbsolute),
            ("https://api.waldo.ai/v1", OriginError::HasPath),
            ("https://api.waldo.ai?x", OriginError::HasPath),
            ("https://api.waldo.ai/#x", OriginError::HasPath),
            ("https://me@api.waldo.ai", OriginError::HasUserInfo),
        ] {
            assert_eq!(origin(text), Err(error), "{text}");
        }
        assert_eq!(origin("https://Api.Waldo.AI:443/").as_deref(), Ok("https://api.waldo.ai"));
        assert_eq!(origin("https://api.waldo.ai:8443").as_deref(), Ok("https://api.waldo.ai:8443"));
    }

    #[test]
    fn rule_03_exactly_the_same_origin() {
        let origin: Origin = "https://api.waldo.ai".parse().unwrap();
        for uri in [
            "https://api.waldo.ai/x",
            "https://API.WALDO.AI:443/x?y",
            "HTTPS://api.waldo.ai",
            "https://me@api.waldo.ai/x",
        ] {
            assert!(origin.contains(&uri.parse().unwrap()), "{uri}");
        }
        for uri in [
            "http://api.waldo.ai/x",
            "https://api.waldo.ai:444/x",
            "https://api.waldo.ai.evil.example/x",
            "/x",
            "https://api.waldo.ai@evil.example/x",
            "https://evil.example/https://api.waldo.ai",
            "https://xapi.waldo.ai/",
            "https://api.waldo.ai./",
            "https://api.waldo.ai:99999/",
            "https://api.waldo.ai:+443/",
        ] {
            assert!(uri.parse().map_or(true, |uri| !origin.contains(&uri)), "{uri}");
        }
    }

    #[test]
    fn rule_03_another_spelling_is_given_the_origins_own() {
        for (origin, uri, expected) in [
            (
                "https://api.waldo.ai",
                "HTTPS://me:pw@API.waldo.AI:443/x?y",
                Some("https://api.waldo.ai/x?y"),
            ),
            (
                "https://api.waldo.ai:8443",
                "https://Api.waldo.ai:08443",
                Some("https://api.waldo.ai:8443/"),
            ),
            ("http://LocalHost:1", "http://localhost:1/a", Some("http://127.0.0.1:1/a")),
            ("http://127.0.0.1:1", "http://localhost:1/a", Some("http://127.0.0.1:1/a")),
            ("http://[0:0:0:0:0:0:0:1]:1", "http://[0::1]:1/a", Some("http://[::1]:1/a")),
            (
                "https://[2001:DB8::0:1]",
                "https://[2001:db8::1]:443/",
                Some("https://[2001:db8::1]/"),
            ),
            ("https://localhost", "https://LOCALHOST/", Some("https://localhost/")),
            ("https://localhost", "https://127.0.0.1/", None),
            ("http://127.0.0.1:1", "http://[::1]:1/", None),
            ("https://api.waldo.ai", "http://api.waldo.ai:443/", None),
        ] {
            let origin: Origin = origin.parse().unwrap();
            let mut uri: Uri = uri.parse().unwrap();
            let normalized = origin.normalize(&mut uri).map(|()| uri.to_string());
            assert_eq!(normalized.ok().as_deref(), expected);
        }
    }

    #[test]
    fn rule_03_a_scheme_in_capitals_is_foreign() {
        for (origin, schemes) in
            [("https://api.waldo.ai", ["HTTPS", "Https"]), ("http://127.0.0.1:1", ["HTTP", "Http"])]
        {
            let origin: Origin = origin.parse().unwrap();
            for scheme in schemes {
                let mut uri = Uri::builder()
                    .scheme(scheme)
                    .authority(origin.authority().clone())
                    .path_and_query("/x")
                    .build()
                    .unwrap();
                assert!(!origin.contains(&uri), "{scheme}");
                assert!(origin.normalize(&mut uri).is_err(), "{scheme}");
                assert_eq!(Origin::of(&uri), Err(OriginError::NotAbsolute), "{scheme}");
            }
        }
    }
}
