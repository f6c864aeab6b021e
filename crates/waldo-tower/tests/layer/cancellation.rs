//! Futures that are dropped while others wait for them.

use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use tokio::task::JoinSet;
use tower::{Layer, Service};
use waldo_emulator::Hold;
use waldo_emulator::model::Target;
use waldo_tower::http::{HeaderMap, Request, Response};
use waldo_tower::{Error, LoginFuture, SharedSession, Waldo, WaldoLayer};

use crate::mock::{Inner, ORIGIN, mock};
use crate::site::{emulator, get, on_a_runtime, service, settings, status, until_held};

type Call = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Error>> + Send>>;

/// A call that nobody polls but the test.
fn call(service: &Waldo<Inner>) -> Call {
    let mut service = service.clone();
    let request = Request::get(format!("{ORIGIN}/customer")).body(Full::default()).unwrap();
    Box::pin(async move {
        poll_fn(|context| Service::<Request<Full<Bytes>>>::poll_ready(&mut service, context))
            .await?;
        service.call(request).await
    })
}

fn poll(call: &mut Call) -> Poll<u16> {
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|ended| ended.unwrap().status().as_u16())
}

/// A login that hangs, but for the one of this number.
fn hanging_until(
    last: usize,
) -> impl Fn(usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Clone {
    move |number| if number < last { Box::pin(pending()) } else { Box::pin(ready(())) }
}

/// The logins, which the test polls and drops.
#[derive(Clone, Default)]
struct Logins(Arc<Mutex<Vec<LoginFuture>>>);

impl Logins {
    /// Polls each login that has not ended.
    fn poll(&self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut logins = self.take();
        logins.retain_mut(|login| Pin::new(login).poll(&mut context).is_pending());
        self.0.lock().unwrap().extend(logins);
    }

    /// Takes the logins that have not ended, as a runtime does that is shut down.
    fn take(&self) -> Vec<LoginFuture> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A service in which no time passes: the timer never ends, so only a wake-up can end a wait.
fn timeless(inner: Inner) -> (Waldo<Inner>, Logins) {
    let session = SharedSession::new(settings(ORIGIN).build().unwrap());
    let logins = Logins::default();
    let started = logins.clone();
    let spawn = move |login| started.0.lock().unwrap().push(login);
    (WaldoLayer::new(session, |_| pending::<()>(), spawn).layer(inner), logins)
}

#[test]
fn rule_13_a_login_goes_on_when_its_call_is_dropped() {
    let (answer, answered) = tokio::sync::watch::channel(false);
    let login = move |_| {
        let mut answered = answered.clone();
        Box::pin(async move { drop(answered.wait_for(|answered| *answered).await) }) as Pin<Box<_>>
    };
    let (inner, seen) = mock(login, |_| (200, HeaderMap::new()));
    let (service, logins) = timeless(inner);
    let (mut leader, mut follower) = (call(&service), call(&service));
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    logins.poll();
    drop(leader);
    assert_eq!((seen.logins(), seen.logins_under_way()), (1, 1));
    answer.send(true).unwrap();
    logins.poll();
    assert_eq!(poll(&mut follower), Poll::Ready(200));
    assert_eq!(seen.logins(), 1);
}

/// A runtime that drops each task, such as one that is shut down, causes no storm of logins.
#[test]
fn rule_14_each_dropped_login_is_replaced_by_one() {
    const LOGINS: usize = 50;
    let (inner, seen) = mock(hanging_until(LOGINS), |_| (200, HeaderMap::new()));
    let (service, logins) = {
        let backoff = Duration::from_millis(1);
        let session =
            SharedSession::new(settings(ORIGIN).backoff(backoff, backoff).build().unwrap());
        // Whoever is polled looks whether the backoff is over; no login times out.
        let timer = move |span| async move {
            if span > backoff { pending().await } else { tokio::task::yield_now().await }
        };
        let logins = Logins::default();
        let started = logins.clone();
        let spawn = move |login| started.0.lock().unwrap().push(login);
        (WaldoLayer::new(session, timer, spawn).layer(inner), logins)
    };
    let mut calls: Vec<_> = (0..LOGINS).map(|_| call(&service)).collect();
    for dropped in 0..LOGINS - 1 {
        // All look until one of them leads.
        while seen.logins() == dropped {
            assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
            logins.poll();
        }
        assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
        assert_eq!((seen.logins(), seen.logins_under_way()), (dropped + 1, 1), "one login for all");
        drop(logins.take());
        assert_eq!(seen.logins_under_way(), 0);
    }
    let ended = std::iter::repeat_with(|| {
        logins.poll();
        poll(&mut calls[0])
    });
    assert_eq!(ended.into_iter().find(Poll::is_ready), Some(Poll::Ready(200)));
    assert!(calls[1..].iter_mut().all(|call| poll(call) == Poll::Ready(200)));
    assert_eq!((seen.logins(), seen.most_logins_at_once()), (LOGINS, 1));
}

/// Counts the wake-ups of one task.
#[derive(Default)]
struct WakeUps(AtomicUsize);

impl Wake for WakeUps {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn rule_18_dropped_login_wakes_all_waiters() {
    let (inner, _) = mock(hanging_until(2), |_| (200, HeaderMap::new()));
    let (service, logins) = timeless(inner);
    let (mut leader, mut follower) = (call(&service), call(&service));
    let wake_ups = Arc::new(WakeUps::default());
    assert!(poll(&mut leader).is_pending());
    let waker = Waker::from(Arc::clone(&wake_ups));
    assert!(follower.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    logins.poll();
    let count = || wake_ups.0.load(SeqCst);
    assert_eq!(count(), 0, "nothing has happened yet");
    drop(logins.take());
    assert_eq!(count(), 1);
    assert!(poll(&mut follower).is_pending());
    logins.poll();
    assert_eq!(poll(&mut follower), Poll::Ready(200));
}

#[test]
fn rule_18_dropped_waiter_loses_no_other_wakeup() {
    let (inner, seen) = mock(hanging_until(1), |_| (200, HeaderMap::new()));
    let (service, logins) = timeless(inner);
    let mut calls: Vec<_> = (0..4).map(|_| call(&service)).collect();
    assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
    // One is gone before the wake-up, and two after it, without having been polled again.
    drop(calls.remove(1));
    logins.poll();
    drop(calls.remove(0));
    drop(calls.remove(0));
    assert_eq!(poll(&mut calls[0]), Poll::Ready(200));
    assert_eq!(seen.logins(), 1);
}

#[test]
fn rule_18_dropped_call_keeps_token_for_others() {
    let (inner, seen) = mock(|_| ready(()), |_| (200, HeaderMap::new()));
    let (service, logins) = timeless(inner);
    let mut first = call(&service);
    assert!(poll(&mut first).is_pending());
    logins.poll();
    assert_eq!(poll(&mut first), Poll::Ready(200));
    drop(call(&service));
    assert_eq!(poll(&mut call(&service)), Poll::Ready(200));
    assert_eq!((seen.logins(), seen.calls().len()), (1, 2));
}

/// Whoever is aborted, the login goes on, and the others are answered.
#[test]
fn rule_13_a_storm_of_aborted_tasks_is_one_login() {
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
        assert_eq!(status(service, get(&emulator, "/customer?field=id")).await.unwrap(), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}
