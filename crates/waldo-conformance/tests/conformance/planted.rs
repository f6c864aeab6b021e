//! Adapters with one defect each, and the scenario that finds the defect.

#![expect(clippy::wildcard_enum_match_arm, reason = "each defect is planted in one place")]

use std::error::Error;
use std::thread;
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, AGE, AUTHORIZATION, COOKIE, DATE, HOST, HeaderMap, HeaderValue,
};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use waldo_auth_core::Login;
use waldo_conformance::{self as conformance, Adapter, Ask, Need, Setup};

use crate::cancellable::Cancellable;
use crate::example::{Atto, AttoClient};

/// A line that the author of an adapter may write, and should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    DropsQuery,
    DropsQueryOnResend,
    SortsQuery,
    DecodesQuery,
    DropsHeaders,
    DropsHeadersOnResend,
    DoublesHeadersOnResend,
    KeepsLastValue,
    TrimsEmptyHeaders,
    SendsTextHeadersOnly,
    GetsOnResend,
    LogsInWithHeaders,
    SkipsBodilessSuccess,
    TakesTokensFrom200Only,
    ReadsFloods,
    ReadsEveryBody,
    WaitsForRejection,
    SendsUserInformation,
    SendsSpelledHost,
    TakesHalfBodies,
    Retries422,
    GetsForHead,
    PostsForOthers,
    DropsTrailingSlash,
    MergesSlashes,
    DecodesPath,
    AddsHeader,
    JoinsValues,
    CollapsesSpaces,
    LogsInWithCookie,
    LogsInWithQueryOfCall,
    LogsInWithQuery,
    LogsInForGzip,
    RemovesDate,
    RemovesAge,
    RemovesDateOfLogin,
    RemovesAgeOfLogin,
    CutsLongBodies,
    TrimsBodies,
    TrimsBodiesAtStart,
}

impl Defect {
    /// The request as the defective adapter sends it.
    pub(crate) fn plant_in_request(
        defect: Option<Self>,
        request: &Request<Vec<u8>>,
        attempts: usize,
    ) -> Request<Vec<u8>> {
        let mut sent = request.clone();
        let Some(defect) = defect else { return sent };
        let (path, query) =
            (sent.uri().path().to_owned(), sent.uri().query().unwrap_or_default().to_owned());
        let mut retarget = |path: &str, query: &str| {
            let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
            *sent.uri_mut() = with_target(sent.uri(), &target);
        };
        let resend = attempts > 0;
        match defect {
            Self::DropsQuery => retarget(&path, ""),
            Self::DropsQueryOnResend if resend => retarget(&path, ""),
            Self::SortsQuery => {
                let mut fields: Vec<&str> = query.split('&').collect();
                fields.sort_unstable();
                retarget(&path, &fields.join("&"));
            }
            Self::DecodesQuery => retarget(&path, &query.replace("%20", "+")),
            Self::DropsTrailingSlash => retarget(path.strip_suffix('/').unwrap_or(&path), &query),
            Self::MergesSlashes => retarget(&path.replace("//", "/"), &query),
            Self::DecodesPath => retarget(&path.replace("%7E", "~").replace("%41", "A"), &query),
            Self::GetsForHead if *sent.method() == Method::HEAD => *sent.method_mut() = Method::GET,
            Self::PostsForOthers
                if [Method::PUT, Method::PATCH, Method::DELETE].contains(sent.method()) =>
            {
                *sent.method_mut() = Method::POST;
            }
            Self::GetsOnResend if resend => *sent.method_mut() = Method::GET,
            _ => defect.plant_in_headers(sent.headers_mut(), resend),
        }
        sent
    }

