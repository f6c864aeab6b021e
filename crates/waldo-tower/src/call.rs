//! One call, from its request to its answer.

use std::error::Error as StdError;
use std::future::poll_fn;

use http::{Request, Response};
use tower_service::Service;
use waldo_auth_core::{Call, Verdict};
use waldo_auth_shared::Admission;

use crate::body::Body;
use crate::error::Error;
use crate::layer::WaldoLayer;
use crate::login::log_in;
use crate::max_wait::MaxWait;

/// What a call is made with.
pub(crate) struct Exchange<S> {
    /// The service that was ready when the call came, until something is sent.
    pub(crate) ready: Option<S>,
    /// Another of it, to be asked again.
    pub(crate) spare: S,
    pub(crate) layer: WaldoLayer,
}

impl<S> Exchange<S> {
    /// Sends a request until its response is the call's answer. `again` repeats a body of the caller's, if it can be
    /// repeated.
    pub(crate) async fn call<B, R>(
        mut self,
        call: Call,
        request: Request<Body<B>>,
        again: fn(&B) -> Option<B>,
    ) -> Result<Response<R>, Error>
    where
        S: Service<Request<Body<B>>, Response = Response<R>, Error: Into<Box<dyn StdError + Send + Sync>>>
            + Clone,
        R: http_body::Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
    {
        let (head, mut body) = request.into_parts();
        let mut head = Request::from_parts(head, ());
        let mut call = self.bound(call, &mut head);
        let session = self.layer.session.clone();
        loop {
            // Ready first, and admitted then: a token is to be sent right away.
            let mut service = self.ready().await?;
            call = match session.admit(call, &mut head)? {
                Admission::Send(attempt) => {
                    let spare = body.again(again);
                    let sent = service.call(head.clone().map(|()| body));
                    drop(service);
                    let mut response = sent.await.map_err(|error| Error::Inner(error.into()))?;
                    match (session.conclude(attempt, &mut response), spare) {
                        (Verdict::Retry(then), Some(spare)) => {
                            body = spare;
                            then
                        }
                        // A body that cannot be had again has its answer, whatever it is.
                        (Verdict::Retry(_) | Verdict::Deliver, _) => return Ok(response),
                    }
                }
                Admission::Authenticate(lead) => log_in(service, lead, &self.layer.sleep).await,
                Admission::Wait(wait) => {
                    // Whoever logs in may need the capacity that this call was given.
                    drop(service);
                    wait.or(|span| self.layer.sleep.of(span)).await
                }
                Admission::Refuse(refused) => return Err(refused.into()),
            };
        }
    }

    async fn ready<B>(&mut self) -> Result<S, Error>
    where
        S: Service<B, Error: Into<Box<dyn StdError + Send + Sync>>> + Clone,
    {
        if let Some(ready) = self.ready.take() {
            return Ok(ready);
        }
        let mut service = self.spare.clone();
        poll_fn(|context| service.poll_ready(context)).await.map_err(|error| Error::Inner(error.into()))?;
        Ok(service)
    }

    /// Tells the core when to stop waiting.
    fn bound(&self, call: Call, head: &mut Request<()>) -> Call {
        let own = head.extensions_mut().remove::<MaxWait>().map(|MaxWait(span)| span);
        match own.or(self.layer.max_wait) {
            Some(span) => call.with_deadline(self.layer.session.now().saturating_add(span)),
            None => call,
        }
    }
}
