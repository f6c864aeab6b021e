//! One session that callers share, and a server that answers logins from a script.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use shuttle::{future, thread};
use waldo_auth_core::{Attempt, Call, Config, Credentials, Head, Refusal};

use crate::lead::Lead;
use crate::session::{Admission, SharedSession};
use crate::source::CredentialSource;
use crate::sync::{self, Fault};
use crate::wait::Wait;
use crate::{clock, executor, trace};

/// The callers of a scene: their number, their kind and their event.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The number of callers, at least 2.
    pub callers: usize,
    /// The kind of the callers.
    pub kind: Kind,
    /// The event that wakes the callers.
    pub fault: Fault,
}

/// The kind of callers that share the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Threads, which block while they wait.
    Threads,
    /// Tasks, which may run at the same time.
    Tasks,
    /// Tasks of one thread. Each task runs until it waits.
    TasksOfOneThread,
    /// Threads and tasks in equal numbers, which may run at the same time.
    Both,
}

/// The scripted result of a login.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Granted,
    /// Granted after this time.
    Late(Duration),
    Unavailable,
    Rejected,
    /// The leader unwinds.
    Lost,
    /// The leader's task is dropped while the login is under way.
    Dropped,
}

/// The way in which a call ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The call was sent with the token of this generation.
    Sent(u64),
    Refused(Refusal),
    /// The caller unwound.
    Lost,
    /// The future was dropped.
    Dropped,
}

/// The end of a caller's call, and the time that had passed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) at: Duration,
}

/// The counts of the server, and the passed time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) logins: usize,
    pub(crate) at_once: usize,
    pub(crate) passed: Duration,
}

pub(crate) struct Fixture {
    pub(crate) session: SharedSession,
    /// The answers to the logins, in order. The last answer repeats.
    script: Vec<Answer>,
    logins: AtomicUsize,
    under_way: AtomicUsize,
    at_once: AtomicUsize,
}

/// Two leases of the default length.
const TWO_LEASES: Duration = Duration::from_secs(60);

/// The panic payload of a caller that unwinds on purpose.
struct OnPurpose;

impl Fixture {
    pub(crate) fn new(fault: Fault, script: &[Answer]) -> Self {
        Self::with_source(fault, script, None)
    }

    /// A session that asks a source for another key pair.
    pub(crate) fn with_source(
        fault: Fault,
        script: &[Answer],
        source: Option<CredentialSource>,
    ) -> Self {
        sync::set_fault(fault);
        clock::reset();
        trace::listen(false);
        let config = Config::builder("https://api.waldo.ai", credentials()).build().unwrap();
        let none = || AtomicUsize::new(0);
        Self {
            session: SharedSession::with_source(config, source),
            script: script.to_vec(),
            logins: none(),
            under_way: none(),
            at_once: none(),
        }
    }

    /// Makes a call before the callers start.
    pub(crate) fn send(&self, call: Call) -> Attempt {
        clock::block_on(Caller::new(self, Kind::Threads, 0).send(call)).unwrap()
    }

    /// Starts a login for a call that ends at once, unless another login is under way.
    pub(crate) fn start_login(&self) -> Option<Lead> {
        let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
        match self.session.admit(Call::replayable(), &mut request).unwrap() {
            Admission::Authenticate(lead, _) => Some(lead),
            Admission::Send(_) | Admission::Wait(_) | Admission::Refuse(_) => None,
        }
    }

    /// Runs the callers to their ends: together in one thread, or each in its own thread.
    pub(crate) fn run(
        &self,
        setup: Setup,
        run: impl AsyncFn(&Caller<'_>) -> End + Sync,
    ) -> Vec<Ended> {
        let Setup { callers, kind, .. } = setup;
        let perform = |number| self.perform(kind, number, &run);
        if kind == Kind::TasksOfOneThread {
            clock::start(1);
            return clock::block_on(executor::run((0..callers).map(perform).collect()));
        }
        clock::start(callers);
        thread::scope(|scope| {
            let perform = &perform;
            let spawn = |number| {
                scope.spawn(move || {
                    let ended = clock::block_on(perform(number));
                    clock::leave();
                    ended
                })
            };
            let handles: Vec<_> = (0..callers).map(spawn).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        })
    }

    async fn perform(
        &self,
        kind: Kind,
        number: usize,
        run: &impl AsyncFn(&Caller<'_>) -> End,
    ) -> Ended {
        let caller = Caller::new(self, kind, number);
        let mut call = pin!(clock::until(caller.is_dropped(), run(&caller)));
        let end = poll_fn(|context| {
            match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
                Ok(polled) => polled.map(|end| end.unwrap_or(End::Dropped)),
                Err(payload) if payload.is::<OnPurpose>() => Poll::Ready(End::Lost),
                Err(payload) => resume_unwind(payload),
            }
        });
        Ended { end: end.await, at: clock::passed() }
    }

    pub(crate) fn seen(&self) -> Seen {
        let sent = if sync::fault() == Fault::FiveLogins { 5 } else { 1 };
        let (logins, at_once) = (sent * self.logins.load(SeqCst), self.at_once.load(SeqCst));
        Seen { logins, at_once, passed: clock::passed() }
    }
}

/// One caller of the session, with the loop of an adapter.
pub(crate) struct Caller<'a> {
    fixture: &'a Fixture,
    pub(crate) number: usize,
    /// Whether the caller is a thread.
    blocks: bool,
    led: Cell<bool>,
    dropped: Cell<bool>,
    kept: Cell<Option<Attempt>>,
}

