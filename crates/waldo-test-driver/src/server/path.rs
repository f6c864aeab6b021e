//! The path of a request in a policy or a fault.

use std::fmt;
use std::str::FromStr;

use http::uri::PathAndQuery;
use serde::{Deserialize, Serialize};

use super::clock::BadWord;

/// A valid path of a request. It begins with `/`, and has no query and no characters that a request
/// line cannot have.
///
/// ```
/// use waldo_test_driver::server::RequestPath;
///
/// let path: RequestPath = "/customer".parse()?;
/// assert_eq!(path.as_str(), "/customer");
/// let error = "customer".parse::<RequestPath>().unwrap_err();
/// assert!(error.to_string().contains("must begin with /"));
/// # Ok::<(), waldo_test_driver::server::BadWord>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestPath(String);

impl RequestPath {
    /// The path as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestPath {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let why = if !text.starts_with('/') {
            "it must begin with /"
        } else if text.contains(['?', '#']) {
            "it must stand without a query"
        } else if text.parse::<PathAndQuery>().is_err() || text.contains(char::is_whitespace) {
            "it has a character that must be percent-encoded, such as a space as %20"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(BadWord(format!("{text:?} is no path: {why}; expected one such as /customer")))
    }
}

impl TryFrom<String> for RequestPath {
    type Error = BadWord;

    fn try_from(text: String) -> Result<Self, BadWord> {
        text.parse()
    }
}

impl From<RequestPath> for String {
    fn from(path: RequestPath) -> Self {
        path.0
    }
}

/// Reads texts that must be a [`RequestPath`].
pub(super) mod checked {
    use serde::{Deserialize, Deserializer};

    use super::RequestPath;

    pub(in crate::server) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<String, D::Error> {
        RequestPath::deserialize(from).map(String::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_request_path_is_refused_with_its_reason() {
        for good in ["/", "/customer", "/history/kyc/7", "/a%20b", "/_emulators"] {
            assert_eq!(good.parse::<RequestPath>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", "begin with /"),
            ("login", "begin with /"),
            ("http://host/login", "begin with /"),
            ("/a b", "%20"),
            ("/a\tb", "%20"),
            ("/a\u{a0}b", "%20"),
            ("/a?b=c", "query"),
            ("/a#b", "query"),
        ] {
            let error = bad.parse::<RequestPath>().unwrap_err().to_string();
            assert!(error.contains(why) && error.ends_with("/customer"), "{bad:?}: {error}");
        }
    }
}
