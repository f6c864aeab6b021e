//! A client with futures: the core over hyper, whose calls end when they are dropped. On request it
//! has one defect.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::watch;
use waldo_auth_core::{
    Call, Config, Credentials, Head, Login, Now, Outcome, Reason, Session, Step, Unavailable,
    Verdict,
};
use waldo_conformance::{Adapter, Ask, BodyKind, Client, Ending, Need, Setup};

use crate::planted::Defect;

/// It can do what blocking clients cannot, and nothing that only they are tested for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cancellable {
    pub(crate) defect: Option<Defect>,
}

impl Cancellable {
    const LACKS: &[Need] = &[
        Need::Deadlines,
        Need::OutlivingLogins,
        Need::Reset,
        Need::Invalidation,
        Need::Storage,
        Need::Uploads,
        Need::StalledUploads,
    ];
}

impl Adapter for Cancellable {
    type Client = CancellableClient;

    fn lacks(&self) -> &[Need] {
        Self::LACKS
    }

    fn client(&self, setup: &Setup) -> Result<CancellableClient, Box<dyn Error>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let config = setup.settings.apply(Config::builder(&setup.origin, credentials)).build()?;
        let (session, settled) = (Mutex::new(Session::new(config)), watch::Sender::new(()));
        Ok(CancellableClient { session, settled, started: Instant::now(), defect: self.defect })
    }
}

pub(crate) struct CancellableClient {
    session: Mutex<Session>,
    settled: watch::Sender<()>,
    started: Instant,
    defect: Option<Defect>,
}

// Here begins what the guide shows.
impl Client for CancellableClient {
    fn send(&self, ask: &Ask) -> Ending {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.ends(ask))
    }
}

impl CancellableClient {
    /// The call, or its end from outside.
    pub(crate) async fn ends(&self, ask: &Ask) -> Ending {
        tokio::select! {
            () = ask.cancelled() => Ending::Cancelled,
            ending = self.call(ask) => ending.unwrap_or_else(|ending| ending),
        }
    }
}
// Here ends what the guide shows.

impl CancellableClient {
    async fn call(&self, ask: &Ask) -> Result<Ending, Ending> {
        let mut call = match ask.body() {
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
            BodyKind::OneShot => Call::one_shot(),
        };
        let (mut request, mut attempts) = (ask.request().clone(), 0);
        loop {
            // Before the session is asked, so that no settling is missed.
            let mut news = self.settled.subscribe();
            let step = self.lock().admit(call, &mut request, self.now());
            match step.map_err(|_| Ending::ForeignOrigin)? {
                Step::Send(attempt) => {
                    let mut sent = Defect::plant_in_request(self.defect, &request, attempts);
                    Defect::plant_in_host(self.defect, ask, &mut sent);
                    attempts += 1;
                    let mut response = exchange(&sent).await.map_err(|_| Ending::Failed)?;
                    let concluded = Defect::plant_in_status(self.defect, &mut response);
                    // A statement of its own, so that the lock is not held while the body is read.
                    let head = Head::new(concluded, response.headers());
                    let verdict = self.lock().conclude(attempt, head, self.now());
                    match verdict {
                        Verdict::Retry(again) => call = again,
                        Verdict::Deliver => {
                            let status = response.status().as_u16();
                            let (mut incoming, mut body) = (response.into_body(), Vec::new());
                            while let Some(frame) = incoming.frame().await {
                                match frame {
                                    Ok(frame) => body.extend(frame.into_data().unwrap_or_default()),
                                    Err(_) if self.defect == Some(Defect::TakesHalfBodies) => break,
                                    Err(_) => return Err(Ending::Failed),
                                }
                            }
                            let body = Defect::plant_in_body(self.defect, body);
                            return Ok(Ending::Answered { status, body });
                        }
                    }
                }
                Step::Authenticate(login, then) => {
                    Leader { client: self, login: Some(login) }.log_in(ask).await;
                    call = then;
                }
                Step::Wait(then, until) => {
                    let span = until.saturating_duration_since(self.now().monotonic);
                    drop(tokio::time::timeout(span, news.changed()).await);
                    call = then;
                }
                Step::Refuse(refusal) => {
                    let retry_in =
                        refusal.retry_at().saturating_duration_since(self.now().monotonic);
                    return Err(Ending::refused(&refusal, retry_in));
                }
            }
        }
    }

    /// Gives up the held token.
    pub(crate) fn invalidate_token(&self) {
        let (mut session, now) = (self.lock(), self.now());
        if let Some(generation) = session.generation() {
            session.invalidate(generation, now);
        }
        self.settled.send_replace(());
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
    async fn log_in(mut self, ask: &Ask) {
        let Some(login) = &self.login else { return };
        let lease = login.expires_at().saturating_duration_since(self.client.now().monotonic);
        let unavailable = |reason| Outcome::Unavailable(Unavailable::new(reason));
        let defect = self.client.defect;
        let answered = tokio::time::timeout(lease * 9 / 10, async {
            let request = Defect::plant_in_login(defect, login.request(), ask);
            let (mut head, body) = exchange(&request).await?.into_parts();
            Defect::plant_in_login_answer(defect, &mut head.headers);
            let Some(body_timeout) = Defect::plant_in_body_timeout(defect, head.status, lease)
            else {
                return Ok(Response::from_parts(head, Bytes::new()));
            };
            match tokio::time::timeout(body_timeout, read(body, defect)).await {
                Ok(Ok(body)) => Ok(Response::from_parts(head, body)),
                Ok(Err(error)) if head.status.is_success() => Err(error),
                // If the status is not a success, it says enough, even if the body breaks off.
                Ok(Err(_)) | Err(_) => Ok(Response::from_parts(head, Bytes::new())),
            }
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

/// The body of a login's answer, or as much of it as tells that it is too large.
async fn read(mut body: Incoming, defect: Option<Defect>) -> Result<Bytes, Box<dyn Error>> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if bytes.len() <= Login::MAX_BODY {
            bytes.extend(frame?.into_data().unwrap_or_default());
        } else if defect != Some(Defect::ReadsFloods) {
            break;
        }
    }
    Ok(bytes.into())
}

/// One request on a connection of its own.
async fn exchange(request: &Request<Vec<u8>>) -> Result<Response<Incoming>, Box<dyn Error>> {
    let authority = request.uri().authority().ok_or("a URI with an authority")?.as_str();
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the runtime, and that with the call.
    tokio::spawn(connection);
    let mut request = request.clone().map(|body| Full::new(Bytes::from(body)));
    request.headers_mut().entry("host").or_insert(HeaderValue::from_str(authority)?);
    let target = request.uri().path_and_query().ok_or("a URI with a path")?.clone();
    *request.uri_mut() = target.into();
    Ok(tokio::time::timeout(Duration::from_secs(3), sender.send_request(request)).await??)
}
