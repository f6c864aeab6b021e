//! Recognisable secrets are planted, and looked for in all that this crate says.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::time::Duration;

use waldo_adapter_tests::Listener;
use waldo_reqwest::reqwest::header::{HeaderMap, HeaderValue};
use waldo_reqwest::reqwest::{self, Url};
use waldo_reqwest::{BuildError, Client, Credentials, Error, Refusal, Refused};

use crate::scripted::{Scripted, answer, jwt};
use crate::site::bounded;

/// What was said so far.
#[derive(Default)]
struct Output(Vec<String>);

impl Output {
    fn debug(&mut self, what: &impl Debug) {
        self.0.push(format!("{what:?} {what:#?}"));
    }

    fn error(&mut self, error: &(dyn StdError + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.0.push(format!("{error} {error:?} {error:#?}"));
            next = error.source();
        }
    }
}

/// Each token that it issues, and each code of its rejections, is recognisable.
#[cfg(test)]
fn server_of_canaries() -> Scripted {
    let (granted, renewed) = (format!("{}canary00", jwt(1)), format!("{}canary11", jwt(2)));
    Scripted::start(move |seen| match seen.line.as_str() {
        "POST /authenticate" if seen.body.windows(6).any(|part| part == b"reject") => {
            answer(401, "", r#"{"code":"INVALID ws.reject-canary","message":"wk.canary"}"#)
        }
        "POST /authenticate" if seen.body.windows(4).any(|part| part == b"hang") => String::new(),
        "POST /authenticate" => answer(200, "", &format!("{{\"token\":\"{granted}\"}}")),
        "GET /cut" => String::new(),
        "GET /401" => answer(401, "", ""),
        _ => answer(200, &format!("Authorization: Bearer {renewed}\r\n"), ""),
    })
}

#[test]
fn rule_20_output_contains_no_key_secret_or_token() {
    bounded(async {
        let listener = Listener::new();
        let server = server_of_canaries();
        let mut output = Output::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-own", HeaderValue::from_static("canary"));
        let pair = |secret: &str| Credentials::new("wk.canary", secret).unwrap();
        let builder = Client::builder(pair("ws.canary"))
            .origin(server.origin())
            .limits(|limits| limits.failures_per_call(1))
            .client_builder(reqwest::Client::builder().default_headers(headers));
        output.debug(&builder);
        let client = builder.build().unwrap();
        listener
            .attach(async {
                for target in ["/renewal", "/401", "/401", "/cut", "/renewal"] {
                    let request =
                        client.get(target).header("x-own", "canary").timeout(crate::site::TIMEOUT);
                    output.debug(&request);
                    match request.send().await {
                        // Somebody will log a response, whose headers may hold a fresh token.
                        Ok(response) => output.debug(&response),
                        Err(error) => output.error(&error),
                    }
                    output.debug(&client);
                    output.0.push(format!("{}", client.explain()));
                }
                output.debug(&client.get("/renewal?own=canary"));
                output.debug(&client.token().await);
                output.debug(&client.snapshot());
                client.reset(pair("ws.reject-canary"));
                let error = client.get("/").send().await.unwrap_err();
                assert!(
                    matches!(
                        error,
                        Error::Refused(Refused { refusal: Refusal::Rejected { .. }, .. })
                    ),
                    "{error:?}"
                );
                output.error(&error);
                client.reset(pair("ws.hang-canary"));
                let error = client.get("/").send().await.unwrap_err();
                assert!(error.source().is_some(), "the login's own error is told");
                output.error(&error);
                output.0.push(format!("{:?} {0}", client.explain()));
            })
            .await;
        let foreign = client.get("http://canary.example/?own=canary").send().await.unwrap_err();
        assert!(matches!(foreign, Error::ForeignOrigin(_)));
        output.error(&foreign);
        let long: Url =
            format!("{}/?canary={}", server.origin(), "x".repeat(70_000)).parse().unwrap();
        let url =
            client.execute(reqwest::Request::new(reqwest::Method::GET, long)).await.unwrap_err();
        assert!(matches!(url, Error::Url(_)));
        output.error(&url);
        let config =
            Client::builder(pair("ws.canary")).origin("http://canary").build().unwrap_err();
        assert!(matches!(config, BuildError::Config(_)));
        output.error(&config);
        // A stack's Debug is not ours, and shows the caller's own headers.
        let plain = Client::builder(pair("ws.canary")).origin(server.origin()).build().unwrap();
        output.debug(&plain.middleware_stack([]).build());

        for name in [
            "login_granted",
            "renewed",
            "challenged",
            "reset",
            "login_rejected",
            "login_unavailable",
        ] {
            // The task of a login emits its events after it has woken the call.
            listener.wait_for(name, 1);
        }
        output.0.extend(listener.heard().iter().map(|heard| format!("{heard:?}")));
        for line in &output.0 {
            assert!(!line.contains("canary"), "{line}");
            assert!(!line.contains("eyJ"), "{line}");
        }
        assert!(output.0.len() > 40, "something was said: {}", output.0.len());
        let origin = server.origin();
        assert_eq!(
            format!("{client:?}"),
            format!("Client {{ name: None, origin: {origin:?}, .. }}")
        );
        assert_eq!(
            format!("{:?}", client.get("/renewal")),
            format!("RequestBuilder {{ client: {client:?}, .. }}")
        );
        let builder = Client::builder(pair("ws.canary")).timeout(Duration::from_secs(7));
        let said = format!("{builder:?}");
        assert!(
            said.contains("https://api.waldo.ai") && said.contains("timeout: Some(7s)"),
            "{said}"
        );
    });
}
