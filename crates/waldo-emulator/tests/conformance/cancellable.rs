//! A client with futures: the core over hyper, whose calls end when they are dropped.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::watch;
use waldo_auth_core::{
    Call, Config, Credentials, Head, Login, Now, Outcome, Reason, Session, Step, Unavailable, Verdict,
};
use waldo_emulator::conformance::{Adapter, Ask, BodyKind, Client, Ending, Need, Setup};

/// It can do what blocking clients cannot, and nothing that only they are tested for.
pub(crate) struct Cancellable;

impl Adapter for Cancellable {
    type Client = CancellableClient;

    fn lacks(&self) -> &[Need] {
        &[Need::Deadlines, Need::Reset, Need::Invalidation, Need::Storage]
    }

    fn client(&self, setup: &Setup) -> Result<CancellableClient, Box<dyn Error>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let config = setup.settings.apply(Config::builder(&setup.origin, credentials)).build()?;
        let (session, settled) = (Mutex::new(Session::new(config)), watch::Sender::new(()));
        Ok(CancellableClient { session, settled, started: Instant::now() })
    }
}

pub(crate) struct CancellableClient {
    session: Mutex<Session>,
    settled: watch::Sender<()>,
    started: Instant,
}

impl Client for CancellableClient {
    fn send(&self, ask: &Ask) -> Ending {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                () = ask.cancelled() => Ending::Cancelled,
                ending = self.call(ask) => ending.unwrap_or_else(|ending| ending),
            }
        })
    }
}

impl CancellableClient {
    async fn call(&self, ask: &Ask) -> Result<Ending, Ending> {
        let mut call = match ask.body() {
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
            BodyKind::OneShot => Call::one_shot(),
        };
        let mut request = Request::new(ask.body().bytes().to_vec());
        (*request.method_mut(), *request.uri_mut()) = (ask.method().clone(), ask.uri().clone());
        loop {
            // Before the session is asked, so that no settling is missed.
            let mut news = self.settled.subscribe();
            let step = self.lock().admit(call, &mut request, self.now());
            match step.map_err(|_| Ending::ForeignOrigin)? {
                Step::Send(attempt) => {
                    let response = exchange(&request).await.map_err(|_| Ending::Failed)?;
                    // A statement of its own, so that the lock is not held while the body is read.
                    let verdict = self.lock().conclude(attempt, Head::from(&response), self.now());
                    match verdict {
                        Verdict::Retry(again) => call = again,
                        Verdict::Deliver => {
                            let status = response.status().as_u16();
                            let body = response.into_body().collect().await.map_err(|_| Ending::Failed)?;
                            return Ok(Ending::Answered { status, body: body.to_bytes().to_vec() });
                        }
                    }
                }
                Step::Authenticate(login, then) => {
                    Leader { client: self, login: Some(login) }.log_in().await;
                    call = then;
                }
                Step::Wait(then, until) => {
                    let span = until.saturating_duration_since(self.now().monotonic);
                    drop(tokio::time::timeout(span, news.changed()).await);
                    call = then;
                }
                Step::Refuse(refusal) => {
                    let retry_in = refusal.retry_at().saturating_duration_since(self.now().monotonic);
                    return Err(Ending::refused(&refusal, retry_in));
                }
            }
        }
    }

    fn settle(&self, login: Login, outcome: Outcome) {
        self.lock().settle(login, outcome, self.now());
        self.settled.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now::new(self.started.elapsed(), SystemTime::now())
    }
}

/// Who logs in for all; dropped, it hands over at once.
struct Leader<'a> {
    client: &'a CancellableClient,
    login: Option<Login>,
}

impl Leader<'_> {
    async fn log_in(mut self) {
        let Some(login) = &self.login else { return };
        let lease = login.lapses().saturating_duration_since(self.client.now().monotonic);
        let unavailable = |reason| Outcome::Unavailable(Unavailable::new(reason));
        let answered = tokio::time::timeout(lease * 9 / 10, async {
            let response = exchange(&login.request()).await?;
            let (head, body) = response.into_parts();
            Ok::<_, Box<dyn Error>>(Response::from_parts(head, body.collect().await?.to_bytes()))
        });
        let outcome = match answered.await {
            Ok(Ok(answer)) => login.read(Head::from(&answer), answer.body()),
            Ok(Err(_)) => unavailable(Reason::Transport),
            Err(_) => unavailable(Reason::Timeout),
        };
        if let Some(login) = self.login.take() {
            self.client.settle(login, outcome);
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if let Some(login) = self.login.take() {
            self.client.settle(login, Outcome::Abandoned);
        }
    }
}

/// One request on a connection of its own.
async fn exchange(request: &Request<Vec<u8>>) -> Result<Response<hyper::body::Incoming>, Box<dyn Error>> {
    let authority = request.uri().authority().ok_or("a URI with an authority")?.as_str();
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the runtime, and that with the call.
    tokio::spawn(connection);
    let mut request = request.clone().map(|body| Full::new(Bytes::from(body)));
    request.headers_mut().insert("host", HeaderValue::from_str(authority)?);
    *request.uri_mut() = request.uri().path().parse()?;
    Ok(tokio::time::timeout(Duration::from_secs(3), sender.send_request(request)).await??)
}
