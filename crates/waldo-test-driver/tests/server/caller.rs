//! One client of one server, with a clock that it moves itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Response};
use serde_json::{Value, json};
use waldo_test_driver::server::{Policy, Reply, Server};

/// 2026-06-15T08:00:00Z
pub(crate) const START: u64 = 1_781_510_400;

pub(crate) struct Caller {
    pub(crate) server: Server,
    pub(crate) now: SystemTime,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Self::of(Policy::default())
    }

    pub(crate) fn of(policy: Policy) -> Self {
        let server = Server::new(policy).with_key(Server::KEY_ID, Server::KEY_SECRET);
        Self { server, now: UNIX_EPOCH + Duration::from_secs(START) }
    }

    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    pub(crate) fn send(&mut self, request: &Request<Vec<u8>>) -> Reply {
        self.server.handle(request, self.now)
    }

    pub(crate) fn answer(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.send(request).response().expect("a whole response")
    }

    pub(crate) fn login_with(&mut self, body: &Value) -> Response<Vec<u8>> {
        self.answer(&login_request(body))
    }

    pub(crate) fn try_login(&mut self) -> Response<Vec<u8>> {
        self.login_with(&pair())
    }

    /// A granted login's token.
    pub(crate) fn login(&mut self) -> String {
        let response = self.try_login();
        assert_eq!(response.status(), 200);
        body(&response)["token"].as_str().expect("a token").to_owned()
    }

    pub(crate) fn get(&mut self, path: &str, token: &str) -> Response<Vec<u8>> {
        self.answer(&call_request("GET", path, token, ""))
    }

    pub(crate) fn post(&mut self, path: &str, token: &str, body: &str) -> Response<Vec<u8>> {
        self.answer(&call_request("POST", path, token, body))
    }

    /// The status of a plain call with this token.
    pub(crate) fn status(&mut self, token: &str) -> u16 {
        self.get("/some-endpoint", token).status().as_u16()
    }

    /// The fresh token that a call with this one brings.
    pub(crate) fn renew(&mut self, token: &str) -> String {
        let response = self.get("/some-endpoint", token);
        assert_eq!(response.status(), 200);
        authorization(&response)
            .and_then(|value| value.strip_prefix("Bearer "))
            .expect("a renewal")
            .to_owned()
    }
}

pub(crate) fn pair() -> Value {
    json!({ "apiKey": Server::KEY_ID, "clientSecret": Server::KEY_SECRET })
}

pub(crate) fn login_request(body: &Value) -> Request<Vec<u8>> {
    Request::post("/authenticate").body(body.to_string().into_bytes()).unwrap()
}

pub(crate) fn call_request(method: &str, path: &str, token: &str, body: &str) -> Request<Vec<u8>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"));
    request.body(body.as_bytes().to_vec()).unwrap()
}

pub(crate) fn body(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).expect("a JSON body")
}

pub(crate) fn authorization(response: &Response<Vec<u8>>) -> Option<&str> {
    response.headers().get("authorization").map(|value| value.to_str().unwrap())
}

pub(crate) fn header<'a>(response: &'a Response<Vec<u8>>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

pub(crate) fn claims(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode_claims(token).expect("claims")
}

/// Status, code and message at once.
pub(crate) fn error(response: &Response<Vec<u8>>) -> (u16, String, String) {
    let body = body(response);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        body.as_object().map(serde_json::Map::len),
        Some(2),
        "a code and a message, nothing else: {body}"
    );
    (response.status().as_u16(), text("code"), text("message"))
}

pub(crate) fn refusal(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}
