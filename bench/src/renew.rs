//! The cost of holding the renewed token of a response.
//!
//! All contenders of a group use the same number of distinct tokens. Each batch makes new header
//! values, so that their bytes are not shared yet, as in an HTTP stack.

use std::hint::black_box;
use std::sync::{Arc, Once};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Request};
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous};
use sha2::Sha256;
use waldo_auth_core::Attempt;

use crate::contender::{Batch, Contender};
use crate::group::Group;
use crate::jwt::{self, Chain, Claims, SECRET};
use crate::limit::Limit::{AtMost, Times};
use crate::subject::{self, Core};

/// The sizes of the tokens, in bytes.
const SIZES: [usize; 3] = [180, 400, 1500];

/// The number of distinct tokens in a batch.
const TOKENS: usize = 512;

/// The number of times that a batch uses each token. One time would be so short that reading the
/// clock would count.
const WALKS: usize = 16;

/// The number of tokens that a session has held before it is measured. They fill the journal, as in
/// real use.
const SEASONING: usize = 128;

/// The groups for each size: a repeated token, a new token, and a new token whose signature is
/// checked.
pub fn groups() -> impl Iterator<Item = Group> {
    SIZES.into_iter().flat_map(|size| [repeated(size), unverified(size), verified(size)])
}

/// A response that repeats the held token.
pub fn repeated(size: usize) -> Group {
    let held: Arc<str> = jwt::mint(size, 0).into();
    let token = Arc::clone(&held);
    let compare = Contender::new("floor: memcmp", move |operations| Compare {
        operations,
        held: Arc::clone(&token),
        values: values((0..TOKENS).map(|_| &*token)),
    });
    let conclude = Contender::new("waldo-auth-core: conclude", move |operations| {
        let responses = responses((0..TOKENS).map(|_| &*held), true);
        Conclude::prepare(Core::holding(&held), operations, responses, 0)
    });
    let conclude = if size == 400 { conclude.instructions(AtMost(400.0)) } else { conclude };
    Group::new(
        format!("B1-{size}"),
        format!("A response repeats the held token of {size} bytes"),
        compare,
    )
    .with(conclude.allocations(AtMost(0.0)))
    .in_batches_of(TOKENS * WALKS)
}

/// A response with a new token, without a signature check.
pub fn unverified(size: usize) -> Group {
    let chain = Arc::new(Chain::new(size, 1 + SEASONING + TOKENS));
    let conclude = |name, dated| {
        let chain = Arc::clone(&chain);
        Contender::new(name, move |operations| {
            Conclude::of_chain(Core::holding, &chain, operations, dated)
        })
    };
    // The smaller the token, the larger is the share of the work for the response itself.
    let most = match size {
        ..300 => 1.6,
        300..1000 => 1.15,
        1000.. => 0.8,
    };
    Group::new(
        format!("B2-{size}"),
        format!("A response brings a new token of {size} bytes"),
        walk("floor: base64 and serde_json, on the stack", &chain, read_on_stack),
    )
    .with(
        conclude("waldo-auth-core: conclude", true)
            .instructions(Times(most))
            .allocations(AtMost(1.0)),
    )
    .with(conclude("waldo-auth-core: conclude, no Date in the response", false))
    .with(walk("jsonwebtoken 11: insecure_decode", &chain, |token: &str| {
        black_box(dangerous::insecure_decode::<Claims>(token).unwrap().claims);
    }))
    .in_batches_of(TOKENS)
}

/// A response with a new token, signed with the client secret.
pub fn verified(size: usize) -> Group {
    // An emulator in this process may already have installed its provider.
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| DEFAULT_PROVIDER.install_default().unwrap());
    let chain = Arc::new(Chain::new(size, 1 + SEASONING + TOKENS));
    let shared = Arc::clone(&chain);
    let most = match size {
        ..300 => 1.65,
        300..1000 => 1.5,
        1000.. => 1.35,
    };
    let keyed = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let (key, validation) =
        (DecodingKey::from_secret(SECRET.as_bytes()), Validation::new(Algorithm::HS256));
    Group::new(
        format!("B3-{size}"),
        format!("A response brings a new token of {size} bytes, its signature checked"),
        walk("floor: the HMAC alone", &chain, move |token: &str| {
            let (signed, _) = token.rsplit_once('.').unwrap();
            black_box(keyed.clone().chain_update(signed).finalize().into_bytes());
        }),
    )
    .with(
        Contender::new("waldo-auth-core: conclude", move |operations| {
            Conclude::of_chain(Core::verifying, &shared, operations, true)
        })
        .instructions(Times(most))
        .allocations(AtMost(1.0)),
    )
    .with(walk("jsonwebtoken 11: decode, rust_crypto", &chain, move |token: &str| {
        black_box(jsonwebtoken::decode::<Claims>(token, &key, &validation).unwrap().claims);
    }))
    .in_batches_of(TOKENS)
}

