//! A fleet that shares a token: its stores, and every event of sharing.

use std::time::{Duration, SystemTime};

use waldo_auth_client::SharedSession;
use waldo_auth_core::{
    Call, Config, Credentials, Head, Now, Outcome, Reason, Session, SharedFailure, Snapshot, Step,
    StoreAnswer, StoreProblem, StoreState, Unavailable,
};
use waldo_emulator::Emulator;
use waldo_store::{Ask, Claim, Member, MemoryStore, Report, Store, StoreError, Tell};
use waldo_store_redis::{AsyncRedisStore, RedisStore, Tls};
use waldo_ureq::http::{HeaderMap, Request, StatusCode};
use waldo_ureq::{Client, CredentialSource};

use crate::canaries::{KEY, OTHER_SECRET, SECRET};
use crate::client::server;
use crate::ears::EARS;

pub(crate) fn plays() {
    let store = MemoryStore::new();
    two_clients();
    let mut session = one_login(&store);
    every_event(&mut session);
    stores(&store);
}

fn now() -> Now {
    Now::new(Duration::from_secs(1), SystemTime::now())
}

/// Two clients with one store, and one whose key pair has another secret.
fn two_clients() {
    let emulator = Emulator::start(server()).unwrap();
    let store = std::sync::Arc::new(MemoryStore::new());
    for secret in [SECRET, SECRET, OTHER_SECRET] {
        let source = CredentialSource::new(move || Credentials::new(KEY, secret));
        EARS.hear(&source);
        let client = Client::builder(Credentials::new(KEY, secret).unwrap())
            .origin(emulator.origin())
            .store(store.clone())
            .build()
            .unwrap();
        let result = client.get("/customer?field=id").call();
        EARS.read(client.explain());
        EARS.hear(&client.counters());
        drop(result.map_err(|error| EARS.hear_error(&error)));
    }
    let config = Config::builder(emulator.origin(), Credentials::new(KEY, SECRET).unwrap());
    let session = SharedSession::new(config.build().unwrap());
    let store: std::sync::Arc<dyn Store> = store;
    let sharing = waldo_auth_client::Sharing::new(session.clone(), store);
    EARS.hear(&sharing);
    session.invalidate(session.generation());
    let mut request = Request::get(format!("{}/customer", emulator.origin())).body(()).unwrap();
    // The document is of another secret, so this session gets the lease.
    let admission = session.admit(Call::replayable(), &mut request).unwrap();
    let waldo_auth_client::Admission::Authenticate(lead, _wait) = admission else {
        panic!("{admission:?}")
    };
    let (lead, reporter) = sharing.claim(lead).unwrap();
    EARS.hear(&lead);
    EARS.hear(&reporter);
}

/// The steps of a claim and a report, each formatted.
fn one_login(store: &MemoryStore) -> Session {
    let credentials = Credentials::new(KEY, SECRET).unwrap();
    let config = Config::builder("https://api.waldo.ai", credentials).build().unwrap();
    let mut session = Session::new(config);
    let mut member = Member::of(&session, 7);
    EARS.hear(&member);
    let mut request = Request::get("https://api.waldo.ai/").body(()).unwrap();
    let step = session.admit(Call::replayable(), &mut request, now()).unwrap();
    let Step::Authenticate(login, _) = step else { panic!("{step:?}") };
    let span = Duration::from_secs(30);
    let (mut claim, mut ask) = Claim::begin(&mut member, &mut session, span, now());
    while let Ask::Read | Ask::Replace(_) = &ask {
        EARS.hear(&claim);
        EARS.hear(&ask);
        EARS.hear(claim.key());
        EARS.read(claim.key());
        ask = if let Ask::Replace(new) = ask {
            EARS.hear(&new);
            let answer = store.replace(claim.key(), new.seen.as_deref(), &new.document, new.keep);
            claim.replaced(&mut member, &mut session, answer, now())
        } else {
            let answer = store.read(claim.key());
            EARS.hear(answer.as_ref().unwrap());
            claim.read(&mut member, &mut session, answer, now())
        };
    }
    let body = br#"{"token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5"}"#;
    crate::canaries::plant("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5");
    let outcome = login.read(Head::new(StatusCode::OK, &HeaderMap::new()), body);
    session.settle(login, outcome, now());
    let mut report = Report::of_login(&claim, &mut member, &session, now()).unwrap();
    let mut tell = Some(Tell::Read);
    while let Some(next) = tell {
        EARS.hear(&report);
        EARS.hear(&next);
        tell = match next {
            Tell::Read => {
                let answer = store.read(report.key());
                report.read(&mut member, &mut session, answer, now())
            }
            Tell::Replace(new) => {
                let seen = new.seen.as_deref();
                let answer = store.replace(report.key(), seen, &new.document, new.keep);
                report.replaced(&mut member, &mut session, answer, now())
            }
        };
    }
    EARS.hear(&member);
    session
}

