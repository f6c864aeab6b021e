//! The scenes that callers play together. Each scene checks its result under any schedule.
//!
//! Each call of a scene is one schedule, and panics if its sentence does not hold.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use shuttle::future;
use waldo_auth_core::{Call, Credentials, Explanation, Head, Refusal, Verdict};

use crate::session::SharedSession;
use crate::stage::{Answer, Caller, Cast, End, Ended, Seen, Stage, unwind};
use crate::{clock, trace};

const TEN_SECONDS: Duration = Duration::from_secs(10);
/// The default.
const LEASE: Duration = Duration::from_secs(30);
const TWO_LEASES: Duration = Duration::from_secs(60);
/// The default base of the backoff, which full jitter stays below.
const BACKOFF: Duration = Duration::from_millis(250);

/// A cold start has one leader; the others wait for its login and for nothing else.
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
    // The first call's own login is too fresh to be doubted, until the server has accepted its
    // token.
    drop(stage.session.conclude_head(sent(), Head::new(StatusCode::OK, &HeaderMap::new())));
    let attempts: Vec<_> = (0..cast.callers).map(|_| std::sync::Mutex::new(Some(sent()))).collect();
    let ends = stage.play(cast, async |caller| {
        let attempt = attempts[caller.number].lock().unwrap().take().unwrap();
        let headers = HeaderMap::new();
        match stage.session.conclude_head(attempt, Head::new(StatusCode::UNAUTHORIZED, &headers)) {
            Verdict::Retry(call) => caller.call(call).await,
            Verdict::Deliver => panic!("a first 401 is healed"),
        }
    });
    assert_sent(&ends, 2);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// A rejection is everybody's answer, at once.
pub fn rejection(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Rejected]);
    let ends = stage.play(cast, call);
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Rejected { .. }))),
        "{ends:?}"
    );
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// All wait out one backoff, and one of them tries again for all.
pub fn backoff(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable, Answer::Granted]);
    let ends = stage.play(cast, call);
    assert_sent(&ends, 1);
    let Seen { logins, at_once, passed } = stage.seen();
    assert_eq!((logins, at_once), (2, 1));
    assert!(passed < BACKOFF, "{passed:?}");
}

/// Where no login brings a token, each call sits through three failures and is refused.
pub fn outage(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable]);
    let ends = stage.play(cast, call);
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Unavailable { .. }))),
        "{ends:?}"
    );
    let Seen { logins, at_once, passed } = stage.seen();
    // A caller that comes when others have sat through some failures sits through as many more by
    // itself.
    assert!((3..=3 * cast.callers).contains(&logins), "{logins} logins");
    assert_eq!(at_once, 1);
    assert!(passed < LEASE * 3, "{passed:?}");
}

/// A login outlives the call that started it: the other calls wait for it, and for nothing else.
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

/// A login whose code panics has failed for all. They wait out one backoff, and one of them tries
/// again.
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

/// A leader that hangs delays the others by its lease, and its late answer takes nobody's token
/// away.
pub fn hanging_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TWO_LEASES), Answer::Granted]);
    let ends = stage.play(cast, call);
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 2, passed: TWO_LEASES });
}

/// A call whose deadline comes leaves at its deadline, and the others get what they wait for.
pub fn leaving(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TEN_SECONDS)]);
    let ends = stage.play(cast, async |caller| {
        let deadline = stage.session.now().saturating_add(TEN_SECONDS / 2);
        let call = Call::replayable();
        caller.call(if caller.number == 0 { call.with_deadline(deadline) } else { call }).await
    });
    assert_sent(&ends[1..], 1);
    match &ends[0] {
        // A leader stays with its login, which is its sender's to end in time.
        Ended { end: End::Sent(1), at } => assert_eq!(*at, TEN_SECONDS),
        Ended { end: End::Refused(Refusal::Deadline { .. }), at } => {
            assert_eq!(*at, TEN_SECONDS / 2);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: TEN_SECONDS });
}

/// A caller that unwinds while it holds the lock costs its own call and nobody else's.
pub fn poisoned_lock(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let ends = stage.play(cast, async |caller| match caller.number {
        0 => stage.session.with(|_, _| unwind()),
        _ => call(caller).await,
    });
    assert_sent(&ends[1..], 1);
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// New credentials while others wait: they go on under the new ones, at once.
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
    // The leader of the login that is given up waits for its answer; no other call waits with it.
    assert_eq!(ends.iter().filter(|ended| !ended.at.is_zero()).count(), late, "{ends:?}");
}

/// Many late responses to one token give it up once, and one login follows.
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

/// The token is given up while others send with it. No call that comes later sends it.
pub fn giving_up(cast: Cast) {
    send_until(cast, |session| assert!(session.invalidate(session.generation())));
}

/// The same with new credentials.
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
            let verdict =
                stage.session.conclude_head(attempt, Head::new(StatusCode::OK, &HeaderMap::new()));
            assert!(matches!(verdict, Verdict::Deliver), "{verdict:?}");
        }
        if caller.number == 0 {
            change(&stage.session);
            has_changed.store(true, SeqCst);
        }
        call(caller).await
    });
    // The others may have been done before.
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

/// A leader whose future is dropped while its login is under way is replaced at once, by one.
pub fn dropped_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Dropped, Answer::Granted]);
    let mut ends = stage.play(cast, call);
    assert_eq!(take_dropped(&mut ends), 1);
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// However many leaders are dropped one after the other, all that are left are sent with what the
/// next one brings, and at once.
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

/// A future that is dropped in the middle of a login ends its own call: the others go on when they
/// would have without it, or at once where it was the one that logged in.
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

/// A follower that is dropped once it has been woken, before it is polled again, takes nobody's
/// wake-up with it.
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

/// A future that is dropped at any moment, wherever its call stands, costs its own call and
/// nobody's time.
pub fn dropped_at_any_moment(cast: Cast) {
    // It is woken without a reason, so others have come as far as they happen to when it is polled
    // again.
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

/// Leaves out the calls whose futures were dropped, and says how many they were.
fn take_dropped(ends: &mut Vec<Ended>) -> usize {
    ends.extract_if(.., |ended| matches!(ended.end, End::Dropped)).count()
}

fn assert_sent(ends: &[Ended], generation: u64) {
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Sent(sent) if sent == generation)),
        "{ends:?}"
    );
}
