//! AWS: the cache of identities, and the scheme that signs a request with a bearer token.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::auth::http::BearerAuthScheme;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::auth::{AuthScheme, AuthSchemeEndpointConfig};
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity, ResolveIdentity, SharedIdentityCache,
    SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use waldo_bench::Contender;

use crate::login::Logins;
use crate::peer::{Kind, Peer};
use crate::request::{HEADERS, URL};
use crate::runtime::{RUNTIME, at_once};

pub(crate) const KIND: Kind =
    Kind { name: "aws-smithy-runtime: LazyCache, BearerAuthScheme", leeway: Duration::ZERO, begin };

struct Aws {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    scheme: BearerAuthScheme,
    components: RuntimeComponents,
    config: ConfigBag,
}

impl Aws {
    fn new(logins: Arc<Logins>) -> Self {
        let components = RuntimeComponentsBuilder::for_tests()
            .with_time_source(Some(SystemTimeSource::new()))
            .with_sleep_impl(Some(TokioSleep::new()));
        Self {
            cache: IdentityCache::lazy().buffer_time(KIND.leeway).build(),
            resolver: SharedIdentityResolver::new(Resolver(logins)),
            scheme: BearerAuthScheme::new(),
            components: components.build().unwrap(),
            config: ConfigBag::base(),
        }
    }

    fn resolve(&self) -> IdentityFuture<'_> {
        self.cache.resolve_cached_identity(self.resolver.clone(), &self.components, &self.config)
    }

    fn sign(&self, request: &mut HttpRequest, identity: &Identity) {
        let (signer, endpoint) = (self.scheme.signer(), AuthSchemeEndpointConfig::empty());
        signer.sign_http_request(request, identity, endpoint, &self.components, &self.config).unwrap();
    }
}

#[async_trait]
impl Peer for Aws {
    async fn authorize(&self) -> String {
        let (mut request, identity) = (request(), self.resolve().await.unwrap());
        self.sign(&mut request, &identity);
        request.headers().get("authorization").unwrap().to_owned()
    }
}

#[derive(Debug)]
struct Resolver(Arc<Logins>);

impl ResolveIdentity for Resolver {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        IdentityFuture::new(async {
            let token = self.0.make().await;
            let ends = Some(SystemTime::now() + self.0.lifetime());
            Ok(Identity::new(Token::new(token, ends), ends))
        })
    }
}

/// Both steps of a request: finding the identity in the cache, and signing with the identity.
pub(crate) fn contender() -> Contender {
    let aws = Arc::new(Aws::new(Arc::new(Logins::once())));
    RUNTIME.block_on(aws.authorize());
    Contender::repeating(KIND.name, move || {
        let (aws, mut request) = (Arc::clone(&aws), request());
        // For each request, the cache makes a sleep, which needs a runtime.
        let inside = RUNTIME.enter();
        move || {
            let _ = &inside;
            let identity = at_once(aws.resolve()).unwrap();
            aws.sign(&mut request, &identity);
            black_box(&request);
        }
    })
}

fn begin(logins: Arc<Logins>) -> Arc<dyn Peer> {
    Arc::new(Aws::new(logins))
}

fn request() -> HttpRequest {
    let mut request = HttpRequest::get(URL).unwrap();
    for (name, value) in HEADERS {
        request.headers_mut().insert(name, value);
    }
    request
}
