//! The `Authorization` header, out and in.

use http::HeaderValue;

/// The one form in which a token is sent (rule 3).
const SCHEME: &str = "Bearer ";

/// `Bearer <jwt>`, marked sensitive, in bytes of its own: a received value may be a slice of an HTTP stack's whole buffer.
///
/// `None` only for a text that cannot stand in a header, which a JWT always can.
pub(crate) fn header(jwt: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from([SCHEME, jwt].concat()).ok()?;
    value.set_sensitive(true);
    // The first clone makes the bytes shared, which allocates. It is made here, so that no attaching does.
    drop(value.clone());
    Some(value)
}

/// What a header value holds besides an optional scheme: `Bearer` in any case, with a space or a colon (rule 4).
pub(crate) fn credentials(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len() - 1) else { return value };
    if !scheme.eq_ignore_ascii_case(SCHEME.trim_ascii_end().as_bytes()) {
        return value;
    }
    match rest.split_first() {
        Some((b':' | b' ' | b'\t', rest)) => rest.trim_ascii(),
        None => &[],
        Some(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_4_one_optional_bearer_is_stripped() {
        for (value, expected) in [
            ("Bearer a.b.c", "a.b.c"),
            ("bearer a.b.c", "a.b.c"),
            ("BEARER  a.b.c ", "a.b.c"),
            ("Bearer:a.b.c", "a.b.c"),
            ("Bearer: a.b.c", "a.b.c"),
            ("a.b.c", "a.b.c"),
            ("  a.b.c\t", "a.b.c"),
            ("Bearer Bearer a.b.c", "Bearer a.b.c"),
            ("Bearera.b.c", "Bearera.b.c"),
            ("Bearer", ""),
            ("Bearer ", ""),
            (" ", ""),
            ("", ""),
            ("Basic a", "Basic a"),
        ] {
            assert_eq!(credentials(value.as_bytes()), expected.as_bytes(), "{value:?}");
        }
        assert_eq!(credentials(b"\xff\xfe"), b"\xff\xfe");
    }

    #[test]
    fn rule_3_the_header_is_canonical_and_sensitive() {
        let header = header("a.b.c").unwrap();
        assert_eq!(header.as_bytes(), b"Bearer a.b.c");
        assert!(header.is_sensitive());
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert!(super::header("a\nb").is_none());
    }
}
