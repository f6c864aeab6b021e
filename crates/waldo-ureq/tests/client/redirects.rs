//! A redirect is an answer, whatever the agent would do with it.

use waldo_ureq::ureq::Agent;
use waldo_ureq::ureq::config::RedirectAuthHeaders;
use waldo_ureq::{Client, Reason};

use crate::failures::reason;
use crate::scripted::{Scripted, jwt};
use crate::site::{bounded, builder_over, credentials, settings};

#[test]
fn rule_21_redirect_is_delivered_and_never_followed() {
    bounded(|| {
        let evil = Scripted::start(|exchange| {
            exchange.answer(200, &format!("Authorization: Bearer {}\r\n", jwt(666)), "gotcha");
        });
        for (host, status) in ["127.0.0.1", "localhost"]
            .into_iter()
            .flat_map(|host| [301, 302, 307, 308].map(|s| (host, s)))
        {
            let location = format!("Location: http://{host}:{}/steal\r\n", evil.port());
            let server = Scripted::start(move |exchange| {
                if exchange.is_login() {
                    return exchange.grant(&jwt(1));
                }
                assert!(exchange.bears(&jwt(1)));
                match exchange.line.as_str() {
                    "GET /here" => exchange.answer(200, "", ""),
                    _ => exchange.answer(status, &location, "moved"),
                }
            });
            let follows = settings()
                .max_redirects(10)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .build();
            // ureq's own defaults follow, too, and set no timeout, which would be a setting for
            // each request.
            let defaults = Agent::config_builder().proxy(None).build();
            let origin = || server.origin();
            let without_agent = Client::builder(credentials()).origin(origin());
            let clients =
                [builder_over(origin(), follows), builder_over(origin(), defaults), without_agent];
            for (logins, client) in (1..).zip(clients) {
                let client = client.build().unwrap();
                let mut response = client.get("/away").call().unwrap();
                assert_eq!(response.status(), status);
                assert_eq!(response.body_mut().read_to_string().unwrap(), "moved");
                assert_eq!(client.post("/away").send("body").unwrap().status(), status);
                assert_eq!(client.get("/here").call().unwrap().status(), 200);
                assert_eq!(server.logins(), logins);
            }
        }
        assert_eq!(evil.connections(), 0);
    });
}

#[test]
fn rule_01_a_login_is_not_redirected_with_the_key_pair() {
    bounded(|| {
        let evil = Scripted::start(|exchange| exchange.grant(&jwt(666)));
        for status in [302, 307] {
            let location = format!("Location: {}/authenticate\r\n", evil.origin());
            let server = Scripted::start(move |exchange| exchange.answer(status, &location, ""));
            assert_eq!(reason(server.origin()), Reason::Status(status.try_into().unwrap()));
        }
        assert_eq!(evil.connections(), 0);
    });
}
