//! The body of an upload that is held back, as an [`http_body::Body`].
//!
//! HTTP clients such as hyper's do not wait for a `100 Continue`: they poll the body right after
//! the head. So the body of an upload stays pending until its gate opens. Until the client has
//! polled the body, the caller can take the body back.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONNECTION, EXPECT, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use waldo_auth_core::{AdmitError, Upload};

type BoxError = Box<dyn Error + Send + Sync>;

/// Sets `Connection: close` on the head of an upload, so that no other request uses its connection.
///
/// A server may refuse an upload on its head, leave the body unread, and keep the connection open.
/// hyper counts bytes in its buffers and in the system's buffers as sent, so hyper would use the
/// connection again. The next call would then wait behind bytes that the server does not read.
///
/// # Errors
/// The header map is full.
pub fn close_connection(headers: &mut HeaderMap) -> Result<(), AdmitError> {
    set(headers, CONNECTION, "close")
}

/// Sets `Expect: 100-continue` on the head of an upload that asks first.
///
/// # Errors
/// The header map is full.
pub fn expect_continue(headers: &mut HeaderMap) -> Result<(), AdmitError> {
    set(headers, EXPECT, "100-continue")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) -> Result<(), AdmitError> {
    let set = headers.try_insert(name, HeaderValue::from_static(value));
    set.map(drop).map_err(|_| AdmitError::TooManyHeaders)
}

/// Whether a body is an upload: more than 64 KiB, or of unknown length.
pub fn is_upload(body: &impl Body) -> bool {
    !body.is_end_stream()
        && body.size_hint().upper().is_none_or(|length| length > Upload::MAX_SHORT_BODY)
}

/// The body of an upload for the HTTP client. It stays pending until its [`Gate`] opens.
pub struct HeldBody<B> {
    /// The body, after its first poll.
    own: Option<B>,
    state: Shared<B>,
    length: SizeHint,
}

/// Opens a [`HeldBody`], or takes its body back. It also knows whether the client has polled the
/// body.
pub struct Gate<B>(Shared<B>);

type Shared<B> = Arc<Mutex<State<B>>>;

struct State<B> {
    phase: Phase,
    /// The body, until its first poll, or until it is taken back.
    body: Option<B>,
    /// The waker of the task that wants to send the body.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The body must not be sent yet.
    Held,
    /// The body may be sent.
    Open,
    /// The client has polled the body.
    Touched,
    /// The client has polled the body, and the body has failed by itself.
    Failed,
    /// The caller has taken the body back.
    TakenBack,
}

impl<B: Body> HeldBody<B> {
    /// A body that may be sent at once.
    pub fn open(body: B) -> (Self, Gate<B>) {
        Self::new(body.size_hint(), Phase::Open, Some(body))
    }

    /// A body that stays pending until its gate opens.
    pub fn held(body: B) -> (Self, Gate<B>) {
        Self::new(body.size_hint(), Phase::Held, Some(body))
    }

    /// A body that announces this length and stays pending, for a head-only attempt.
    pub fn never(length: SizeHint) -> Self {
        Self::new(length, Phase::Held, None).0
    }

    fn new(length: SizeHint, phase: Phase, body: Option<B>) -> (Self, Gate<B>) {
        let state = Arc::new(Mutex::new(State { phase, body, waker: None }));
        (Self { own: None, state: Arc::clone(&state), length }, Gate(state))
    }
}

impl<B> Gate<B> {
    /// Lets the HTTP client read the body.
    pub fn open(&self) {
        let mut state = lock(&self.0);
        if state.phase == Phase::Held {
            state.phase = Phase::Open;
        }
        wake(state);
    }

    /// Waits for the result of the sending. If `silence` ends first, it opens the gate.
    pub async fn open_after<T>(&self, silence: impl Future, sent: impl Future<Output = T>) -> T {
        let (mut silence, mut sent) = (pin!(silence), pin!(sent));
        let mut is_open = false;
        poll_fn(|context| {
            let result = sent.as_mut().poll(context);
            if result.is_pending() && !is_open && silence.as_mut().poll(context).is_ready() {
                is_open = true;
                self.open();
            }
            result
        })
        .await
    }

    /// Whether the body was never polled, so that it can be sent in another request.
    pub fn is_untouched(&self) -> bool {
        matches!(lock(&self.0).phase, Phase::Held | Phase::Open)
    }

    /// Takes the body back, if it is untouched. Then the request with this body fails.
    pub fn take_back(self) -> Option<B> {
        let mut state = lock(&self.0);
        let body = state.body.take()?;
        state.phase = Phase::TakenBack;
        wake(state);
        Some(body)
    }