    fn plant_in_headers(self, headers: &mut HeaderMap, resend: bool) {
        let users = headers.clone();
        match self {
            Self::DropsHeaders => keep_token(headers),
            Self::DropsHeadersOnResend if resend => keep_token(headers),
            Self::DoublesHeadersOnResend if resend => {
                for (name, value) in users.iter().filter(|(name, _)| *name != AUTHORIZATION) {
                    headers.append(name, value.clone());
                }
            }
            Self::KeepsLastValue => {
                for (name, value) in &users {
                    headers.insert(name, value.clone());
                }
            }
            Self::TrimsEmptyHeaders => {
                for (name, _) in users.iter().filter(|(_, value)| value.is_empty()) {
                    headers.remove(name);
                }
            }
            Self::SendsTextHeadersOnly => {
                for (name, _) in users.iter().filter(|(_, value)| value.to_str().is_err()) {
                    headers.remove(name);
                }
            }
            Self::AddsHeader => {
                headers.insert("x-extra", HeaderValue::from_static("1"));
            }
            Self::JoinsValues => {
                for name in users.keys() {
                    let values: Vec<&[u8]> =
                        users.get_all(name).iter().map(HeaderValue::as_bytes).collect();
                    headers
                        .insert(name, HeaderValue::from_bytes(&values.join(&b", "[..])).unwrap());
                }
            }
            Self::CollapsesSpaces => {
                for value in headers.values_mut() {
                    let Ok(text) = value.to_str() else { continue };
                    let words: Vec<&str> =
                        text.split(' ').filter(|word| !word.is_empty()).collect();
                    *value = HeaderValue::try_from(words.join(" ")).unwrap();
                }
            }
            _ => {}
        }
    }

    /// The login as the defective adapter sends it.
    pub(crate) fn plant_in_login(
        defect: Option<Self>,
        mut login: Request<Vec<u8>>,
        ask: &Ask,
    ) -> Request<Vec<u8>> {
        let own = |name: &'static str| HeaderValue::from_static(name);
        match defect {
            Some(Self::LogsInWithHeaders) => {
                for (name, value) in
                    ask.headers().iter().filter(|(name, _)| name.as_str().starts_with("x-"))
                {
                    login.headers_mut().append(name, value.clone());
                }
            }
            Some(Self::LogsInWithCookie) => {
                login.headers_mut().insert(COOKIE, own("a=1"));
            }
            Some(Self::LogsInForGzip) => {
                login.headers_mut().insert(ACCEPT_ENCODING, own("gzip"));
            }
            Some(Self::LogsInWithQuery) => {
                *login.uri_mut() = with_target(login.uri(), "/authenticate?v=1");
            }
            Some(Self::LogsInWithQueryOfCall) => {
                if let Some(query) = ask.uri().query() {
                    *login.uri_mut() = with_target(login.uri(), &format!("/authenticate?{query}"));
                }
            }
            _ => {}
        }
        login
    }

    /// Changes the answer to a login, before the session reads it.
    pub(crate) fn plant_in_login_answer(defect: Option<Self>, headers: &mut HeaderMap) {
        match defect {
            Some(Self::RemovesDateOfLogin) => drop(headers.remove(DATE)),
            Some(Self::RemovesAgeOfLogin) => drop(headers.remove(AGE)),
            _ => {}
        }
    }

    /// Changes a response as the defective adapter does, before `conclude` gets the response.
    pub(crate) fn plant_in_status(
        defect: Option<Self>,
        response: &mut Response<Incoming>,
    ) -> StatusCode {
        let status = response.status();
        let loses = match defect {
            Some(Self::SkipsBodilessSuccess) => status == StatusCode::NO_CONTENT,
            Some(Self::TakesTokensFrom200Only) => status != StatusCode::OK,
            _ => false,
        };
        if loses {
            response.headers_mut().remove(AUTHORIZATION);
        }
        match defect {
            Some(Self::RemovesDate) => drop(response.headers_mut().remove(DATE)),
            Some(Self::RemovesAge) => drop(response.headers_mut().remove(AGE)),
            _ => {}
        }
        let retries =
            defect == Some(Self::Retries422) && status == StatusCode::UNPROCESSABLE_ENTITY;
        if retries { StatusCode::UNAUTHORIZED } else { status }
    }

    /// The delivered body of the defective adapter.
    pub(crate) fn plant_in_body(defect: Option<Self>, mut body: Vec<u8>) -> Vec<u8> {
        match defect {
            Some(Self::CutsLongBodies) => body.truncate(64 * 1024),
            Some(Self::TrimsBodies) => body = body.trim_ascii_end().to_owned(),
            Some(Self::TrimsBodiesAtStart) => body = body.trim_ascii_start().to_owned(),
            _ => {}
        }
        body
    }

