//! One sending of a request, as far as the head of its response.

use std::error::Error as StdError;
use std::pin::pin;

use http::{Request, Response, StatusCode};
use http_body::SizeHint;
use tower_service::Service;
use waldo_auth_shared::{ASK_TIMEOUT, Gate, HeldBody, expect_continue};

use crate::body::Body;
use crate::error::Error;
use crate::sleep::Sleep;

/// A request that is about to be sent.
pub(crate) struct Sending<'a, S> {
    /// It is ready. It is dropped when the request is on its way, as the response may wait for its
    /// capacity.
    pub(crate) service: S,
    pub(crate) head: &'a Request<()>,
    pub(crate) sleep: &'a Sleep,
}

/// What came of sending a body.
pub(crate) enum Sent<R, B> {
    /// A response; with the gate of the body if that was held back.
    Answered(Response<R>, Option<Gate<B>>),
    /// The connection broke off while an upload was being sent.
    BrokeOff(Box<dyn StdError + Send + Sync>),
}

/// What came of asking whether a body is wanted.
pub(crate) enum Asked<R, B> {
    Sent(Sent<R, B>),
    /// The server answers no such questions. Here is the body, which nobody has touched.
    Refused(Body<B>),
}

impl<S> Sending<'_, S> {
    /// Sends head and body at once.
    pub(crate) async fn send<B, R>(mut self, body: Body<B>) -> Result<Sent<R, B>, Error>
    where
        S: Service<Request<Body<B>>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>,
        B: http_body::Body,
    {
        let (body, gate) = if body.upload().is_some() { body.behind(HeldBody::open) } else { (body, None) };
        let sent = self.service.call(self.head.clone().map(|()| body));
        drop(self.service);
        match sent.await {
            Ok(response) => Ok(Sent::Answered(response, None)),
            Err(error) => failed(error.into(), gate.as_ref()),
        }
    }

    /// Sends the head, and the body when the server asks for it or says nothing for a second.
    ///
    /// HTTP clients do not tell when a server asks, so the body waits for that second in any case.
    pub(crate) async fn ask<B, R>(mut self, body: Body<B>) -> Result<Asked<R, B>, Error>
    where
        S: Service<Request<Body<B>>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>,
        B: http_body::Body,
    {
        let (body, gate) = body.behind(HeldBody::held);
        let sent = self.service.call(self.asking(body)?);
        drop(self.service);
        let mut sent = pin!(async { sent.await.map_err(Into::into) });
        let early = self.sleep.unless(ASK_TIMEOUT, sent.as_mut()).await;
        let response = if let Some(response) = early {
            response
        } else {
            gate.iter().for_each(Gate::open);
            sent.await
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => return failed(error, gate.as_ref()).map(Asked::Sent),
        };
        if response.status() != StatusCode::EXPECTATION_FAILED {
            return Ok(Asked::Sent(Sent::Answered(response, gate)));
        }
        Ok(match gate.and_then(Gate::take_back) {
            Some(body) => Asked::Refused(body.into()),
            None => Asked::Sent(Sent::Answered(response, None)),
        })
    }

    /// Sends the head of a request whose body has this length, and never the body; says what the
    /// server has answered to the head alone.
    pub(crate) async fn probe<B, R>(mut self, length: SizeHint) -> Result<Option<Response<R>>, Error>
    where
        S: Service<Request<Body<B>>, Response = Response<R>>,
        B: http_body::Body,
    {
        let sent = self.service.call(self.asking(Body::never(length))?);
        drop(self.service);
        let answer = self.sleep.unless(ASK_TIMEOUT, sent).await.and_then(Result::ok);
        Ok(answer.filter(|response| response.status() != StatusCode::EXPECTATION_FAILED))
    }

    fn asking<B>(&self, body: Body<B>) -> Result<Request<Body<B>>, Error> {
        let mut head = self.head.clone();
        expect_continue(head.headers_mut())?;
        Ok(head.map(|()| body))
    }
}

fn failed<R, B>(error: Box<dyn StdError + Send + Sync>, gate: Option<&Gate<B>>) -> Result<Sent<R, B>, Error> {
    if gate.is_some_and(|gate| gate.broke_off(&*error)) {
        return Ok(Sent::BrokeOff(error));
    }
    Err(Error::Inner(error))
}
