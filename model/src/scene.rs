//! The scenes. In each scene, several callers use one session, and the scene checks its result
//! under any schedule.
//!
//! Each call of a scene's function is one schedule. It panics if the sentence in its documentation
//! is false.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use http::{Response, StatusCode};
use shuttle::future;
use waldo_auth_core::{Call, Credentials, Explanation, Refusal, Verdict};

use crate::fixture::{Answer, Caller, End, Ended, Fixture, Seen, Setup, unwind};
use crate::session::SharedSession;
use crate::source::CredentialSource;
use crate::{clock, trace};

const TEN_SECONDS: Duration = Duration::from_secs(10);
/// The default lease.
const LEASE: Duration = Duration::from_secs(30);
/// The default delay of the first probe.
const FIRST_PROBE: Duration = Duration::from_secs(60);
const TWO_LEASES: Duration = Duration::from_secs(60);
/// The default base of the backoff. Full jitter stays below it.
const BACKOFF: Duration = Duration::from_millis(250);

/// In a cold start, one caller logs in, and the other callers wait only for this login.
pub fn cold_start(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Granted]);
    let ends = fixture.run(setup, call);
    assert_sent(&ends, 1);
    assert_eq!(fixture.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// Many 401s to one token cause one login.
pub fn storm_of_401s(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Granted]);
    let sent = || fixture.send(Call::replayable());
    // Let the server accept the token first. Otherwise a 401 would not drop the token of a new
    // login.
    drop(fixture.session.conclude(sent(), &mut Response::new(())));
    let attempts: Vec<_> =
        (0..setup.callers).map(|_| std::sync::Mutex::new(Some(sent()))).collect();
    let ends = fixture.run(setup, async |caller| {
        let attempt = attempts[caller.number].lock().unwrap().take().unwrap();
        let mut refused = Response::new(());
        *refused.status_mut() = StatusCode::UNAUTHORIZED;
        match fixture.session.conclude(attempt, &mut refused) {
            Verdict::Retry(call) => caller.call(call).await,
            Verdict::Deliver => panic!("a first 401 is retried"),
        }
    });
    assert_sent(&ends, 2);
    assert_eq!(fixture.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// A rejection refuses all callers at once.
pub fn rejection(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Rejected]);
    let ends = fixture.run(setup, call);
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Rejected { .. }))),
        "{ends:?}"
    );
    assert_eq!(fixture.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// If the source has another key pair after a rejection, no caller is refused: all of them wait for
/// one login with this pair.
pub fn replaced_pair(setup: Setup) {
    let source = CredentialSource::new(|| Credentials::new("k", "another"));
    let answers = [Answer::Rejected, Answer::Granted];
    let fixture = Fixture::with_source(setup.fault, &answers, Some(source));
    let ends = fixture.run(setup, call);
    assert_sent(&ends, 1);
    assert_eq!(fixture.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// A source that gives wrong key pairs in turn causes one login more than one wrong pair, and then
/// one login for each probe.
pub fn wrong_pairs(setup: Setup) {
    let asked = AtomicUsize::new(0);
    let source = CredentialSource::new(move || {
        let secret = ["another", "s"][asked.fetch_add(1, SeqCst) % 2];
        Credentials::new("k", secret)
    });
    let fixture = Fixture::with_source(setup.fault, &[Answer::Rejected], Some(source));
    let probes = 3;
    let ends = fixture.run(setup, async |caller| {
        for _ in 0..probes {
            match caller.call(Call::replayable()).await {
                End::Refused(Refusal::Rejected { retry_at, .. }) => {
                    clock::sleep(retry_at.saturating_duration_since(fixture.session.now())).await;
                }
                end @ (End::Sent(_) | End::Refused(_) | End::Lost | End::Dropped) => return end,
            }
        }
        caller.call(Call::replayable()).await
    });
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Rejected { .. }))),
        "{ends:?}"
    );
    let Seen { logins, at_once, passed } = fixture.seen();
    assert_eq!((logins, at_once), (2 + probes, 1));
    // Each pair that is new to the session begins with the first delay.
    assert_eq!(passed, FIRST_PROBE * u32::try_from(probes).unwrap());
}

/// All callers wait for one backoff, and then one caller logs in for all.
pub fn backoff(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Unavailable, Answer::Granted]);
    let ends = fixture.run(setup, call);
    assert_sent(&ends, 1);
    let Seen { logins, at_once, passed } = fixture.seen();
    assert_eq!((logins, at_once), (2, 1));
    assert!(passed < BACKOFF, "{passed:?}");
}

/// If all logins fail, each call waits through three failures and is then refused.
pub fn outage(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Unavailable]);
    let ends = fixture.run(setup, call);
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Unavailable { .. }))),
        "{ends:?}"
    );
    let Seen { logins, at_once, passed } = fixture.seen();
    // A caller that comes later waits through three more failures.
    assert!((3..=3 * setup.callers).contains(&logins), "{logins} logins");
    assert_eq!(at_once, 1);
    assert!(passed < LEASE * 3, "{passed:?}");
}

