//! Several programs and one store.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use waldo_auth_client::{Explanation, Refusal, StoreProblem, StoreState};
use waldo_emulator::model::{Answer, Fault, Server, Target};
use waldo_emulator::{Emulator, Hold};
use waldo_store::{AsyncStore, Key, MemoryStore, Store, StoreError, StoreFuture, Stored};

use crate::adapter::{Adapter, Call, Kind, Setup};
use crate::listener::Listener;
use crate::site::{Program, TIMEOUT, emulator, on_threads, with_one_login_for_all};

const FLEET: usize = 16;

/// A store in memory that counts what it is asked, and that can be away.
#[derive(Debug)]
pub struct TestStore {
    documents: MemoryStore,
    asked: AtomicUsize,
    returns_garbage: AtomicBool,
    /// After that many questions, nobody gets an answer any more.
    silent_after: AtomicUsize,
    /// After that many questions, the store is away.
    away_after: AtomicUsize,
}

impl Default for TestStore {
    fn default() -> Self {
        Self {
            documents: MemoryStore::new(),
            asked: AtomicUsize::new(0),
            returns_garbage: AtomicBool::new(false),
            silent_after: AtomicUsize::new(usize::MAX),
            away_after: AtomicUsize::new(usize::MAX),
        }
    }
}

impl TestStore {
    /// The number of a new question.
    fn count(&self) -> usize {
        self.asked.fetch_add(1, Ordering::SeqCst)
    }

    fn is_silent(&self, question: usize) -> bool {
        question >= self.silent_after.load(Ordering::SeqCst)
    }

    /// Blocks a thread for ever if the question gets no answer.
    fn block(&self, question: usize) {
        while self.is_silent(question) {
            thread::park();
        }
    }

    /// An answer takes several steps of the runtime, as that of a server does.
    async fn think(&self, question: usize) {
        if self.is_silent(question) {
            pending::<()>().await;
        }
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }

    /// The documents, unless the store is away at this question.
    fn documents(&self, question: usize) -> Result<&MemoryStore, StoreError> {
        if question >= self.away_after.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreProblem::Unreachable, "the store is away"));
        }
        Ok(&self.documents)
    }

    fn read(&self, question: usize, key: &Key) -> Result<Stored, StoreError> {
        let stored = Store::read(self.documents(question)?, key)?;
        let garbage = self.returns_garbage.swap(false, Ordering::SeqCst);
        Ok(if garbage { Stored { document: Some(vec![7; 99]), ..stored } } else { stored })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Answers that many further questions, and then none.
    fn fall_silent_after(&self, questions: usize) {
        self.silent_after.store(self.asked() + questions, Ordering::SeqCst);
    }

    /// Answers that many further questions, and is away then.
    fn go_away_after(&self, questions: usize) {
        self.away_after.store(self.asked() + questions, Ordering::SeqCst);
    }
}

impl Store for TestStore {
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        let question = self.count();
        self.block(question);
        self.read(question, key)
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        let question = self.count();
        self.block(question);
        Store::replace(self.documents(question)?, key, seen, document, keep)
    }
}

impl AsyncStore for TestStore {
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        Box::pin(async move {
            let question = self.count();
            self.think(question).await;
            self.read(question, key)
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let question = self.count();
            self.think(question).await;
            Store::replace(self.documents(question)?, key, seen, document, keep)
        })
    }
}

/// A program with this store.
fn program<A: Adapter>(emulator: &Emulator, store: &Arc<TestStore>) -> A {
    A::build(Setup::new(emulator.origin()).store(store))
}

fn fleet<A: Adapter>(emulator: &Emulator, store: &Arc<TestStore>) -> Vec<A> {
    (0..FLEET).map(|_| program(emulator, store)).collect()
}

/// One call of each program, all at once.
fn call_all<A: Adapter>(fleet: &[A]) -> Vec<u16> {
    on_threads(fleet.len(), &Listener::new(), |number| fleet.get(number).unwrap().status(), || ())
}

pub fn rule_25_fleet_makes_one_login<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::default());
    let fleet = fleet::<A>(&emulator, &store);
    assert_eq!(call_all(&fleet), [200; FLEET]);
    assert_eq!(emulator.stats().server.logins(), 1);
    let later = program::<A>(&emulator, &store);
    assert_eq!(later.status(), 200);
    assert_eq!(emulator.stats().server.logins(), 1);
}

