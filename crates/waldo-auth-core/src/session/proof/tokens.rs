//! The tokens of the states, and the responses that carry tokens.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, HeaderValue};

use super::held::{Held, Stage};
use super::state::{State, UNIX};
use crate::token::Source;
use crate::wire;

/// A token that a response, a login or a store brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// The held token.
    Same,
    /// A token that was given up, if the state remembers any.
    GivenUp,
    Malformed,
    /// A token without `exp`.
    NoExp,
    /// It ends before the held token.
    Older,
    /// It ends together with the token that ends last since the login.
    NotLater,
    /// It ends after every other token.
    Newer,
}

impl Offer {
    pub(super) const ALL: [Self; 7] = [
        Self::Same,
        Self::GivenUp,
        Self::Malformed,
        Self::NoExp,
        Self::Older,
        Self::NotLater,
        Self::Newer,
    ];

    /// The token's `exp` in seconds, if the token shows one.
    pub(super) fn exp(self, held: Option<Held>) -> Option<u64> {
        match self {
            Self::Same => held.and_then(|held| held.stage.exp()),
            Self::Malformed | Self::NoExp => None,
            Self::Older => Some(UNIX - 1),
            Self::NotLater => Some(held.and_then(Held::latest_exp).unwrap_or(UNIX + 1)),
            Self::GivenUp => Some(UNIX + 9000),
            Self::Newer => Some(UNIX + 10_000),
        }
    }

    fn jwt(self, held: Option<Held>) -> String {
        if self == Self::Malformed {
            return "from scheme response function".to_owned();
        }
        let exp = self.exp(held).map_or(String::new(), |exp| format!(r#""exp":{exp},"#));
        let payload = format!(r#"{{{exp}"jti":"{self:?}"}}"#);
        format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(payload))
    }
}

/// The head of a response to an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) offers: &'static [Offer],
    /// Whether the tokens stand in one header, with commas between them.
    pub(super) joined: bool,
    /// Whether the server's own `Date` says that the sent token has ended; `None` without a `Date`.
    pub(super) over: Option<bool>,
    pub(super) foreign: bool,
    /// Its index in the list of all responses.
    number: usize,
}

const fn response(status: u16, offers: &'static [Offer]) -> Response {
    Response { status, offers, joined: false, over: None, foreign: false, number: 0 }
}

const RESPONSES: [Response; 22] = [
    response(200, &[]),
    response(200, &[Offer::Same]),
    response(200, &[Offer::GivenUp]),
    response(200, &[Offer::Malformed]),
    response(200, &[Offer::NoExp]),
    response(200, &[Offer::Older]),
    response(200, &[Offer::NotLater]),
    response(200, &[Offer::Newer]),
    response(200, &[Offer::GivenUp, Offer::Newer]),
    Response { joined: true, ..response(200, &[Offer::Malformed, Offer::Newer]) },
    Response { over: Some(false), ..response(204, &[Offer::Newer]) },
    Response { foreign: true, ..response(200, &[]) },
    Response { foreign: true, ..response(200, &[Offer::Newer]) },
    response(403, &[]),
    response(404, &[Offer::Newer]),
    response(503, &[]),
    response(503, &[Offer::Newer]),
    Response { foreign: true, ..response(404, &[]) },
    response(401, &[]),
    Response { over: Some(false), ..response(401, &[Offer::Newer]) },
    Response { over: Some(true), ..response(401, &[]) },
    Response { foreign: true, ..response(401, &[]) },
];

impl Response {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        RESPONSES.into_iter().enumerate().map(|(number, response)| Self { number, ..response })
    }

    /// Whether the session's origin refuses the token.
    pub(super) fn refuses(&self) -> bool {
        self.status == 401 && !self.foreign
    }
}

/// The texts for one held token.
struct Set {
    held: HeaderValue,
    offers: Vec<HeaderValue>,
    responses: Vec<HeaderMap>,
}

/// All texts, made once.
pub(super) struct Tokens {
    sets: Vec<Set>,
}

/// The index of a set: the `exp` of a held token depends on its stage and on its predecessor.
fn index(held: Option<Held>) -> usize {
    held.map_or(0, |held| 1 + 2 * held.stage as usize + usize::from(held.source == Source::Renewal))
}

impl Tokens {
    pub(super) fn new() -> Self {
        let held = Stage::ALL.into_iter().flat_map(|stage| {
            [Source::Login, Source::Renewal]
                .map(|source| Some(Held { stage, source, doubtful: false }))
        });
        Self { sets: std::iter::once(None).chain(held).map(Set::new).collect() }
    }

    /// The header of the held token.
    pub(super) fn held(&self, held: Held) -> &HeaderValue {
        &self.sets[index(Some(held))].held
    }

    /// The header of an offered token.
    pub(super) fn offer(&self, state: &State, offer: Offer) -> &HeaderValue {
        &self.sets[index(state.held)].offers[offer as usize]
    }

    /// The headers of a response.
    pub(super) fn headers(&self, state: &State, response: &Response) -> &HeaderMap {
        &self.sets[index(state.held)].responses[response.number]
    }

    /// Sixteen tokens that were given up.
    pub(super) fn given_up(&self) -> impl Iterator<Item = &[u8]> {
        const OTHERS: [&str; 15] = ["e30.e30.e30"; 15];
        let offer = self.sets[0].offers[Offer::GivenUp as usize].as_bytes();
        OTHERS.map(str::as_bytes).into_iter().chain([wire::bearer_credentials(offer)])
    }
}

impl Set {
    fn new(held: Option<Held>) -> Self {
        let offers = Offer::ALL.map(|offer| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", offer.jwt(held))).unwrap();
            value.set_sensitive(true);
            value
        });
        Self {
            held: offers[Offer::Same as usize].clone(),
            responses: RESPONSES.map(|response| headers(response, held, &offers)).to_vec(),
            offers: offers.to_vec(),
        }
    }
}

fn headers(response: Response, held: Option<Held>, offers: &[HeaderValue]) -> HeaderMap {
    let mut map = HeaderMap::new();
    let values = response.offers.iter().map(|offer| &offers[*offer as usize]);
    if response.joined {
        let texts: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        map.insert(AUTHORIZATION, HeaderValue::try_from(texts.join(", ")).unwrap());
    } else {
        for value in values {
            map.append(AUTHORIZATION, value.clone());
        }
    }
    if let Some(over) = response.over {
        let exp = held.and_then(|held| held.stage.exp()).unwrap_or(UNIX);
        let date = UNIX_EPOCH + Duration::from_secs(exp - u64::from(!over));
        map.insert(DATE, HeaderValue::try_from(httpdate::fmt_http_date(date)).unwrap());
    }
    map
}
