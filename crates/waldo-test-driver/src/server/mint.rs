//! Signs real tokens, and checks signatures.

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::clock::Moment;
use super::policy::{Algorithm, Claims, DateStyle, Policy};
use super::provider;

/// The claims of a token. Claims that the policy switches off are absent.
#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<Number>,
}

/// The facts of a new token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) subject: &'a str,
    pub(super) serial: u64,
    pub(super) issued: Moment,
    pub(super) expires: Moment,
}

/// The two dates of a token minted at `at`, as precise as the policy writes them.
pub(super) fn dates(policy: &Policy, at: Moment) -> (Moment, Moment) {
    match policy.dates {
        DateStyle::Whole => {
            let issued = at.whole();
            let seconds = policy.lifetime.as_secs() + u64::from(policy.lifetime.subsec_nanos() > 0);
            (issued, issued.plus(std::time::Duration::from_secs(seconds)))
        }
        DateStyle::Fractional => {
            let issued = at.milliseconds();
            (issued, issued.plus(policy.lifetime).milliseconds())
        }
    }
}

/// Signs a token; `None` if the provider of the process cannot do HMAC.
pub(super) fn sign(
    facts: Facts<'_>,
    claims: Claims,
    algorithm: Algorithm,
    secret: &str,
) -> Option<String> {
    provider::install();
    let payload = Payload {
        sub: claims.sub.then(|| facts.subject.to_owned()),
        jti: claims.jti.then(|| facts.serial.to_string()),
        iat: claims.iat.then(|| facts.issued.numeric_date()),
        exp: claims.exp.then(|| facts.expires.numeric_date()),
    };
    encode(&Header::new(algorithm.into()), &payload, &EncodingKey::from_secret(secret.as_bytes()))
        .ok()
}

/// Whether a token was signed with this secret. The dates are not checked here, because the model
/// has its own clock.
pub(super) fn verify(token: &str, algorithm: Algorithm, secret: &str) -> bool {
    provider::install();
    let mut validation = Validation::new(algorithm.into());
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode::<Payload>(token, &DecodingKey::from_secret(secret.as_bytes()), &validation).is_ok()
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HS256 => Self::HS256,
            Algorithm::HS384 => Self::HS384,
            Algorithm::HS512 => Self::HS512,
        }
    }
}

/// The identity of a token: a piece of its signature, which is useless as a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stamp([u8; 16]);

impl Stamp {
    /// The stamp of a text with three parts, if the last part is long enough for a signature.
    pub(super) fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, _, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        signature.as_bytes().first_chunk().copied().map(Self)
    }
}
