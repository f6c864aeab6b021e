//! A session that shares its token with other programs through a store.
//!
//! This file carries out what `waldo-store` decides: it reads and replaces the document, and waits.
//! No lock is held meanwhile.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use waldo_auth_core::{Instant, Now, Outcome, Session};
use waldo_store::{Ask, AsyncStore, Claim, Member, Report, Store, Tell};

use crate::config::jitter_seed;
use crate::lead::{Lead, end_of};
use crate::session::SharedSession;
use crate::trace::Subscriber;
use crate::wait::Notify;

/// A session and the store through which it shares its token: [`Store`] for threads, [`AsyncStore`]
/// for tasks.
///
/// Clones share one session. An adapter makes a login in three steps:
///
/// 1. [`claim`](Sharing::claim) asks the store. If it returns `None`, the login has ended without a
///    request.
/// 2. The adapter sends the request of the returned lead, and ends the lead as usual.
/// 3. [`Reporter::report`] tells the store the result.
///
/// After each response, [`report`](Sharing::report) tells the store of a renewed token, if the
/// stored one has become old.
pub struct Sharing<S: ?Sized> {
    session: SharedSession,
    shared: Arc<Shared>,
    store: Arc<S>,
}

struct Shared {
    member: Mutex<Member>,
    /// The time of the session's clock, in milliseconds, before which there is nothing to report. So
    /// a response takes no lock.
    report_at: AtomicU64,
}

impl Shared {
    /// Runs a step under the session's lock.
    fn step<R>(
        &self,
        session: &mut Session,
        now: Now,
        run: impl FnOnce(&mut Member, &mut Session, Now) -> R,
    ) -> R {
        // This lock is taken under the session's lock only, and for a step only.
        let mut member = self.member.lock().unwrap_or_else(PoisonError::into_inner);
        let result = run(&mut member, session, now);
        self.report_at.store(millis(member.report_at()), Ordering::Relaxed);
        result
    }
}

impl<S: ?Sized> Sharing<S> {
    /// Lets a session share its token through a store.
    pub fn new(session: SharedSession, store: Arc<S>) -> Self {
        let member = session.inspect(|session, _| Member::of(session, jitter_seed()));
        let shared = Shared { member: Mutex::new(member), report_at: AtomicU64::new(0) };
        let sharing = Self { session, shared: Arc::new(shared), store };
        sharing.step(|member, session, now| member.join(session, now));
        sharing
    }

    /// Runs a step of a claim or a report under the session's lock.
    fn step<R>(&self, run: impl FnOnce(&mut Member, &mut Session, Now) -> R) -> R {
        self.session.with(|session, now| self.shared.step(session, now, run))
    }

    /// Runs a step whose events go to this subscriber: that of a login's leader, or of a call.
    fn step_for<R>(
        &self,
        subscriber: &Subscriber,
        run: impl FnOnce(&mut Member, &mut Session, Now) -> R,
    ) -> R {
        subscriber.with(|| self.step(run))
    }

    fn begin_claim(&self, lead: &mut Lead) -> (Claim, Ask) {
        // Each key pair has a document of its own.
        if std::mem::take(&mut lead.asks_source) {
            lead.ask_source();
        }
        // The lease of the fleet ends after the login's own time, so that the work ends first.
        let span = lead.timeout().saturating_add(Duration::from_secs(1));
        self.step_for(&lead.subscriber, |member, session, now| {
            Claim::begin(member, session, span, now)
        })
    }

    /// Ends a claim, and wakes the calls that wait, unless this session has to log in.
    fn end(&self, mut lead: Lead, claim: Claim, ask: Ask) -> Option<(Lead, Reporter<S>)> {
        match ask {
            Ask::Resumed => lead.settle(|_| Outcome::Abandoned),
            Ask::Failed(failure) => lead.settle(|_| Outcome::FailedElsewhere(failure)),
            Ask::Read | Ask::Replace(_) | Ask::Wait(_) | Ask::LogIn => {
                let (sharing, subscriber) = (self.clone(), lead.subscriber.clone());
                let report = Arc::new(Mutex::new(None));
                let (shared, slot) = (Arc::clone(&self.shared), Arc::clone(&report));
                // Make the report at once: a source may replace the key pair that was rejected.
                lead.on_settled = Some(Box::new(move |session, now| {
                    let report = shared.step(session, now, |member, session, now| {
                        Report::of_login(&claim, member, session, now)
                    });
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = report;
                }));
                return Some((lead, Reporter { sharing, subscriber, report }));
            }
        }
        None
    }

    /// Whether a response may bring something to the store. This reads the clock, and takes no lock.
    fn may_report(&self, resent: bool) -> bool {
        resent || millis(self.session.now()) >= self.shared.report_at.load(Ordering::Relaxed)
    }