    /// How long the defective adapter reads the body of an answer to a login.
    pub(crate) fn plant_in_body_timeout(
        defect: Option<Self>,
        status: StatusCode,
        left: Duration,
    ) -> Option<Duration> {
        match (defect, Login::body_timeout(status, left)) {
            (Some(Self::ReadsEveryBody), None) | (Some(Self::WaitsForRejection), Some(_)) => {
                Some(left)
            }
            (_, body_timeout) => body_timeout,
        }
    }

    /// The `Host` of the defective adapter.
    pub(crate) fn plant_in_host(defect: Option<Self>, ask: &Ask, sent: &mut Request<Vec<u8>>) {
        let authority = ask.uri().authority().unwrap().as_str();
        let host = match defect {
            Some(Self::SendsUserInformation) => authority.to_owned(),
            Some(Self::SendsSpelledHost) if authority.contains("me:secret@") => {
                format!("{authority}.")
            }
            _ => return,
        };
        sent.headers_mut().insert(HOST, HeaderValue::try_from(host).unwrap());
    }
}

/// The same URI with another path and query.
fn with_target(uri: &Uri, target: &str) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().unwrap());
    Uri::from_parts(parts).unwrap()
}

fn keep_token(headers: &mut HeaderMap) {
    let token = headers.get(AUTHORIZATION).cloned();
    headers.clear();
    headers.extend(token.map(|token| (AUTHORIZATION, token)));
}

/// Asserts that the defect fails the scenario, and that the report says this.
fn is_found((defect, scenario, told): (Defect, &str, &str)) {
    use Defect::{AddsHeader, LogsInForGzip, LogsInWithCookie, LogsInWithQuery};
    let adapter = Cancellable { defect: Some(defect) };
    let result = conformance::certify_one(&adapter, scenario).unwrap();
    let text = result.to_string();
    assert!(result.is_failed() && text.contains(told), "{defect:?}: {told}\n{text}");
    let everywhere = [AddsHeader, LogsInWithCookie, LogsInForGzip, LogsInWithQuery];
    let other = conformance::certify_one(&adapter, "cold-start").unwrap();
    assert_ne!(other.is_passed(), everywhere.contains(&defect), "{defect:?}");
}

