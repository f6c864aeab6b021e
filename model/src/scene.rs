//! The scenes. In each scene, several callers use one session, and the scene checks its result
//! under any schedule.
//!
//! Each call of a scene's function is one schedule. It panics if the sentence in its documentation
//! is false.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use http::{Response, StatusCode};
use shuttle::future;
use waldo_auth_core::{Call, Credentials, Explanation, Refusal, Verdict};

use crate::session::SharedSession;
use crate::stage::{Answer, Caller, Cast, End, Ended, Seen, Stage, unwind};
use crate::{clock, trace};

const TEN_SECONDS: Duration = Duration::from_secs(10);
/// The default lease.
const LEASE: Duration = Duration::from_secs(30);
const TWO_LEASES: Duration = Duration::from_secs(60);
/// The default base of the backoff. Full jitter stays below it.
const BACKOFF: Duration = Duration::from_millis(250);

/// In a cold start, one caller logs in, and the other callers wait only for this login.
pub fn cold_start(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let ends = stage.play(cast, call);
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// Many 401s to one token cause one login.
pub fn storm_of_401s(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let sent = || stage.send(Call::replayable());
    // Let the server accept the token first. Otherwise a 401 would not drop the token of a new
    // login.
    drop(stage.session.conclude(sent(), &mut Response::new(())));
    let attempts: Vec<_> = (0..cast.callers).map(|_| std::sync::Mutex::new(Some(sent()))).collect();
    let ends = stage.play(cast, async |caller| {
        let attempt = attempts[caller.number].lock().unwrap().take().unwrap();
        let mut refused = Response::new(());
        *refused.status_mut() = StatusCode::UNAUTHORIZED;
        match stage.session.conclude(attempt, &mut refused) {
            Verdict::Retry(call) => caller.call(call).await,
            Verdict::Deliver => panic!("a first 401 is healed"),
        }
    });
    assert_sent(&ends, 2);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// A rejection refuses all callers at once.
pub fn rejection(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Rejected]);
    let ends = stage.play(cast, call);
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Rejected { .. }))),
        "{ends:?}"
    );
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// All callers wait for one backoff, and then one caller logs in for all.
pub fn backoff(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable, Answer::Granted]);
    let ends = stage.play(cast, call);
    assert_sent(&ends, 1);
    let Seen { logins, at_once, passed } = stage.seen();
    assert_eq!((logins, at_once), (2, 1));
    assert!(passed < BACKOFF, "{passed:?}");
}

/// If all logins fail, each call waits through three failures and is refused.
pub fn outage(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable]);
    let ends = stage.play(cast, call);
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Unavailable { .. }))),
        "{ends:?}"
    );
    let Seen { logins, at_once, passed } = stage.seen();
    // A caller that comes later waits through three more failures.
    assert!((3..=3 * cast.callers).contains(&logins), "{logins} logins");
    assert_eq!(at_once, 1);
    assert!(passed < LEASE * 3, "{passed:?}");
}

/// A login outlives the call that started it, and the other calls wait only for this login.
pub fn outliving_login(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TEN_SECONDS)]);
    let ends = stage.play(cast, async |caller| {
        if caller.number == 0
            && let Some(lead) = stage.start_login()
        {
            caller.authenticate(lead).await;
        }
        call(caller).await
    });
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: TEN_SECONDS });
}

/// A login that panics has failed for all callers. They wait for one backoff, and then one caller
/// logs in.
pub fn lost_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Lost, Answer::Granted]);
    let mut ends = stage.play(cast, call);
    ends.retain(|ended| !matches!(ended.end, End::Lost));
    assert_eq!(ends.len(), cast.callers - 1);
    assert_sent(&ends, 1);
    let Seen { logins, at_once, passed } = stage.seen();
    assert_eq!((logins, at_once), (2, 1));
    assert!(passed < BACKOFF, "{passed:?}");
}

/// A leader that hangs delays the other callers by its lease, and its late answer does not replace
/// their token.
pub fn hanging_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TWO_LEASES), Answer::Granted]);
    let ends = stage.play(cast, call);
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 2, passed: TWO_LEASES });
}

/// A call is refused at its deadline, and the other callers get their token.
pub fn leaving(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TEN_SECONDS)]);
    let ends = stage.play(cast, async |caller| {
        let deadline = stage.session.now().saturating_add(TEN_SECONDS / 2);
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
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: TEN_SECONDS });
}

