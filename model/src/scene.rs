//! What threads can go through together, with what must come of it whichever runs when.
//!
//! Each is one schedule's worth: it panics where its sentence does not hold.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use waldo_auth_core::{Call, Explanation, Head, Now, Refusal, Session, Verdict};

use crate::stage::{Answer, End, Ended, Seen, Stage, credentials, on_threads, unwind};
use crate::sync::Bell;
use crate::trace;

const TEN_SECONDS: Duration = Duration::from_secs(10);
/// The default.
const LEASE: Duration = Duration::from_secs(30);
const TWO_LEASES: Duration = Duration::from_secs(60);
/// The default base of the backoff, which full jitter stays below.
const BACKOFF: Duration = Duration::from_millis(250);

/// How many threads, and by which bell they wait.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// At least 2.
    pub threads: usize,
    /// What wakes them.
    pub bell: Bell,
}

/// A cold start has one leader; the others wait for its login and for nothing else.
pub fn cold_start(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let ends = on_threads(cast.threads, |_| stage.call(Call::replayable()));
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// Many 401s to one token cause one login.
pub fn storm_of_401s(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let sent = || stage.send(Call::replayable()).unwrap();
    // The first call's own login is too fresh to be doubted.
    drop(sent());
    let attempts: Vec<_> = (0..cast.threads).map(|_| std::sync::Mutex::new(Some(sent()))).collect();
    let ends = on_threads(cast.threads, |thread| {
        let attempt = attempts[thread].lock().unwrap().take().unwrap();
        let headers = HeaderMap::new();
        let refused = Head::new(StatusCode::UNAUTHORIZED, &headers);
        match stage.monitor.with(|session, now| session.conclude(attempt, refused, now)) {
            Verdict::Retry(call) => stage.call(call),
            Verdict::Deliver => panic!("a first 401 is healed"),
        }
    });
    assert_sent(&ends, 2);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// A rejection is everybody's answer, at once.
pub fn rejection(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Rejected]);
    let ends = on_threads(cast.threads, |_| stage.call(Call::replayable()));
    assert!(ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Rejected { .. }))), "{ends:?}");
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// All wait out one backoff, and one of them tries again for all.
pub fn backoff(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable, Answer::Granted]);
    let ends = on_threads(cast.threads, |_| stage.call(Call::replayable()));
    assert_sent(&ends, 1);
    let Seen { logins, at_once, passed } = stage.seen();
    assert_eq!((logins, at_once), (2, 1));
    assert!(passed < BACKOFF, "{passed:?}");
}

/// Where no login brings a token, each call sits through three failures and is refused.
pub fn outage(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable]);
    let ends = on_threads(cast.threads, |_| stage.call(Call::replayable()));
    assert!(
        ends.iter().all(|ended| matches!(ended.end, End::Refused(Refusal::Unavailable { .. }))),
        "{ends:?}"
    );
    let Seen { logins, at_once, passed } = stage.seen();
    // A thread that comes when others have sat through some failures sits through as many more by itself.
    assert!((3..=3 * cast.threads).contains(&logins), "{logins} logins");
    assert_eq!(at_once, 1);
    assert!(passed < LEASE * 3, "{passed:?}");
}

/// A leader that gives up is replaced at once, by one.
pub fn tired_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Abandoned, Answer::Granted]);
    let ends = on_threads(cast.threads, |_| stage.call(Call::replayable()));
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// A leader that unwinds is replaced at once, by one.
pub fn lost_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Lost, Answer::Granted]);
    let mut ends = on_threads(cast.threads, |_| stage.call(Call::replayable()));
    ends.retain(|ended| !matches!(ended.end, End::Lost));
    assert_eq!(ends.len(), cast.threads - 1);
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 1, passed: Duration::ZERO });
}

/// A leader that hangs delays the others by its lease, and its late answer takes nobody's token away.
pub fn hanging_leader(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TWO_LEASES), Answer::Granted]);
    let ends = on_threads(cast.threads, |_| stage.call(Call::replayable()));
    assert_sent(&ends, 1);
    assert_eq!(stage.seen(), Seen { logins: 2, at_once: 2, passed: TWO_LEASES });
}

/// A call whose deadline comes leaves at its deadline, and the others get what they wait for.
pub fn leaving(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TEN_SECONDS)]);
    let ends = on_threads(cast.threads, |thread| {
        let deadline = stage.monitor.now().monotonic.saturating_add(TEN_SECONDS / 2);
        let call = Call::replayable();
        stage.call(if thread == 0 { call.with_deadline(deadline) } else { call })
    });
    assert_sent(&ends[1..], 1);
    match &ends[0] {
        // A leader stays with its login, which is its sender's to end in time.
        Ended { end: End::Sent(1), at } => assert_eq!(*at, TEN_SECONDS),
        Ended { end: End::Refused(Refusal::Deadline { .. }), at } => assert_eq!(*at, TEN_SECONDS / 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: TEN_SECONDS });
}

/// A thread that unwinds while it holds the lock costs its own call and nobody else's.
pub fn poisoned_lock(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Granted]);
    let ends = on_threads(cast.threads, |thread| match thread {
        0 => stage.monitor.with(|_, _| unwind()),
        _ => stage.call(Call::replayable()),
    });
    assert!(matches!(ends[0].end, End::Lost), "{ends:?}");
    assert_sent(&ends[1..], 1);
    assert_eq!(stage.seen(), Seen { logins: 1, at_once: 1, passed: Duration::ZERO });
}

/// New credentials while others wait: they go on under the new ones, at once.
pub fn reset(cast: Cast) {
    change(cast, |session, now| session.reset(credentials(), now));
}

/// The token is given up while others wait: they go on with another login, at once.
pub fn invalidation(cast: Cast) {
    change(cast, Session::invalidate);
}

fn change(cast: Cast, change: fn(&mut Session, Now)) {
    let stage = Stage::new(cast.bell, &[Answer::Late(TEN_SECONDS), Answer::Granted]);
    let overtaken = AtomicBool::new(false);
    let ends = on_threads(cast.threads, |thread| {
        if thread == 0 {
            stage.monitor.change(|session, now| {
                overtaken.store(matches!(session.explain(now), Explanation::Join { .. }), SeqCst);
                change(session, now);
            });
        }
        stage.call(Call::replayable())
    });
    assert_sent(&ends, 1);
    let (logins, late) = if overtaken.into_inner() { (2, 1) } else { (1, cast.threads) };
    assert_eq!(stage.seen().logins, logins);
    // The one that leads what is given up waits for its answer; nobody waits with it.
    assert_eq!(ends.iter().filter(|ended| !ended.at.is_zero()).count(), late, "{ends:?}");
}

/// Each entry of the journal is told once, each thread tells its own in order, and time never runs backwards in them.
pub fn telling(cast: Cast) {
    let stage = Stage::new(cast.bell, &[Answer::Unavailable, Answer::Granted]);
    trace::listen(true);
    on_threads(cast.threads, |_| stage.call(Call::replayable()));
    let heard = trace::heard();
    let mut numbers: Vec<_> = heard.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    let (written, times) = stage.monitor.with(|session, _| {
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

fn assert_sent(ends: &[Ended], edition: u64) {
    assert!(ends.iter().all(|ended| matches!(ended.end, End::Sent(sent) if sent == edition)), "{ends:?}");
}
