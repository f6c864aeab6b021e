//! The bodies of a request: its own body, or a new body for each sending.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::time::Duration;

use http::HeaderMap;
use reqwest::{Body, Request};
use tokio::time::timeout;

use crate::error::Error;

/// The source of a request's bodies.
pub(crate) enum Payload {
    /// The request has its body.
    Own,
    /// A closure makes the body of each sending, so that a call with a stream can be sent again.
    Factory(Box<dyn FnMut() -> Making + Send>),
}

type Making = Pin<Box<dyn Future<Output = io::Result<Made>> + Send>>;

/// A body, and the headers that describe it.
pub(crate) struct Made {
    body: Body,
    headers: HeaderMap,
}

impl Payload {
    /// Makes bodies, which have no headers of their own.
    pub(crate) fn of_bodies<F, B>(mut make: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<B>> + Send + 'static,
        B: Into<Body>,
    {
        Self::Factory(Box::new(move || {
            let body = make();
            Box::pin(async { Ok(Made { body: body.await?.into(), headers: HeaderMap::new() }) })
        }))
    }

    /// Makes forms. Each form has a boundary of its own, which its `Content-Type` names.
    #[cfg(feature = "multipart")]
    pub(crate) fn of_forms<F>(
        http: reqwest::Client,
        mut make: impl FnMut() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<reqwest::multipart::Form>> + Send + 'static,
    {
        Self::Factory(Box::new(move || {
            let (http, form) = (http.clone(), make());
            Box::pin(async move {
                // Only reqwest's builder shows the body and the length of a form.
                let request = http.post("http://form.invalid").multipart(form.await?).build();
                let mut request = request.map_err(io::Error::other)?;
                let body = request.body_mut().take().unwrap_or_default();
                Ok(Made { body, headers: std::mem::take(request.headers_mut()) })
            })
        }))
    }

    /// Whether each sending can have a body.
    pub(crate) fn is_factory(&self) -> bool {
        matches!(self, Self::Factory(_))
    }

    /// Gives a request without a body a new body from the factory, and sets the headers of the body
    /// in `headers`. `left` is the rest of the call's time.
    ///
    /// # Errors
    /// The closure failed, or took too long.
    pub(crate) async fn fill(
        &mut self,
        request: &mut Request,
        headers: &mut HeaderMap,
        left: Option<Duration>,
    ) -> Result<(), Error> {
        let making = match self {
            Self::Factory(make) if request.body().is_none() => make(),
            Self::Factory(_) | Self::Own => return Ok(()),
        };
        let made = match left {
            Some(left) => {
                timeout(left, making).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
            }
            None => making.await,
        };
        let Made { body, headers: own } = made.map_err(Error::Body)?;
        *request.body_mut() = Some(body);
        // A form without a length must not keep the length of the form before it.
        if !own.is_empty() {
            headers.remove(http::header::CONTENT_LENGTH);
        }
        headers.extend(own);
        Ok(())
    }
}

/// Does not show the closure, because it may hold data of the caller.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_factory() { "Factory" } else { "Own" })
    }
}
