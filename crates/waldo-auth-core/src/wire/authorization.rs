//! Writes and reads the `Authorization` header.

use http::HeaderValue;

/// The scheme of the one form in which a token is sent (rule 3).
const SCHEME: &str = "Bearer ";

/// `Bearer <jwt>`, marked sensitive.
///
/// `None` if the text cannot stand in a header. A JWT always can.
pub(crate) fn header(jwt: &[u8]) -> Option<HeaderValue> {
    HeaderValue::try_from([SCHEME.as_bytes(), jwt].concat()).ok().map(ready)
}

/// The header of a token that came in `value`. If `value` has the form that we send, it is reused
/// without a copy.
pub(crate) fn header_of(value: &HeaderValue, jwt: &[u8]) -> Option<HeaderValue> {
    if in_our_form(value.as_bytes()).is_some() { Some(ready(value.clone())) } else { header(jwt) }
}

fn ready(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    // Clone once here: the first clone makes the bytes shared and allocates. So attaching the
    // header never allocates.
    drop(value.clone());
    value
}

/// A header value without its optional scheme: `Bearer` in any case, with a space or a colon (rule
/// 4).
pub(crate) fn credentials(value: &[u8]) -> &[u8] {
    in_our_form(value).unwrap_or_else(|| in_any_form(value))
}

/// The text after `Bearer `, if no other white space is around it. Nearly all servers write this
/// form.
fn in_our_form(value: &[u8]) -> Option<&[u8]> {
    let jwt = value.strip_prefix(SCHEME.as_bytes())?;
    let (first, last) = (jwt.first()?, jwt.last()?);
    (!first.is_ascii_whitespace() && !last.is_ascii_whitespace()).then_some(jwt)
}

fn in_any_form(value: &[u8]) -> &[u8] {
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

/// The values that a gateway has joined by commas (RFC 9110 §5.3); `None` if there is no comma. No
/// JWT has a comma.
pub(crate) fn joined(value: &HeaderValue) -> Option<impl Iterator<Item = HeaderValue>> {
    let bytes = value.as_bytes();
    let parts = bytes.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    bytes.contains(&b',').then(|| parts.filter_map(|part| HeaderValue::from_bytes(part).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_04_one_optional_bearer_is_stripped() {
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
    fn rule_03_the_header_is_canonical_and_sensitive() {
        let header = header(b"a.b.c").unwrap();
        assert_eq!(header.as_bytes(), b"Bearer a.b.c");
        assert!(header.is_sensitive());
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert!(super::header(b"a\nb").is_none());
    }

    #[test]
    fn rule_03_a_header_in_our_form_is_reused() {
        for value in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "Bearer  a.b.c",
            "Bearer:a.b.c",
            "a.b.c",
            "Bearer a.b.c ",
        ] {
            let header = header_of(&HeaderValue::from_static(value), b"a.b.c").unwrap();
            assert_eq!(header.as_bytes(), b"Bearer a.b.c", "{value:?}");
            assert!(header.is_sensitive());
        }
        let came = HeaderValue::from_bytes(b"Bearer a.b.c").unwrap();
        let taken = header_of(&came, b"a.b.c").unwrap();
        assert_eq!(
            taken.as_bytes().as_ptr(),
            came.as_bytes().as_ptr(),
            "its bytes are shared, and not copied"
        );
    }
}
