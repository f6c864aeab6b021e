//! Answers of a test's own, in place of the model's answers to calls.

use std::collections::BTreeMap;
use std::fmt;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING,
};
use http::{HeaderName, HeaderValue, Method, Response};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::clock::BadWord;
use super::fault::{Forever, Times};
use super::parts::{Parts, path_of, read_all, status};
use super::reply;

/// The example at the end of a message about a whole stub.
const EXAMPLE: &str =
    r#"{"method": "GET", "path": "/customer", "status": 200, "json": {"customerId": "c-1"}}"#;

/// The headers that the server sets itself.
const RESERVED: [HeaderName; 5] =
    [AUTHORIZATION, CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING];

/// The largest number of headers of a stub. Clients read fewer, and a map of headers has a limit.
const MAX_HEADERS: usize = 1000;

/// A stub: an answer of your own to the calls of one method and one path.
///
/// A stub takes the place of the endpoint only. The server still checks the token of the call, and
/// sends a renewed token. A [`Fault`](super::Fault) still applies. A stub never answers a login.
///
/// Stubs with a count come before permanent stubs, and the oldest is used first, so several stubs
/// of one path answer in turn. Of the permanent stubs, the newest is used. A permanent stub
/// replaces an older one with the same method and path.
///
/// ```
/// use http::Method;
/// use serde_json::json;
/// use waldo_test_driver::server::Stub;
///
/// let stub = Stub::path(Method::GET, "/customer").json(200, &json!({"customerId": "c-1"}));
/// let same: Stub = serde_json::from_str(
///     r#"{"method": "GET", "path": "/customer", "status": 200, "json": {"customerId": "c-1"}}"#,
/// )?;
/// assert_eq!(stub, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Value")]
pub struct Stub {
    /// `None` for all methods.
    method: Option<Method>,
    route: Route,
    status: u16,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
    times: Times,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Route {
    Path(String),
    Prefix(String),
}

impl Stub {
    /// A stub for the calls to exactly this path (`/customer`, without the query), permanent, with
    /// status 200 and no body.
    pub fn path(method: Method, path: impl Into<String>) -> Self {
        Self::new(Some(method), Route::Path(path.into()))
    }

    /// A stub for the calls to all paths that begin with this text, such as `/history/`.
    pub fn prefix(method: Method, prefix: impl Into<String>) -> Self {
        Self::new(Some(method), Route::Prefix(prefix.into()))
    }

    fn new(method: Option<Method>, route: Route) -> Self {
        let times = Times::Forever(Forever::Forever);
        Self { method, route, status: 200, headers: Vec::new(), body: Vec::new(), times }
    }

    /// Sets the status and a JSON body. A number outside 200 to 999 is sent as 500.
    #[must_use]
    pub fn json(self, status: u16, body: &Value) -> Self {
        let content_type = HeaderValue::from_static("application/json");
        let headers = vec![(CONTENT_TYPE, content_type)];
        Self { status, headers, body: body.to_string().into_bytes(), ..self }
    }

    /// Sets the whole response.
    ///
    /// The server sets five headers itself, and leaves them out of this response: `Authorization`,
    /// `Connection`, `Content-Length`, `Date` and `Transfer-Encoding`. It sends the first 1,000 of
    /// the other headers.
    #[must_use]
    pub fn response(self, response: Response<impl Into<Vec<u8>>>) -> Self {
        let (head, body) = response.into_parts();
        let headers = head.headers.iter().filter(|(name, _)| !RESERVED.contains(name));
        let headers =
            headers.map(|(name, value)| (name.clone(), value.clone())).take(MAX_HEADERS).collect();
        Self { status: head.status.as_u16(), headers, body: body.into(), ..self }
    }

    /// Sets how many calls the stub answers. Zero means none.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Times::Count(times), ..self }
    }

    /// The path or the prefix of the stub.
    pub fn path_or_prefix(&self) -> &str {
        let (Route::Path(text) | Route::Prefix(text)) = &self.route;
        text
    }