    /// What a response brings to the store, if anything.
    fn begin_report(&self, resent: bool) -> Option<Report> {
        let report =
            self.step(|member, session, now| Report::of_response(member, session, resent, now));
        if report.is_none() {
            // The held token does not outlast the stored one yet. Look again a little later.
            let later = millis(self.session.now().saturating_add(LOOK_AGAIN));
            self.shared.report_at.fetch_max(later, Ordering::Relaxed);
        }
        report
    }
}

/// The longest that a call waits until the store is told of its token.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A task that tells the store of a token.
pub type ReportFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long after a look that has found nothing to report the next look comes.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// When a call that has so much time left stops waiting for the store. The rest is for its answer.
fn end_of_wait(left: Option<Duration>) -> Option<crate::sync::Instant> {
    let half = left.map_or(Duration::MAX, |left| left / 2);
    crate::sync::Instant::now().checked_add(half.min(LONGEST_WAIT))
}

fn millis(instant: Instant) -> u64 {
    let since = instant.since_start();
    since.as_secs().saturating_mul(1000).saturating_add(u64::from(since.subsec_millis()))
}

impl Sharing<dyn Store> {
    /// Asks the store before a login. Returns the lead if this session has to log in, and `None` if
    /// the login has ended: there is a token, or another program has failed to log in.
    ///
    /// This blocks the thread while another program logs in.
    pub fn claim(&self, mut lead: Lead) -> Option<(Lead, Reporter<dyn Store>)> {
        let (mut claim, mut ask) = self.begin_claim(&mut lead);
        loop {
            ask = match ask {
                Ask::Read => {
                    let answer = self.store.read(claim.key());
                    self.step_for(&lead.subscriber, |member, session, now| {
                        claim.read(member, session, answer, now)
                    })
                }
                Ask::Replace(new) => {
                    let answer = self.store.replace(
                        claim.key(),
                        new.seen.as_deref(),
                        &new.document,
                        new.keep,
                    );
                    self.step_for(&lead.subscriber, |member, session, now| {
                        claim.replaced(member, session, answer, now)
                    })
                }
                Ask::Wait(span) => {
                    thread::sleep(span);
                    lead.restart();
                    claim.waited()
                }
                Ask::LogIn | Ask::Resumed | Ask::Failed(_) => return self.end(lead, claim, ask),
            };
        }
    }

    /// Tells the store of a renewed token, if the stored one has become old. `resent` says that the
    /// response is a success, and that its call was sent again after a 401
    /// ([`Attempt::is_resent`](waldo_auth_core::Attempt::is_resent)).
    ///
    /// This blocks the thread until the store is told, because the program may end after the call. A
    /// call with a `deadline` by the session's clock waits for at most one second, and for at most
    /// half of the time that it has left. If the store takes longer, another thread goes on.
    pub fn report(&self, resent: bool, deadline: Option<Instant>) {
        if self.may_report(resent) {
            self.report_before(deadline, resent);
        }
    }

    // A report is rare, and a response is not.
    #[cold]
    fn report_before(&self, deadline: Option<Instant>, resent: bool) {
        let Some(report) = self.begin_report(resent) else { return };
        let Some(deadline) = deadline else { return self.tell(report) };
        let left = deadline.saturating_duration_since(self.session.now());
        let told = Arc::new(Notify::new());
        let listening = told.listen(end_of_wait(Some(left)));
        let (sharing, subscriber) = (self.clone(), Subscriber::current());
        let spawned = thread::Builder::new().name("waldo-report".to_owned()).spawn(move || {
            subscriber.with(|| sharing.tell(report));
            told.notify_all();
        });
        // If no thread can start, a later response tells the store.
        if spawned.is_ok() {
            listening.block();
        }
    }

    fn tell(&self, mut report: Report) {
        let mut tell = Some(Tell::Read);
        while let Some(next) = tell {
            tell = match next {
                Tell::Read => {
                    let answer = self.store.read(report.key());
                    self.step(|member, session, now| report.read(member, session, answer, now))
                }
                Tell::Replace(new) => {
                    let answer = self.store.replace(
                        report.key(),
                        new.seen.as_deref(),
                        &new.document,
                        new.keep,
                    );
                    self.step(|member, session, now| report.replaced(member, session, answer, now))
                }
            };
        }
    }
}

