//! The outputs of a session: its events to `tracing`, its login to the server, and its refusals to
//! the caller.

use std::error::Error as _;
use std::fmt::Debug;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::task::{Context as TaskContext, Waker};
use std::thread;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Response, StatusCode};
use tracing::field::{Field, Visit};
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use waldo_auth_client::{
    Admission, Call, ConfigBuilder, CredentialSource, Credentials, Head, Lead, Reason, Refusal,
    Refused, SharedSession, Snapshot, Verdict, config,
};

use crate::site::{admit, grant, lead, wait};
use crate::wakers::Counts;

/// A session that refuses a call after the first failure.
fn hasty() -> SharedSession {
    SharedSession::new(
        config(Credentials::new("k", "s").unwrap()).failures_per_call(1).build().unwrap(),
    )
}

/// With one subscriber alone, `tracing` asks the thread that reaches an event first whether anybody
/// listens. That thread may be of another test, which does not listen.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

/// Runs a function, and sends its events to the subscriber.
fn with_subscriber<R>(
    subscriber: impl Subscriber + Send + Sync + 'static,
    run: impl FnOnce() -> R,
) -> R {
    LazyLock::force(&SECOND);
    tracing::subscriber::with_default(subscriber, run)
}

/// The numbers, names and levels of the events, in the order of arrival.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(u64, String, Level)>>>);

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        assert_eq!(event.metadata().target(), "waldo_auth");
        let mut fields = Fields::default();
        event.record(&mut fields);
        assert!(!fields.message.is_empty());
        self.0.lock().unwrap().push((fields.number, fields.event, *event.metadata().level()));
    }
}

/// The field `client` of each event.
#[derive(Clone, Default)]
struct Clients(Arc<Mutex<Vec<Option<String>>>>);

impl<S: Subscriber> Layer<S> for Clients {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.client);
    }
}

#[derive(Default)]
struct Fields {
    client: Option<String>,
    number: u64,
    event: String,
    message: String,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        assert_eq!(field.name(), "number");
        self.number = value;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "client" => self.client = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event),
            name => panic!("an event has no text field {name}"),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        assert_eq!(field.name(), "message");
        self.message = format!("{value:?}");
    }
}

#[test]
fn rule_22_each_entry_is_emitted_once_at_its_level() {
    let heard = Heard::default();
    with_subscriber(tracing_subscriber::registry().with(heard.clone()), || {
        let session = hasty();
        let leader = lead(&session);
        let follower = wait(&session, Call::replayable());
        grant(leader);
        drop(follower.block());
        session.invalidate(session.generation());
        lead(&session).fail("no route to host");
        let (snapshot, other) = (stored(), hasty());
        other.resume(&snapshot).unwrap();
        let Admission::Send(attempt) = admit(&other, Call::replayable()) else {
            panic!("expected to send")
        };
        let mut response = Response::new(());
        response.headers_mut().insert(AUTHORIZATION, "Bearer e30.e30.bmV3".parse().unwrap());
        assert!(matches!(other.conclude(attempt, &mut response), Verdict::Deliver));
    });
    let heard = heard.0.lock().unwrap().clone();
    let told: Vec<_> =
        heard.iter().map(|(number, name, level)| (*number, name.as_str(), *level)).collect();
    assert_eq!(
        told,
        [
            (1, "login_started", Level::DEBUG),
            (2, "coalesced", Level::TRACE),
            (3, "login_granted", Level::INFO),
            (4, "invalidated", Level::INFO),
            (5, "login_started", Level::DEBUG),
            (6, "login_unavailable", Level::WARN),
            (1, "resumed", Level::INFO),
            (2, "renewed", Level::TRACE),
        ]
    );
}

