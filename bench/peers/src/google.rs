//! Google: the credentials of a user. A task in the background renews the token.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use google_cloud_auth::credentials::{CacheableResource, Credentials, user_account};
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderValue, Request};
use serde_json::json;
use waldo_bench::Contender;

use crate::endpoint::Endpoint;
use crate::login::Logins;
use crate::peer::{Kind, Peer};
use crate::request::{HEADERS, URL};
use crate::runtime::{RUNTIME, at_once};

pub(crate) const KIND: Kind =
    Kind { name: "google-cloud-auth: headers() and insert", leeway: Duration::from_mins(4), begin };

struct Google {
    credentials: Credentials,
    /// Grants the tokens for as long as the credentials exist.
    _endpoint: Endpoint,
}

impl Google {
    fn new(logins: Arc<Logins>) -> Self {
        // Ignore the error: another installed provider works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let _inside = RUNTIME.enter();
        let endpoint = Endpoint::open(logins);
        let user = json!({
            "type": "authorized_user", "client_id": "bench", "client_secret": "bench", "refresh_token": "bench",
        });
        let credentials = user_account::Builder::new(user).with_token_uri(endpoint.url()).build().unwrap();
        Self { credentials, _endpoint: endpoint }
    }

    async fn bearer(&self) -> HeaderValue {
        match self.credentials.headers(Extensions::new()).await.unwrap() {
            CacheableResource::New { mut data, .. } => data.remove(AUTHORIZATION).unwrap(),
            CacheableResource::NotModified => unreachable!("the request names no earlier headers"),
        }
    }
}

#[async_trait]
impl Peer for Google {
    async fn authorize(&self) -> String {
        let mut request = request();
        request.headers_mut().insert(AUTHORIZATION, self.bearer().await);
        request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()
    }
}

/// The client returns headers, and the caller inserts one of them into the request.
pub(crate) fn contender() -> Contender {
    let google = Arc::new(Google::new(Arc::new(Logins::once())));
    RUNTIME.block_on(google.authorize());
    Contender::repeating(KIND.name, move || {
        let (google, mut request) = (Arc::clone(&google), request());
        move || {
            request.headers_mut().insert(AUTHORIZATION, at_once(google.bearer()));
            black_box(&request);
        }
    })
}

fn begin(logins: Arc<Logins>) -> Arc<dyn Peer> {
    Arc::new(Google::new(logins))
}

fn request() -> Request<()> {
    HEADERS
        .into_iter()
        .fold(Request::get(URL), |request, (name, value)| request.header(name, value))
        .body(())
        .unwrap()
}
