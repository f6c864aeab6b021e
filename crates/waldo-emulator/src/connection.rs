//! One connection. It passes each request to the model or to the control endpoints, and carries out
//! the reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use waldo_test_driver::server::{Refuses, Reply, Stage, Target};

use crate::body::{AnswerBody, Severed};
use crate::control;
use crate::early::{self, Refusal};
use crate::site::Site;
use crate::visit;

/// The largest body that is read, in bytes: the API's largest document with room for its multipart
/// frame.
const LARGEST_BODY: usize = 12 << 20;

/// How long the head of a request may take. The time includes the idle time before the request.
const LONGEST_HEAD: Duration = Duration::from_secs(30);

/// How long the body of a request may take.
pub(crate) const LONGEST_BODY: Duration = Duration::from_secs(60);

/// Serves one connection until either side ends it.
pub(crate) async fn serve(stream: TcpStream, site: Arc<Site>) {
    // Send small answers at once. If this cannot be set, they are sent a little later.
    drop(stream.set_nodelay(true));
    // An error means that the connection has already ended.
    let Ok(here) = stream.local_addr() else { return };
    serve_stream(stream, here, site).await;
}

/// Serves any stream that was accepted at the address `here`.
async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    here: SocketAddr,
    site: Arc<Site>,
) {
    let (refuse, mut refused) = mpsc::channel(1);
    let service = service_fn(|request| {
        let (site, refuse) = (Arc::clone(&site), refuse.clone());
        async move { respond(request, here, &site, &refuse).await }
    });
    let mut http = http1::Builder::new();
    http.auto_date_header(false).timer(TokioTimer::new()).header_read_timeout(LONGEST_HEAD);
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error means that the client went away or took too long, or that a fault cut the
        // connection.
        _ = &mut connection => {}
        Some(refusal) = refused.recv() => early::refuse(connection.into_parts().io.into_inner(), &refusal).await,
    }
}

async fn respond(
    request: Request<Incoming>,
    here: SocketAddr,
    site: &Site,
    refuse: &mpsc::Sender<Refusal>,
) -> Result<Response<AnswerBody>, Severed> {
    if control::is_meant(request.uri().path()) {
        // Check this before the body, because a stranger may send an endless body.
        if let Some(refused) = visit::refusal(&request, here, &site.control_hosts()) {
            return Ok(refused.map(AnswerBody::whole));
        }
        return Ok(match whole(request).await {
            Ok(request) => control::answer(&request, site),
            Err(refused) => refused,
        }
        .map(AnswerBody::whole));
    }
    let target = site.server().target(&request);
    let _under_way = (target == Target::Login).then(|| site.begin_login());
    // Decide before the body is polled, because hyper then reads it.
    let on_head = !request.body().is_end_stream()
        && site.server().refuses_on_head(&request, SystemTime::now());
    let request = if on_head {
        request.map(|_| Vec::new())
    } else {
        match whole(request).await {
            Ok(request) => request,
            Err(refused) => return Ok(refused.map(AnswerBody::whole)),
        }
    };
    let path = request.uri().path();
    let latency = site.latency(target);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    site.gates.pass(target, Stage::Before, path).await;
    let reply = site.handle(target, &request, on_head);
    site.gates.pass(target, Stage::After, path).await;
    match reply {
        Reply::Respond(response) if on_head => {
            let closes = site.server().policy().refuses == Refuses::OnHead;
            // `send` cannot fail, because the channel lives as long as the connection.
            drop(refuse.send(Refusal { response, closes }).await);
            std::future::pending().await
        }
        Reply::Respond(response) => Ok(response.map(AnswerBody::whole)),
        Reply::CutShort(response) => Ok(response.map(AnswerBody::broken)),
        Reply::Trickle(response) => Ok(response.map(AnswerBody::trickling)),
        Reply::Flood(response) => Ok(response.map(AnswerBody::flooding)),
        Reply::Hang => std::future::pending().await,
        Reply::Cut => Err(Severed),
    }
}

/// Reads the whole body of the request. If the body is too large, is too slow or breaks off,
/// returns the answer to that.
async fn whole(request: Request<Incoming>) -> Result<Request<Vec<u8>>, Response<Vec<u8>>> {
    let (head, body) = request.into_parts();
    match timeout(LONGEST_BODY, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.to_bytes().into())),
        Ok(Err(_)) => Err(refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is larger than 12 MiB, or broke off.\n",
        )),
        Err(_) => {
            Err(refused(StatusCode::REQUEST_TIMEOUT, "The body took longer than a minute.\n"))
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Response<Vec<u8>> {
    let mut refused = Response::new(why.as_bytes().to_vec());
    *refused.status_mut() = status;
    refused
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;
    use waldo_test_driver::server::Server;

    use super::*;

    /// Sends these bytes and no more. Returns the bytes that the client receives, and how long the
    /// connection lasts.
    async fn seen(sent: &str) -> (String, Duration) {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let site = Arc::new(Site::new(Server::default()));
        tokio::spawn(serve_stream(server, "127.0.0.1:8787".parse().unwrap(), site));
        let began = Instant::now();
        client.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(LONGEST_BODY * 3, client.read_to_string(&mut answer))
            .await
            .expect("an end")
            .unwrap();
        (answer, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_ends_its_connection() {
        for sent in ["", "GET /customer?email=a HTT", "GET /customer HTTP/1.1\r\nhost: x\r\nx: "] {
            let (answer, after) = seen(sent).await;
            // hyper answers an incomplete head with 408, or closes the connection.
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{sent:?}: {answer}");
            assert!(after >= LONGEST_HEAD && after < LONGEST_HEAD * 2, "{sent:?}: {after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stalled_request_body_gets_408_and_closes_connection() {
        for path in ["/authenticate", "/document", "/_emulator/policy"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:8787\r\ncontent-length: 9\r\n\r\n{{"
            );
            let (answer, after) = seen(&head).await;
            assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{path}: {answer}");
            assert!(after >= LONGEST_BODY && after < LONGEST_BODY * 2, "{path}: {after:?}");
        }
    }
}