/// Causes each event of sharing, and formats the journal.
fn every_event(session: &mut Session) {
    let before = session.journal().written();
    for store in [
        StoreState::Away(StoreProblem::Denied),
        StoreState::Shared,
        StoreState::Private,
        StoreState::None,
    ] {
        EARS.hear(&store);
        session.set_store(store, now());
    }
    session.count_store(StoreAnswer::Token);
    EARS.hear(&StoreAnswer::Token);
    EARS.hear(&StoreProblem::Denied);
    EARS.read(StoreProblem::Denied);
    session.note_unreadable_store(now());
    session.note_single_session(now());
    session.owe_invalidations(Duration::from_secs(60), now());
    let snapshot: Snapshot = session.snapshot(now()).unwrap();
    EARS.hear(&snapshot);
    session.reset(Credentials::new(KEY, OTHER_SECRET).unwrap(), now());
    let lead = |session: &mut Session| {
        let mut request = Request::get("https://api.waldo.ai/").body(()).unwrap();
        match session.admit(Call::replayable(), &mut request, now()).unwrap() {
            Step::Authenticate(login, _) => login,
            step @ (Step::Send(_) | Step::Wait(..) | Step::Refuse(_)) => panic!("{step:?}"),
        }
    };
    let mut login = lead(session);
    session.restart(&mut login, now());
    let timeout = Outcome::Unavailable(Unavailable::new(Reason::Timeout));
    session.settle(login, timeout, now());
    let failure: SharedFailure = session.failure(now()).unwrap().with_wait(Duration::ZERO);
    EARS.hear(&failure);
    EARS.read(failure.to_json());
    session.reset(Credentials::new(KEY, SECRET).unwrap(), now());
    session.adopt_failure(&failure, now());
    let login = lead(session);
    session.settle(login, Outcome::FailedElsewhere(failure), now());
    session.reset(Credentials::new(KEY, OTHER_SECRET).unwrap(), now());
    session.reset(Credentials::new(KEY, SECRET).unwrap(), now());
    let login = lead(session);
    let stored = snapshot.to_json().replace("c2lnbmF0dXJlY2FuYXJ5", "YW5vdGhlcmNhbmFyeQ");
    crate::canaries::plant("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.YW5vdGhlcmNhbmFyeQ");
    session.resume(&Snapshot::from_json(stored.as_bytes()).unwrap(), now()).unwrap();
    session.settle(login, Outcome::Abandoned, now());
    for entry in session.journal().since(before) {
        EARS.hear(entry);
        EARS.read(entry.event);
        EARS.note_event(entry.event.name());
    }
}

fn stores(store: &MemoryStore) {
    EARS.hear(store);
    let report = waldo_conformance::store::certify(store);
    EARS.hear(&report);
    EARS.read(&report);
    EARS.hear_error(&StoreError::new(StoreProblem::Full, "the disk is full"));
    // The canary is the password of the URL.
    let url = format!("redis://user:{KEY}@127.0.0.1:1/0").replace(['/', '+'], "");
    let url = url.replacen("redis:", "redis://", 1).replace("@127.0.0.1:10", "@127.0.0.1:1");
    let redis = RedisStore::new(&url).unwrap();
    EARS.hear(&redis);
    EARS.hear(&AsyncRedisStore::new(&url).unwrap());
    EARS.hear_error(&redis.read(&waldo_store::Key::of_hash([1; 16])).unwrap_err());
    let unusable = RedisStore::new(&format!("http://user:{SECRET}@127.0.0.1")).unwrap_err();
    EARS.hear_error(&unusable);

    EARS.hear(&Tls::trusting(include_bytes!("root.pem")).unwrap());
    EARS.hear_error(&Tls::trusting(SECRET.as_bytes()).unwrap_err());
}
