//! The shape of a JWT.

use base64::Engine;
use base64::engine::DecodePaddingMode::RequireNone;
use base64::engine::general_purpose::GeneralPurposeConfig;

use super::claims::Claims;

/// The longest accepted token, in bytes. Servers and proxies do not pass on longer headers.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// Why a value is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    Blank,
    Oversized,
    NotJwt,
}

/// A text with the shape of a JWT: three base64url parts, and the second part is a JSON object.
#[derive(Clone, Copy)]
pub(crate) struct Jwt<'a> {
    text: &'a [u8],
    pub(crate) claims: Claims,
}

impl<'a> Jwt<'a> {
    /// Reads `bytes`, which have no scheme and no white space around them.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.is_empty() {
            return Err(Malformed::Blank);
        }
        if bytes.len() > MAX_BYTES {
            return Err(Malformed::Oversized);
        }
        Self::of(bytes).ok_or(Malformed::NotJwt)
    }

    fn of(text: &'a [u8]) -> Option<Self> {
        let [header, payload, signature] = parts(text)?;
        let claims = (is_base64url(header) && is_base64url(signature))
            .then(|| decoded(payload, Claims::read))??;
        Some(Self { text, claims })
    }

    pub(crate) fn as_bytes(self) -> &'a [u8] {
        self.text
    }

    /// The header, the signed text (header and payload with their dot), and the signature, each in
    /// base64url.
    #[cfg(feature = "verify")]
    pub(crate) fn parts(self) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
        let [header, payload, signature] = parts(self.text)?;
        Some((header, self.text.get(..header.len() + 1 + payload.len())?, signature))
    }
}

/// The three parts of a JWT. A further dot stays in the payload, so the payload is then not
/// base64url.
fn parts(text: &[u8]) -> Option<[&[u8]; 3]> {
    let dot = |byte: &u8| *byte == b'.';
    // Search from both ends, because the payload is long.
    let (first, last) = (text.iter().position(dot)?, text.iter().rposition(dot)?);
    Some([text.get(..first)?, text.get(first + 1..last)?, text.get(last + 1..)?])
}

/// The unused bits of the last character of a part may have any value.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(RequireNone)
    .with_decode_allow_trailing_bits(true);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64URL: std::sync::LazyLock<base64::engine::simd::Simd> =
    std::sync::LazyLock::new(|| base64::engine::simd::Simd::url_safe(CONFIG));

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static BASE64URL: base64::engine::GeneralPurpose =
    base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, CONFIG);

/// The largest part that is decoded without an allocation, in bytes. Nearly all parts are smaller.
const USUAL_BYTES: usize = 2048;

/// Decodes a part, and passes its bytes to `read`.
pub(crate) fn decoded<R>(part: &[u8], read: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let room = base64::decoded_len_estimate(part.len());
    let (mut usual, mut large) = ([0; USUAL_BYTES], Vec::new());
    let buffer = if room <= USUAL_BYTES {
        &mut usual[..]
    } else {
        large.resize(room, 0);
        &mut large
    };
    let length = BASE64URL.decode_slice(part, buffer).ok()?;
    read(buffer.get(..length)?)
}

/// Whether a part is base64url, whose bytes nobody needs here.
fn is_base64url(part: &[u8]) -> bool {
    let has_a_length = !part.is_empty() && part.len() % 4 != 1;
    // Every byte is looked at, so that the compiler can look at many of them at once.
    has_a_length && part.iter().fold(true, |all, byte| all & is_in_alphabet(*byte))
}

fn is_in_alphabet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use base64::alphabet::URL_SAFE;
    use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};

    use crate::wire::NumericDate;

    use super::*;

    fn malformed(text: &str) -> Option<Malformed> {
        Jwt::read(text.as_bytes()).err()
    }

    #[test]
    fn rule_04_three_base64url_parts_with_an_object_in_the_middle() {
        assert_eq!(malformed("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln"), None);
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
            assert_eq!(malformed(text), Some(Malformed::NotJwt), "{text}");
        }
        assert_eq!(malformed(""), Some(Malformed::Blank));
    }

    /// The sizes cover decoding with and without an allocation, and the limit between them.
    #[test]
    fn rule_04_claims_are_read_from_any_payload_size() {
        for size in
            [0, 1, USUAL_BYTES - 100, USUAL_BYTES - 20, USUAL_BYTES, USUAL_BYTES + 1, 12_000]
        {
            let payload = format!(r#"{{"pad":"{}","exp":7}}"#, "x".repeat(size));
            let text = format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(payload));
            let claims = Jwt::read(text.as_bytes()).map(|jwt| jwt.claims.exp);
            assert_eq!(claims, Ok(Some(NumericDate::from_millis(7000))), "{size}");
        }
    }

    /// The SIMD decoder reads vectors of bytes, and reads the last bytes in another way. So each
    /// byte stands at each place of each length, and the scalar decoder must agree.
    #[test]
    fn rule_04_a_part_is_read_as_another_decoder_reads_it() {
        let alphabet = |b: &u8| b.is_ascii_alphanumeric() || b"-_".contains(b);
        let scalar = GeneralPurpose::new(&URL_SAFE, CONFIG);
        let check = |part: &[u8]| {
            let expected = scalar.decode(part).ok();
            assert_eq!(decoded(part, |bytes| Some(bytes.to_vec())), expected, "{part:?}");
            assert_eq!(
                is_base64url(part),
                expected.is_some_and(|bytes| !bytes.is_empty()),
                "{part:?}"
            );
        };
        for length in 0..140 {
            let mut part: Vec<u8> = (0..=u8::MAX).filter(alphabet).cycle().take(length).collect();
            check(&part);
            let bytes = if length % 32 < 6 { 0..=u8::MAX } else { b'@'..=b'[' };
            for place in 0..length {
                let sound = part[place];
                for byte in bytes.clone() {
                    part[place] = byte;
                    check(&part);
                }
                part[place] = sound;
            }
        }
    }

    #[test]
    fn rule_02_tokens_over_sixteen_kibibytes_are_refused() {
        let signature = "c".repeat(MAX_BYTES - 8);
        assert_eq!(malformed(&format!("e30.e30.{signature}")), None);
        assert_eq!(malformed(&format!("e30.e30.{signature}c")), Some(Malformed::Oversized));
    }
}
