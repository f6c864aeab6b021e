//! Where a request goes.

use http::Uri;
use waldo_auth_core::Origin;

use crate::error::Error;

/// The origin, and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    origin: Origin,
    root: Uri,
}

impl Site {
    /// `None` when the origin cannot be written as a URI, which it was read from.
    pub(crate) fn new(origin: Origin) -> Option<Self> {
        let root = format!("{origin}/").parse().ok()?;
        Some(Self { origin, root })
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn root(&self) -> &Uri {
        &self.root
    }

    /// Makes a path absolute, and refuses what lies elsewhere before there is a login for it.
    pub(crate) fn resolve(&self, uri: Uri) -> Result<Uri, Error> {
        if uri.scheme().is_some() {
            return if self.origin.contains(&uri) { Ok(uri) } else { Err(self.foreign()) };
        }
        if uri.authority().is_some() || !uri.path().starts_with('/') {
            return Err(Error::Target { source: None });
        }
        let mut parts = self.root.clone().into_parts();
        parts.path_and_query = uri.into_parts().path_and_query;
        Uri::from_parts(parts).map_err(|_| Error::Target { source: None })
    }

    pub(crate) fn foreign(&self) -> Error {
        Error::ForeignOrigin { origin: self.origin.clone() }
    }
}

/// A path or URL as text, to which a query can be added.
#[derive(Clone, Debug)]
pub(crate) struct Target(String);

impl Target {
    pub(crate) fn new(text: &str) -> Self {
        // A fragment is never sent, and must not swallow the query that is added behind it.
        Self(text.split('#').next().unwrap_or_default().to_owned())
    }

    pub(crate) fn add_query(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        push_encoded(&mut self.0, name);
        self.0.push('=');
        push_encoded(&mut self.0, value);
    }

    pub(crate) fn into_uri(self) -> Result<Uri, Error> {
        self.0.parse().map_err(|source| Error::Target { source: Some(source) })
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn push_encoded(text: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.extend(format!("%{byte:02X}").chars());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::new("https://api.waldo.ai".parse().unwrap()).unwrap()
    }

    fn resolve(text: &str) -> Result<String, Error> {
        Target::new(text).into_uri().and_then(|uri| site().resolve(uri)).map(|uri| uri.to_string())
    }

    #[test]
    fn a_path_is_resolved_against_the_origin() {
        for (text, expected) in [
            ("/customer", "https://api.waldo.ai/customer"),
            ("/history/kyc/7?a=b", "https://api.waldo.ai/history/kyc/7?a=b"),
            ("/", "https://api.waldo.ai/"),
            ("//evil.example/x", "https://api.waldo.ai//evil.example/x"),
            ("/x#y", "https://api.waldo.ai/x"),
            ("https://API.waldo.ai:443/x", "https://API.waldo.ai:443/x"),
        ] {
            assert_eq!(resolve(text).unwrap(), expected);
        }
    }

    #[test]
    fn another_origin_is_an_error_before_anything_happens() {
        for text in [
            "https://evil.example/",
            "http://api.waldo.ai/",
            "https://api.waldo.ai:8443/",
            "https://api.waldo.ai.evil.example/",
            "https://api.waldo.ai@evil.example/",
            "ftp://api.waldo.ai/",
        ] {
            assert!(matches!(resolve(text), Err(Error::ForeignOrigin { .. })), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_and_no_url_says_so() {
        for text in ["", "customer", "api.waldo.ai/customer", "*", "/a b", "https://", "?a=b"] {
            assert!(matches!(resolve(text), Err(Error::Target { .. })), "{text}: {:?}", resolve(text));
        }
    }

    #[test]
    fn a_query_is_encoded_and_added_to_what_is_there() {
        let mut target = Target::new("/customer?x=1#y");
        target.add_query("field", "e-mail & name/ß");
        assert_eq!(
            target.into_uri().unwrap().to_string(),
            "/customer?x=1&field=e-mail%20%26%20name%2F%C3%9F"
        );
    }
}