/// The usual way to read both dates.
fn read_on_stack(token: &str) {
    let payload = token.split('.').nth(1).unwrap();
    let mut buffer = [0; 2048];
    let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut buffer).unwrap();
    dates(buffer.get(..length).unwrap_or_default());
}

fn dates(payload: &[u8]) {
    let claims: Claims = serde_json::from_slice(payload).unwrap();
    black_box((claims.exp, claims.iat));
}

fn values<'a>(tokens: impl Iterator<Item = &'a str>) -> Vec<HeaderValue> {
    tokens.map(|token| HeaderValue::try_from(format!("Bearer {token}")).unwrap()).collect()
}

fn responses<'a>(tokens: impl Iterator<Item = &'a str>, dated: bool) -> Vec<HeaderMap> {
    let response = |token| {
        let mut headers = HeaderMap::with_capacity(8);
        if dated {
            headers.insert(DATE, HeaderValue::from_static(jwt::DATE));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("190"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(AUTHORIZATION, token);
        headers
    };
    values(tokens).into_iter().map(response).collect()
}

/// Compares the response with the held token, and does nothing else.
struct Compare {
    operations: usize,
    held: Arc<str>,
    values: Vec<HeaderValue>,
}

impl Batch for Compare {
    fn perform(&mut self) {
        for value in self.values.iter().cycle().take(self.operations) {
            let token = value.as_bytes().get("Bearer ".len()..).unwrap_or_default();
            assert!(black_box(token) == black_box(self.held.as_bytes()));
        }
    }
}

/// Runs an operation with each token of a chain that a session would hold.
fn walk(
    name: &str,
    chain: &Arc<Chain>,
    read: impl Fn(&str) + Clone + Send + Sync + 'static,
) -> Contender {
    let chain = Arc::clone(chain);
    Contender::new(name, move |operations| {
        let tokens = chain.tokens().iter().skip(1 + SEASONING).take(operations).cloned().collect();
        Walk { tokens, read: read.clone() }
    })
}

struct Walk<R> {
    tokens: Vec<String>,
    read: R,
}

impl<R: Fn(&str)> Batch for Walk<R> {
    fn perform(&mut self) {
        for token in &self.tokens {
            (self.read)(black_box(token));
        }
    }
}

/// Responses for the core, each with its attempt.
struct Conclude {
    core: Core,
    attempts: Vec<Attempt>,
    responses: Vec<HeaderMap>,
    /// The number of tokens that the session must have held at the end.
    generations: u64,
}

impl Conclude {
    fn prepare(
        mut core: Core,
        operations: usize,
        responses: Vec<HeaderMap>,
        renewals: usize,
    ) -> Self {
        let mut request = Request::get(subject::ORIGIN).body(()).unwrap();
        let attempts = (0..operations).map(|_| core.attach(&mut request)).collect();
        let generations = core.generation() + renewals as u64;
        Self { core, attempts, responses, generations }
    }

    /// All attempts carry the present token, and each response brings a token that ends later, so
    /// each token is held.
    fn of_chain(
        holding: impl Fn(&str) -> Core,
        chain: &Chain,
        operations: usize,
        dated: bool,
    ) -> Self {
        let mut tokens = chain.tokens().iter().map(String::as_str);
        let core = holding(tokens.next().unwrap());
        let seasoning = responses(tokens.by_ref().take(SEASONING), dated);
        let mut season = Self::prepare(core, SEASONING, seasoning, SEASONING);
        season.perform();
        season.check();
        let responses = responses(tokens.take(operations), dated);
        assert_eq!(responses.len(), operations, "there must be a token for each operation");
        Self::prepare(season.core, operations, responses, operations)
    }
}

impl Batch for Conclude {
    fn perform(&mut self) {
        for (attempt, response) in self.attempts.drain(..).zip(self.responses.iter().cycle()) {
            self.core.conclude(attempt, black_box(response));
        }
    }

    fn check(&self) {
        assert_eq!(
            self.core.generation(),
            self.generations,
            "the session must hold each response's token once"
        );
    }
}