    /// Whether the connection broke off while this body was being sent, so that a response may have
    /// been lost.
    ///
    /// Returns `false` if the body is untouched, or has failed by itself.
    pub fn broke_off(&self, error: &(dyn Error + 'static)) -> bool {
        lock(&self.0).phase == Phase::Touched && is_break_off(error)
    }
}

/// Whether an error of an HTTP stack, or one of its causes, says that the server has cut the
/// connection.
pub fn is_break_off(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |&error| {
        // `source` of an `io::Error` skips the wrapped error, so read the wrapped error too.
        let within = error.downcast_ref().and_then(io::Error::get_ref);
        within.map(|within| within as &(dyn Error + 'static)).or_else(|| error.source())
    });
    causes.filter_map(|cause| cause.downcast_ref()).any(|cause: &io::Error| {
        // The system's timeout means that the peer has acknowledged nothing. It has an error
        // number, and the caller's own timeout has none.
        let is_timeout = cause.kind() == ErrorKind::TimedOut && cause.raw_os_error().is_some();
        let kinds =
            [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
        is_timeout || kinds.contains(&cause.kind())
    })
}

fn lock<B>(state: &Shared<B>) -> MutexGuard<'_, State<B>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the task that wants to send. Unlock first, because a waker runs user code.
fn wake<B>(mut state: MutexGuard<'_, State<B>>) {
    let waker = state.waker.take();
    drop(state);
    waker.into_iter().for_each(Waker::wake);
}

impl<B> Body for HeldBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.own.is_none() {
            let waker = context.waker().clone();
            let mut state = lock(&this.state);
            match state.phase {
                Phase::Held => {
                    let before = state.waker.replace(waker);
                    drop(state);
                    drop(before);
                    return Poll::Pending;
                }
                Phase::Open => {
                    state.phase = Phase::Touched;
                    this.own = state.body.take();
                }
                Phase::TakenBack => {
                    return Poll::Ready(Some(Err("the body is sent in another request".into())));
                }
                Phase::Touched | Phase::Failed => {}
            }
        }
        let Some(body) = &mut this.own else { return Poll::Ready(None) };
        let polled = Pin::new(body)
            .poll_frame(context)
            .map(|frame| frame.map(|frame| frame.map_err(Into::into)));
        if let Poll::Ready(Some(Err(_))) = polled {
            lock(&this.state).phase = Phase::Failed;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.own.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.own.as_ref().map_or_else(|| self.length, Body::size_hint)
    }
}

/// Does not show the body, because it belongs to the caller.
impl<B> fmt::Debug for HeldBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldBody").field("length", &self.length).finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for Gate<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;

    use super::*;
    use crate::drop_waker::{drop_waker, ends};

    /// A body of these frames, and then an error or the end.
    struct Frames(VecDeque<&'static str>, Option<ErrorKind>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let frame = self.0.pop_front().map(|text| Ok(Frame::data(Bytes::from(text))));
            Poll::Ready(frame.or_else(|| Some(Err(io::Error::from(self.1.take()?).into()))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.iter().map(|text| text.len() as u64).sum())
        }
    }

    fn frames() -> Frames {
        Frames(VecDeque::from(["one", "two"]), None)
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// The result of a poll as a text: the data of a frame, an error, "end" or "pending".
    fn next(body: &mut HeldBody<Frames>, waker: &Waker) -> String {
        match Pin::new(body).poll_frame(&mut Context::from_waker(waker)) {
            Poll::Ready(Some(Ok(frame))) => {
                String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
            }
            Poll::Ready(Some(Err(error))) => error.to_string(),
            Poll::Ready(None) => "end".to_owned(),
            Poll::Pending => "pending".to_owned(),
        }
    }

    /// The error of a socket whose peer acknowledges nothing any more.
    fn timed_out() -> io::Error {
        let is_it = |error: &io::Error| error.kind() == ErrorKind::TimedOut;
        // The number differs between systems.
        (1..20_000).map(io::Error::from_raw_os_error).find(is_it).unwrap()
    }

    fn reset() -> io::Error {
        ErrorKind::ConnectionReset.into()
    }

    #[test]
    fn rule_24_a_held_body_comes_when_its_gate_opens() {
        let (mut body, gate) = HeldBody::held(frames());
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert_eq!(body.size_hint().exact(), Some(6));
        assert!(!body.is_end_stream() && gate.is_untouched());
        assert_eq!(next(&mut body, Waker::noop()), "pending");
        assert_eq!(next(&mut body, &waker), "pending");
        gate.open();
        assert_eq!(count.0.load(SeqCst), 1);
        assert!(gate.is_untouched() && !gate.broke_off(&reset()));
        let brought: Vec<_> = (0..4).map(|_| next(&mut body, &waker)).collect();
        assert_eq!(brought, ["one", "two", "end", "end"]);
        assert!(!gate.is_untouched() && gate.broke_off(&reset()));
        assert!(gate.take_back().is_none());
    }

    #[test]
    fn a_waker_may_open_the_gate_in_its_drop() {
        let frame = ends(|| {
            let (mut body, gate) = HeldBody::held(frames());
            let waker = drop_waker(move || gate.open());
            assert_eq!(next(&mut body, &waker), "pending");
            drop(waker);
            // Another waker replaces it.
            assert_eq!(next(&mut body, Waker::noop()), "pending");
            next(&mut body, Waker::noop())
        });
        assert_eq!(frame, "one");
    }

    /// A waker that reads the state of a gate.
    struct AsksGate(Arc<Gate<Frames>>);

    impl Wake for AsksGate {
        fn wake(self: Arc<Self>) {
            assert!(self.0.is_untouched());
        }
    }

    #[test]
    fn a_waker_may_read_the_gate() {
        let frame = ends(|| {
            let (mut body, gate) = HeldBody::held(frames());
            let gate = Arc::new(gate);
            let waker = Waker::from(Arc::new(AsksGate(Arc::clone(&gate))));
            assert_eq!(next(&mut body, &waker), "pending");
            gate.open();
            next(&mut body, Waker::noop())
        });
        assert_eq!(frame, "one");
    }

    #[test]
    fn rule_24_the_gate_opens_once_when_the_silence_ends() {
        let (mut body, gate) = HeldBody::held(frames());
        let mut polled = Vec::new();
        // An `async` block panics if it is polled after its end.
        let silence = async {};
        let sent = poll_fn(|_| {
            polled.push(next(&mut body, Waker::noop()));
            if polled.len() < 4 { Poll::Pending } else { Poll::Ready("sent") }
        });
        {
            let mut sending = pin!(gate.open_after(silence, sent));
            let mut poll = || sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!([poll(), poll(), poll()], [Poll::Pending; 3]);
            assert_eq!(poll(), Poll::Ready("sent"));
        }
        assert_eq!(polled, ["pending", "one", "two", "end"]);
    }

    #[test]
    fn rule_17_an_untouched_body_can_be_taken_back() {
        for (mut body, gate) in [HeldBody::held(frames()), HeldBody::open(frames())] {
            let count = Arc::new(Count::default());
            let waker = Waker::from(Arc::clone(&count));
            let is_held = lock(&gate.0).phase == Phase::Held;
            if is_held {
                assert_eq!(next(&mut body, &waker), "pending");
            }
            assert_eq!(gate.take_back().unwrap().0, ["one", "two"]);
            assert_eq!(count.0.load(SeqCst), usize::from(is_held));
            assert_eq!(next(&mut body, &waker), "the body is sent in another request");
        }
    }

    #[test]
    fn a_body_that_never_comes_stays_pending() {
        let mut body = HeldBody::never(SizeHint::with_exact(70_000));
        assert_eq!(body.size_hint().exact(), Some(70_000));
        assert_eq!(next(&mut body, Waker::noop()), "pending");
    }

    #[test]
    fn rule_24_only_a_cut_connection_is_a_break_off() {
        let (mut body, gate) = HeldBody::open(frames());
        assert_eq!(next(&mut body, Waker::noop()), "one");
        for kind in
            [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted]
        {
            assert!(gate.broke_off(&io::Error::from(kind)), "{kind}");
            assert!(gate.broke_off(&io::Error::other(io::Error::from(kind))), "{kind} within");
        }
        let timed_out = timed_out();
        assert!(gate.broke_off(&timed_out) && gate.broke_off(&io::Error::other(timed_out)));
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::TimedOut, ErrorKind::UnexpectedEof] {
            assert!(!gate.broke_off(&io::Error::from(kind)), "{kind}");
        }
        let (mut body, gate) =
            HeldBody::open(Frames(VecDeque::new(), Some(ErrorKind::ConnectionReset)));
        next(&mut body, Waker::noop());
        assert!(!gate.broke_off(&reset()), "it was the caller's own connection");
    }

    #[test]
    fn rule_24_a_short_body_is_no_upload() {
        for (length, expected) in [(0, false), (1, false), (65_536, false), (65_537, true)] {
            let body = HeldBody::<Frames>::never(SizeHint::with_exact(length));
            assert_eq!(is_upload(&body), expected, "{length}");
        }
        assert!(is_upload(&HeldBody::<Frames>::never(SizeHint::new())));
        let mut at_most = SizeHint::new();
        at_most.set_upper(10);
        assert!(!is_upload(&HeldBody::<Frames>::never(at_most)));
    }
}
