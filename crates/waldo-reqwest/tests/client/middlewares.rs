//! What stands around a call, and what below it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Extensions;
use waldo_emulator::model::{Answer, Fault, Server};
use waldo_reqwest::reqwest::header::{AUTHORIZATION, HeaderValue};
use waldo_reqwest::reqwest::{self, Body, Request, Response, StatusCode};
use waldo_reqwest::reqwest_middleware::{self, Middleware, Next};
use waldo_reqwest::{Client, Error, Explanation, Refusal, Refused};

use crate::chunks::Chunks;
use crate::scripted::{Scripted, answer, jwt};
use crate::site::{bounded, builder, client, emulator, status};

/// Writes down each request with what it carries, and which mark others have left on the call.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<String>>>);

/// A mark of a middleware's.
#[derive(Clone)]
struct Mark;

impl Record {
    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Middleware for Record {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let token = request.headers().get(AUTHORIZATION);
        assert!(token.is_none_or(HeaderValue::is_sensitive));
        let (path, token) = (request.url().path().to_owned(), token.is_some());
        let marked = extensions.insert(Mark).is_some();
        let response = next.run(request, extensions).await?;
        let status = response.status().as_u16();
        self.0.lock().unwrap().push(format!("{path} token={token} marked={marked} {status}"));
        Ok(response)
    }
}

/// Puts its own words around what goes wrong below.
struct Wordy;

/// An error with another behind it.
#[derive(Debug)]
struct Words(reqwest_middleware::Error);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the API said no")
    }
}

impl std::error::Error for Words {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match &self.0 {
            reqwest_middleware::Error::Reqwest(error) => error,
            reqwest_middleware::Error::Middleware(error) => error.as_ref(),
        })
    }
}

#[async_trait]
impl Middleware for Wordy {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let result = next.run(request, extensions).await;
        result.map_err(|error| reqwest_middleware::Error::middleware(Words(error)))
    }
}

/// Makes an error of a bad status.
struct Strict;

#[async_trait]
impl Middleware for Strict {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        Ok(next.run(request, extensions).await?.error_for_status()?)
    }
}

/// Makes a call again when the server is busy, where it can.
struct Again;

#[async_trait]
impl Middleware for Again {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let copy = request.try_clone();
        let response = next.clone().run(request, extensions).await?;
        match copy {
            Some(copy) if response.status() == 503 => next.run(copy, extensions).await,
            _ => Ok(response),
        }
    }
}

/// Goes where it likes with what lies under `/away`.
struct Detour(String);

#[async_trait]
impl Middleware for Detour {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        match request.url().path().strip_prefix("/away") {
            None => next.run(request, extensions).await,
            Some("/strict") => Ok(reqwest::get(&self.0).await?.error_for_status()?),
            Some(_) => Ok(reqwest::get(&self.0).await?),
        }
    }
}

fn around(middleware: impl Middleware) -> [Arc<dyn Middleware>; 1] {
    [Arc::new(middleware)]
}

#[test]
fn outer_middleware_sees_calls_and_inner_sees_attempts() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let (outer, inner) = (Record::default(), Record::default());
        let stack = client.middleware_stack(around(outer.clone())).with(inner.clone()).build();
        let url = format!("{}/customer?field=id", emulator.origin());
        assert_eq!(stack.get(&url).send().await.unwrap().status(), 200);
        emulator.expire_all();
        assert_eq!(stack.get(&url).send().await.unwrap().status(), 200);
        // No login is among them.
        assert_eq!(outer.told(), ["/customer token=false marked=false 200"; 2]);
        let sent = |status| format!("/customer token=true marked=true {status}");
        assert_eq!(inner.told(), [sent(200), sent(401), sent(200)]);
        assert_eq!(emulator.stats().server.logins(), 2);
        // The session is the same as that of the plain way.
        assert_eq!(status(&client).await, 200);
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

#[test]
fn call_recovers_from_wrapped_401_error() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let stack = client.middleware_stack([]).with(Wordy).with(Strict).build();
        let customer = || stack.get(format!("{}/customer?field=id", client.origin())).send();
        assert_eq!(customer().await.unwrap().status(), 200);
        emulator.expire_all();
        assert_eq!(customer().await.unwrap().status(), 200);
        assert_eq!(emulator.stats().server.logins_granted, 2);
    });
}

#[test]
fn call_recovers_from_401_turned_into_error() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let stack = client.middleware_stack([]).with(Strict).build();
        assert_eq!(status(&client).await, 200);
        emulator.expire_all();
        let url = format!("{}/customer?field=id", emulator.origin());
        assert_eq!(stack.get(&url).send().await.unwrap().status(), 200);
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized), (2, 1));
        let error = stack
            .get(format!("{}/history/kyc/unknown", emulator.origin()))
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    });
}

