//! A middleware of the user may send a request elsewhere. The answer from there says nothing about
//! the token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use waldo_adapter_tests::{Scripted, jwt};
use waldo_ureq::http::{Request, Response, Uri};
use waldo_ureq::ureq::middleware::{Middleware, MiddlewareNext};
use waldo_ureq::ureq::{self, Agent, Body, SendBody};
use waldo_ureq::{Client, Error, Reason, Refusal, Refused};

use crate::site::{bounded, credentials, settings};

/// Sends what it is told to another server.
#[derive(Clone)]
struct Rewrite {
    to: Uri,
    logins: Arc<AtomicBool>,
    calls: Arc<AtomicBool>,
    /// Sends with an agent of its own, and returns the response of this agent.
    agent: Option<Agent>,
}

impl Rewrite {
    fn to(server: &Scripted, agent: Option<Agent>) -> Self {
        let to = server.origin().parse().unwrap();
        Self { to, logins: Arc::default(), calls: Arc::default(), agent }
    }
}

impl Middleware for Rewrite {
    fn handle(
        &self,
        mut request: Request<SendBody>,
        next: MiddlewareNext<'_>,
    ) -> Result<Response<Body>, ureq::Error> {
        let is_login = request.uri().path() == "/authenticate";
        if !if is_login { &self.logins } else { &self.calls }.load(Ordering::SeqCst) {
            return next.handle(request);
        }
        let mut parts = request.uri().clone().into_parts();
        parts.authority = self.to.authority().cloned();
        *request.uri_mut() = Uri::from_parts(parts).unwrap();
        match &self.agent {
            Some(agent) => {
                request.extensions_mut().clear();
                agent.run(request)
            }
            None => next.handle(request),
        }
    }
}

/// The client's own server, which knows the first token only.
fn home() -> Scripted {
    Scripted::start(|exchange| {
        if exchange.is_login() {
            return exchange.grant(&jwt(1));
        }
        let status = if exchange.bears(&jwt(1)) { 200 } else { 401 };
        exchange.answer(status, "", "home");
    })
}

/// A client by settings and one by an agent, each with the rewriting.
fn clients(origin: &str, rewrite: &Rewrite) -> [Client; 2] {
    let config = || settings().middleware(rewrite.clone()).build();
    let builder = || {
        Client::builder(credentials()).origin(origin).limits(|limits| limits.failures_per_call(1))
    };
    [builder().agent(config()), builder().agent(Agent::new_with_config(config()))]
        .map(|builder| builder.build().unwrap())
}

fn agents() -> [Option<Agent>; 2] {
    [None, Some(settings().build().into())]
}

#[test]
fn rule_07_an_answer_from_elsewhere_says_nothing_about_the_token() {
    bounded(|| {
        let elsewhere = Scripted::start(|exchange| match exchange.line.as_str() {
            "GET /refused" => exchange.answer(401, "", "elsewhere"),
            _ => exchange.answer(
                200,
                &format!("Authorization: Bearer {}\r\n", jwt(666)),
                "elsewhere",
            ),
        });
        for agent in agents() {
            let (home, rewrite) = (home(), Rewrite::to(&elsewhere, agent));
            for (logins, client) in (1..).zip(clients(&home.origin(), &rewrite)) {
                assert_eq!(client.get("/").call().unwrap().status(), 200);
                rewrite.calls.store(true, Ordering::SeqCst);
                for (target, status) in [("/renewed", 200), ("/refused", 401)] {
                    let mut response = client.get(target).call().unwrap();
                    assert_eq!(response.status(), status);
                    assert_eq!(response.body_mut().read_to_string().unwrap(), "elsewhere");
                }
                rewrite.calls.store(false, Ordering::SeqCst);
                assert_eq!(client.get("/").call().unwrap().status(), 200);
                assert_eq!(home.logins(), logins, "the first token is still held");
            }
        }
    });
}

