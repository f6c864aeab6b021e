//! What a session tells: of its journal, to `tracing`; of a login, to the server; of a refusal, to the caller.

use std::error::Error as _;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use http::{Method, Response};
use tracing::field::{Field, Visit};
use tracing::subscriber::NoSubscriber;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use waldo_auth_shared::core::{Call, Credentials, Snapshot, Verdict};
use waldo_auth_shared::{Admission, SharedSession, config};

use crate::site::{admit, grant, lead, wait};

/// One that refuses a call after its first failure.
fn hasty() -> SharedSession {
    SharedSession::new(config(Credentials::new("k", "s").unwrap()).failures_per_call(1).build().unwrap())
}

/// Numbers, names and levels of the events, in the order in which they were heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(u64, String, Level)>>>);

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        assert_eq!(event.metadata().target(), "waldo_auth");
        let mut fields = Fields::default();
        event.record(&mut fields);
        assert!(!fields.message.is_empty());
        self.0.lock().unwrap().push((fields.number, fields.event, *event.metadata().level()));
    }
}

#[derive(Default)]
struct Fields {
    number: u64,
    event: String,
    message: String,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        assert_eq!(field.name(), "number");
        self.number = value;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        assert_eq!(field.name(), "event");
        value.clone_into(&mut self.event);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        assert_eq!(field.name(), "message");
        self.message = format!("{value:?}");
    }
}

#[test]
fn rule_22_each_entry_of_the_journal_is_told_once_by_its_level() {
    let heard = Heard::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(heard.clone()), || {
        let session = hasty();
        let leader = lead(&session);
        let follower = wait(&session, Call::replayable());
        grant(leader);
        drop(follower.block());
        session.invalidate(session.generation());
        lead(&session).fail("no route to host");
        let (snapshot, other) = (stored(), hasty());
        other.resume(&snapshot).unwrap();
        let Admission::Send(attempt) = admit(&other, Call::replayable()) else { panic!("a token is held") };
        let mut response = Response::new(());
        response.headers_mut().insert(AUTHORIZATION, "Bearer e30.e30.bmV3".parse().unwrap());
        assert!(matches!(other.conclude(attempt, &mut response), Verdict::Deliver));
    });
    let heard = heard.0.lock().unwrap().clone();
    let told: Vec<_> = heard.iter().map(|(number, name, level)| (*number, name.as_str(), *level)).collect();
    assert_eq!(
        told,
        [
            (1, "login_started", Level::DEBUG),
            (2, "joined", Level::TRACE),
            (3, "login_granted", Level::INFO),
            (4, "invalidated", Level::INFO),
            (5, "login_started", Level::DEBUG),
            (6, "login_unavailable", Level::WARN),
            (1, "resumed", Level::INFO),
            (2, "adopted", Level::TRACE),
        ]
    );
}

/// A token in a store, of a session that nobody hears.
fn stored() -> Snapshot {
    tracing::subscriber::with_default(NoSubscriber::new(), || {
        let session = hasty();
        grant(lead(&session));
        session.snapshot().unwrap()
    })
}

/// A subscriber that panics on top of a panic would end the process.
#[test]
fn rule_22_what_happens_while_a_thread_unwinds_is_told_with_the_next_step() {
    let heard = Heard::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(heard.clone()), || {
        let session = hasty();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _lead = lead(&session);
            panic!("on purpose");
        }));
        assert!(unwound.is_err());
        assert!(heard.0.lock().unwrap().is_empty());
        session.explain();
    });
    let names: Vec<_> = heard.0.lock().unwrap().iter().map(|(_, name, _)| name.clone()).collect();
    assert_eq!(names, ["login_started", "login_unavailable"]);
}

#[test]
fn rule_01_a_lead_says_what_to_send() {
    let session = hasty();
    let request = lead(&session).request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://api.waldo.ai/authenticate");
    assert!(!request.headers().contains_key("authorization"));
    assert!(request.body().len() > 10, "it holds the key pair");
}

#[test]
fn rule_14_a_refusal_says_where_why_and_when() {
    let session = hasty();
    let Admission::Authenticate(lead, wait) = admit(&session, Call::replayable()) else {
        panic!("nothing is held, and nobody leads")
    };
    lead.fail("no route to host");
    let Admission::Refuse(refused) = admit(&session, wait.block()) else { panic!("one failure is enough") };
    let text = refused.to_string();
    assert!(text.starts_with("https://api.waldo.ai: ") && text.contains("; try again in "), "{text}");
    assert_eq!(refused.source().unwrap().to_string(), "no route to host");
}
