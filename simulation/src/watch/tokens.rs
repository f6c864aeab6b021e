//! The tokens of a run, and the facts that a client can know of each.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{AGE, DATE};
use serde::Deserialize;
use waldo_auth_core::Now;

/// The number of tokens that are remembered. No part of a simulation holds an older token.
const REMEMBERED: usize = 512;

/// The lifetime of a token that does not show one: the documented hour.
const DOCUMENTED: Duration = Duration::from_secs(60 * 60);

/// The longest lifetime that is believed if it depends on the local wall clock.
const BELIEVABLE: Duration = Duration::from_secs(24 * 60 * 60);

/// A token of the run. The server's first token has the number 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TokenId(pub u64);

/// The facts of a token, from its text and from its source.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) text: String,
    /// `exp`, in seconds of Unix time.
    pub(crate) exp: Option<f64>,
    iat: Option<f64>,
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
}

/// All tokens that a run has seen the server issue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    ids: HashMap<String, TokenId>,
    facts: VecDeque<Fact>,
    issued: u64,
}

impl Tokens {
    /// Enters a token that the server has just issued. A byte-identical token keeps its earlier
    /// number.
    pub(crate) fn enter(&mut self, text: &str) -> TokenId {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(text);
        let (exp, iat) = claims.map_or((None, None), |claims| (claims.exp, claims.iat));
        self.issued += 1;
        let id = TokenId(self.issued);
        self.ids.insert(text.to_owned(), id);
        self.facts.push_back(Fact { text: text.to_owned(), exp, iat });
        if self.facts.len() > REMEMBERED
            && let Some(oldest) = self.facts.pop_front()
        {
            self.ids.remove(&oldest.text);
        }
        id
    }

    /// The token with this text.
    pub(crate) fn find(&self, text: &str) -> Option<TokenId> {
        self.ids.get(text).copied()
    }

    pub(crate) fn fact(&self, id: TokenId) -> Option<&Fact> {
        let forgotten = self.issued - self.facts.len() as u64;
        let index = id.0.checked_sub(forgotten + 1)?;
        self.facts.get(usize::try_from(index).ok()?)
    }

    /// The token in a snapshot, as written for a store, and what can be known of its lifetime.
    pub(crate) fn stored(&self, json: &str, now: Now) -> Option<(TokenId, Lifetime)> {
        #[derive(Deserialize)]
        struct Stored {
            token: String,
            began_ms: u64,
            lifetime_ms: u64,
        }
        let stored: Stored = serde_json::from_str(json).ok()?;
        let began = UNIX_EPOCH + Duration::from_millis(stored.began_ms);
        let spent = now.wall.duration_since(began).unwrap_or_default();
        Some((
            self.find(&stored.token)?,
            Lifetime { sent: now, span: Duration::from_millis(stored.lifetime_ms), spent },
        ))
    }

    /// The remembered texts, for a search in places where no token may occur.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().map(|fact| fact.text.as_str())
    }

    /// What a client can know of the lifetime of a token that came with these headers, in the
    /// answer to a request sent at `sent` (rule 10).
    pub(crate) fn lifetime(&self, id: TokenId, headers: &HeaderMap, sent: Now) -> Lifetime {
        let span = self.fact(id).and_then(|fact| {
            let exp = fact.exp?;
            let after = |earlier: f64| {
                let millis = ((exp - earlier) * 1000.0).floor();
                (millis > 0.0).then(|| Duration::from_secs_f64(millis / 1000.0))
            };
            let by_date = own_date(headers).and_then(after);
            let by_iat = fact.iat.and_then(after);
            let by_wall = || after(unix(sent.wall)).filter(|span| *span <= BELIEVABLE);
            by_date.into_iter().chain(by_iat).min().or_else(by_wall)
        });
        Lifetime { sent, span: span.unwrap_or(DOCUMENTED), spent: Duration::ZERO }
    }
}

fn own_date(headers: &HeaderMap) -> Option<f64> {
    if headers.contains_key(AGE) {
        return None;
    }
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok().map(unix)
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// How long a token lasts, as a client can know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lifetime {
    pub(crate) sent: Now,
    pub(crate) span: Duration,
    pub(crate) spent: Duration,
}

impl Lifetime {
    /// How much is left. The clock on which more time has passed counts.
    pub(crate) fn left(self, now: Now) -> Duration {
        let monotonic = now.monotonic.saturating_duration_since(self.sent.monotonic);
        let wall = now.wall.duration_since(self.sent.wall).unwrap_or_default();
        self.span.saturating_sub(self.spent).saturating_sub(monotonic.max(wall))
    }

