//! The cost of attaching a held token.
//!
//! The request has five headers, and the fifth one, `authorization`, is replaced. The least
//! possible work is to clone a shared `HeaderValue` and to insert it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderValue, Request, Response};

use crate::contender::{Batch, Contender};
use crate::group::Group;
use crate::jwt::mint;
use crate::limit::Limit::{AtMost, More};
use crate::subject::{self, Core, Shared, Stored};

/// The size of the token, in bytes. With its scheme it has 250 bytes.
const TOKEN: usize = 243;

/// The size of a renewed token, in bytes.
const RENEWED: usize = 400;

/// The groups: the core alone, the shared session without and with renewals, and with a store.
pub fn groups() -> [Group; 4] {
    [core(), shared(), renewed(), stored()]
}

/// The groups that are timed from two threads too.
pub fn concurrent() -> [Group; 2] {
    [shared(), renewed()]
}

/// The core alone, which gets the time as an argument.
pub fn core() -> Group {
    Group::new("A1", "Attach a held token, the time passed in", floor("floor: clone and insert"))
        .with(floor("floor again (A/A)"))
        .with(
            Contender::repeating("waldo-auth-core: admit", || {
                let (mut core, mut request) = (Core::holding(&mint(TOKEN, 0)), request());
                move || drop(black_box(core.attach(&mut request)))
            })
            .instructions(AtMost(550.0))
            .allocations(AtMost(0.0)),
        )
}

/// The shared session, which reads both clocks.
pub fn shared() -> Group {
    let session = Arc::new(Shared::holding(&mint(TOKEN, 0)));
    let client = Arc::new(subject::client(subject::ORIGIN, &mint(TOKEN, 0), None, None));
    Group::new("A2", "Attach a held token, both clocks read", clocked("floor and both clocks"))
        .with(clocked("floor and both clocks again (A/A)"))
        .with(floor("floor alone"))
        .with(
            Contender::repeating("a shared session", move || {
                let (session, mut request) = (Arc::clone(&session), request());
                move || drop(black_box(session.attach(&mut request)))
            })
            .instructions(AtMost(750.0))
            .allocations(AtMost(0.0)),
        )
        .with(Contender::repeating(
            "waldo-ureq: Client::token, which attaches nothing",
            move || {
                let client = Arc::clone(&client);
                move || drop(black_box(client.token().unwrap()))
            },
        ))
}

/// The documented case: the shared session attaches a token, and each response brings a new one.
pub fn renewed() -> Group {
    let session = Arc::new(Shared::holding(&mint(RENEWED, 0)));
    let renewals = Arc::new(AtomicU64::new(1));
    Group::new(
        "A5",
        "A call whose response brings a new token of 400 bytes, both clocks read",
        Contender::repeating("floor: clone and insert, and both clocks twice", || {
            let (token, mut request) = (bearer(), request());
            move || {
                insert(&mut request, &token);
                black_box((Instant::now(), SystemTime::now()));
                black_box((Instant::now(), SystemTime::now()));
            }
        }),
    )
    .with(
        Contender::new("a shared session", move |operations| {
            let first = renewals.fetch_add(operations as u64, Ordering::Relaxed);
            let response = |number| {
                let token = format!("Bearer {}", mint(RENEWED, first + number));
                Response::builder().header(AUTHORIZATION, token).body(()).unwrap()
            };
            Renew {
                session: Arc::clone(&session),
                request: request(),
                responses: (0..operations as u64).map(response).collect(),
            }
        })
        .allocations(AtMost(1.0)),
    )
    .in_batches_of(1024)
}

/// A call whose response brings no new token, without and with a store.
pub fn stored() -> Group {
    let (plain, stored) = (mint(TOKEN, 0), mint(TOKEN, 0));
    Group::new(
        "A6",
        "A call and its response, with a store",
        Contender::repeating("a shared session without a store", move || {
            let (session, mut request) = (Shared::holding(&plain), request());
            move || {
                let attempt = session.attach(&mut request);
                session.conclude(attempt, black_box(&mut Response::new(())));
            }
        })
        .instructions(AtMost(1500.0))
        .allocations(AtMost(0.0)),
    )
    .with(
        Contender::repeating("a shared session with a store", move || {
            let (session, mut request) = (Stored::holding(&stored), request());
            move || {
                let attempt = session.attach(&mut request);
                session.conclude(attempt, black_box(&mut Response::new(())));
            }
        })
        .instructions(More(100.0))
        .allocations(AtMost(0.0)),
    )
}

/// Calls of a shared session, and their responses.
struct Renew {
    session: Arc<Shared>,
    request: Request<()>,
    responses: Vec<Response<()>>,
}

impl Batch for Renew {
    fn perform(&mut self) {
        for response in &mut self.responses {
            let attempt = self.session.attach(&mut self.request);
            self.session.conclude(attempt, black_box(response));
        }
    }
}

fn floor(name: &str) -> Contender {
    let token = bearer();
    Contender::repeating(name, move || {
        let (token, mut request) = (Arc::clone(&token), request());
        move || insert(&mut request, &token)
    })
}

fn clocked(name: &str) -> Contender {
    let token = bearer();
    Contender::repeating(name, move || {
        let (token, mut request) = (Arc::clone(&token), request());
        move || {
            black_box((Instant::now(), SystemTime::now()));
            insert(&mut request, &token);
        }
    })
}

fn insert(request: &mut Request<()>, token: &HeaderValue) {
    request.headers_mut().insert(AUTHORIZATION, black_box(token).clone());
    black_box(request);
}

/// The header of a token. Its bytes are already shared, as after the first clone.
fn bearer() -> Arc<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", mint(TOKEN, 0))).unwrap();
    value.set_sensitive(true);
    drop(value.clone());
    Arc::new(value)
}

fn request() -> Request<()> {
    Request::get(format!("{}/customer?field=id", subject::ORIGIN))
        .header(USER_AGENT, "waldo-bench")
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
        .header(HeaderName::from_static("x-request-id"), "0123456789abcdef")
        .header(AUTHORIZATION, "Bearer a.b.c")
        .body(())
        .unwrap()
}
