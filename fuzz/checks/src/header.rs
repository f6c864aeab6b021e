use http::HeaderValue;
use http::header::AUTHORIZATION;
use waldo_auth_core::{Call, Explanation, Session, Verdict};

use crate::client::{held, now, send, warm};
use crate::response::Response;
use crate::token::{is_surely_a_jwt, may_be_a_jwt};

/// The bytes are a response to a call. The response's header has a renewed token word for word, and
/// later calls carry the token unchanged. The same response again changes nothing. A response
/// without a usable token leaves the held token unchanged.
pub fn header(bytes: &[u8]) {
    header_of(bytes, bytes);
}

/// The same check for a client that reads other bytes than the server has sent.
pub fn header_of(sent: &[u8], read: &[u8]) {
    let (response, read) = (Response::read(sent), Response::read(read));
    let (mut session, first) = warm();
    let (attempt, sent) = send(&mut session, Call::replayable());
    let (again, _) = send(&mut session, Call::replayable());
    assert_eq!(sent, first);

    let verdict = session.conclude(attempt, read.head(), now());
    if response.status == 401 {
        assert!(matches!(verdict, Verdict::Retry(_)), "a 401 must lead to a retry");
        assert_eq!(held(&session), None);
        return;
    }
    assert!(matches!(verdict, Verdict::Deliver), "a {} must be delivered", response.status);
    let values: Vec<&HeaderValue> = response.headers.get_all(AUTHORIZATION).iter().collect();
    let kept = held(&session).unwrap();
    if kept != first {
        assert!(response.status.is_success(), "a token was held from a {}", response.status);
        assert!(may_be_a_jwt(&kept), "{kept}");
        assert!(
            values.iter().any(|value| value
                .as_bytes()
                .windows(kept.len())
                .any(|part| part == kept.as_bytes())),
            "{kept}"
        );
        // The client may count the lifetime of the renewed token as ended, but not if the token
        // shows no end.
        if matches!(session.explain(now()), Explanation::Send { .. }) {
            assert_eq!(send(&mut session, Call::replayable()).1, kept);
        }
    } else if response.status.is_success()
        && let Some(text) = values.first().and_then(|value| value.to_str().ok())
    {
        let text = text.trim();
        let token = text.strip_prefix("Bearer ").unwrap_or(text);
        assert!(token == first || !is_surely_a_jwt(token), "the client ignores {token}");
    }
    repeated(&mut session, again, &read, &kept);
}

fn repeated(
    session: &mut Session,
    again: waldo_auth_core::Attempt,
    response: &Response,
    kept: &str,
) {
    drop(session.conclude(again, response.head(), now()));
    assert_eq!(held(session).as_deref(), Some(kept), "the same response again must change nothing");
    let shown = format!("{session:?} {}", session.explain(now()));
    assert!(!shown.contains(kept), "{shown}");
}
