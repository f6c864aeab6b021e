//! Records the requests that a server sees.

use std::fmt;
use std::time::SystemTime;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderMap, Method, Request, Response};
use serde_json::Value;

use super::breach::{Breach, LoginBody};
use super::sighting::{Given, PairName, Sighting, TokenName};
use super::stack;
use crate::server::{Reply, Target};

/// Records every request that a server handles, and names its tokens by their order of issue.
///
/// The program that carries the server's replies must call [`note`](Self::note) for each request,
/// in the order in which the server handles them.
#[derive(Clone)]
pub struct Witness {
    began: SystemTime,
    /// The expected `Host` of each request.
    host: Option<String>,
    /// All tokens that the server has issued.
    tokens: Vec<(String, TokenName)>,
    logins: u32,
    renewals: u32,
    sightings: Vec<Sighting>,
}

impl Witness {
    /// A witness without records. Instants count from `began`.
    pub fn new(began: SystemTime) -> Self {
        Self {
            began,
            host: None,
            tokens: Vec::new(),
            logins: 0,
            renewals: 0,
            sightings: Vec::new(),
        }
    }

    /// Also reports requests with another `Host`.
    #[must_use]
    pub fn expecting_host(self, host: impl Into<String>) -> Self {
        Self { host: Some(host.into()), ..self }
    }

    /// Records one request, and the server's reply to it at `now`.
    pub fn note<B: AsRef<[u8]>>(
        &mut self,
        target: Target,
        request: &Request<B>,
        reply: &Reply,
        now: SystemTime,
    ) {
        let mut breaches = Vec::new();
        let (token, pair) = match target {
            Target::Login => (None, self.read_login(request, &mut breaches)),
            Target::Calls => (self.read_token(request.headers(), &mut breaches), None),
        };
        let (given, response) = match reply {
            Reply::Respond(response) => (Given::Status(response.status().as_u16()), Some(response)),
            Reply::CutShort(response) => (Given::CutShort, Some(response)),
            Reply::Trickle(response) => (Given::Trickle, Some(response)),
            Reply::Flood(response) => (Given::Flood, Some(response)),
            Reply::Hang | Reply::Cut => (Given::Nothing, None),
        };
        if let Some(response) = response {
            self.name_token(target, response);
        }
        if let Some(host) = &self.host {
            let seen = values(request.headers(), &HOST);
            if seen != *host {
                breaches.push(Breach::Host { expected: host.clone(), seen });
            }
        }
        let (body, given_body) = match target {
            // Leave out the bodies, because they hold the key pair and the token.
            Target::Login => (None, Vec::new()),
            Target::Calls => {
                // The response to a HEAD has no content, even if its head describes some.
                let has_content = *request.method() != Method::HEAD;
                let given =
                    response.filter(|_| has_content).map(|response| response.body().clone());
                (Some(request.body().as_ref().to_vec()), given.unwrap_or_default())
            }
        };
        let mut headers = request.headers().clone();
        headers.remove(AUTHORIZATION);
        // Mark every value as sensitive, so that `Debug` shows none.
        headers.values_mut().for_each(|value| value.set_sensitive(true));
        self.sightings.push(Sighting {
            target,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers,
            token,
            pair,
            body,
            given,
            given_body,
            breaches,
            at: now.duration_since(self.began).unwrap_or_default(),
        });
    }

    /// Removes the body of the last request, because the server has not read it.
    pub fn leave_body_unread(&mut self) {
        if let Some(last) = self.sightings.last_mut() {
            last.body = None;
        }
    }

