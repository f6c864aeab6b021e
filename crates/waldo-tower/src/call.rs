//! One call, from its request to its response.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;
use waldo_auth_client::{Admission, Gate, close_connection};
use waldo_auth_core::{Attempt, Call, Instant, Upload, Verdict};

use crate::body::Body;
use crate::error::Error;
use crate::layer::WaldoLayer;
#[cfg(not(feature = "store"))]
use crate::login::log_in;
#[cfg(feature = "store")]
use crate::login::log_in_for_fleet;
use crate::max_wait::MaxWait;
use crate::sending::{Asked, Sending, Sent};
use crate::timeout::Timeout;

/// How many header names a request may have. A header map holds 24,576 names. HTTP clients such as
/// hyper's add headers of their own, and panic if the map has no room for them.
const MAX_HEADERS: usize = 16_384;

/// The error of a call whose time ends before the service is ready.
const NOT_SENT: Error = Error::Timeout { sent: false };

/// How far a call has come.
enum Stage<B> {
    /// The body has not been sent yet, or can be sent again. If an earlier upload broke off, its
    /// error is here.
    Fresh(Body<B>, Option<Error>),
    /// The upload broke off with this error. If there is a second body, the call can be sent again.
    BrokeOff(Error, Option<Body<B>>),
}

/// The services and the layer of one call.
pub(crate) struct Exchange<S> {
    /// The service that was ready when the call came, until it is used.
    pub(crate) ready: Option<S>,
    /// A clone of the service, for further requests. It must become ready first.
    pub(crate) spare: S,
    pub(crate) layer: WaldoLayer,
}

impl<B> Stage<B> {
    /// The error of a call that is not sent again, for this reason.
    ///
    /// If the upload broke off, its error is returned: the reason would say that nothing was sent,
    /// but the server may have acted on the upload.
    fn into_error(self, reason: impl Into<Error>) -> Error {
        match self {
            Self::Fresh(_, None) => reason.into(),
            Self::Fresh(_, Some(error)) | Self::BrokeOff(error, _) => error,
        }
    }
}

impl<S> Exchange<S> {
    /// Sends a request until its response is the call's answer. `again` returns a copy of the
    /// caller's body, if the body can be repeated.
    pub(crate) async fn call<B, R>(
        mut self,
        call: Call,
        request: Request<Body<B>>,
        again: fn(&B) -> Option<B>,
    ) -> Result<Response<R>, Error>
    where
        S: Service<
                Request<Body<B>>,
                Response = Response<R>,
                Error: Into<Box<dyn StdError + Send + Sync>>,
            > + Clone
            + Send
            + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>>
            + Unpin
            + Send
            + 'static,
        R: http_body::Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>>
            + Send
            + 'static,
    {
        if request.headers().keys_len() > MAX_HEADERS {
            return Err(Error::TooManyHeaders);
        }
        let (head, body) = request.into_parts();
        let mut head = Request::from_parts(head, ());
        let ends = self.ends(&mut head);
        let max_wait = self.max_wait(&mut head);
        let mut call = self.bound(call, ends, max_wait);
        let session = self.layer.session.clone();
        let upload = body.upload();
        if upload.is_some() {
            close_connection(head.headers_mut())?;
        }
        let mut stage = Stage::Fresh(body, None);
        loop {
            // Wait for capacity before `admit`, because an admitted request must be sent right
            // away. A login may hold the capacity, so the wait ends with the call's deadline.
            let ready = match self.ready_by(call.deadline()).await {
                Ok(ready) => ready,
                Err(error) => return Err(stage.into_error(error)),
            };
            let admission = session.admit(call, &mut head)?;
            let service = match (ready, &admission) {
                (Some(service), _) => service,
                (None, Admission::Refuse(refused)) => return Err(stage.into_error(refused.clone())),
                (None, Admission::Send(_) | Admission::Authenticate(..) | Admission::Wait(_)) => {
                    match self.ready_by(ends).await.and_then(|ready| ready.ok_or(NOT_SENT)) {
                        Ok(service) => service,
                        Err(error) => return Err(stage.into_error(error)),
                    }
                }
            };
            call = match admission {
                Admission::Send(attempt) => {
                    let how = if upload.is_some() { attempt.upload() } else { Upload::Send };
                    // No later error replaces the error of an upload that broke off, because the
                    // server may have acted on the upload.
                    let (sent, spare, first) = match (how, stage) {
                        (Upload::HeadOnly, Stage::BrokeOff(error, spare)) => {
                            let sending = self.sending(service, &head, ends);
                            match sending.probe(upload.unwrap_or_default()).await {
                                Ok(Some(response)) => {
                                    (Sent::Answered(response, None), spare, Some(error))
                                }
                                Ok(None) | Err(_) => return Err(error),
                            }
                        }
                        (how, stage) => {
                            let (body, first) = match stage {
                                Stage::Fresh(body, first) => (body, first),
                                Stage::BrokeOff(error, Some(body)) => (body, Some(error)),
                                Stage::BrokeOff(error, None) => return Err(error),
                            };
                            let spare = body.again(again);
                            match self.send(how, service, &head, ends, body).await {
                                Ok(sent) => (sent, spare, first),
                                Err(error) => return Err(first.unwrap_or(error)),
                            }
                        }
                    };
                    match sent {
                        Sent::Answered(mut response, gate) => {
                            let is_untouched = gate.as_ref().is_some_and(Gate::is_untouched);
                            let attempt =
                                if is_untouched { attempt.with_untouched_body() } else { attempt };
                            let left = self.left(ends);
                            let verdict = conclude(&self.layer, attempt, &mut response, left).await;
                            let Verdict::Retry(then) = verdict else {
                                return Ok(response);
                            };
                            let untouched = gate.and_then(Gate::take_back).map(Body::from);
                            // If the body cannot be sent again, any response is the call's answer.
                            let Some(body) = untouched.or(spare) else { return Ok(response) };
                            stage = Stage::Fresh(body, first);
                            self.bound(then, ends, max_wait)
                        }
                        Sent::BrokeOff(error) => {
                            let error = Error::BrokeOff(error);
                            let Verdict::Retry(then) = session.break_off(attempt) else {
                                return Err(error);
                            };
                            stage = Stage::BrokeOff(error, spare);
                            self.bound(then, ends, max_wait)
                        }
                    }
                }
                Admission::Authenticate(lead, wait) => {
                    let sleep = self.layer.sleep.clone();
                    #[cfg(feature = "store")]
                    let login = log_in_for_fleet(service, lead, sleep, self.layer.sharing.clone());
                    #[cfg(not(feature = "store"))]
                    let login = log_in(service, lead, sleep);
                    self.layer.spawn.start(login);
                    wait.or(|span| self.layer.sleep.of(span)).await
                }
                Admission::Wait(wait) => {
                    // Give the capacity back, because the login may need it.
                    drop(service);
                    wait.or(|span| self.layer.sleep.of(span)).await
                }
                Admission::Refuse(refused) => return Err(stage.into_error(refused)),
            };
        }
    }

