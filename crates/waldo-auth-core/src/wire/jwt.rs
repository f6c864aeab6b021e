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
        Self::of(text).ok_or(Junk::NotJwt)
    }

    fn of(text: &'a str) -> Option<Self> {
        // From both ends, as the payload is long. There may be no further dot in it, as a dot is not in the alphabet.
        let (header, rest) = text.split_once('.')?;
        let (payload, signature) = rest.rsplit_once('.')?;
        let claims =
            (is_base64url(header) && is_base64url(signature)).then(|| decoded(payload, Claims::read))??;
        Some(Self { text, claims })
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.text
    }

    /// The header and the signature, in base64url, and between them what is signed: all but the signature.
    #[cfg(feature = "verify")]
    pub(crate) fn parts(self) -> Option<(&'a str, &'a str, &'a str)> {
        let (signed, signature) = self.text.rsplit_once('.')?;
        let (header, _) = signed.split_once('.')?;
        Some((header, signed, signature))
    }
}

/// Parts up to this size, which is nearly all, are decoded without an allocation.
const USUAL_BYTES: usize = 2048;

/// Reads what a part encodes.
pub(crate) fn decoded<R>(part: &str, read: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let room = base64::decoded_len_estimate(part.len());
    let (mut usual, mut large) = ([0; USUAL_BYTES], Vec::new());
    let buffer = if room <= USUAL_BYTES {
        &mut usual[..]
    } else {
        large.resize(room, 0);
        &mut large
    };
    let length = URL_SAFE_NO_PAD.decode_slice(part, buffer).ok()?;
    read(buffer.get(..length)?)
}

fn is_base64url(part: &str) -> bool {
    let in_alphabet = |b: u8| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    // A length of 4n + 1 encodes no whole number of bytes. Without a way out in the middle, many bytes are looked at at once.
    !part.is_empty() && part.len() % 4 != 1 && part.bytes().fold(true, |all, b| all & in_alphabet(b))
}

#[cfg(test)]
mod tests {
    use crate::wire::NumericDate;

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

    /// Both ways to decode it, and where they meet.
    #[test]
    fn rule_4_the_claims_of_a_payload_of_any_size_are_read() {
        for size in [0, 1, USUAL_BYTES - 100, USUAL_BYTES - 20, USUAL_BYTES, USUAL_BYTES + 1, 12_000] {
            let payload = format!(r#"{{"pad":"{}","exp":7}}"#, "x".repeat(size));
            let text = format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(payload));
            let claims = Jwt::read(text.as_bytes()).map(|jwt| jwt.claims.exp);
            assert_eq!(claims, Ok(Some(NumericDate::from_millis(7000))), "{size}");
        }
    }

    #[test]
    fn rule_2_tokens_over_sixteen_kibibytes_are_refused() {
        let signature = "c".repeat(MAX_BYTES - 8);
        assert_eq!(junk(&format!("e30.e30.{signature}")), None);
        assert_eq!(junk(&format!("e30.e30.{signature}c")), Some(Junk::Oversized));
    }
}
