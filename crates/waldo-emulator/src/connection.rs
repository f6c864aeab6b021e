//! One connection: what arrives is given to the model or to the control endpoints, and the reply is carried out.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use waldo_test_driver::server::{Reply, Stage, Target};

use crate::body::{AnswerBody, Severed};
use crate::control;
use crate::site::Site;

/// The largest body that is read, in bytes: the API's largest document with room for its multipart frame.
const LARGEST_BODY: usize = 12 << 20;

/// Serves one connection until either side ends it.
pub(crate) async fn serve(stream: TcpStream, site: Arc<Site>) {
    // Small answers go out at once; where that cannot be set, they go out a little later.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| {
        let site = Arc::clone(&site);
        async move { respond(request, &site).await }
    });
    // An error here is a client that went away, or a cut that was asked for.
    drop(http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service).await);
}

async fn respond(request: Request<Incoming>, site: &Site) -> Result<Response<AnswerBody>, Severed> {
    if control::is_meant(request.uri().path()) {
        return Ok(match whole(request).await {
            Ok(request) => control::answer(&request, site),
            Err(refused) => refused,
        }
        .map(AnswerBody::whole));
    }
    let target = site.server().target(&request);
    let _under_way = (target == Target::Login).then(|| site.begin_login());
    let request = match whole(request).await {
        Ok(request) => request,
        Err(refused) => return Ok(refused.map(AnswerBody::whole)),
    };
    let path = request.uri().path();
    let latency = site.latency(target);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    site.gates.pass(target, Stage::Before, path).await;
    let reply = site.handle(target, &request);
    site.gates.pass(target, Stage::After, path).await;
    match reply {
        Reply::Respond(response) => Ok(response.map(AnswerBody::whole)),
        Reply::CutShort(response) => Ok(response.map(AnswerBody::broken)),
        Reply::Trickle(response) => Ok(response.map(AnswerBody::trickling)),
        Reply::Hang => std::future::pending().await,
        Reply::Cut => Err(Severed),
    }
}

/// The request with its whole body, or the answer to one that is too large or broke off.
async fn whole(request: Request<Incoming>) -> Result<Request<Vec<u8>>, Response<Vec<u8>>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        let mut refused = Response::new(b"The body is larger than 12 MiB, or broke off.\n".to_vec());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(refused);
    };
    Ok(Request::from_parts(head, body.to_bytes().into()))
}