impl<'a> Caller<'a> {
    fn new(fixture: &'a Fixture, kind: Kind, number: usize) -> Self {
        let blocks = match kind {
            Kind::Threads => true,
            Kind::Tasks | Kind::TasksOfOneThread => false,
            Kind::Both => number.is_multiple_of(2),
        };
        Self {
            fixture,
            number,
            blocks,
            led: Cell::default(),
            dropped: Cell::default(),
            kept: Cell::default(),
        }
    }

    /// Whether the caller has led a login.
    pub(crate) fn has_led(&self) -> bool {
        self.led.get()
    }

    /// Makes a call, until it is sent or refused.
    pub(crate) async fn call(&self, call: Call) -> End {
        let sent = self.send(call).await;
        match sync::fault() {
            Fault::ForgedToken => return End::Sent(9),
            Fault::UnwindingCall if self.number > 0 => return End::Lost,
            Fault::DroppedCall => return End::Dropped,
            Fault::None
            | Fault::SpuriousWakeup
            | Fault::NeverNotifies
            | Fault::NotifiesOne
            | Fault::ListensLate
            | Fault::PreviousToken
            | Fault::FiveLogins
            | Fault::ParallelLogins
            | Fault::SlowLeader
            | Fault::UnwindingCall
            | Fault::LateWakeup
            | Fault::LostEvents
            | Fault::ReversedEvents => {}
        }
        match sent {
            Ok(attempt) => End::Sent(attempt.generation().number()),
            Err(refusal) => End::Refused(refusal),
        }
    }

    pub(crate) async fn send(&self, mut call: Call) -> Result<Attempt, Refusal> {
        let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
        loop {
            call = match self.fixture.session.admit(call, &mut request).unwrap() {
                Admission::Send(attempt)
                    if sync::fault() == Fault::PreviousToken && self.number > 0 =>
                {
                    // Send the call with the token of the previous admission.
                    match self.kept.replace(Some(attempt)) {
                        Some(earlier) => return Ok(earlier),
                        None => Call::replayable(),
                    }
                }
                Admission::Send(attempt) => return Ok(attempt),
                Admission::Authenticate(lead, wait) => {
                    self.authenticate(lead).await;
                    if sync::fault() == Fault::SlowLeader {
                        clock::sleep(TWO_LEASES).await;
                    }
                    wait.into_call()
                }
                Admission::Wait(wait) => self.wait(wait).await,
                Admission::Refuse(refused) => return Err(refused.refusal),
            };
        }
    }

    async fn wait(&self, wait: Wait) -> Call {
        let call = if self.blocks { wait.block() } else { wait.or(clock::sleep).await };
        if sync::fault() == Fault::LateWakeup && self.number == 0 {
            clock::sleep(Duration::from_secs(1)).await;
        }
        call
    }

    /// Runs a login.
    pub(crate) async fn authenticate(&self, lead: Lead) {
        self.led.set(true);
        let number = self.fixture.logins.fetch_add(1, SeqCst);
        let under_way = UnderWay::begin(self.fixture);
        if sync::fault() == Fault::ParallelLogins {
            drop(UnderWay::begin(self.fixture));
        }
        // A probe asks the source now.
        drop(lead.request());
        // Let the other callers run during the login.
        future::yield_now().await;
        let (status, body) =
            match *self.fixture.script.get(number).or(self.fixture.script.last()).unwrap() {
                Answer::Granted => granted(number),
                Answer::Late(span) => {
                    clock::sleep(span).await;
                    granted(number)
                }
                Answer::Rejected => {
                    (StatusCode::UNAUTHORIZED, r#"{"code":"INVALID_API_KEY"}"#.to_owned())
                }
                Answer::Unavailable => {
                    drop(under_way);
                    return lead.fail("no route to host");
                }
                Answer::Lost => unwind(),
                Answer::Dropped => self.drop_here().await,
            };
        drop(under_way);
        lead.answer(Head::new(status, &HeaderMap::new()), body.as_bytes());
    }

    /// Waits until the future is dropped, at its next poll.
    async fn drop_here<T>(&self) -> T {
        self.dropped.set(true);
        future::yield_now().await;
        pending().await
    }

    async fn is_dropped(&self) {
        poll_fn(|_| if self.dropped.get() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// Ends this caller's call by unwinding.
pub(crate) fn unwind() -> ! {
    // `resume_unwind` does not call the panic hook, which would report a failure.
    resume_unwind(Box::new(OnPurpose))
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("k", "s").unwrap()
}

fn granted(number: usize) -> (StatusCode, String) {
    (StatusCode::OK, format!(r#"{{"token":"e30.e30.sig{number}"}}"#))
}

/// Counts a login as under way until its end.
struct UnderWay<'a>(&'a Fixture);

impl<'a> UnderWay<'a> {
    fn begin(fixture: &'a Fixture) -> Self {
        let at_once = fixture.under_way.fetch_add(1, SeqCst) + 1;
        fixture.at_once.fetch_max(at_once, SeqCst);
        Self(fixture)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, SeqCst);
    }
}
