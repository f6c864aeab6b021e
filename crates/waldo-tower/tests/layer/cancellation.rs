//! Futures that are dropped while others wait for them.

use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use tokio::task::JoinSet;
use tower::{Layer, Service};
use waldo_emulator::Hold;
use waldo_emulator::model::Target;
use waldo_tower::http::{HeaderMap, Request, Response};
use waldo_tower::{Error, SharedSession, Waldo, WaldoLayer};

use crate::mock::{Inner, ORIGIN, mock};
use crate::site::{emulator, get, on_a_runtime, service, settings, status, until_held};

type Call = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Error>> + Send>>;

/// A call that nobody polls but the test.
fn call(service: &Waldo<Inner>) -> Call {
    let mut service = service.clone();
    let request = Request::get(format!("{ORIGIN}/customer")).body(Full::default()).unwrap();
    Box::pin(async move {
        poll_fn(|context| Service::<Request<Full<Bytes>>>::poll_ready(&mut service, context)).await?;
        service.call(request).await
    })
}

fn poll(call: &mut Call) -> Poll<u16> {
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|ended| ended.unwrap().status().as_u16())
}

/// A login that hangs, but for the one of this number.
fn hanging_until(last: usize) -> impl Fn(usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Clone {
    move |number| if number < last { Box::pin(pending()) } else { Box::pin(ready(())) }
}

/// No time passes in it: the timer never ends, so only a wake-up can end a wait.
fn timeless(inner: Inner) -> Waldo<Inner> {
    let session = SharedSession::new(settings(ORIGIN).build().unwrap());
    WaldoLayer::new(session, |_| pending::<()>()).layer(inner)
}

/// The first few are replaced at once, and whoever follows them waits a little: cancelling must not become a storm of logins.
#[test]
fn rule_18_each_dropped_leader_of_a_storm_is_replaced_by_one() {
    const CALLS: usize = 50;
    let (inner, seen) = mock(hanging_until(CALLS), |_| (200, HeaderMap::new()));
    let backoff = Duration::from_millis(1);
    let session = SharedSession::new(settings(ORIGIN).backoff(backoff, backoff).build().unwrap());
    // Whoever is polled looks whether the backoff is over; no login times out.
    let timer = move |span| async move {
        if span > backoff { pending().await } else { tokio::task::yield_now().await }
    };
    let service = WaldoLayer::new(session, timer).layer(inner);
    let mut calls: Vec<_> = (0..CALLS).map(|_| call(&service)).collect();
    for dropped in 0..CALLS - 1 {
        // All look until one of them leads.
        let mut leads = |call: &mut Call| {
            assert!(poll(call).is_pending());
            seen.logins() > dropped
        };
        let leader =
            std::iter::repeat_with(|| calls.iter_mut().position(&mut leads)).find_map(|leader| leader);
        assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
        assert_eq!(
            (seen.logins(), seen.logins_under_way()),
            (dropped + 1, 1),
            "one login for all who are left"
        );
        drop(calls.remove(leader.unwrap()));
        assert_eq!(seen.logins_under_way(), 0);
    }
    let last = std::iter::repeat_with(|| poll(&mut calls[0])).find(Poll::is_ready);
    assert_eq!(last, Some(Poll::Ready(200)));
    assert_eq!((seen.logins(), seen.most_logins_at_once()), (CALLS, 1));
}

/// Which of those who wait is woken, is told to each by its own waker.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn rule_18_a_dropped_leader_wakes_those_who_wait() {
    let (inner, _) = mock(hanging_until(2), |_| (200, HeaderMap::new()));
    let service = timeless(inner);
    let (mut leader, mut follower) = (call(&service), call(&service));
    let bell = Arc::new(Bell::default());
    assert!(poll(&mut leader).is_pending());
    let waker = Waker::from(Arc::clone(&bell));
    assert!(follower.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let rung = || bell.0.load(SeqCst);
    assert_eq!(rung(), 0, "nothing has happened yet");
    drop(leader);
    assert_eq!(rung(), 1);
    assert_eq!(poll(&mut follower), Poll::Ready(200));
}

#[test]
fn rule_18_a_follower_that_is_dropped_takes_nobodys_wake_up() {
    let (inner, seen) = mock(hanging_until(2), |_| (200, HeaderMap::new()));
    let service = timeless(inner);
    let mut calls: Vec<_> = (0..4).map(|_| call(&service)).collect();
    assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
    // One is gone before the wake-up, and one after it, without having been polled again.
    drop(calls.remove(1));
    drop(calls.remove(0));
    drop(calls.remove(0));
    assert_eq!(poll(&mut calls[0]), Poll::Ready(200));
    assert_eq!(seen.logins(), 2);
}

#[test]
fn rule_18_a_call_that_is_dropped_while_it_is_sent_leaves_the_token_to_the_others() {
    let (inner, seen) = mock(|_| ready(()), |_| (200, HeaderMap::new()));
    let service = timeless(inner);
    assert_eq!(poll(&mut call(&service)), Poll::Ready(200));
    drop(call(&service));
    assert_eq!(poll(&mut call(&service)), Poll::Ready(200));
    assert_eq!((seen.logins(), seen.calls().len()), (1, 2));
}

/// Which task leads is chance here: whoever is aborted, the last one is answered.
#[test]
fn rule_18_a_storm_of_aborted_tasks_costs_the_last_one_nothing() {
    on_a_runtime(async {
        let emulator = Arc::new(emulator());
        let service = service(&emulator);
        emulator.hold(Hold::logins());
        let mut tasks = JoinSet::new();
        let aborts: Vec<_> = (0..50)
            .map(|_| tasks.spawn(status(service.clone(), get(&emulator, "/customer?field=id"))))
            .collect();
        until_held(&emulator, 1).await;
        for abort in &aborts[..49] {
            abort.abort();
            tokio::task::yield_now().await;
        }
        emulator.release(Target::Login);
        let mut answered = 0;
        while let Some(ended) = tasks.join_next().await {
            // One that had not been aborted in time may have ended well.
            if let Ok(status) = ended {
                assert_eq!(status.unwrap(), 200);
                answered += 1;
            }
        }
        assert!(answered >= 1, "the one that was not aborted");
        let granted = emulator.stats().server.logins_granted;
        assert_eq!(status(service, get(&emulator, "/customer?field=id")).await.unwrap(), 200);
        assert_eq!(emulator.stats().server.logins_granted, granted, "the token that it has brought is held");
    });
}