/// A caller that unwinds while it holds the lock loses only its own call.
pub fn poisoned_lock(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let ends = stage.play(cast, async |caller| match caller.number {
        0 => stage.session.with(|_, _| unwind()),
        _ => call(caller).await,
    });
    assert_sent(&ends[1..], 1);
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// After `reset` to other credentials, waiting callers go on at once under the new credentials.
pub fn reset(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TEN_SECONDS), Answer::Granted]);
    let overtaken = AtomicBool::new(false);
    let ends = stage.play(cast, async |caller| {
        if caller.number == 0 {
            stage.session.change(|session, now| {
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
    let (logins, late) = if overtaken.into_inner() { (2, 1) } else { (1, cast.callers) };
    assert_eq!(stage.seen().logins, logins);
    // Only the leader of the old login waits for that login's answer.
    assert_eq!(ends.iter().filter(|ended| !ended.at.is_zero()).count(), late, "{ends:?}");
}

/// Any number of late responses to one token give up the token once, and one login follows.
pub fn invalidation(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let generation = stage.send(Call::replayable()).generation();
    let ends = stage.play(cast, async |caller| {
        stage.session.invalidate(generation);
        call(caller).await
    });
    assert_sent(&ends, 2);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// The token is given up while other callers use it. No later call carries it.
pub fn giving_up(cast: Cast) {
    send_until(cast, |session| assert!(session.invalidate(session.generation())));
}

/// The token is given up by `reset` while other callers use it. No later call carries it.
pub fn giving_up_by_reset(cast: Cast) {
    send_until(cast, |session| session.reset(others()));
}

fn send_until(cast: Cast, change: fn(&SharedSession)) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    drop(stage.send(Call::replayable()));
    let has_changed = AtomicBool::new(false);
    let ends = stage.play(cast, async |caller| {
        for _ in 0..2 {
            let oldest = if has_changed.load(SeqCst) { 2 } else { 1 };
            let attempt = caller.send(Call::replayable()).await.unwrap();
            assert!((oldest..=2).contains(&attempt.generation().number()), "{attempt:?}");
            let verdict = stage.session.conclude(attempt, &mut Response::new(()));
            assert!(matches!(verdict, Verdict::Deliver), "{verdict:?}");
        }
        if caller.number == 0 {
            change(&stage.session);
            has_changed.store(true, SeqCst);
        }
        call(caller).await
    });
    // The other callers may have ended earlier.
    assert_sent(&ends[..1], 2);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// Another key pair.
fn others() -> Credentials {
    Credentials::new("k", "a rotated secret").unwrap()
}

/// Each entry of the journal is emitted once. Each caller emits its own entries in order, and their
/// times never go backwards.
pub fn telling(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable, Answer::Granted]);
    trace::listen(true);
    stage.play(cast, call);
    let heard = trace::heard();
    let mut numbers: Vec<_> = heard.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    let (written, times) = stage.session.with(|session, _| {
        let times: Vec<_> = session.journal().since(0).map(|entry| entry.at).collect();
        (session.journal().written(), times)
    });
    assert_eq!(numbers, (1..=written).collect::<Vec<_>>());
    assert!(times.is_sorted(), "{times:?}");
    for (place, (teller, number)) in heard.iter().enumerate() {
        let mut before = heard[..place].iter().filter(|(other, _)| other == teller);
        assert!(before.all(|(_, earlier)| earlier < number), "{heard:?}");
    }
}

/// If the future of a leader is dropped during its login, exactly one caller replaces the leader at
/// once.
pub fn dropped_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Dropped, Answer::Granted]);
    let mut ends = stage.play(cast, call);
    assert_eq!(take_dropped(&mut ends), 1);
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// If several leaders are dropped one after the other, the next leader's token serves all remaining
/// callers at once.
pub fn dropped_leaders(cast: Cast) {
    for dropped in 1..cast.callers {
        let mut script = vec![Answer::Dropped; dropped];
        script.push(Answer::Granted);
        let stage = Stage::new(cast.bell, &script);
        let mut ends = stage.play(cast, call);
        assert_eq!(take_dropped(&mut ends), dropped);
        assert_sent(&ends, 1);
        assert_eq!(stage.seen(), Seen { logins: dropped + 1, at_once: 1, passed: Duration::ZERO });
    }
}

/// A future that is dropped during a login ends only its own call. The other callers go on as
/// without it, or at once if it was the leader.
pub fn timed_out(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TEN_SECONDS), Answer::Granted]);
    let leads = AtomicBool::new(false);
    let mut ends = stage.play(cast, async |caller| {
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
    assert_eq!(stage.seen(), Seen { logins, at_once: 1, passed });
}

/// If a waiting caller is dropped between its wake-up and its poll, the other callers are still
/// woken.
pub fn dropped_when_woken(cast: Cast) {
    dropped_when_polled_again(cast, async || {
        let mut polls = 0;
        poll_fn(|_| {
            polls += 1;
            if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
}

/// A future that is dropped at any moment ends its own call, and does not delay the other callers.
pub fn dropped_at_any_moment(cast: Cast) {
    // Wake the future without a reason, so that it is dropped at a random point of the other
    // callers' progress.
    dropped_when_polled_again(cast, future::yield_now);
}

fn dropped_when_polled_again(cast: Cast, again: impl AsyncFn() + Sync) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let led = AtomicBool::new(false);
    let mut ends = stage.play(cast, async |caller| {
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
    assert_eq!(stage.seen(), Seen { logins, at_once: 1, passed: Duration::ZERO });
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
