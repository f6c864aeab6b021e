//! A redirect is an answer, whatever the settings would do with it.

use waldo_reqwest::reqwest::header::AUTHORIZATION;
use waldo_reqwest::reqwest::redirect::Policy;
use waldo_reqwest::reqwest::{self, Method, Request};

use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{bounded, client};

/// Settings that follow, as reqwest's own do.
fn follows() -> reqwest::ClientBuilder {
    reqwest::Client::builder().redirect(Policy::limited(10))
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