    /// Sends head and body as `how` says.
    async fn send<B, R>(
        &mut self,
        how: Upload,
        service: S,
        head: &Request<()>,
        ends: Option<Instant>,
        body: Body<B>,
    ) -> Result<Sent<R, B>, Error>
    where
        S: Service<
                Request<Body<B>>,
                Response = Response<R>,
                Error: Into<Box<dyn StdError + Send + Sync>>,
            > + Clone,
        B: http_body::Body,
    {
        let sending = self.sending(service, head, ends);
        match how {
            Upload::Send => sending.send(body).await,
            Upload::ExpectContinue | Upload::HeadOnly => match sending.ask(body).await? {
                Asked::Sent(sent) => Ok(sent),
                Asked::Refused(body) => {
                    let service = self.ready_by(ends).await?.ok_or(NOT_SENT)?;
                    self.sending(service, head, ends).send(body).await
                }
            },
        }
    }

    /// A service that is ready, or `None` if this instant comes first.
    async fn ready_by<B>(&mut self, instant: Option<Instant>) -> Result<Option<S>, Error>
    where
        S: Service<B, Error: Into<Box<dyn StdError + Send + Sync>>> + Clone,
    {
        let Some(left) = self.left(instant).filter(|_| self.ready.is_none()) else {
            return self.ready().await.map(Some);
        };
        let sleep = self.layer.sleep.clone();
        sleep.unless(left, self.ready()).await.transpose()
    }

    async fn ready<B>(&mut self) -> Result<S, Error>
    where
        S: Service<B, Error: Into<Box<dyn StdError + Send + Sync>>> + Clone,
    {
        if let Some(service) = self.ready.take() {
            return Ok(service);
        }
        let mut service = self.spare.clone();
        poll_fn(|context| service.poll_ready(context))
            .await
            .map_err(|error| Error::NotReady(error.into()))?;
        Ok(service)
    }

    fn sending<'a>(
        &'a self,
        service: S,
        head: &'a Request<()>,
        ends: Option<Instant>,
    ) -> Sending<'a, S> {
        Sending { service, head, sleep: &self.layer.sleep, left: self.left(ends) }
    }

    /// When the time of the whole call ends.
    fn ends(&self, head: &mut Request<()>) -> Option<Instant> {
        let own = head.extensions_mut().remove::<Timeout>().map(|Timeout(span)| span);
        own.or(self.layer.timeout).map(|span| self.after(span))
    }

    /// How long the call may wait before each sending.
    fn max_wait(&self, head: &mut Request<()>) -> Option<Duration> {
        let own = head.extensions_mut().remove::<MaxWait>().map(|MaxWait(span)| span);
        own.or(self.layer.max_wait)
    }

    /// Sets the deadline of the call's waiting before the next sending.
    fn bound(&self, call: Call, ends: Option<Instant>, max_wait: Option<Duration>) -> Call {
        let limit = max_wait.map(|span| self.after(span));
        match [ends, limit].into_iter().flatten().min() {
            Some(limit) => call.with_deadline(limit),
            None => call,
        }
    }

    fn after(&self, span: Duration) -> Instant {
        self.layer.session.now().saturating_add(span)
    }

    fn left(&self, until: Option<Instant>) -> Option<Duration> {
        until.map(|until| until.saturating_duration_since(self.layer.session.now()))
    }
}

/// Passes the response to the session, and what it brings to the store. The call has `left`.
#[cfg(feature = "store")]
async fn conclude<R>(
    layer: &WaldoLayer,
    attempt: Attempt,
    response: &mut Response<R>,
    left: Option<Duration>,
) -> Verdict {
    let is_resent = attempt.is_resent() && response.status().is_success();
    let verdict = layer.session.conclude(attempt, response);
    let (spawn, sleep) = (|task| layer.spawn.start(task), |span| layer.sleep.of(span));
    if let Some(sharing) = &layer.sharing {
        sharing.report(is_resent, left, spawn, sleep).await;
    }
    verdict
}

/// Passes the response to the session.
#[cfg(not(feature = "store"))]
#[expect(clippy::unused_async, reason = "only a store is waited for")]
async fn conclude<R>(
    layer: &WaldoLayer,
    attempt: Attempt,
    response: &mut Response<R>,
    _: Option<Duration>,
) -> Verdict {
    layer.session.conclude(attempt, response)
}