/// The upload cannot be sent whole, so the connection reads the answer, and not ureq.
#[test]
fn rule_07_an_early_answer_from_elsewhere_counts_as_such() {
    bounded(|| {
        let elsewhere = Scripted::start(|exchange| {
            exchange.answer(401, "Connection: close\r\n", "elsewhere");
            exchange.close();
        });
        let (home, rewrite) = (home(), Rewrite::to(&elsewhere, None));
        let [client, _] = clients(&home.origin(), &rewrite);
        assert_eq!(client.get("/").call().unwrap().status(), 200);
        rewrite.calls.store(true, Ordering::SeqCst);
        let mut response = client.post("/").send(vec![7; 8_000_000]).unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.body_mut().read_to_string().unwrap(), "elsewhere");
        rewrite.calls.store(false, Ordering::SeqCst);
        assert_eq!(client.get("/").call().unwrap().status(), 200);
        assert_eq!(home.logins(), 1, "the first token is still held");
    });
}

#[test]
fn rule_02_a_login_that_was_answered_elsewhere_is_not_believed() {
    bounded(|| {
        for (status, body) in [
            (200, format!("{{\"token\":\"{}\"}}", jwt(666))),
            (401, r#"{"code":"INVALID_API_KEY"}"#.to_owned()),
        ] {
            let elsewhere = Scripted::start(move |exchange| {
                exchange.read_body();
                exchange.answer(status, "", &body);
            });
            for agent in agents() {
                let (home, rewrite) = (home(), Rewrite::to(&elsewhere, agent));
                for client in clients(&home.origin(), &rewrite) {
                    rewrite.logins.store(true, Ordering::SeqCst);
                    let error = client.get("/").call().unwrap_err();
                    let Error::Refused(Refused {
                        refusal: Refusal::Unavailable { failure, .. },
                        ..
                    }) = &error
                    else {
                        panic!("{error:?}")
                    };
                    assert_eq!(failure.reason(), Reason::Transport);
                    let source = std::error::Error::source(&error).unwrap().to_string();
                    assert!(source.contains("another server has answered the login"), "{source}");
                    rewrite.logins.store(false, Ordering::SeqCst);
                    assert_eq!(client.get("/").call().unwrap().status(), 200);
                }
                assert_eq!(
                    home.seen(),
                    ["POST /authenticate", "GET /", "POST /authenticate", "GET /"]
                );
            }
        }
    });
}

#[test]
fn a_response_that_a_middleware_makes_is_the_origins() {
    bounded(|| {
        let middleware = |request: Request<SendBody>, _: MiddlewareNext<'_>| {
            let body = match request.uri().path() {
                "/authenticate" => format!("{{\"token\":\"{}\"}}", jwt(1)),
                _ => "made".to_owned(),
            };
            Ok::<_, ureq::Error>(Response::new(Body::builder().data(body)))
        };
        let client = Client::builder(credentials())
            .origin("http://127.0.0.1:1")
            .agent(settings().middleware(middleware).build())
            .build()
            .unwrap();
        let mut response = client.get("/").call().unwrap();
        assert_eq!(response.body_mut().read_to_string().unwrap(), "made");
    });
}

#[test]
fn response_of_unknown_origin_is_delivered_and_ignored() {
    bounded(|| {
        let middleware = |request: Request<SendBody>, next: MiddlewareNext<'_>| {
            if request.uri().path() != "/cached" {
                return next.handle(request);
            }
            // ureq's own way to ask where it came from would panic.
            let mut response = Response::new(Body::builder().data("made"));
            *response.status_mut() = 401.try_into().unwrap();
            response.extensions_mut().insert("from a cache");
            Ok::<_, ureq::Error>(response)
        };
        let home = home();
        let client = Client::builder(credentials())
            .origin(home.origin())
            .agent(settings().middleware(middleware).build())
            .build()
            .unwrap();
        assert_eq!(client.get("/").call().unwrap().status(), 200);
        assert_eq!(client.get("/cached").call().unwrap().status(), 401);
        assert_eq!(client.get("/").call().unwrap().status(), 200);
        assert_eq!(home.logins(), 1);
    });
}
