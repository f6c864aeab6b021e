//! The effect of a session's changes on the calls that share the session.

use std::error::Error;
use std::fmt;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use http::Response;
use http::header::AUTHORIZATION;
use waldo_auth_client::{Admission, Lead, SharedSession, Wait};
use waldo_auth_client::{Call, Credentials, Explanation, Generation, NoToken, Verdict};

use crate::site::{admit, grant, lead, session, wait};

#[test]
fn rule_13_failed_lead_causes_a_backoff() {
    let session = session();
    lead(&session).fail("no route to host");
    let explanation = session.explain();
    assert!(matches!(explanation, Explanation::BackOff { .. }), "{explanation}");
}

#[test]
fn rule_13_dropped_lead_abandons_its_login() {
    let session = session();
    drop(lead(&session));
    let explanation = session.explain();
    assert!(
        matches!(explanation, Explanation::Authenticate { why: NoToken::NeverLoggedIn, .. }),
        "{explanation}"
    );
}

#[test]
fn rule_13_login_continues_after_its_call_ends() {
    let session = session();
    let soon = session.now().saturating_add(Duration::from_millis(20));
    let Admission::Authenticate(lead, own) =
        admit(&session, Call::replayable().with_deadline(soon))
    else {
        panic!("expected a login")
    };
    assert!(lead.may_outlast(own.call()) && lead.timeout() > Duration::from_secs(20));
    let Admission::Refuse(refused) = admit(&session, own.block()) else {
        panic!("expected a refusal at the deadline")
    };
    assert!(refused.retry_in <= Duration::from_secs(1), "{refused}");
    let waits = wait(&session, Call::replayable());
    grant(lead);
    assert!(matches!(admit(&session, waits.block()), Admission::Send(_)));
}

#[test]
fn rule_13_leaders_own_wait_ends_with_login() {
    let session = session();
    let Admission::Authenticate(lead, own) = admit(&session, Call::replayable()) else {
        panic!("expected a login")
    };
    grant(lead);
    assert!(matches!(admit(&session, own.block()), Admission::Send(_)));
    assert!(session.now().since_start() < Duration::from_secs(10));
}

/// An error of an HTTP stack. Its `source` panics, because foreign code may panic.
#[derive(Debug)]
struct Spiteful;

impl fmt::Display for Spiteful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("spiteful")
    }
}

impl Error for Spiteful {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        panic!("on purpose")
    }
}

#[test]
fn rule_13_a_login_that_panics_has_failed_for_all() {
    let panics: [fn(Lead); 2] = [
        |lead| {
            let _lead = lead;
            panic!("on purpose")
        },
        // The login fails, and its error panics.
        |lead| lead.fail(Spiteful),
    ];
    for (number, panics) in panics.into_iter().enumerate() {
        let session = session();
        let lead = lead(&session);
        assert!(catch_unwind(AssertUnwindSafe(|| panics(lead))).is_err());
        let explanation = session.explain();
        assert!(matches!(explanation, Explanation::BackOff { .. }), "{number}: {explanation}");
    }
}

#[test]
fn rule_06_403_response_carries_generation_of_sent_token() {
    let session = session();
    grant(lead(&session));
    let answered = |status: u16| {
        let Admission::Send(attempt) = admit(&session, Call::replayable()) else {
            panic!("expected to send")
        };
        let mut response = Response::builder().status(status).body(()).unwrap();
        drop(session.conclude(attempt, &mut response));
        Generation::of(response.extensions())
    };
    assert_eq!(answered(200), None, "an accepted token needs no invalidation");
    let refused = answered(403);
    assert_eq!(refused, session.generation());
    assert!(
        session.invalidate(refused) && !session.invalidate(refused) && !session.invalidate(None)
    );
    assert_eq!(session.generation(), None);
}

