//! The target of a request, as text.

use std::error::Error;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are percent-encoded: all but the unreserved ones of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The target of a request: a path such as `/customer`, or a URL. Segments and a query can be added
/// from any text.
///
/// ```
/// use waldo_auth_client::Target;
///
/// let mut target = Target::new("/history/kyc");
/// target.add_segment("a/b?c");
/// target.add_query("field", "e-mail & name");
/// assert_eq!(target.into_text()?, "/history/kyc/a%2Fb%3Fc?field=e-mail%20%26%20name");
/// # Ok::<(), waldo_auth_client::InvalidSegment>(())
/// ```
#[derive(Clone)]
pub struct Target {
    text: String,
    fault: Option<InvalidSegment>,
}

impl Target {
    /// The target with this text, which is not checked. A fragment is removed.
    pub fn new(text: &str) -> Self {
        // A fragment is never sent, and a query that is added later would become a part of it.
        let text = text.split('#').next().unwrap_or_default().to_owned();
        Self { text, fault: None }
    }

    /// Adds one segment to the path, percent-encoded, so that a `/` or `?` in it is not a part of
    /// the syntax. A query stays at the end.
    ///
    /// An empty segment, `.` and `..` are refused by [`into_text`](Self::into_text). Percent-encoded
    /// dots would not help, because URL parsers remove them like dots.
    pub fn add_segment(&mut self, segment: &str) {
        if matches!(segment, "" | "." | "..") {
            self.fault = Some(InvalidSegment(()));
        }
        let end = self.text.find('?').unwrap_or(self.text.len());
        let query = self.text.split_off(end);
        if !self.text.ends_with('/') {
            self.text.push('/');
        }
        self.text.extend(utf8_percent_encode(segment, ENCODED));
        self.text.push_str(&query);
    }

    /// Adds a pair to the query. The name and the value are percent-encoded.
    pub fn add_query(&mut self, name: &str, value: &str) {
        self.text.push(if self.text.contains('?') { '&' } else { '?' });
        self.text.extend(utf8_percent_encode(name, ENCODED));
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value, ENCODED));
    }

    /// The path or the URL.
    ///
    /// # Errors
    /// A segment would change the path.
    pub fn into_text(self) -> Result<String, InvalidSegment> {
        self.fault.map_or(Ok(self.text), Err)
    }
}

/// Does not show the text, because it may hold secrets of the caller.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

/// A segment of a path is empty, `.` or `..`, so the request would go to another path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InvalidSegment(());

impl fmt::Display for InvalidSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a segment of the path is empty, \".\" or \"..\", which would change the path; check \
             its value before the call",
        )
    }
}

/// Shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
impl fmt::Debug for InvalidSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for InvalidSegment {}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_segment(target: &str, segment: &str) -> Result<String, InvalidSegment> {
        let mut target = Target::new(target);
        target.add_segment(segment);
        target.into_text()
    }

    #[test]
    fn a_segment_stays_one_segment() {
        for (segment, encoded) in [
            ("7", "7"),
            ("-._~aZ09", "-._~aZ09"),
            ("a/b", "a%2Fb"),
            ("../admin", "..%2Fadmin"),
            ("..\\admin", "..%5Cadmin"),
            ("%2e%2e", "%252e%252e"),
            ("a?b#c", "a%3Fb%23c"),
            ("a b&c=d;e:f@g", "a%20b%26c%3Dd%3Be%3Af%40g"),
            ("ß", "%C3%9F"),
            ("\n\0", "%0A%00"),
            ("...", "..."),
        ] {
            assert_eq!(with_segment("/kyc", segment).unwrap(), format!("/kyc/{encoded}"));
        }
    }

    #[test]
    fn a_segment_goes_between_the_path_and_the_query() {
        for (target, expected) in [
            ("/kyc/", "/kyc/7"),
            ("/", "/7"),
            ("", "/7"),
            ("/kyc?a=b/c?d#e", "/kyc/7?a=b/c?d"),
            ("https://api.waldo.ai", "https://api.waldo.ai/7"),
        ] {
            assert_eq!(with_segment(target, "7").unwrap(), expected);
        }
    }

    #[test]
    fn a_segment_that_changes_the_path_is_refused() {
        for segment in ["", ".", ".."] {
            let error = with_segment("/kyc", segment).unwrap_err();
            assert!(error.to_string().contains("would change the path"));
            assert_eq!(format!("{error:?}"), error.to_string());
        }
        let mut target = Target::new("/kyc");
        target.add_segment("..");
        target.add_segment("7");
        assert!(target.into_text().is_err(), "a later segment does not cure it");
    }

    #[test]
    fn a_query_is_encoded_and_appended() {
        let mut target = Target::new("/customer?x=1#y");
        target.add_query("field", "e-mail & name/ß");
        let expected = "/customer?x=1&field=e-mail%20%26%20name%2F%C3%9F";
        assert_eq!(target.into_text().unwrap(), expected);
    }
}