    /// Whether the token may be used for a call: more than the leeway is left, 3 s or a tenth of
    /// the lifetime (rule 11).
    pub(crate) fn usable(self, now: Now) -> bool {
        self.left(now) > Duration::from_secs(3).min(self.span / 10)
    }

    /// Whether the token may be used for a one-shot call: the leeway is 5 min, or a quarter of the
    /// lifetime.
    pub(crate) fn usable_for_one_shot(self, now: Now) -> bool {
        self.left(now) > Duration::from_secs(5 * 60).min(self.span / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_newest_tokens_are_remembered_by_number() {
        let mut tokens = Tokens::default();
        let total = REMEMBERED as u64 + 3;
        for serial in 0..total {
            assert_eq!(tokens.enter(&format!("{serial}.e30.x")), TokenId(serial + 1));
        }
        let text = |id| tokens.fact(TokenId(id)).map(|fact| fact.text.clone());
        assert_eq!(text(3), None);
        assert_eq!(text(4), Some("3.e30.x".to_owned()));
        assert_eq!(text(total), Some(format!("{}.e30.x", total - 1)));
        assert_eq!(text(total + 1), None);
        assert_eq!(tokens.find("2.e30.x"), None);
        assert_eq!(tokens.find("3.e30.x"), Some(TokenId(4)));
        assert_eq!(tokens.enter("3.e30.x"), TokenId(4), "the same text is the same token");
    }

    fn at(seconds: u64) -> Now {
        let since = Duration::from_secs(seconds);
        Now::new(since, UNIX_EPOCH + since)
    }

    #[test]
    fn stored_token_lifetime_counts_from_its_start() {
        let mut tokens = Tokens::default();
        tokens.enter("1.e30.x");
        let stored = r#"{"token": "1.e30.x", "began_ms": 4000, "lifetime_ms": 60000}"#;
        let lifetime =
            Lifetime { sent: at(10), span: Duration::from_secs(60), spent: Duration::from_secs(6) };
        assert_eq!(tokens.stored(stored, at(10)), Some((TokenId(1), lifetime)));
    }

    /// The shorter one of the lifetimes by `Date` and by `iat` counts. Without both, the wall clock
    /// counts.
    #[test]
    fn a_lifetime_is_known_from_its_surest_source() {
        let exp = "eyJleHAiOjg2NDAwfQ"; // {"exp":86400}
        let both = "eyJleHAiOjg2NDAwLCJpYXQiOjg2MDAwfQ"; // {"exp":86400,"iat":86000}
        for (claims, date, age, sent, span) in [
            (exp, None, false, 86_000, 400),
            (exp, None, false, 0, 86_400),
            (exp, None, false, 86_400, 3600),
            (exp, Some(86_200), false, 86_000, 200),
            (exp, Some(86_200), true, 86_000, 400),
            (both, None, false, 0, 400),
            (both, Some(86_300), false, 0, 100),
            (both, Some(85_000), false, 0, 400),
        ] {
            let mut tokens = Tokens::default();
            let id = tokens.enter(&format!("eyJhbGciOiJIUzI1NiJ9.{claims}.x"));
            let mut headers = HeaderMap::new();
            if let Some(date) = date {
                let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(date));
                headers.insert(DATE, date.parse().unwrap());
            }
            if age {
                headers.insert(AGE, "1".parse().unwrap());
            }
            let lifetime = tokens.lifetime(id, &headers, at(sent));
            assert_eq!(lifetime.span, Duration::from_secs(span), "{claims} {date:?} {age} {sent}");
        }
    }

    #[test]
    fn wall_clock_lifetime_over_one_day_is_ignored() {
        let mut tokens = Tokens::default();
        let id = tokens.enter("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjg2NDAxfQ.x"); // {"exp":86401}
        assert_eq!(tokens.lifetime(id, &HeaderMap::new(), at(0)).span, DOCUMENTED);
    }

    #[test]
    fn a_short_lifetime_is_usable_down_to_its_share() {
        let lifetime = |span| Lifetime {
            sent: at(10),
            span: Duration::from_secs(span),
            spent: Duration::ZERO,
        };
        assert!(lifetime(20).usable(at(27)) && !lifetime(20).usable(at(28)));
        assert!(
            lifetime(60).usable_for_one_shot(at(54)) && !lifetime(60).usable_for_one_shot(at(55))
        );
    }
}