    /// The records so far.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// Reads a login, and returns its key pair.
    fn read_login<B: AsRef<[u8]>>(
        &self,
        request: &Request<B>,
        breaches: &mut Vec<Breach>,
    ) -> Option<PairName> {
        let headers = request.headers();
        if let Some(value) = headers.get(AUTHORIZATION) {
            let token = value.to_str().ok().and_then(jwt_in).and_then(|text| self.name_of(text));
            breaches.push(Breach::LoginWithToken { token });
        }
        if request.uri().query().is_some() {
            breaches.push(Breach::LoginQuery);
        }
        if let Some(name) = stack::stranger(headers) {
            breaches.push(Breach::LoginStranger { name: name.to_string() });
        }
        for (header, name) in [(CONTENT_TYPE, "Content-Type"), (ACCEPT, "Accept")] {
            let seen = values(headers, &header);
            if seen != "application/json" {
                breaches.push(Breach::LoginHeader { name, seen });
            }
        }
        let body: Option<Value> = serde_json::from_slice(request.body().as_ref()).ok();
        let text = |name| body.as_ref().and_then(|body| body.get(name)).and_then(Value::as_str);
        let (api_key, client_secret) = (text("apiKey"), text("clientSecret").is_some());
        let seen = match &body {
            None => Some(LoginBody::NotJson),
            Some(Value::Object(parts))
                if parts.len() == 2 && api_key.is_some() && client_secret =>
            {
                None
            }
            Some(Value::Object(parts)) => Some(LoginBody::Members {
                count: parts.len(),
                api_key: api_key.is_some(),
                client_secret,
            }),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_),
            ) => Some(LoginBody::NotObject),
        };
        breaches.extend(seen.map(|seen| Breach::LoginBody { seen }));
        api_key.map(|id| self.pair_of(id))
    }

    /// The name of a key pair. Key pairs are numbered in the order of their first logins.
    fn pair_of(&self, id: &str) -> PairName {
        let pairs = || self.sightings.iter().filter_map(|sighting| sighting.pair.as_ref());
        let known = pairs().find(|pair| pair.is(id)).cloned();
        let most = pairs().map(|pair| pair.number).max().unwrap_or_default();
        known.unwrap_or_else(|| PairName::new(most + 1, id.to_owned()))
    }

    fn read_token(&self, headers: &HeaderMap, breaches: &mut Vec<Breach>) -> Option<TokenName> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            breaches.push(Breach::NoToken);
            return None;
        };
        let others = values.count();
        if others > 0 {
            breaches.push(Breach::SeveralTokens { count: others + 1 });
        }
        let text = value.to_str().unwrap_or_default();
        let Some(bare) = jwt_in(text) else {
            breaches.push(Breach::UnknownToken);
            return None;
        };
        if text.strip_prefix("Bearer ") != Some(bare) {
            let is_plain = |byte: u8| byte.is_ascii_alphabetic() || byte == b' ' || byte == b':';
            let scheme = text
                .strip_suffix(bare)
                .filter(|text| text.len() < 16 && text.bytes().all(is_plain));
            breaches.push(Breach::TokenForm { scheme: scheme.map(str::to_owned) });
        }
        let name = self.name_of(bare);
        if name.is_none() {
            breaches.push(Breach::UnknownToken);
        }
        name
    }

    /// Names the token of a response, if it is a new token.
    fn name_token(&mut self, target: Target, response: &Response<Vec<u8>>) {
        let values = response.headers().get_all(AUTHORIZATION).iter();
        let in_header =
            || values.filter_map(|value| value.to_str().ok()).filter_map(jwt_in).next_back();
        let body: Option<Value> = serde_json::from_slice(response.body()).ok();
        let in_body = body
            .as_ref()
            .and_then(|body| body.get("token"))
            .and_then(Value::as_str)
            .and_then(jwt_in);
        let token = match target {
            Target::Login if !response.status().is_success() => None,
            Target::Login => in_body.or_else(in_header),
            Target::Calls => in_header(),
        };
        let Some(token) = token else { return };
        let is_known = self.name_of(token).is_some();
        let name = match target {
            Target::Login => {
                self.logins += 1;
                TokenName::Login(self.logins)
            }
            Target::Calls if is_known => return,
            Target::Calls => {
                self.renewals += 1;
                TokenName::Renewal(self.renewals)
            }
        };
        if !is_known {
            self.tokens.push((token.to_owned(), name));
        }
    }

    fn name_of(&self, text: &str) -> Option<TokenName> {
        self.tokens.iter().find(|(token, _)| token == text).map(|(_, name)| *name)
    }
}

fn values(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("…")).collect();
    if values.is_empty() { "none".to_owned() } else { values.join(" and ") }
}

/// The part of a header's text with the shape of a JWT.
fn jwt_in(text: &str) -> Option<&str> {
    let last = text.rsplit([' ', ':']).next()?;
    (last.bytes().filter(|byte| *byte == b'.').count() == 2).then_some(last)
}

/// Does not show the tokens.
impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").field("sightings", &self.sightings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Server;

    #[test]
    fn an_unread_body_is_taken_back() {
        let (mut server, now) = (Server::default(), SystemTime::UNIX_EPOCH);
        let mut witness = Witness::new(now);
        let call = Request::post("/a").body("read").unwrap();
        for _ in 0..2 {
            witness.note(Target::Calls, &call, &server.handle(&call, now), now);
        }
        witness.leave_body_unread();
        let bodies: Vec<_> = witness.sightings().iter().map(|seen| seen.body.as_deref()).collect();
        assert_eq!(bodies, [Some(&b"read"[..]), None]);
    }

    #[test]
    fn a_refused_login_issues_no_token() {
        let (mut server, now) = (Server::default(), SystemTime::UNIX_EPOCH);
        let mut witness = Witness::new(now);
        let login = Request::post("/authenticate").body("{}").unwrap();
        let call = Request::get("/a").header(AUTHORIZATION, "Bearer e30.e30.e30").body("").unwrap();
        for (status, token) in [(401, None), (200, Some(TokenName::Login(1)))] {
            let answer = Response::builder().status(status);
            let answer = answer.body(br#"{"token": "e30.e30.e30"}"#.to_vec()).unwrap();
            witness.note(Target::Login, &login, &Reply::Respond(answer), now);
            witness.note(Target::Calls, &call, &server.handle(&call, now), now);
            assert_eq!(witness.sightings().last().unwrap().token, token, "{status}");
        }
    }
}
