//! The shape of a JWT.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::Claims;

/// The longest token that is taken, in bytes: more than any server or proxy passes on in a header.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// Why a value is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Junk {
    Blank,
    Oversized,
    NotJwt,
}

/// A text that has the shape of a JWT: three base64url parts, the second a JSON object.
#[derive(Clone, Copy)]
pub(crate) struct Jwt<'a> {
    text: &'a str,
    pub(crate) claims: Claims,
}

impl<'a> Jwt<'a> {
    /// Reads `bytes`, which carry no scheme and no white space around them.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Junk> {
        if bytes.is_empty() {
            return Err(Junk::Blank);
        }
        if bytes.len() > MAX_BYTES {
            return Err(Junk::Oversized);
        }
        // base64url and dots are ASCII, so what is not UTF-8 does not have the shape either.
        let text = std::str::from_utf8(bytes).map_err(|_| Junk::NotJwt)?;
        let (_, payload, _) = parts(text).ok_or(Junk::NotJwt)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Junk::NotJwt)?;
        let claims = Claims::read(&payload).ok_or(Junk::NotJwt)?;
        Ok(Self { text, claims })
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.text
    }
}

/// Header, payload and signature of a compact JWS, each non-empty and in the base64url alphabet.
pub(crate) fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (header, rest) = text.split_once('.')?;
    let (payload, signature) = rest.split_once('.')?;
    // The signature may hold no further dot, as a dot is not in the alphabet.
    [header, payload, signature].iter().all(|part| is_base64url(part)).then_some((header, payload, signature))
}

fn is_base64url(part: &str) -> bool {
    // A length of 4n + 1 encodes no whole number of bytes.
    !part.is_empty()
        && part.len() % 4 != 1
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn junk(text: &str) -> Option<Junk> {
        Jwt::read(text.as_bytes()).err()
    }

    #[test]
    fn rule_4_three_base64url_parts_with_an_object_in_the_middle() {
        assert_eq!(junk("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln"), None);
        for text in [
            "x",
            "a.b",
            "e30.e30",
            "e30.e30.",
            ".e30.e30",
            "e30..e30",
            "e30.e30.e30.e30",
            "e30.W10.e30",
            "e30.e30.e3*",
            "e30.e30=.e30",
            "e30.e.e30",
            "e30e3.e30.e30",
            "e30.e30.e30e3",
            "e30.e30.e30 ",
            "from scheme response function",
            "e30.bnVsbA.e30",
            "e30.é30.e30",
        ] {
            assert_eq!(junk(text), Some(Junk::NotJwt), "{text}");
        }
        assert_eq!(junk(""), Some(Junk::Blank));
    }

    #[test]
    fn rule_2_tokens_over_sixteen_kibibytes_are_refused() {
        let signature = "c".repeat(MAX_BYTES - 8);
        assert_eq!(junk(&format!("e30.e30.{signature}")), None);
        assert_eq!(junk(&format!("e30.e30.{signature}c")), Some(Junk::Oversized));
    }
}
