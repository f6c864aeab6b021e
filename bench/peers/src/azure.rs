//! Azure: the policy of a pipeline that attaches a bearer token to each request.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::headers::{AUTHORIZATION, Headers};
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, Method, Request, StatusCode, Url};
use azure_core::time::OffsetDateTime;
use tokio::time::sleep;
use waldo_bench::Contender;

use crate::login::{Logins, token};
use crate::peer::{Kind, Peer};
use crate::request::{HEADERS, URL};
use crate::runtime::{RUNTIME, at_once};

pub(crate) const KIND: Kind =
    Kind { name: "azure_core: BearerTokenAuthorizationPolicy", leeway: Duration::from_mins(5), begin };

/// The name of the row for the end of the pipeline.
pub(crate) const END: &str = "azure_core: the end of its pipeline alone, to subtract";

pub(crate) struct Azure {
    policy: BearerTokenAuthorizationPolicy,
    /// The end of the pipeline, which answers the requests.
    server: [Arc<dyn Policy>; 1],
}

impl Azure {
    fn new(logins: Arc<Logins>) -> Self {
        let policy = BearerTokenAuthorizationPolicy::new(Arc::new(Credential(logins)), ["bench"]);
        Self { policy, server: [Arc::new(Willing)] }
    }

    /// A client with a token that the server refuses.
    pub(crate) async fn revoked(logins: Arc<Logins>) -> Self {
        let azure = Self::new(logins);
        azure.authorize().await;
        Self { server: [Arc::new(Forgetful::default())], ..azure }
    }

    /// Sends a request. Returns whether the server accepted it.
    async fn send(&self, request: &mut Request) -> bool {
        let response = self.policy.send(&Context::new(), request, &self.server).await.unwrap();
        response.status() == StatusCode::Ok
    }
}

#[async_trait]
impl Peer for Azure {
    async fn authorize(&self) -> String {
        let mut request = request();
        while !self.send(&mut request).await {}
        request.headers().get_str(&AUTHORIZATION).unwrap().to_owned()
    }
}

#[derive(Debug)]
struct Credential(Arc<Logins>);

#[async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(self.0.make().await, OffsetDateTime::now_utc() + self.0.lifetime()))
    }
}

/// A server that accepts every request at once.
#[derive(Debug)]
struct Willing;

#[async_trait]
impl Policy for Willing {
    async fn send(&self, _: &Context, _: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
        Ok(answer(StatusCode::Ok))
    }
}

/// A server that refuses the first token. Each refusal comes a little later than the one before.
#[derive(Debug, Default)]
struct Forgetful {
    refused: AtomicU32,
}

#[async_trait]
impl Policy for Forgetful {
    async fn send(&self, _: &Context, request: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
        if request.headers().get_str(&AUTHORIZATION)?.ends_with(&token(1)) {
            sleep(Duration::from_millis(2) * (5 + self.refused.fetch_add(1, SeqCst))).await;
            return Ok(answer(StatusCode::Unauthorized));
        }
        Ok(answer(StatusCode::Ok))
    }
}

fn answer(status: StatusCode) -> AsyncRawResponse {
    AsyncRawResponse::from_bytes(status, Headers::new(), "")
}

/// The policy with the end of its pipeline. The policy cannot be called without an end.
pub(crate) fn contender() -> Contender {
    let azure = Arc::new(Azure::new(Arc::new(Logins::once())));
    RUNTIME.block_on(azure.authorize());
    Contender::repeating(KIND.name, move || {
        let (azure, context, mut request) = (Arc::clone(&azure), Context::new(), request());
        move || {
            black_box(at_once(azure.policy.send(&context, &mut request, &azure.server)).unwrap());
        }
    })
}

/// The end of the pipeline alone.
pub(crate) fn end() -> Contender {
    Contender::repeating(END, || {
        let (end, context, mut request) = (Arc::new(Willing) as Arc<dyn Policy>, Context::new(), request());
        move || {
            black_box(at_once(end.send(&context, &mut request, &[])).unwrap());
        }
    })
}

fn begin(logins: Arc<Logins>) -> Arc<dyn Peer> {
    Arc::new(Azure::new(logins))
}

fn request() -> Request {
    let mut request = Request::new(Url::parse(URL).unwrap(), Method::Get);
    for (name, value) in HEADERS {
        request.insert_header(name, value);
    }
    request
}
