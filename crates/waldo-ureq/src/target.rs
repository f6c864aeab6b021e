//! The target of a request: a path or a URL.

use http::Uri;
use waldo_auth_client::Target;
use waldo_auth_core::Origin;

use crate::error::Error;

/// The URI of a target.
pub(crate) fn parse(target: Target) -> Result<Uri, Error> {
    Uri::try_from(target.into_text()?).map_err(|source| Error::Target { source: Some(source) })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<String, Error> {
        let origin = "https://api.waldo.ai".parse().unwrap();
        Ok(super::resolve(&origin, parse(Target::new(text))?)?.to_string())
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
    fn invalid_target_is_refused() {
        for text in ["", "customer", "api.waldo.ai/customer", "*", "/a b", "https://", "?a=b"] {
            assert!(
                matches!(resolve(text), Err(Error::Target { .. })),
                "{text}: {:?}",
                resolve(text)
            );
        }
    }
}