pub fn rule_25_revoked_token_costs_fleet_one_login<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::default());
    let fleet = fleet::<A>(&emulator, &store);
    assert_eq!(call_all(&fleet), [200; FLEET]);
    emulator.hold(Hold::calls());
    let statuses = on_threads(
        FLEET,
        &Listener::new(),
        |number| fleet.get(number).unwrap().status(),
        || {
            assert!(emulator.wait_until_held(FLEET, TIMEOUT));
            emulator.expire_all();
            emulator.release_all();
        },
    );
    assert_eq!(statuses, [200; FLEET]);
    assert_eq!(emulator.stats().server.logins(), 2);
}

/// The second program takes a token from the store, and the server refuses the token at its first
/// use. So the program shares its next token only after the next response. Then the program does
/// nothing.
pub fn rule_26_program_that_ends_after_its_call_leaves_its_token<A: Adapter>() {
    for (path, status) in [("/customer?field=id", 200), ("/nowhere", 404)] {
        let (emulator, store) = (emulator(), Arc::default());
        let [first, second] = [(); 2].map(|()| (Program::new(), program::<A>(&emulator, &store)));
        let call = |(program, client): &(Program, A), path: &str| {
            program.run(|| client.send(Call::get(path)).unwrap().status)
        };
        assert_eq!(call(&first, "/customer?field=id"), 200);
        emulator.expire_all();
        for answer in [401, 404] {
            emulator.push_fault(Fault::call(Answer::status(answer)).on_path("/nowhere"));
        }
        assert_eq!(call(&second, path), status);
        assert_eq!(call(&first, "/customer?field=id"), 200);
        assert_eq!(emulator.stats().server.logins(), 2, "{path}");
    }
}

/// The session owns the store. Whatever keeps the session keeps the store: a call that waited, or a
/// login that has outlived its call.
pub fn dropped_client_frees_its_session<A: Adapter>() {
    let (emulator, listener, store) = (emulator(), Listener::new(), Arc::default());
    let client = program::<A>(&emulator, &store);
    let answers = with_one_login_for_all(4, &emulator, &listener, || client.status());
    assert_eq!(answers, [200; 4]);
    emulator.expire_all();
    emulator.hold(Hold::logins());
    let call = Call::get("/customer?field=id").within(Duration::from_millis(200));
    assert!(client.send(call).unwrap_err().is_deadline());
    emulator.release(Target::Login);
    assert_eq!(client.status(), 200);
    drop(client);
    wait_until(|| Arc::strong_count(&store) == 1);
}

/// Waits for what another thread or task does. A case that waits in vain fails.
fn wait_until(happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < TIMEOUT, "it has not happened");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Makes a call with a time limit, which a silent store does not use up.
fn assert_quick<A: Adapter>(client: &A) {
    let began = Instant::now();
    let call = Call::get("/customer?field=id").within(Duration::from_secs(4));
    assert_eq!(client.send(call).unwrap().status, 200);
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// The client tells the store of the token that has come from elsewhere.
pub fn rule_26_store_that_falls_silent_after_renewal_fails_no_call<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::<TestStore>::default());
    let other = A::build(Setup::new(emulator.origin()));
    assert_eq!(other.status(), 200);
    store.fall_silent_after(0);
    let client = program::<A>(&emulator, &store);
    client.resume_from(&other);
    assert_quick(&client);
    wait_until(|| store.asked() == 1);
}

/// The questions of a call before it tells the store of its login. The call reads a token, which
/// the server refuses, reads the document again, and takes the lease.
const BEFORE: usize = 3;

/// A program that makes such a call next.
fn before_login<A: Adapter>(store: &Arc<TestStore>) -> (Emulator, A) {
    let emulator = emulator();
    let [first, second] = [(); 2].map(|()| program::<A>(&emulator, store));
    assert_eq!(first.status(), 200);
    emulator.expire_all();
    (emulator, second)
}