/// Each defect fails the scenario that is made for it, and the report says what was seen.
#[test]
fn each_planted_defect_is_found_and_named() {
    use Defect::*;
    let cases = [
        (DropsQuery, "a-query-arrives-as-it-is", "expected that each attempt has its query, ?b=2"),
        (DropsQueryOnResend, "a-query-arrives-as-it-is", "it had none"),
        (SortsQuery, "a-query-arrives-as-it-is", "it had ?&a=&a=1&b=2"),
        (DecodesQuery, "a-query-arrives-as-it-is", "x=a+b+c%2Fd"),
        (
            DropsHeaders,
            "headers-arrive-as-they-are",
            "expected that each attempt has its x-note, \"one\" and \"two, three\"; it had none",
        ),
        (DropsHeadersOnResend, "headers-arrive-as-they-are", "it had none"),
        (
            DoublesHeadersOnResend,
            "headers-arrive-as-they-are",
            "it had \"one\" and \"two, three\" and \"one\"",
        ),
        (KeepsLastValue, "headers-arrive-as-they-are", "it had \"two, three\""),
        (TrimsEmptyHeaders, "headers-arrive-as-they-are", "its x-empty, \"\"; it had none"),
        (SendsTextHeadersOnly, "headers-beyond-ascii", "it had none"),
        (GetsOnResend, "headers-arrive-as-they-are", "its method, POST; it had GET"),
        (
            LogsInWithHeaders,
            "headers-arrive-as-they-are",
            "and those of an HTTP stack; it carried x-note",
        ),
        (
            SkipsBodilessSuccess,
            "every-success-brings-the-next-token",
            "expected /with-205 with renewal 5",
        ),
        (
            TakesTokensFrom200Only,
            "every-success-brings-the-next-token",
            "expected /with-202 with renewal 2",
        ),
        (ReadsFloods, "login-floods", "call a did not end within 5s"),
        (ReadsEveryBody, "login-503-without-an-end", "call a did not end within 5s"),
        (WaitsForRejection, "login-401-without-an-end", "call a did not end within 5s"),
        (
            SendsUserInformation,
            "odd-spellings-of-the-origin",
            "a request carries exactly one Host: 127.0.0.1",
        ),
        (SendsSpelledHost, "odd-spellings-of-the-origin", "it carried me:secret@127.0.0.1"),
        (
            TakesHalfBodies,
            "a-head-counts-though-its-body-breaks-off",
            "expected that a body which breaks off is an error",
        ),
        (Retries422, "a-422-is-delivered", "expected 422"),
        (GetsForHead, "each-method-arrives-as-it-is", "its method, HEAD; it had GET"),
        (PostsForOthers, "each-method-arrives-as-it-is", "its method, PATCH; it had POST"),
        (PostsForOthers, "each-method-arrives-as-it-is", "its method, PUT; it had POST"),
        (PostsForOthers, "each-method-arrives-as-it-is", "its method, DELETE; it had POST"),
        (DropsTrailingSlash, "a-query-arrives-as-it-is", "seen /odd//Path/%7Euser%2F;v=1,2 with"),
        (MergesSlashes, "a-query-arrives-as-it-is", "seen /odd/Path/%7Euser%2F;v=1,2/ with"),
        (DecodesPath, "a-query-arrives-as-it-is", "seen /odd//Path/~user%2F;v=1,2/ with"),
        (
            AddsHeader,
            "headers-arrive-as-they-are",
            "no header is added to its user's; it had x-extra",
        ),
        (CollapsesSpaces, "headers-arrive-as-they-are", "its x-gaps, \"a  b"),
        (
            LogsInWithCookie,
            "headers-arrive-as-they-are",
            "and those of an HTTP stack; it carried cookie",
        ),
        (
            LogsInForGzip,
            "headers-arrive-as-they-are",
            "of an HTTP stack; it carried accept-encoding",
        ),
        (
            LogsInWithQuery,
            "a-query-arrives-as-it-is",
            "expected that a login has no query; it had one",
        ),
        (
            LogsInWithQueryOfCall,
            "a-query-arrives-as-it-is",
            "expected that a login has no query; it had one",
        ),
        (RemovesDate, "date-of-a-renewal", "seen /b with renewal 1, given 401"),
        (RemovesAge, "age-of-a-renewal", "seen /b with renewal 1, given 401"),
        (RemovesDateOfLogin, "date-of-a-login", "seen /b with login 1, given 401"),
        (RemovesAgeOfLogin, "date-of-a-cache", "seen /b with login 1, given 401"),
        (CutsLongBodies, "a-response-is-delivered-whole", "it was delivered another"),
        (TrimsBodies, "a-response-is-delivered-whole", "it was delivered another"),
        (TrimsBodiesAtStart, "a-response-is-delivered-whole", "it was delivered another"),
    ];
    // Most of the time is waiting, so eight run at once.
    for some in cases.chunks(8) {
        thread::scope(|scope| some.iter().for_each(|case| drop(scope.spawn(|| is_found(*case)))));
    }
}

/// One line with commas means the same as several lines (RFC 9110, section 5.3).
#[test]
fn joined_values_of_one_header_pass() {
    let adapter = Cancellable { defect: Some(Defect::JoinsValues) };
    let result = conformance::certify_one(&adapter, "headers-arrive-as-they-are").unwrap();
    assert!(result.is_passed(), "{result}");
}

/// The example's adapter. It never calls `break_off`, and it does not name this in `lacks`.
struct NeverAsks;

impl Adapter for NeverAsks {
    type Client = AttoClient;

    fn lacks(&self) -> &[Need] {
        &[Need::Cancellation, Need::OutlivingLogins]
    }

    fn client(&self, setup: &Setup) -> Result<AttoClient, Box<dyn Error>> {
        Atto.client(setup)
    }
}

#[test]
fn adapter_without_expect_fails_upload_scenario() {
    let certify = |name| conformance::certify_one(&NeverAsks, name).unwrap();
    let result = certify("an-upload-with-a-dead-token-recovers-and-nothing-closes");
    assert!(result.is_failed() && result.to_string().contains("call next did not end"), "{result}");
    assert!(certify("an-upload-is-answered-behind-its-body").is_passed());
}