    /// Reads one stub, or a list of stubs, from a JSON text.
    ///
    /// ```
    /// use waldo_test_driver::server::Stub;
    ///
    /// let json = r#"[{"path": "/flag", "status": 404}, {"prefix": "/history/", "text": "none"}]"#;
    /// assert_eq!(Stub::read_all(json)?.len(), 2);
    /// # Ok::<(), waldo_test_driver::server::BadWord>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The text is no stub and no list of stubs. The message says what was expected.
    pub fn read_all(json: &str) -> Result<Vec<Self>, BadWord> {
        read_all(json, "stub", EXAMPLE)
    }

    fn covers(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|only| only == method)
            && match &self.route {
                Route::Path(only) => only == path,
                Route::Prefix(prefix) => path.starts_with(prefix.as_str()),
            }
    }

    fn answer(&self) -> Response<Vec<u8>> {
        let status = reply::valid(self.status);
        let body = if reply::is_bodiless(status) { Vec::new() } else { self.body.clone() };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response
    }

    /// The body as JSON, if the stub says that its body is JSON.
    fn body_as_json(&self) -> Option<Value> {
        let is_json = |(name, value): &(HeaderName, HeaderValue)| {
            name == CONTENT_TYPE && value == "application/json"
        };
        let json = self.headers.iter().any(is_json);
        json.then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }
}

impl TryFrom<Value> for Stub {
    type Error = BadWord;