#[test]
fn events_and_refusals_show_client_name() {
    for name in [None, Some("sandbox")] {
        let clients = Clients::default();
        let config = config(Credentials::new("k", "s").unwrap()).failures_per_call(1);
        let config = name.into_iter().fold(config, ConfigBuilder::name).build().unwrap();
        let session = SharedSession::new(config);
        assert_eq!(session.name(), name);
        let subscriber = tracing_subscriber::registry().with(clients.clone());
        let refused = with_subscriber(subscriber, || {
            let Admission::Authenticate(lead, wait) = admit(&session, Call::replayable()) else {
                panic!("expected a login")
            };
            lead.fail("no route to host");
            let Admission::Refuse(refused) = admit(&session, wait.block()) else {
                panic!("expected a refusal after one failure")
            };
            refused
        });
        assert_eq!(*clients.0.lock().unwrap(), vec![name.map(str::to_owned); 2]);
        assert_eq!(refused.client.as_deref(), name);
        let start = name.map(|name| format!("{name} at ")).unwrap_or_default();
        let text = refused.to_string();
        assert!(text.starts_with(&format!("{start}https://api.waldo.ai: login")), "{text}");
    }
}

#[test]
fn an_error_of_the_source_is_an_event_at_level_warn() {
    let heard = Heard::default();
    with_subscriber(tracing_subscriber::registry().with(heard.clone()), || {
        let source = CredentialSource::new(|| Err("the vault is sealed"));
        let config = config(Credentials::new("k", "s").unwrap()).build().unwrap();
        let session = SharedSession::with_source(config, source);
        let rejection = br#"{"code":"INVALID_API_KEY"}"#;
        let headers = HeaderMap::new();
        lead(&session).answer(Head::new(StatusCode::UNAUTHORIZED, &headers), rejection);
    });
    let heard = heard.0.lock().unwrap();
    let names: Vec<_> = heard.iter().map(|(_, name, level)| (name.as_str(), *level)).collect();
    assert_eq!(
        names,
        [
            ("source_failed", Level::WARN),
            ("login_started", Level::DEBUG),
            ("login_rejected", Level::WARN),
            ("circuit_opened", Level::WARN),
        ]
    );
}

/// Records for each event how often a task had been woken before the event.
#[derive(Clone, Default)]
struct WokenBefore {
    task: Arc<Counts>,
    heard: Arc<Mutex<Vec<(String, usize)>>>,
}

impl<S: Subscriber> Layer<S> for WokenBefore {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.heard.lock().unwrap().push((fields.event, self.task.0.load(SeqCst)));
    }
}

/// A subscriber may be slow, so waiting calls are woken first.
#[test]
fn rule_22_waiting_calls_are_woken_before_events_are_emitted() {
    let ears = WokenBefore::default();
    with_subscriber(tracing_subscriber::registry().with(ears.clone()), || {
        let session = hasty();
        let lead = lead(&session);
        let mut waiting = pin!(wait(&session, Call::replayable()).or(|_| pending::<()>()));
        let waker = Waker::from(Arc::clone(&ears.task));
        assert!(waiting.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
        grant(lead);
    });
    let heard = ears.heard.lock().unwrap();
    let heard: Vec<_> = heard.iter().map(|(event, woken)| (event.as_str(), *woken)).collect();
    assert_eq!(heard, [("login_started", 0), ("coalesced", 0), ("login_granted", 1)]);
}

/// Asks the session about each event that it hears.
struct Asks(SharedSession);

impl<S: Subscriber> Layer<S> for Asks {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        drop(self.0.explain());
    }
}

#[test]
fn rule_22_subscriber_using_the_session_blocks_no_call() {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let session = hasty();
        let asks = tracing_subscriber::registry().with(Asks(session.clone()));
        with_subscriber(asks, || {
            let leader = lead(&session);
            drop(wait(&session, Call::replayable()));
            grant(leader);
        });
        done.send(()).unwrap();
    });
    ended
        .recv_timeout(Duration::from_secs(20))
        .expect("an event is emitted under the lock, so the subscriber waits forever");
}

#[test]
fn rule_22_login_thread_events_reach_callers_subscriber() {
    let heard = Heard::default();
    let ends: [fn(_); 2] = [grant, drop];
    for end in ends {
        let lead =
            with_subscriber(tracing_subscriber::registry().with(heard.clone()), || lead(&hasty()));
        thread::spawn(move || end(lead)).join().unwrap();
    }
    let names: Vec<_> = heard.0.lock().unwrap().iter().map(|(_, name, _)| name.clone()).collect();
    assert_eq!(names, ["login_started", "login_granted", "login_started", "login_abandoned"]);
}

