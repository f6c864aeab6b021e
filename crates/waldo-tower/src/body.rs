//! The body of a request to the wrapped service.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use waldo_auth_client::{Gate, HeldBody, is_upload};

/// The body of a request that this layer sends to the wrapped service: the caller's own body, or
/// the body of a login.
///
/// HTTP clients such as hyper-util's accept this body. If a service accepts only one type of body,
/// map the request:
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
/// use tower::{BoxError, Layer, ServiceExt};
/// # use waldo_tower::{Credentials, SharedSession, WaldoLayer, config};
///
/// type TheirBody = UnsyncBoxBody<Bytes, BoxError>;
/// # let theirs = tower::service_fn(|_: Request<TheirBody>| async {
/// #     Ok::<_, BoxError>(http::Response::new(Full::<Bytes>::from(r#"{"token":"e30.e30.sig"}"#)))
/// # });
/// # let config = config(Credentials::new("wk.4f…", "ws.9a…")?).build()?;
/// # let session = SharedSession::new(config);
/// # let layer = WaldoLayer::new(session, tokio::time::sleep, |login| drop(tokio::spawn(login)));
/// let theirs = theirs.map_request(|request: Request<waldo_tower::Body<Full<Bytes>>>| {
///     request.map(|body| body.boxed_unsync())
/// });
/// let service = layer.layer(theirs);
/// # let request = Request::get("https://api.waldo.ai/customer").body(Full::default())?;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// #     service.oneshot(request).await
/// # })?;
/// # Ok::<(), BoxError>(())
/// ```
pub struct Body<B>(Kind<B>);

enum Kind<B> {
    /// The caller's body.
    Own(B),
    /// The caller's body, if it is an upload. The server can refuse the token before the whole body
    /// was sent.
    Upload(HeldBody<B>),
    /// The body of a login, or an empty body.
    Bytes(Bytes),
}

/// Makes the body of a request that you send to the wrapped service directly.
impl<B> From<B> for Body<B> {
    fn from(body: B) -> Self {
        Self(Kind::Own(body))
    }
}

impl<B> Body<B> {
    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self(Kind::Bytes(bytes))
    }

    pub(crate) fn empty() -> Self {
        Self::bytes(Bytes::new())
    }

    /// A copy of this body, if `again` can repeat the caller's body.
    pub(crate) fn again(&self, again: fn(&B) -> Option<B>) -> Option<Self> {
        match &self.0 {
            Kind::Own(body) => again(body).map(Self::from),
            Kind::Bytes(bytes) => Some(Self::bytes(bytes.clone())),
            Kind::Upload(_) => None,
        }
    }

    /// A body that announces this length and is never sent.
    pub(crate) fn never(length: SizeHint) -> Self
    where
        B: http_body::Body,
    {
        Self(Kind::Upload(HeldBody::never(length)))
    }

    /// The length of the body, if it is an upload.
    pub(crate) fn upload(&self) -> Option<SizeHint>
    where
        B: http_body::Body,
    {
        match &self.0 {
            Kind::Own(body) => is_upload(body).then(|| body.size_hint()),
            Kind::Upload(_) | Kind::Bytes(_) => None,
        }
    }

    /// This body behind a gate, which `hold` makes. The body of a login needs no gate.
    pub(crate) fn behind(self, hold: fn(B) -> (HeldBody<B>, Gate<B>)) -> (Self, Option<Gate<B>>) {
        match self.0 {
            Kind::Own(body) => {
                let (body, gate) = hold(body);
                (Self(Kind::Upload(body)), Some(gate))
            }
            other @ (Kind::Upload(_) | Kind::Bytes(_)) => (Self(other), None),
        }
    }
}

impl<B> http_body::Body for Body<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let failed = |error| OwnBodyFailed(error).into();
        match &mut self.0 {
            Kind::Own(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|error| failed(error.into())))),
            Kind::Upload(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(failed))),
            Kind::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Own(body) => body.is_end_stream(),
            Kind::Upload(body) => body.is_end_stream(),
            Kind::Bytes(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Own(body) => body.size_hint(),
            Kind::Upload(body) => body.size_hint(),
            Kind::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

/// Does not show the content, because the body of a login holds the key pair.
impl<B> fmt::Debug for Body<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// The caller's body has failed. This error tells the causes of the body from those of the
/// connection.
#[derive(Debug)]
pub(crate) struct OwnBodyFailed(Box<dyn StdError + Send + Sync>);

impl fmt::Display for OwnBodyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body could not be produced")
    }
}

impl StdError for OwnBodyFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}