    fn try_from(json: Value) -> Result<Self, BadWord> {
        let mut parts = Parts::of(json, "stub", EXAMPLE)?;
        let (method, path, prefix) =
            (parts.take("method"), parts.take("path"), parts.take("prefix"));
        let (code, headers) = (parts.take("status"), parts.take("headers"));
        let (json, text, times) = (parts.take("json"), parts.take("text"), parts.take("times"));
        parts.end()?;
        let route = match (path, prefix) {
            (Some(path), None) => Route::Path(path_of(path)?),
            (None, Some(prefix)) => Route::Prefix(path_of(prefix)?),
            (None, None) | (Some(_), Some(_)) => {
                return Err(BadWord(format!(
                    r#"a stub has either a "path" or a "prefix": expected {EXAMPLE}"#
                )));
            }
        };
        let mut stub = Self::new(method.as_ref().map(method_of).transpose()?, route);
        stub.status = code.map_or(Ok(200), |code| status(&code))?;
        stub.times = times.map_or(Ok(stub.times), Times::try_from)?;
        stub.headers = headers.map_or(Ok(Vec::new()), headers_of)?;
        let content_type = match (json, text) {
            (None, None) => return Ok(stub),
            (Some(json), None) => {
                stub.body = json.to_string().into_bytes();
                "application/json"
            }
            (None, Some(Value::String(text))) => {
                stub.body = text.into_bytes();
                "text/plain; charset=utf-8"
            }
            (None, Some(text)) => {
                return Err(BadWord(format!(
                    r#"{text} is no "text": expected a string; "json" takes any JSON"#
                )));
            }
            (Some(_), Some(_)) => {
                return Err(BadWord(r#"a stub has either "json" or "text""#.to_owned()));
            }
        };
        if stub.headers.iter().all(|(name, _)| name != CONTENT_TYPE) {
            stub.headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
        }
        Ok(stub)
    }
}

fn method_of(json: &Value) -> Result<Method, BadWord> {
    let method = json.as_str().and_then(|text| text.parse::<Method>().ok());
    method.ok_or_else(|| {
        BadWord(format!(r#"{json} is no "method": expected one such as "GET" or "POST""#))
    })
}

fn headers_of(json: Value) -> Result<Vec<(HeaderName, HeaderValue)>, BadWord> {
    const EXPECTED: &str = r#"expected an object such as {"x-request-id": "7"}"#;
    let Value::Object(headers) = json else {
        return Err(BadWord(format!(r#"{json} is no "headers": {EXPECTED}"#)));
    };
    let read = |(name, value): (String, Value)| {
        let known = HeaderName::try_from(&name).ok();
        if known.as_ref().is_some_and(|known| RESERVED.contains(known)) {
            return Err(BadWord(format!(
                "the server sets the header {name:?} itself: leave it out"
            )));
        }
        let text = value.as_str().and_then(|text| HeaderValue::try_from(text).ok());
        let header = known.zip(text);
        header.ok_or_else(|| BadWord(format!("{name:?}: {value} is no header: {EXPECTED}")))
    };
    if headers.len() > MAX_HEADERS {
        let count = headers.len();
        return Err(BadWord(format!("a stub has {count} headers: expected at most {MAX_HEADERS}")));
    }
    headers.into_iter().map(read).collect()
}

/// Writes the JSON that [`Stub::read_all`] reads. Of a body that is neither JSON nor text, bytes
/// that are no UTF-8 are replaced.
impl Serialize for Stub {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut parts = to.serialize_map(None)?;
        if let Some(method) = &self.method {
            parts.serialize_entry("method", method.as_str())?;
        }
        match &self.route {
            Route::Path(path) => parts.serialize_entry("path", path)?,
            Route::Prefix(prefix) => parts.serialize_entry("prefix", prefix)?,
        }
        parts.serialize_entry("status", &self.status)?;
        let mut headers = BTreeMap::<&str, String>::new();
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let values = headers.entry(name.as_str()).or_default();
            values.push_str(if values.is_empty() { "" } else { ", " });
            values.push_str(&value);
        }
        parts.serialize_entry("headers", &headers)?;
        match self.body_as_json() {
            Some(json) => parts.serialize_entry("json", &json)?,
            None if self.body.is_empty() => {}
            None => parts.serialize_entry("text", &String::from_utf8_lossy(&self.body))?,
        }
        parts.serialize_entry("times", &self.times)?;
        parts.end()
    }
}

/// Does not show the headers and the body, because they belong to the test.
impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stub")
            .field("method", &self.method)
            .field("route", &self.route)
            .field("status", &self.status)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// The stubs of a server.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Stubs(Vec<Stub>);

impl Stubs {
    pub(super) fn push(&mut self, stub: Stub) {
        let permanent = |stub: &Stub| matches!(stub.times, Times::Forever(_));
        if permanent(&stub) {
            let same = |old: &Stub| old.method == stub.method && old.route == stub.route;
            self.0.retain(|old| !(permanent(old) && same(old)));
        }
        self.0.push(stub);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn all(&self) -> &[Stub] {
        &self.0
    }

    /// The answer to this call, if a stub answers it. Counts the answer.
    pub(super) fn take(&mut self, method: &Method, path: &str) -> Option<Response<Vec<u8>>> {
        self.0.retain(|stub| stub.times != Times::Count(0));
        for stub in self.0.iter_mut().filter(|stub| stub.covers(method, path)) {
            if let Times::Count(left) = &mut stub.times {
                *left -= 1;
                return Some(stub.answer());
            }
        }
        self.0.iter().rfind(|stub| stub.covers(method, path)).map(Stub::answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn bodies(stubs: &mut Stubs, path: &str, calls: usize) -> Vec<Option<String>> {
        let mut next = || {
            let answer = stubs.take(&Method::GET, path)?;
            Some(String::from_utf8(answer.into_body()).unwrap())
        };
        (0..calls).map(|_| next()).collect()
    }

    fn of(path: &str, body: u8) -> Stub {
        Stub::path(Method::GET, path).json(200, &json!(body))
    }

    #[test]
    fn counted_stubs_precede_newest_permanent_stub() {
        let mut stubs = Stubs::default();
        stubs.push(Stub::prefix(Method::GET, "/a").json(200, &json!(1)));
        stubs.push(of("/a", 2).times(2));
        stubs.push(of("/a", 3).times(1));
        stubs.push(of("/a", 4));
        let seen = bodies(&mut stubs, "/a", 5).into_iter().map(Option::unwrap).collect::<String>();
        assert_eq!(seen, "22344");
        assert_eq!(bodies(&mut stubs, "/abc", 1), [Some("1".to_owned())]);
        assert_eq!(bodies(&mut stubs, "/b", 1), [None]);
        assert!(stubs.take(&Method::POST, "/a").is_none());
        stubs.push(of("/a", 5));
        assert_eq!(stubs.all().len(), 2, "a permanent stub replaces the one of its route");
        assert_eq!(bodies(&mut stubs, "/a", 1), [Some("5".to_owned())]);
    }

    #[test]
    fn a_stub_survives_json() {
        for json in [
            json!({"method": "GET", "path": "/a", "status": 201, "headers": {"x-a": "b"},
                   "json": {"a": [1, null]}, "times": 3}),
            json!({"prefix": "/a/", "status": 200, "headers": {}, "times": "forever"}),
            json!({"path": "/a", "status": 404, "headers": {"content-type": "text/html"},
                   "text": "<p>", "times": 0}),
        ] {
            let stub = Stub::try_from(json.clone()).unwrap();
            let written = serde_json::to_value(&stub).unwrap();
            let again = Stub::try_from(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(&again).unwrap(), written);
            for (name, part) in
                json.as_object().unwrap().iter().filter(|(name, _)| *name != "headers")
            {
                assert_eq!(&written[name], part, "{written}");
            }
        }
    }

    #[test]
    fn the_server_s_own_headers_are_left_out() {
        let response = Response::builder().header("date", "x").header("Authorization", "y");
        let response = response.header("x-a", "1").header("x-a", "2").body("text").unwrap();
        let stub = Stub::path(Method::GET, "/a").response(response);
        let answer = stub.answer();
        assert_eq!(answer.headers().len(), 2);
        assert_eq!(answer.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(serde_json::to_value(&stub).unwrap()["headers"], json!({"x-a": "1, 2"}));
    }

    #[test]
    fn stub_has_at_most_1000_headers() {
        let stub = |count: usize| {
            let headers: Map<String, Value> =
                (0..count).map(|number| (format!("x-{number}"), json!(""))).collect();
            Stub::try_from(json!({"path": "/a", "headers": headers}))
        };
        assert_eq!(stub(1000).unwrap().answer().headers().len(), 1000);
        let error = stub(30_000).unwrap_err().to_string();
        assert!(error.contains("30000 headers: expected at most 1000"), "{error}");
        let mut response = Response::new("");
        for number in 0..24_000 {
            let name = HeaderName::try_from(format!("x-{number}")).unwrap();
            response.headers_mut().insert(name, HeaderValue::from_static(""));
        }
        let stub = Stub::path(Method::GET, "/a").response(response);
        assert_eq!(stub.answer().headers().len(), 1000);
    }

    #[test]
    fn an_impossible_stub_is_refused_with_an_example() {
        let cases = [
            ("", r#"such as {"method": "GET", "path": "/customer""#),
            ("GET /customer", "this is not JSON"),
            ("[5]", r#"such as {"method": "GET", "path": "/customer""#),
            ("{}", r#"either a "path" or a "prefix""#),
            (r#"{"path": "/a", "prefix": "/a"}"#, r#"either a "path" or a "prefix""#),
            (r#"{"path": "a"}"#, "must begin with /"),
            (r#"{"prefix": "/a?b"}"#, "without a query"),
            (r#"{"path": "/a", "method": "G T"}"#, r#"such as "GET""#),
            (r#"{"path": "/a", "status": 100}"#, "200 to 999"),
            (r#"{"path": "/a", "headers": []}"#, r#"{"x-request-id": "7"}"#),
            (r#"{"path": "/a", "headers": {"x a": "b"}}"#, r#"{"x-request-id": "7"}"#),
            (r#"{"path": "/a", "headers": {"x-a": "\n"}}"#, r#"{"x-request-id": "7"}"#),
            (r#"{"path": "/a", "headers": {"Authorization": "b"}}"#, "leave it out"),
            (r#"{"path": "/a", "text": 5}"#, r#""json" takes any JSON"#),
            (r#"{"path": "/a", "text": "5", "json": 5}"#, r#"either "json" or "text""#),
            (r#"{"path": "/a", "times": -1}"#, r#"or "forever""#),
            (r#"{"path": "/a", "body": 5}"#, "method, path, prefix, status, headers, json, text"),
        ];
        for (json, hint) in cases {
            let error = Stub::read_all(json).unwrap_err().to_string();
            assert!(error.contains(hint), "{json}: {error}");
        }
    }
}
