//! One call, from its request to the response that is its answer.

use std::time::Duration;

use http::{HeaderMap, StatusCode, Uri};
use reqwest::{Body, Request, Response, Url};
use waldo_auth_core::{Attempt, Call, Head, Instant, Verdict};
use waldo_auth_shared::{Admission, conceal};

use crate::client::Client;
use crate::error::Error;
use crate::login::log_in;

/// What sends a request once, and brings its response.
pub(crate) trait Exchange {
    /// What it fails with.
    type Error: From<Error>;

    fn send(&mut self, request: Request) -> impl Future<Output = Result<Response, Self::Error>> + Send;

    /// The failure in reqwest's own words, where it may be that of a status.
    fn failure(error: &Self::Error) -> Option<&reqwest::Error>;
}

/// Sends a request until its response is the call's answer.
pub(crate) async fn run<E: Exchange>(
    client: &Client,
    mut request: Request,
    mut exchange: E,
) -> Result<Response, E::Error> {
    let ends = request.timeout().copied().or(client.timeout()).map(|budget| after(client, budget));
    let once = request.body().is_some_and(|body| Body::as_bytes(body).is_none());
    let mut call = bound(client, if once { Call::one_shot() } else { Call::replayable() }, ends);
    let asked: Uri = request.url().as_str().parse().map_err(Error::Url)?;
    let mut carrier = http::Request::new(());
    *carrier.uri_mut() = asked.clone();
    loop {
        // reqwest uses a request up. Of a stream there is no copy, which is what makes it one-shot.
        let copy = request.try_clone();
        std::mem::swap(carrier.headers_mut(), request.headers_mut());
        let attempt = admit(client, call, &mut carrier).await?;
        std::mem::swap(carrier.headers_mut(), request.headers_mut());
        if *carrier.uri() != asked {
            // The request goes to exactly what was admitted.
            *request.url_mut() = carrier.uri().to_string().parse().map_err(|_| client.foreign_origin())?;
        }
        if let Some(ends) = ends {
            // reqwest's timeout begins anew with each sending.
            *request.timeout_mut() = Some(ends.saturating_duration_since(client.session().now()));
        }
        let result = exchange.send(request).await;
        match (conclude::<E>(client, attempt, &result), copy) {
            // A refused answer is dropped unread, and with it its connection, unless it has no body: a body that stalls could hold the
            // call up, and a healed 401 is too rare for a connection to matter.
            (Verdict::Retry(again), Some(copy)) => {
                call = again;
                request = copy;
            }
            (Verdict::Deliver, _) | (Verdict::Retry(_), None) => return result.map(deliver),
        }
    }
}

/// Waits for a token to send the request with, logging in for everyone if it falls to this call.
pub(crate) async fn admit(
    client: &Client,
    mut call: Call,
    carrier: &mut http::Request<()>,
) -> Result<Attempt, Error> {
    loop {
        call = match client.session().admit(call, carrier)? {
            Admission::Send(attempt) => return Ok(attempt),
            Admission::Authenticate(lead) => log_in(client.http(), lead).await,
            Admission::Wait(wait) => wait.or(tokio::time::sleep).await,
            Admission::Refuse(refused) => return Err(refused.into()),
        };
    }
}

/// A call that has no other limits than its client.
pub(crate) fn replayable(client: &Client) -> Call {
    bound(client, Call::replayable(), client.timeout().map(|budget| after(client, budget)))
}

/// Tells the core when to stop waiting.
fn bound(client: &Client, call: Call, ends: Option<Instant>) -> Call {
    let limit = client.max_wait().map(|limit| after(client, limit));
    match [ends, limit].into_iter().flatten().min() {
        Some(limit) => call.with_deadline(limit),
        None => call,
    }
}

fn after(client: &Client, span: Duration) -> Instant {
    client.session().now().saturating_add(span)
}

fn conclude<E: Exchange>(client: &Client, attempt: Attempt, result: &Result<Response, E::Error>) -> Verdict {
    let none = HeaderMap::new();
    let (status, headers, url): (StatusCode, &HeaderMap, Option<&Url>) = match result {
        Ok(response) => (response.status(), response.headers(), Some(response.url())),
        Err(error) => match E::failure(error).and_then(|error| Some((error.status()?, error.url()))) {
            // A middleware made an error of it; a 401 is still a 401.
            Some((status, url)) => (status, &none, url),
            None => return Verdict::Deliver,
        },
    };
    // Nothing here follows a redirect, but what a middleware brings may come from anywhere. What is no URI comes from elsewhere.
    let from: Option<Uri> = url.map(|url| url.as_str().parse().unwrap_or_default());
    let head = Head::new(status, headers);
    client.session().conclude_head(attempt, from.iter().fold(head, Head::with_uri))
}

fn deliver(mut response: Response) -> Response {
    // A fresh token is in there, and the user may log the headers.
    conceal(response.headers_mut());
    response
}
