//! A session whose key pair comes from a source.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use http::{HeaderMap, StatusCode};
use waldo_auth_client::{
    Admission, Call, CredentialSource, Credentials, Head, Lead, SharedSession, config,
};

use crate::site::{admit, grant, lead, wait};

/// What the source gives: the secret of a pair, an error, or a panic.
#[derive(Clone, Copy)]
enum Given {
    Secret(&'static str),
    Error,
    Panic,
}

/// A source that gives what the test sets, and counts how often it was asked.
#[derive(Clone)]
struct Source {
    given: Arc<Mutex<Given>>,
    asked: Arc<AtomicUsize>,
}

fn pair(secret: &str) -> Credentials {
    Credentials::new("wk.1", secret).unwrap()
}

impl Source {
    fn new(given: Given) -> Self {
        Self { given: Arc::new(Mutex::new(given)), asked: Arc::default() }
    }

    fn give(&self, given: Given) {
        *self.given.lock().unwrap() = given;
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    /// A session with the pair of the secret `ws.first`.
    fn session(&self) -> SharedSession {
        let (given, asked) = (Arc::clone(&self.given), Arc::clone(&self.asked));
        let source = CredentialSource::new(move || {
            asked.fetch_add(1, SeqCst);
            let given = *given.lock().unwrap();
            match given {
                Given::Secret(secret) => Ok(pair(secret)),
                Given::Error => Err("the vault is sealed"),
                Given::Panic => panic!("on purpose"),
            }
        });
        SharedSession::with_source(config(pair("ws.first")).build().unwrap(), source)
    }
}

fn reject(lead: Lead) {
    let head = HeaderMap::new();
    lead.answer(Head::new(StatusCode::UNAUTHORIZED, &head), br#"{"code":"INVALID_API_KEY"}"#);
}

/// The secret that a login sends.
fn secret_of(lead: &Lead) -> String {
    let body = String::from_utf8(lead.request().into_body()).unwrap();
    body.rsplit('"').nth(1).unwrap().to_owned()
}

fn is_rejected(session: &SharedSession) -> bool {
    match admit(session, Call::replayable()) {
        Admission::Refuse(refused) => refused.is_rejected(),
        Admission::Send(_) | Admission::Authenticate(..) | Admission::Wait(_) => false,
    }
}

#[test]
fn rule_15_waiting_calls_go_on_with_another_pair_of_the_source() {
    let source = Source::new(Given::Secret("ws.second"));
    let session = source.session();
    let leader = lead(&session);
    assert_eq!(secret_of(&leader), "ws.first");
    let follower = wait(&session, Call::replayable());
    reject(leader);
    let Admission::Authenticate(leader, _) = admit(&session, follower.block()) else {
        panic!("expected a login with the other pair")
    };
    assert_eq!((secret_of(&leader), source.asked()), ("ws.second".to_owned(), 1));
    grant(leader);
    assert!(matches!(admit(&session, Call::replayable()), Admission::Send(_)));
    let names: Vec<_> = session
        .inspect(|session, _| session.journal().since(0).map(|entry| entry.event.name()).collect());
    assert_eq!(
        names,
        [
            "login_started",
            "coalesced",
            "login_rejected",
            "circuit_opened",
            "reset",
            "login_started",
            "login_granted"
        ]
    );
}

#[test]
fn rule_15_rejection_stands_if_source_gives_no_other_pair() {
    for given in [Given::Secret("ws.first"), Given::Error] {
        let source = Source::new(given);
        let session = source.session();
        reject(lead(&session));
        assert!(is_rejected(&session) && source.asked() == 1);
    }
}

#[test]
fn rule_15_wrong_pairs_in_turn_cause_one_further_login() {
    let source = Source::new(Given::Secret("ws.second"));
    let session = source.session();
    reject(lead(&session));
    source.give(Given::Secret("ws.first"));
    reject(lead(&session));
    assert!(is_rejected(&session));
    assert_eq!((source.asked(), session.counters().logins_started), (1, 2));
}

#[test]
fn rule_15_each_granted_pair_can_be_replaced_again() {
    let source = Source::new(Given::Secret("ws.second"));
    let session = source.session();
    reject(lead(&session));
    grant(lead(&session));
    session.invalidate(session.generation());
    source.give(Given::Secret("ws.third"));
    reject(lead(&session));
    assert_eq!(secret_of(&lead(&session)), "ws.third");
}

#[test]
fn rule_15_source_is_asked_again_after_a_reset_of_the_user() {
    let source = Source::new(Given::Secret("ws.second"));
    let session = source.session();
    reject(lead(&session));
    session.reset(pair("ws.user"));
    reject(lead(&session));
    assert_eq!((secret_of(&lead(&session)), source.asked()), ("ws.second".to_owned(), 2));
}

/// The user's pair is newer than the rejected one, so the source does not replace it.
#[test]
fn rule_15_a_late_rejection_does_not_replace_the_pair_of_the_user() {
    let source = Source::new(Given::Secret("ws.second"));
    let session = source.session();
    let late = lead(&session);
    session.reset(pair("ws.user"));
    reject(late);
    assert_eq!(secret_of(&lead(&session)), "ws.user");
}

#[test]
fn rule_13_a_source_that_panics_fails_its_login() {
    let source = Source::new(Given::Panic);
    let session = source.session();
    let leader = lead(&session);
    assert!(catch_unwind(AssertUnwindSafe(|| reject(leader))).is_err());
    let counters = session.counters();
    assert_eq!((counters.logins_unavailable, counters.logins_rejected), (1, 0));
}

#[test]
fn a_login_that_is_not_rejected_does_not_ask_the_source() {
    let source = Source::new(Given::Secret("ws.second"));
    let session = source.session();
    grant(lead(&session));
    session.invalidate(session.generation());
    lead(&session).fail("no route to host");
    assert_eq!(source.asked(), 0);
}

#[test]
fn an_error_of_a_source_keeps_its_words_and_its_causes() {
    let error = CredentialSource::new(|| Err("the vault is sealed")).ask().unwrap_err();
    assert_eq!((error.to_string(), format!("{error:?}")), {
        let text = "the vault is sealed".to_owned();
        (text.clone(), text)
    });
    assert_eq!(format!("{:?}", CredentialSource::env()), "CredentialSource(…)");
}
