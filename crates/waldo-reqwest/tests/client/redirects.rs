//! A redirect is an answer, whatever the settings would do with it.

use waldo_reqwest::reqwest::header::AUTHORIZATION;
use waldo_reqwest::reqwest::redirect::Policy;
use waldo_reqwest::reqwest::{self, Method, Request};
use waldo_reqwest::{Client, Reason};

use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{bounded, builder_over, call, client, credentials, reason};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// Settings that follow, as reqwest's own do.
fn follows() -> reqwest::ClientBuilder {
    reqwest::Client::builder().redirect(Policy::limited(10))
}

/// Answers whatever comes with what an attacker would like to have believed.
fn evil() -> Scripted {
    Scripted::start(|_| answer(200, &format!("Authorization: Bearer {}\r\n", jwt(666)), "gotcha"))
}

/// Logs in, answers `/here`, and sends whatever else comes to that location.
fn moved(status: u16, location: String) -> Scripted {
    Scripted::start(move |seen| {
        if seen.is_login() {
            return grant(&jwt(1));
        }
        assert!(seen.bears(&jwt(1)));
        match seen.line.as_str() {
            "GET /here" => answer(200, "", ""),
            _ => answer(status, &format!("Location: {location}\r\n"), "moved"),
        }
    })
}

#[test]
fn rule_21_redirect_is_delivered_and_never_followed() {
    bounded(async {
        let evil = evil();
        // Another port of the same host, another host, and the very same origin.
        let elsewhere =
            ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{}/steal", evil.port()));
        for location in elsewhere.into_iter().chain(["/here".to_owned()]) {
            for status in STATUSES {
                let server = moved(status, location.clone());
                let plain = Client::builder(credentials()).origin(server.origin());
                for client in [builder_over(server.origin(), follows()), plain] {
                    let client = client.build().unwrap();
                    let stack = client.middleware_stack([]).build();
                    let away = format!("{}/away", server.origin());
                    let posted = client.post("/away").body("body").send().await.unwrap();
                    let stacked = stack.post(&away).body("body").send().await.unwrap();
                    for response in [
                        client.get("/away").send().await.unwrap(),
                        posted,
                        stack.get(&away).send().await.unwrap(),
                        stacked,
                    ] {
                        assert_eq!(response.status(), status);
                        assert_eq!(response.headers()["location"], location);
                        assert_eq!(response.url().as_str(), away);
                        assert_eq!(response.text().await.unwrap(), "moved");
                    }
                    assert_eq!(client.get("/here").send().await.unwrap().status(), 200);
                }
                assert_eq!(server.logins(), 2);
                assert_eq!(server.seen_as("GET /here").len(), 2);
            }
        }
        assert_eq!(evil.seen().len(), 0);
    });
}

#[test]
fn rule_01_a_login_is_not_redirected_with_the_key_pair() {
    bounded(async {
        let evil = Scripted::start(|_| grant(&jwt(666)));
        for status in STATUSES {
            let location = format!("Location: {}/authenticate\r\n", evil.origin());
            let server = Scripted::start(move |_| answer(status, &location, ""));
            let client = builder_over(server.origin(), follows())
                .limits(|limits| limits.failures_per_call(1))
                .build()
                .unwrap();
            let error = call(&client).await.unwrap_err();
            assert_eq!(reason(&error), Reason::Status(status.try_into().unwrap()));
            let stack = client.middleware_stack([]).build();
            stack.get(format!("{}/away", server.origin())).send().await.unwrap_err();
        }
        assert_eq!(evil.seen().len(), 0);
    });
}

/// Why a client is made of settings, and why there is no middleware for any client: this is what
/// reqwest does that follows redirects. It takes the header away on the way to another server, and
/// brings it back when that server redirects once more. And it hands the body on, which in a login
/// is the key pair.
#[test]
fn reqwest_sends_token_after_second_foreign_redirect() {
    bounded(async {
        let evil = Scripted::start(|seen| match seen.line.as_str() {
            "POST /first" => answer(307, "Location: /second\r\n", ""),
            _ => answer(200, "", "gotcha"),
        });
        let server = moved(307, format!("{}/first", evil.origin()));
        let origin = server.origin();
        let token = client(&origin).token().await.unwrap();
        let mut request = Request::new(Method::POST, format!("{origin}/away").parse().unwrap());
        request.headers_mut().insert(AUTHORIZATION, token);
        *request.body_mut() = Some("body".into());
        follows().build().unwrap().execute(request).await.unwrap();
        let [first, second] = evil.seen().try_into().unwrap();
        assert_eq!((first.header("authorization"), first.body.as_slice()), (None, &b"body"[..]));
        assert!(second.bears(&jwt(1)), "reqwest has mended it: say so where it is warned of");
    });
}
