//! The target of a request: a path or a URL.

use http::Uri;
use waldo_auth_core::Origin;

use crate::error::Error;

/// Makes a path absolute. An absolute URI stays unchanged, and the session refuses it if it has
/// another origin.
pub(crate) fn resolve(origin: &Origin, uri: Uri) -> Result<Uri, Error> {
    if uri.scheme().is_some() {
        return Ok(uri);
    }
    let is_path = uri.authority().is_none() && uri.path().starts_with('/');
    let mut parts = uri.into_parts();
    parts.scheme = Some(origin.scheme().clone());
    parts.authority = Some(origin.authority().clone());
    Uri::from_parts(parts).ok().filter(|_| is_path).ok_or(Error::Target { source: None })
}

/// A path or a URL as text, to which a query can be added.
#[derive(Clone, Debug)]
pub(crate) struct Target(String);

impl Target {
    pub(crate) fn new(text: &str) -> Self {
        // Remove the fragment: it is never sent, and a query that is added later would become a
        // part of it.
        Self(text.split('#').next().unwrap_or_default().to_owned())
    }

    pub(crate) fn add_query(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        push_encoded(&mut self.0, name);
        self.0.push('=');
        push_encoded(&mut self.0, value);
    }

    pub(crate) fn into_uri(self) -> Result<Uri, Error> {
        Uri::try_from(self.0).map_err(|source| Error::Target { source: Some(source) })
    }
}

/// Appends `part`, with all characters percent-encoded except the unreserved ones of RFC 3986.
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

    fn resolve(text: &str) -> Result<String, Error> {
        let origin = "https://api.waldo.ai".parse().unwrap();
        Ok(super::resolve(&origin, Target::new(text).into_uri()?)?.to_string())
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
    fn a_target_that_is_no_path_and_no_url_is_refused() {
        for text in ["", "customer", "api.waldo.ai/customer", "*", "/a b", "https://", "?a=b"] {
            assert!(
                matches!(resolve(text), Err(Error::Target { .. })),
                "{text}: {:?}",
                resolve(text)
            );
        }
    }

    #[test]
    fn a_query_is_encoded_and_appended() {
        let mut target = Target::new("/customer?x=1#y");
        target.add_query("field", "e-mail & name/ß");
        assert_eq!(
            target.into_uri().unwrap().to_string(),
            "/customer?x=1&field=e-mail%20%26%20name%2F%C3%9F"
        );
    }
}