#[test]
fn rule_20_every_token_of_a_response_is_marked_sensitive() {
    let session = session();
    grant(lead(&session));
    let Admission::Send(attempt) = admit(&session, Call::replayable()) else {
        panic!("expected to send")
    };
    let mut response = Response::new(());
    for renewal in ["Bearer e30.e30.canary00", "Bearer e30.e30.canary01"] {
        response.headers_mut().append(AUTHORIZATION, renewal.parse().unwrap());
    }
    assert!(matches!(session.conclude(attempt, &mut response), Verdict::Deliver));
    assert!(!format!("{response:?}").contains("canary"), "{response:?}");
    assert_eq!(response.headers().get_all(AUTHORIZATION).iter().count(), 2);
}

#[test]
fn attempt_has_remaining_time_of_its_call() {
    let session = session();
    grant(lead(&session));
    let left = |call| match admit(&session, call) {
        Admission::Send(attempt) => session.left(&attempt),
        Admission::Authenticate(..) | Admission::Wait(_) | Admission::Refuse(_) => {
            panic!("expected to send")
        }
    };
    assert_eq!(left(Call::replayable()), None);
    let minute = Duration::from_secs(60);
    let bounded =
        left(Call::replayable().with_deadline(session.now().saturating_add(minute))).unwrap();
    assert!(bounded <= minute && bounded > minute / 2, "{bounded:?}");
    assert_eq!(left(Call::replayable().with_deadline(session.now())), Some(Duration::ZERO));
}

#[test]
fn grant_resume_invalidate_and_reset_change_session() {
    let is_held = |session: &SharedSession| matches!(session.explain(), Explanation::Send { .. });
    let (session, other) = (session(), session());
    assert!(session.snapshot().is_none());
    grant(lead(&session));
    assert!(is_held(&session));
    let snapshot = session.snapshot().unwrap();
    other.resume(&snapshot).unwrap();
    assert!(is_held(&other));
    assert!(other.resume(&snapshot).is_err(), "the session holds the token already");
    session.invalidate(session.generation());
    assert!(!is_held(&session));
    grant(lead(&session));
    session.reset(Credentials::new("k", "another").unwrap());
    assert!(!is_held(&session));
    assert_eq!(session.origin().to_string(), "https://api.waldo.ai");
    assert!(session.inspect(|session, _| session.journal().written()) > 4);
}

/// The CPU time of this thread, if the system reports the time.
fn on_cpu() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[test]
fn rule_14_wait_ends_at_deadline_without_notification_or_spinning() {
    let session = session();
    let leader = lead(&session);
    let (soon, before) = (session.now().saturating_add(Duration::from_millis(100)), on_cpu());
    drop(wait(&session, Call::replayable().with_deadline(soon)).block());
    assert!(session.now() >= soon);
    if let (Some(before), Some(after)) = (before, on_cpu()) {
        // A thread that spins gets a quarter of the time at least, even on a busy machine. A thread
        // that waits needs a fraction of a millisecond.
        let spent = after.saturating_sub(before);
        assert!(spent < Duration::from_millis(10), "the wait spins: {spent:?} of 100 ms");
    }
    drop(leader);
}

#[test]
fn rule_14_a_task_waits_no_longer_than_its_timer() {
    let session = session();
    let leader = lead(&session);
    let mut span = None;
    {
        let timer = |left| {
            span = Some(left);
            ready(())
        };
        let mut waiting = pin!(wait(&session, Call::replayable()).or(timer));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    // The wait lasts until the end of the login's lease.
    let longest = Duration::from_secs(30);
    assert!(span.is_some_and(|span| span <= longest && span > longest / 2), "{span:?}");
    drop(leader);
}

#[test]
fn started_wait_misses_no_notification() {
    let session = session();
    let leader = lead(&session);
    let waits = [wait(&session, Call::replayable()), wait(&session, Call::replayable())];
    drop(leader);
    // The lease lasts much longer, so each wait ends by the notification that came before the wait
    // began to listen.
    waits.into_iter().map(Wait::block).for_each(drop);
    assert!(session.now().since_start() < Duration::from_secs(10));
}