/// A middleware around a call may make it again; each time it is a call, with the token of that
/// time.
#[test]
fn outer_middleware_retry_is_a_new_call() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        let inner = Record::default();
        let stack = client.middleware_stack(around(Again)).with(inner.clone()).build();
        let document = format!("{}/document", emulator.origin());
        let stream = || -> Body { Chunks::of(b"document", 3).into() };
        emulator.push_fault(Fault::call(Answer::status(503)).times(2));
        assert_eq!(stack.post(&document).body("document").send().await.unwrap().status(), 503);
        assert_eq!(stack.post(&document).body(stream()).send().await.unwrap().status(), 200);
        emulator.push_fault(Fault::call(Answer::status(503)));
        assert_eq!(stack.post(&document).body(stream()).send().await.unwrap().status(), 503);
        emulator.expire_all();
        assert_eq!(stack.post(&document).body(stream()).send().await.unwrap().status(), 401);
        assert_eq!(stack.post(&document).body(stream()).send().await.unwrap().status(), 200);
        let statuses: Vec<_> =
            inner.told().iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
        assert_eq!(statuses, ["503", "503", "200", "503", "401", "200"]);
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

#[test]
fn rule_07_foreign_middleware_response_is_delivered_and_ignored() {
    bounded(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client).await, 200);
        let held = || {
            let explanation = client.explain();
            let Explanation::Send { generation, .. } = explanation else {
                panic!("the token is gone: {explanation}")
            };
            generation
        };
        let generation = held();
        for (status, path) in [(401, "/away"), (200, "/away"), (401, "/away/strict")] {
            let renewal = format!("Authorization: Bearer {}\r\n", jwt(666));
            let evil = Scripted::start(move |_| answer(status, &renewal, "gotcha"));
            let stack = client.middleware_stack([]).with(Detour(evil.origin())).build();
            let result = stack.get(format!("{}{path}", emulator.origin())).send().await;
            let seen = match &result {
                Ok(response) => Some(response.status()),
                Err(error) => error.status(),
            };
            assert_eq!(seen.map(|seen| seen.as_u16()), Some(status));
            assert_eq!((evil.seen().len(), held()), (1, generation), "{status} {path}");
            assert_eq!(evil.seen()[0].header("authorization"), None);
        }
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn crate_error_is_downcast_from_stack_error() {
    bounded(async {
        let emulator = emulator();
        let client = builder(emulator.origin()).build().unwrap();
        let stack = client.middleware_stack([]).build();
        let fail = async |url: String| match stack.get(url).send().await.unwrap_err() {
            reqwest_middleware::Error::Middleware(error) => error.downcast::<Error>().unwrap(),
            error @ reqwest_middleware::Error::Reqwest(_) => panic!("{error:?}"),
        };
        let foreign = fail("http://127.0.0.1:9/customer".to_owned()).await;
        assert!(matches!(foreign, Error::ForeignOrigin(_)), "{foreign:?}");
        emulator.revoke_key(Server::KEY_ID);
        let refused = fail(format!("{}/customer", emulator.origin())).await;
        assert!(
            matches!(refused, Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. })),
            "{refused:?}"
        );
        emulator.restore_key(Server::KEY_ID);
        client.reset(crate::site::credentials());
        emulator.push_fault(Fault::call(Answer::Cut));
        let cut = stack.get(format!("{}/customer", emulator.origin())).send().await.unwrap_err();
        assert!(
            matches!(&cut, reqwest_middleware::Error::Reqwest(error) if error.is_request()),
            "{cut:?}"
        );
        assert!(cut.url().is_none());
    });
}

/// Whatever is put around or below, the client at the end is the one that follows no redirect, and
/// goes through no proxy in clear.
#[test]
fn rebuilt_stack_still_follows_no_redirect() {
    bounded(async {
        let emulator = emulator();
        emulator.push_fault(
            Fault::call(Answer::Redirect {
                status: 302,
                location: "/customer?field=id".to_owned(),
            })
            .on_path("/x"),
        );
        let client: Client = client(emulator.origin());
        let stack = client.middleware_stack(around(Record::default())).build();
        let stack =
            reqwest_middleware::ClientBuilder::from_client(stack).with(Record::default()).build();
        assert_eq!(
            stack.get(format!("{}/x", emulator.origin())).send().await.unwrap().status(),
            302
        );
    });
}
