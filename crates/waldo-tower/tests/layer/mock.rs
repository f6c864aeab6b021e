//! A service in the place of a connection, which answers in the order that a test wants.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, service_fn};
use waldo_tower::Body;
use waldo_tower::http::header::AUTHORIZATION;
use waldo_tower::http::{HeaderMap, Request, Response};

/// Where its requests go.
pub(crate) const ORIGIN: &str = "https://api.waldo.ai";

pub(crate) type Inner =
    BoxCloneSyncService<Request<Body<Full<Bytes>>>, Response<Full<Bytes>>, BoxError>;

/// What a service was asked, and what is under way.
#[derive(Default)]
pub(crate) struct Seen {
    logins: AtomicUsize,
    logins_under_way: AtomicUsize,
    most_logins_at_once: AtomicUsize,
    /// The tokens and the bodies of the calls.
    calls: Mutex<Vec<(String, Bytes)>>,
}

impl Seen {
    pub(crate) fn logins(&self) -> usize {
        self.logins.load(SeqCst)
    }

    pub(crate) fn logins_under_way(&self) -> usize {
        self.logins_under_way.load(SeqCst)
    }

    pub(crate) fn most_logins_at_once(&self) -> usize {
        self.most_logins_at_once.load(SeqCst)
    }

    pub(crate) fn calls(&self) -> Vec<(String, Bytes)> {
        self.calls.lock().unwrap().clone()
    }
}

/// Counts a login until it ends or is dropped.
struct UnderWay(Arc<Seen>);

impl UnderWay {
    fn begin(seen: &Arc<Seen>) -> (Self, usize) {
        let at_once = seen.logins_under_way.fetch_add(1, SeqCst) + 1;
        seen.most_logins_at_once.fetch_max(at_once, SeqCst);
        (Self(Arc::clone(seen)), seen.logins.fetch_add(1, SeqCst) + 1)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.logins_under_way.fetch_sub(1, SeqCst);
    }
}

/// A service that grants its n-th login token n once `login(n)` has ended, and answers its n-th
/// call with what `call(n)` says.
pub(crate) fn mock<L>(
    login: impl Fn(usize) -> L + Clone + Send + Sync + 'static,
    call: impl Fn(usize) -> (u16, HeaderMap) + Clone + Send + Sync + 'static,
) -> (Inner, Arc<Seen>)
where
    L: Future<Output = ()> + Send,
{
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Body<Full<Bytes>>>| {
        let (seen, login, call) = (Arc::clone(&shared), login.clone(), call.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?;
            if head.uri.path() == "/authenticate" {
                let (_under_way, number) = UnderWay::begin(&seen);
                login(number).await;
                return Ok(Response::new(Full::from(format!(
                    r#"{{"token":"e30.e30.{number:04}"}}"#
                ))));
            }
            let token = head.headers.get(AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
            let number = {
                let mut calls = seen.calls.lock().unwrap();
                calls.push((token.to_owned(), body.to_bytes()));
                calls.len()
            };
            let (status, headers) = call(number);
            let mut response = Response::new(Full::default());
            (*response.status_mut(), *response.headers_mut()) =
                (status.try_into().unwrap(), headers);
            Ok::<_, BoxError>(response)
        }
    });
    (BoxCloneSyncService::new(service), seen)
}

/// A service that grants every login at once, and answers every call with 200.
pub(crate) fn willing() -> (Inner, Arc<Seen>) {
    mock(|_| std::future::ready(()), |_| (200, HeaderMap::new()))
}