/// A login outlives the call that started it, and the other calls wait only for this login.
pub fn outliving_login(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Late(TEN_SECONDS)]);
    let ends = fixture.run(setup, async |caller| {
        if caller.number == 0
            && let Some(lead) = fixture.start_login()
        {
            caller.authenticate(lead).await;
        }
        call(caller).await
    });
    assert_sent(&ends, 1);
    assert_eq!(fixture.seen(), Seen { logins: 1, at_once: 1, passed: TEN_SECONDS });
}

/// A login that panics has failed for all callers. They wait for one backoff, and then one caller
/// logs in.
pub fn lost_leader(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Lost, Answer::Granted]);
    let mut ends = fixture.run(setup, call);
    ends.retain(|ended| !matches!(ended.end, End::Lost));
    assert_eq!(ends.len(), setup.callers - 1);
    assert_sent(&ends, 1);
    let Seen { logins, at_once, passed } = fixture.seen();
    assert_eq!((logins, at_once), (2, 1));
    assert!(passed < BACKOFF, "{passed:?}");
}

/// A leader that hangs delays the other callers by its lease, and its late answer does not replace
/// their token.
pub fn hanging_leader(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Late(TWO_LEASES), Answer::Granted]);
    let ends = fixture.run(setup, call);
    assert_sent(&ends, 1);
    assert_eq!(fixture.seen(), Seen { logins: 2, at_once: 2, passed: TWO_LEASES });
}

/// A call is refused at its deadline, and the other callers get their token.
pub fn leaving(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Late(TEN_SECONDS)]);
    let ends = fixture.run(setup, async |caller| {
        let deadline = fixture.session.now().saturating_add(TEN_SECONDS / 2);
        let call = Call::replayable();
        caller.call(if caller.number == 0 { call.with_deadline(deadline) } else { call }).await
    });
    assert_sent(&ends[1..], 1);
    match &ends[0] {
        // A leader waits for its own login, even after the deadline.
        Ended { end: End::Sent(1), at } => assert_eq!(*at, TEN_SECONDS),
        Ended { end: End::Refused(Refusal::Deadline { .. }), at } => {
            assert_eq!(*at, TEN_SECONDS / 2);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fixture.seen(), Seen { logins: 1, at_once: 1, passed: TEN_SECONDS });
}

/// A caller that unwinds while it holds the lock loses only its own call.
pub fn poisoned_lock(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Granted]);
    let ends = fixture.run(setup, async |caller| match caller.number {
        0 => fixture.session.with(|_, _| unwind()),
        _ => call(caller).await,
    });
    assert_sent(&ends[1..], 1);
    assert_eq!(fixture.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// After `reset` to other credentials, waiting callers continue at once with the new credentials.
pub fn reset(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Late(TEN_SECONDS), Answer::Granted]);
    let overtaken = AtomicBool::new(false);
    let ends = fixture.run(setup, async |caller| {
        if caller.number == 0 {
            fixture.session.change(|session, now| {
                overtaken.store(
                    matches!(session.explain(now), Explanation::WaitForLogin { .. }),
                    SeqCst,
                );
                session.reset(others(), now);
            });
        }
        call(caller).await
    });
    assert_sent(&ends, 1);
    let (logins, late) = if overtaken.into_inner() { (2, 1) } else { (1, setup.callers) };
    assert_eq!(fixture.seen().logins, logins);
    // Only the leader of the old login waits for that login's answer.
    assert_eq!(ends.iter().filter(|ended| !ended.at.is_zero()).count(), late, "{ends:?}");
}