impl Sharing<dyn AsyncStore> {
    /// Asks the store before a login. Returns the lead if this session has to log in, and `None` if
    /// the login has ended: there is a token, or another program has failed to log in.
    ///
    /// `sleep` makes a future that ends after the given time, for example `tokio::time::sleep`. The
    /// task waits while another program logs in. If the future is dropped, the login counts as
    /// abandoned.
    pub async fn claim<F: Future>(
        &self,
        mut lead: Lead,
        sleep: impl Fn(Duration) -> F,
    ) -> Option<(Lead, Reporter<dyn AsyncStore>)> {
        let (mut claim, mut ask) = self.begin_claim(&mut lead);
        loop {
            ask = match ask {
                Ask::Read => {
                    let answer = self.store.read(claim.key()).await;
                    self.step_for(&lead.subscriber, |member, session, now| {
                        claim.read(member, session, answer, now)
                    })
                }
                Ask::Replace(new) => {
                    let (seen, document) = (new.seen.as_deref(), &new.document);
                    let answer = self.store.replace(claim.key(), seen, document, new.keep).await;
                    self.step_for(&lead.subscriber, |member, session, now| {
                        claim.replaced(member, session, answer, now)
                    })
                }
                Ask::Wait(span) => {
                    sleep(span).await;
                    lead.restart();
                    claim.waited()
                }
                Ask::LogIn | Ask::Resumed | Ask::Failed(_) => return self.end(lead, claim, ask),
            };
        }
    }

    /// Tells the store of a renewed token, if the stored one has become old, in a task that `spawn`
    /// starts. `resent` says that the response is a success, and that its call was sent again after
    /// a 401 ([`Attempt::is_resent`](waldo_auth_core::Attempt::is_resent)).
    ///
    /// If the report ends the lease of a login, other programs may wait for it, and this program
    /// may end after the call. So the call waits for the task: at most one second, and at most half
    /// of the time that the call has `left`. `sleep` makes a future that ends after the given time.
    pub async fn report<F: Future>(
        &self,
        resent: bool,
        left: Option<Duration>,
        spawn: impl FnOnce(ReportFuture),
        sleep: impl FnOnce(Duration) -> F,
    ) {
        if !self.may_report(resent) {
            return;
        }
        let Some(report) = self.begin_report(resent) else { return };
        let is_awaited = report.ends_lease();
        let told = Arc::new(Notify::new());
        let listening = told.listen(end_of_wait(left));
        let (sharing, subscriber) = (self.clone(), Subscriber::current());
        spawn(Box::pin(async move {
            sharing.tell(report, &subscriber).await;
            told.notify_all();
        }));
        if is_awaited {
            listening.or(sleep).await;
        }
    }

    async fn tell(&self, mut report: Report, subscriber: &Subscriber) {
        let mut tell = Some(Tell::Read);
        while let Some(next) = tell {
            tell = match next {
                Tell::Read => {
                    let answer = self.store.read(report.key()).await;
                    self.step_for(subscriber, |member, session, now| {
                        report.read(member, session, answer, now)
                    })
                }
                Tell::Replace(new) => {
                    let (seen, document) = (new.seen.as_deref(), &new.document);
                    let answer = self.store.replace(report.key(), seen, document, new.keep).await;
                    self.step_for(subscriber, |member, session, now| {
                        report.replaced(member, session, answer, now)
                    })
                }
            };
        }
    }
}

/// The duty to tell the store the result of a login.
///
/// The calls that wait for the login go on when the store is told, so that a program that ends after
/// its call leaves its token to the next one. They go on when the reporter is dropped, too.
#[must_use = "calls wait for this: report after the login has ended"]
pub struct Reporter<S: ?Sized> {
    sharing: Sharing<S>,
    subscriber: Subscriber,
    /// Filled when the login ends.
    report: Arc<Mutex<Option<Report>>>,
}

impl<S: ?Sized> Reporter<S> {
    fn take(&self) -> Option<Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Reporter<dyn Store> {
    /// Tells the store the result of the login, which has ended.
    pub fn report(self) {
        if let Some(report) = self.take() {
            self.subscriber.with(|| self.sharing.tell(report));
        }
    }
}

impl Reporter<dyn AsyncStore> {
    /// Tells the store the result of the login, which has ended.
    pub async fn report(self) {
        if let Some(report) = self.take() {
            self.sharing.tell(report, &self.subscriber).await;
        }
    }
}

impl<S: ?Sized> Drop for Reporter<S> {
    fn drop(&mut self) {
        self.sharing.session.wake();
    }
}

impl<S: ?Sized> fmt::Debug for Reporter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

impl Lead {
    /// Gives the login its whole time from now on, because its leader has waited for a store.
    fn restart(&mut self) {
        let session = self.session.clone();
        let Some(login) = self.login().as_deref_mut() else { return };
        self.ends = session.with(|session, now| {
            session.restart(login, now);
            end_of(login, now.monotonic)
        });
    }
}

impl<S: ?Sized> Clone for Sharing<S> {
    fn clone(&self) -> Self {
        let Self { session, shared, store } = self;
        Self { session: session.clone(), shared: Arc::clone(shared), store: Arc::clone(store) }
    }
}

impl<S: ?Sized + fmt::Debug> fmt::Debug for Sharing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing").field("store", &self.store).finish_non_exhaustive()
    }
}
