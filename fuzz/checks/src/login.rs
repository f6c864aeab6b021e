use http::HeaderValue;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};
use waldo_auth_core::{Call, Outcome, RejectionCode, Step};

use crate::client::{KEY, SECRET, lead, now, request, send, session};
use crate::response::Response;
use crate::token::{is_surely_a_jwt, may_be_a_jwt};

/// The bytes are the answer to a login. A clear answer is read correctly, and calls carry a granted
/// token unchanged. Of the answer's text, only the code of a rejection is kept.
pub fn login(bytes: &[u8]) {
    login_of(bytes, bytes);
}

/// The same check for a client that reads other bytes than the server has sent.
pub fn login_of(sent: &[u8], read: &[u8]) {
    let (response, read) = (Response::read(sent), Response::read(read));
    let mut session = session();
    let (login, call) = lead(&mut session);
    let outcome = login.read(read.head(), &read.body);
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(KEY) && !shown.contains(SECRET), "{shown}");

    let plainly = Plainly::read(&response);
    match &outcome {
        Outcome::Granted(_) => assert!(plainly.may_grant, "{shown} of {response:?}"),
        Outcome::Rejected(rejection) => {
            assert!(plainly.may_be_rejected, "{shown} of {response:?}");
            assert_eq!(rejection.status(), response.status);
            if let RejectionCode::Other(code) = rejection.code() {
                let is_printable =
                    code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_graphic());
                assert!(is_printable || &**code == "…", "{code}");
            }
        }
        Outcome::Unavailable(_) => {
            assert!(!plainly.rejected && plainly.token.is_none(), "{shown} of {response:?}");
        }
        Outcome::FailedElsewhere(_) | Outcome::Abandoned => {
            panic!("an answer cannot abandon the login")
        }
    }
    let granted = matches!(outcome, Outcome::Granted(_));
    session.settle(login, outcome, now());
    if granted {
        let (_, sent) = send(&mut session, call);
        assert!(may_be_a_jwt(&sent), "{sent}");
        assert!(
            plainly.token.is_none_or(|token| token == sent),
            "{sent} is not the token of {response:?}"
        );
        let in_header = values(&response).any(|value| holds(value.as_bytes(), &sent));
        assert!(in_header || may_hold(&response.body, &sent), "{sent} is not in the answer");
    } else {
        match session.admit(Call::replayable(), &mut request(), now()).unwrap() {
            Step::Wait(_, until) => {
                assert!(until > now().monotonic, "a wait must end in the future");
            }
            Step::Refuse(refusal) => assert!(refusal.retry_at() > now().monotonic),
            step @ (Step::Send(_) | Step::Authenticate(..)) => {
                panic!("expected a wait or a refusal, got {step:?}")
            }
        }
    }
}

/// The meaning of a clear answer, read without the client's code.
struct Plainly {
    rejected: bool,
    may_be_rejected: bool,
    may_grant: bool,
    /// The token of a clear answer.
    token: Option<String>,
}

impl Plainly {
    fn read(response: &Response) -> Self {
        let success = response.status.is_success();
        let token = text(response, "token")
            .map(|text| text.strip_prefix("Bearer ").map(str::to_owned).unwrap_or(text))
            .filter(|token| success && is_surely_a_jwt(token));
        let refuses = matches!(response.status.as_u16(), 400 | 401 | 403);
        let rejected = refuses && text(response, "code").is_some();
        let may_be_rejected = refuses && may_hold(&response.body, "code");
        Self { rejected, may_be_rejected, may_grant: success, token }
    }
}

/// A text in the body's JSON object.
fn text(response: &Response, name: &str) -> Option<String> {
    let object: Map<String, Value> = serde_json::from_slice(&response.body).ok()?;
    object.get(name)?.as_str().map(str::to_owned)
}

/// Whether a body may hold this text: unchanged, in UTF-16 or UTF-32, or with escapes.
fn may_hold(body: &[u8], text: &str) -> bool {
    let narrow: Vec<u8> = body.iter().copied().filter(|byte| *byte != 0).collect();
    holds(&narrow, text) || narrow.contains(&b'\\')
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

fn values(response: &Response) -> impl Iterator<Item = &HeaderValue> {
    response.headers.get_all(AUTHORIZATION).iter()
}