/// A stored token. The session that stored it emits its events to no subscriber.
fn stored() -> Snapshot {
    with_subscriber(NoSubscriber::new(), || {
        let session = hasty();
        grant(lead(&session));
        session.snapshot().unwrap()
    })
}

/// Runs a function while a thread unwinds.
struct OnUnwind<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A subscriber that panics during a panic would end the process, so events wait for the next step.
#[test]
fn rule_22_events_during_unwind_are_emitted_at_next_step() {
    fn call() -> Call {
        Call::replayable()
    }

    let steps: [fn(&SharedSession, &Snapshot); 5] = [
        |session, _| drop(session.explain()),
        |session, _| drop(wait(session, call())),
        |session, _| {
            let admission = admit(session, call().with_deadline(session.now()));
            assert!(matches!(admission, Admission::Refuse(_)), "{admission:?}");
        },
        |session, stored| {
            let resumes = OnUnwind(|| session.resume(stored).unwrap());
            assert!(catch_unwind(AssertUnwindSafe(|| unwind(resumes))).is_err());
            assert!(matches!(admit(session, call()), Admission::Send(_)));
        },
        |session, _| session.reset(Credentials::new("k", "s").unwrap()),
    ];
    for (number, step) in steps.into_iter().enumerate() {
        let (heard, stored) = (Heard::default(), stored());
        with_subscriber(tracing_subscriber::registry().with(heard.clone()), || {
            let session = hasty();
            assert!(catch_unwind(AssertUnwindSafe(|| unwind(lead(&session)))).is_err());
            assert!(heard.0.lock().unwrap().is_empty());
            step(&session, &stored);
        });
        let names: Vec<_> =
            heard.0.lock().unwrap().iter().map(|(_, name, _)| name.clone()).collect();
        assert_eq!(names[..2], ["login_started", "login_unavailable"], "step {number}");
        assert_eq!(
            names.get(2).map_or("", String::as_str),
            ["", "", "", "resumed", "reset"][number]
        );
    }
}

/// Panics, and drops the argument while the thread unwinds.
fn unwind<T>(_dropped: T) {
    panic!("on purpose");
}

#[test]
fn rule_01_a_lead_says_what_to_send() {
    let session = hasty();
    let request = lead(&session).request();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://api.waldo.ai/authenticate");
    assert!(!request.headers().contains_key("authorization"));
    assert!(request.body().len() > 10, "the body holds the key pair");
}

#[test]
fn rule_14_a_refusal_says_where_why_and_when() {
    let ends: [(fn(Lead), Reason); 2] = [
        (|lead| lead.fail("no route to host"), Reason::Transport),
        (|lead| lead.time_out("no route to host"), Reason::Timeout),
    ];
    for (end, reason) in ends {
        let session = hasty();
        let Admission::Authenticate(lead, wait) = admit(&session, Call::replayable()) else {
            panic!("expected a login")
        };
        end(lead);
        let call = wait.block();
        let before = session.now();
        let Admission::Refuse(refused) = admit(&session, call) else {
            panic!("expected a refusal after one failure")
        };
        // The time counts from the refusal, and not from the start of the session.
        let from = |now| refused.refusal.retry_at().saturating_duration_since(now);
        assert!(before.since_start() > Duration::ZERO);
        assert!((from(session.now())..=from(before)).contains(&refused.retry_in), "{refused:?}");
        let text = refused.to_string();
        assert!(text.starts_with("https://api.waldo.ai: "), "{text}");
        assert_eq!(format!("{refused:?}"), text, "the text that a returned error prints");
        let later = Refused { retry_in: refused.retry_in * 2, ..refused.clone() };
        assert_eq!(later.to_string(), text, "equal failures have equal messages");
        assert_eq!(refused.source().unwrap().to_string(), "no route to host");
        let Refusal::Unavailable { failure, .. } = refused.refusal else { panic!("{refused:?}") };
        assert_eq!(failure.reason(), reason);
    }
}