/// The call waits for the store, and not so long that it fails.
pub fn rule_26_store_that_falls_silent_after_login_fails_no_call<A: Adapter>() {
    let store = Arc::default();
    let (emulator, client) = before_login::<A>(&store);
    let asked = store.asked();
    store.fall_silent_after(BEFORE);
    assert_quick(&client);
    assert_eq!(emulator.stats().server.logins(), 2);
    wait_until(|| store.asked() == asked + BEFORE + 1);
}

/// A task or a thread of its own may tell the store. What it finds is an event of the call all the
/// same.
pub fn rule_26_store_that_fails_after_login_is_event_of_the_call<A: Adapter>() {
    let store = Arc::default();
    let (_emulator, client) = before_login::<A>(&store);
    store.go_away_after(BEFORE);
    let listener = Listener::new();
    assert_eq!(on_threads(1, &listener, |_| client.status(), || ()), [200]);
    assert_eq!(listener.count("store_away"), 1);
}

pub fn rule_25_sent_call_asks_no_store<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::default());
    let client = program::<A>(&emulator, &store);
    assert_eq!(client.status(), 200);
    let asked = store.asked();
    for _ in 0..20 {
        assert_eq!(client.status(), 200);
    }
    assert_eq!(store.asked(), asked);
}

pub fn rule_26_store_that_is_away_fails_no_call<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::<TestStore>::default());
    store.go_away_after(0);
    let [first, second] = [(); 2].map(|()| program::<A>(&emulator, &store));
    assert_eq!((first.status(), second.status()), (200, 200));
    assert_eq!(emulator.stats().server.logins(), 2);
    emulator.revoke_key(Server::KEY_ID);
    assert!(first.invalidate(first.generation()));
    let Explanation::Authenticate { store: StoreState::Away(problem), .. } = first.explain() else {
        panic!("{}", first.explain())
    };
    assert_eq!(problem, StoreProblem::Unreachable);
}

pub fn rule_26_unreadable_document_is_replaced<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::<TestStore>::default());
    store.returns_garbage.store(true, Ordering::SeqCst);
    let [first, second] = [(); 2].map(|()| program::<A>(&emulator, &store));
    let listener = Listener::new();
    assert_eq!(on_threads(1, &listener, |_| first.status(), || ()), [200]);
    assert_eq!(listener.count("store_unreadable"), 1);
    assert_eq!(second.status(), 200);
    assert_eq!(emulator.stats().server.logins(), 1);
}

pub fn rule_25_rejected_pair_is_tried_once_by_fleet<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::default());
    emulator.revoke_key(Server::KEY_ID);
    for client in fleet::<A>(&emulator, &store) {
        let failure = client.call().unwrap_err();
        assert!(matches!(failure.kind, Kind::Refused(Refusal::Rejected { .. })), "{failure:?}");
    }
    assert_eq!(emulator.stats().server.logins(), 1);
}

/// The rejection stays in the store, and does not undo the reset.
pub fn rule_15_reset_with_same_pair_tries_pair_of_fleet_again<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::default());
    emulator.revoke_key(Server::KEY_ID);
    let [first, second] = [(); 2].map(|()| program::<A>(&emulator, &store));
    assert!(first.call().is_err() && second.call().is_err());
    emulator.restore_key(Server::KEY_ID);
    // The first program was rejected by the server, and the second one by the store.
    for client in [second, first] {
        client.reset(Setup::new(emulator.origin()).credentials());
        assert_eq!(client.status(), 200);
    }
    assert_eq!(emulator.stats().server.logins(), 2);
}

pub fn rule_25_unavailable_login_is_shared_by_fleet<A: Adapter>() {
    let (emulator, store) = (emulator(), Arc::<TestStore>::default());
    emulator.push_fault(Fault::login(Answer::status(503)).forever());
    let build = || {
        let setup = Setup::new(emulator.origin()).store(&store);
        A::build(setup.limits(|limits| {
            limits.failures_per_call(1).backoff(Duration::from_secs(60), Duration::from_secs(60))
        }))
    };
    let fleet: Vec<A> = (0..FLEET).map(|_| build()).collect();
    for client in fleet {
        let failure = client.call().unwrap_err();
        assert!(matches!(failure.kind, Kind::Refused(Refusal::Unavailable { .. })), "{failure:?}");
    }
    // The backoff is random below one minute, and may be over before the last program calls.
    assert!(emulator.stats().server.logins() <= 2, "{}", emulator.stats().server.logins());
}