/// Any number of late responses to one token cause one invalidation, and one login follows.
pub fn invalidation(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Granted]);
    let generation = fixture.send(Call::replayable()).generation();
    let ends = fixture.run(setup, async |caller| {
        fixture.session.invalidate(generation);
        call(caller).await
    });
    assert_sent(&ends, 2);
    assert_eq!(fixture.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// The token is invalidated while other callers use it. No later call carries the token.
pub fn dropped_token(setup: Setup) {
    send_until(setup, |session| assert!(session.invalidate(session.generation())));
}

/// A `reset` drops the token while other callers use it. No later call carries the token.
pub fn dropped_token_by_reset(setup: Setup) {
    send_until(setup, |session| session.reset(others()));
}

fn send_until(setup: Setup, change: fn(&SharedSession)) {
    let fixture = Fixture::new(setup.fault, &[Answer::Granted]);
    drop(fixture.send(Call::replayable()));
    let has_changed = AtomicBool::new(false);
    let ends = fixture.run(setup, async |caller| {
        for _ in 0..2 {
            let oldest = if has_changed.load(SeqCst) { 2 } else { 1 };
            let attempt = caller.send(Call::replayable()).await.unwrap();
            assert!((oldest..=2).contains(&attempt.generation().number()), "{attempt:?}");
            let verdict = fixture.session.conclude(attempt, &mut Response::new(()));
            assert!(matches!(verdict, Verdict::Deliver), "{verdict:?}");
        }
        if caller.number == 0 {
            change(&fixture.session);
            has_changed.store(true, SeqCst);
        }
        call(caller).await
    });
    // The other callers may have ended earlier.
    assert_sent(&ends[..1], 2);
    assert_eq!(fixture.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// Another key pair.
fn others() -> Credentials {
    Credentials::new("k", "a rotated secret").unwrap()
}

/// Each entry of the journal is emitted once. Each caller emits its own entries in order, and their
/// times never go backwards.
pub fn telling(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Unavailable, Answer::Granted]);
    trace::listen(true);
    fixture.run(setup, call);
    let emitted = trace::emitted();
    let mut numbers: Vec<_> = emitted.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    let (written, times) = fixture.session.with(|session, _| {
        let times: Vec<_> = session.journal().since(0).map(|entry| entry.at).collect();
        (session.journal().written(), times)
    });
    assert_eq!(numbers, (1..=written).collect::<Vec<_>>());
    assert!(times.is_sorted(), "{times:?}");
    for (place, (thread, number)) in emitted.iter().enumerate() {
        let mut before = emitted[..place].iter().filter(|(other, _)| other == thread);
        assert!(before.all(|(_, earlier)| earlier < number), "{emitted:?}");
    }
}

/// If the future of a leader is dropped during its login, exactly one caller replaces the leader at
/// once.
pub fn dropped_leader(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Dropped, Answer::Granted]);
    let mut ends = fixture.run(setup, call);
    assert_eq!(take_dropped(&mut ends), 1);
    assert_sent(&ends, 1);
    assert_eq!(fixture.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// If several leaders are dropped one after the other, the next leader's token serves all remaining
/// callers at once.
pub fn dropped_leaders(setup: Setup) {
    for dropped in 1..setup.callers {
        let mut script = vec![Answer::Dropped; dropped];
        script.push(Answer::Granted);
        let fixture = Fixture::new(setup.fault, &script);
        let mut ends = fixture.run(setup, call);
        assert_eq!(take_dropped(&mut ends), dropped);
        assert_sent(&ends, 1);
        assert_eq!(
            fixture.seen(),
            Seen { logins: dropped + 1, at_once: 1, passed: Duration::ZERO }
        );
    }
}

/// A future that is dropped during a login ends only its own call. The other callers are not
/// delayed. If the leader is dropped, another caller logs in at once.
pub fn timed_out(setup: Setup) {
    let fixture = Fixture::new(setup.fault, &[Answer::Late(TEN_SECONDS), Answer::Granted]);
    let leads = AtomicBool::new(false);
    let mut ends = fixture.run(setup, async |caller| {
        if caller.number > 0 {
            return call(caller).await;
        }
        let timed = clock::until(clock::sleep(TEN_SECONDS / 2), call(caller)).await;
        leads.store(caller.has_led(), SeqCst);
        timed.unwrap_or(End::Dropped)
    });
    let (logins, passed) = if leads.into_inner() { (2, TEN_SECONDS / 2) } else { (1, TEN_SECONDS) };
    assert_eq!(ends[0].at, TEN_SECONDS / 2);
    assert_eq!(take_dropped(&mut ends), 1);
    assert_sent(&ends, 1);
    assert_eq!(fixture.seen(), Seen { logins, at_once: 1, passed });
}

/// If a waiting caller is dropped between its wake-up and its poll, the other callers are still
/// woken.
pub fn dropped_when_woken(setup: Setup) {
    dropped_when_polled_again(setup, async || {
        let mut polls = 0;
        poll_fn(|_| {
            polls += 1;
            if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
}

/// A future that is dropped at any moment ends its own call, and does not delay the other callers.
pub fn dropped_at_any_moment(setup: Setup) {
    // Wake the future without a reason, so that it is dropped at a random point of the other
    // callers' progress.
    dropped_when_polled_again(setup, future::yield_now);
}

fn dropped_when_polled_again(setup: Setup, again: impl AsyncFn() + Sync) {
    let fixture = Fixture::new(setup.fault, &[Answer::Granted]);
    let led = AtomicBool::new(false);
    let mut ends = fixture.run(setup, async |caller| {
        if caller.number > 0 {
            return call(caller).await;
        }
        let ended = clock::until(again(), call(caller)).await;
        led.store(caller.has_led() && ended.is_none(), SeqCst);
        ended.unwrap_or(End::Dropped)
    });
    assert!(take_dropped(&mut ends) <= 1);
    assert_sent(&ends, 1);
    let logins = if led.into_inner() { 2 } else { 1 };
    assert_eq!(fixture.seen(), Seen { logins, at_once: 1, passed: Duration::ZERO });
}

async fn call(caller: &Caller<'_>) -> End {
    caller.call(Call::replayable()).await
}

/// Removes the calls whose futures were dropped, and returns their number.
fn take_dropped(ends: &mut Vec<Ended>) -> usize {
    ends.extract_if(.., |ended| matches!(ended.end, End::Dropped)).count()
}

fn assert_sent(ends: &[Ended], generation: u64) {
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Sent(sent) if sent == generation)),
        "{ends:?}"
    );
}
