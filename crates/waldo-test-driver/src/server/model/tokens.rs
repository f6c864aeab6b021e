//! The tokens of the server: it grants, checks and renews them.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::{Server, Signing};
use crate::server::clock::Moment;
use crate::server::key::Key;
use crate::server::ledger::Entry;
use crate::server::mint::{self, Facts, Stamp};
use crate::server::policy::{IssuedAt, RenewalForm};
use crate::server::reply::Refusal;
use crate::server::rotation::{Echo, Rotation};

/// The malformed renewed token of hapi's own test server.
pub(super) const MALFORMED: &str = "from scheme response function";

/// A valid token that was presented.
pub(super) struct Bearer<'a> {
    text: &'a str,
    stamp: Stamp,
    entry: Entry,
}

impl Server {
    pub(super) fn grant(&mut self, body: &[u8], at: Moment) -> Result<String, Refusal> {
        // Ignore the content type: the API's own curl sample sends JSON with curl's default content
        // type.
        let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::MissingParameters)?;
        let parameter =
            |name| body.get(name).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
        let (Some(id), Some(secret)) = (parameter("apiKey"), parameter("clientSecret")) else {
            return Err(Refusal::MissingParameters);
        };
        let (key, pair) = self.keys.find(id, secret).ok_or(Refusal::InvalidApiKey)?;
        if !pair.active {
            return Err(Refusal::ApiKeyRevoked);
        }
        let (issued, expires) = mint::dates(&self.policy, at);
        let chain = self.ledger.open(at, expires);
        let serial = self.next_serial();
        let lag = self.policy.known_after;
        let known = (!lag.is_zero()).then(|| at.plus(lag));
        let entry = Entry { key, chain, generation: 0, serial, issued, expires, known, dies: None };
        self.issue(entry, at).map(|(token, _)| token).ok_or(Refusal::Unsignable)
    }

    pub(super) fn authenticate<'a>(
        &mut self,
        headers: &'a HeaderMap,
        at: Moment,
    ) -> Result<Bearer<'a>, Refusal> {
        let value = headers.get(AUTHORIZATION).ok_or(Refusal::NotAuthorized)?;
        self.stats.token_checks += 1;
        let token = value.to_str().ok().and_then(|value| self.policy.accept.token(value));
        self.examine(token.ok_or(Refusal::InvalidToken)?, at, self.second)
    }

    /// Checks a token as one of the two servers does.
    pub(super) fn examine<'a>(
        &self,
        text: &'a str,
        at: Moment,
        second: bool,
    ) -> Result<Bearer<'a>, Refusal> {
        let stamp = Stamp::of(text).ok_or(Refusal::InvalidToken)?;
        let entry = self.ledger.find(stamp).ok_or(Refusal::InvalidToken)?;
        let key = self.keys.at(entry.key).ok_or(Refusal::InvalidToken)?;
        let genuine = mint::verify(text, self.policy.algorithm, self.signing_secret(key, second));
        if !genuine || !self.ledger.alive(entry, self.policy.rotation, self.policy.chain_limit, at)
        {
            return Err(Refusal::InvalidToken);
        }
        if !key.active {
            return Err(Refusal::ApiKeyRevoked);
        }
        Ok(Bearer { text, stamp, entry })
    }

    /// The text of the response's `Authorization` header. If it holds a new token, the presented
    /// token may be retired.
    pub(super) fn renew(&mut self, bearer: &Bearer<'_>, at: Moment) -> Option<String> {
        let form: fn(String) -> String = match self.policy.renewal {
            RenewalForm::None => return None,
            RenewalForm::Blank => return Some(" ".to_owned()),
            RenewalForm::Malformed => return Some(MALFORMED.to_owned()),
            // A header, a payload of `{}`, and a signature that is too long.
            RenewalForm::Oversized => {
                return Some(format!("Bearer eyJhbGciOiJIUzI1NiJ9.e30.{}", "x".repeat(20_000)));
            }
            RenewalForm::Bearer | RenewalForm::Several => |token| format!("Bearer {token}"),
            RenewalForm::LowerCase => |token| format!("bearer {token}"),
            RenewalForm::Colon => |token| format!("Bearer:{token}"),
            RenewalForm::Bare => |token| token,
            RenewalForm::Doubled => |token| format!("Bearer Bearer {token}"),
        };
        if let Rotation::Batch { window, echo } = self.policy.rotation
            && self.ledger.chain(bearer.entry.chain)?.in_window(window, at)
        {
            self.stats.renewals_echoed += 1;
            self.ledger.touch(bearer.entry.chain, at);
            return match echo {
                Echo::Blank => Some(" ".to_owned()),
                Echo::Sent => Some(form(bearer.text.to_owned())),
                Echo::Restamped => self.restamp(bearer, at).map(form),
            };
        }
        self.succeed(bearer, at).map(form)
    }

    /// Issues the successor of a token.
    fn succeed(&mut self, bearer: &Bearer<'_>, at: Moment) -> Option<String> {
        let (minted, expires) = mint::dates(&self.policy, at);
        let issued = match self.policy.iat {
            IssuedAt::Minted => minted,
            IssuedAt::Login => bearer.entry.issued,
        };
        let serial = self.next_serial();
        let generation = self.ledger.advance(bearer.entry.chain, expires, at);
        let entry =
            Entry { generation, serial, issued, expires, known: None, dies: None, ..bearer.entry };
        let (token, stamp) = self.issue(entry, at)?;
        self.stats.renewals_issued += 1;
        if stamp != bearer.stamp {
            match self.policy.rotation {
                Rotation::Lenient | Rotation::Batch { .. } => {}
                Rotation::Strict => self.ledger.retire(bearer.stamp),
                Rotation::Grace(span) => self.ledger.limit(bearer.stamp, at.plus(span)),
            }
        }
        Some(token)
    }

    /// Signs the sent token again, with the expiry of its login's newest token.
    fn restamp(&mut self, bearer: &Bearer<'_>, at: Moment) -> Option<String> {
        let expires = self.ledger.chain(bearer.entry.chain)?.expires;
        let entry = Entry { expires, ..bearer.entry };
        let (token, stamp) = self.sign(entry)?;
        if self.ledger.find(stamp).is_none() {
            self.ledger.enter(stamp, entry, at);
        }
        Some(token)
    }

    fn issue(&mut self, entry: Entry, at: Moment) -> Option<(String, Stamp)> {
        let (token, stamp) = self.sign(entry)?;
        self.ledger.enter(stamp, entry, at);
        Some((token, stamp))
    }

    fn sign(&self, entry: Entry) -> Option<(String, Stamp)> {
        let key = self.keys.at(entry.key)?;
        let Entry { serial, issued, expires, .. } = entry;
        let facts = Facts { subject: key.id.expose(), serial, issued, expires };
        let token = mint::sign(
            facts,
            self.policy.claims,
            self.policy.algorithm,
            self.signing_secret(key, self.second),
        )?;
        let stamp = Stamp::of(&token)?;
        Some((token, stamp))
    }

    fn signing_secret<'a>(&'a self, key: &'a Key, second: bool) -> &'a str {
        match &self.signing {
            _ if second => self.next_key.expose(),
            Signing::ClientSecret => key.secret.expose(),
            Signing::Own(secret) => secret.expose(),
        }
    }

    fn next_serial(&mut self) -> u64 {
        self.minted += 1;
        self.minted
    }
}
