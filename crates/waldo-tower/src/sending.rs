//! One sending of a request, until the head of its response.

use std::error::Error as StdError;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body::SizeHint;
use tower_service::Service;
use waldo_auth_client::{Gate, HeldBody, expect_continue};
use waldo_auth_core::Upload;

use crate::body::Body;
use crate::error::Error;
use crate::sleep::Sleep;

/// A request that is about to be sent.
pub(crate) struct Sending<'a, S> {
    /// The ready service. It is dropped as soon as the request is sent, because the response may
    /// need its capacity.
    pub(crate) service: S,
    pub(crate) head: &'a Request<()>,
    pub(crate) sleep: &'a Sleep,
    /// The rest of the call's time.
    pub(crate) left: Option<Duration>,
}

/// The result of sending a body.
pub(crate) enum Sent<R, B> {
    /// A response, and the gate of the body if the body was held back.
    Answered(Response<R>, Option<Gate<B>>),
    /// The connection broke off during an upload.
    BrokeOff(Box<dyn StdError + Send + Sync>),
}

/// The result of asking the server before the body is sent.
pub(crate) enum Asked<R, B> {
    Sent(Sent<R, B>),
    /// The server answered 417, so it does not support `Expect`. The body is untouched.
    Refused(Body<B>),
}

impl<S> Sending<'_, S> {
    /// Sends head and body at once.
    pub(crate) async fn send<B, R>(mut self, body: Body<B>) -> Result<Sent<R, B>, Error>
    where
        S: Service<
                Request<Body<B>>,
                Response = Response<R>,
                Error: Into<Box<dyn StdError + Send + Sync>>,
            >,
        B: http_body::Body,
    {
        let (body, gate) =
            if body.upload().is_some() { body.behind(HeldBody::open) } else { (body, None) };
        let sent = self.service.call(self.head.clone().map(|()| body));
        drop(self.service);
        match in_time(self.sleep, self.left, sent).await? {
            Ok(response) => Ok(Sent::Answered(response, None)),
            Err(error) => failed(error.into(), gate.as_ref()),
        }
    }

    /// Sends the head with `Expect: 100-continue`, and the body a second later, unless a response
    /// comes first.
    ///
    /// HTTP clients do not report a `100 Continue`, so the body always waits for the whole second.
    pub(crate) async fn ask<B, R>(mut self, body: Body<B>) -> Result<Asked<R, B>, Error>
    where
        S: Service<
                Request<Body<B>>,
                Response = Response<R>,
                Error: Into<Box<dyn StdError + Send + Sync>>,
            >,
        B: http_body::Body,
    {
        let (body, gate) = body.behind(HeldBody::held);
        let sent = self.service.call(self.asking(body)?);
        drop(self.service);
        let silence = self.sleep.of(Upload::CONTINUE_TIMEOUT);
        let sent = async {
            match &gate {
                Some(gate) => gate.open_after(silence, sent).await,
                None => sent.await,
            }
        };
        let response = match in_time(self.sleep, self.left, sent).await? {
            Ok(response) => response,
            Err(error) => return failed(error.into(), gate.as_ref()).map(Asked::Sent),
        };
        if response.status() != StatusCode::EXPECTATION_FAILED {
            return Ok(Asked::Sent(Sent::Answered(response, gate)));
        }
        Ok(match gate.and_then(Gate::take_back) {
            Some(body) => Asked::Refused(body.into()),
            None => Asked::Sent(Sent::Answered(response, None)),
        })
    }

    /// Makes a head-only attempt, for a body of this length. Returns the server's answer, if it
    /// sends one.
    pub(crate) async fn probe<B, R>(
        mut self,
        length: SizeHint,
    ) -> Result<Option<Response<R>>, Error>
    where
        S: Service<Request<Body<B>>, Response = Response<R>>,
        B: http_body::Body,
    {
        let sent = self.service.call(self.asking(Body::never(length))?);
        drop(self.service);
        let limit =
            self.left.map_or(Upload::CONTINUE_TIMEOUT, |left| left.min(Upload::CONTINUE_TIMEOUT));
        let answer = self.sleep.unless(limit, sent).await.and_then(Result::ok);
        Ok(answer.filter(|response| response.status() != StatusCode::EXPECTATION_FAILED))
    }

    fn asking<B>(&self, body: Body<B>) -> Result<Request<Body<B>>, Error> {
        let mut head = self.head.clone();
        expect_continue(head.headers_mut())?;
        Ok(head.map(|()| body))
    }
}

/// The result of the sending, if it comes within the rest of the call's time.
async fn in_time<T>(
    sleep: &Sleep,
    left: Option<Duration>,
    sent: impl Future<Output = T>,
) -> Result<T, Error> {
    match left {
        Some(left) => sleep.unless(left, sent).await.ok_or(Error::Timeout { sent: true }),
        None => Ok(sent.await),
    }
}

fn failed<R, B>(
    error: Box<dyn StdError + Send + Sync>,
    gate: Option<&Gate<B>>,
) -> Result<Sent<R, B>, Error> {
    if gate.is_some_and(|gate| gate.broke_off(&*error)) {
        return Ok(Sent::BrokeOff(error));
    }
    Err(Error::Inner(error))
}
