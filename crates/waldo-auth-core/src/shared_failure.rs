//! The failed logins of a fleet.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::failure::{Reason, Rejection, RejectionCode};

/// The failed logins of one session, in a form that the other sessions of a fleet adopt.
///
/// A session that adopts a failure neither repeats the login nor loses the count of failures. So a
/// fleet backs off like one session (rules 14 and 15). [`Session::failure`](crate::Session::failure)
/// makes it.
///
/// ```
/// use std::time::Duration;
/// use waldo_auth_core::SharedFailure;
///
/// let stored = br#"{"unavailable":"status","status":503,"in_a_row":2}"#;
/// let failure = SharedFailure::from_json(stored, Duration::from_secs(1)).unwrap();
/// assert_eq!(SharedFailure::from_json(failure.to_json().as_bytes(), failure.wait()), Some(failure));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedFailure {
    pub(crate) cause: Cause,
    /// How many logins in a row have failed so, at least one.
    pub(crate) in_a_row: u32,
    /// The time until the next login may start.
    pub(crate) wait: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    Rejected(Rejection),
    Unavailable(Reason),
}

impl SharedFailure {
    /// The time from now until the next login may start.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// The same failure with another time until the next login.
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Whether the server has rejected the key pair.
    pub fn is_rejection(&self) -> bool {
        matches!(self.cause, Cause::Rejected(_))
    }

    /// Writes the failure as a JSON object, without the wait: a store measures the wait by its own
    /// clock.
    pub fn to_json(&self) -> String {
        let Self { cause, in_a_row, wait: _ } = self;
        let (key, text, status) = match cause {
            Cause::Rejected(Rejection { status, code }) => {
                ("rejected", code.as_str(), Some(*status))
            }
            Cause::Unavailable(reason) => ("unavailable", name(*reason), reason.status()),
        };
        json!({ key: text, "status": status.map(|status| status.as_u16()), "in_a_row": in_a_row })
            .to_string()
    }

    /// Reads a failure that [`to_json`](Self::to_json) wrote, with the time until the next login
    /// may start. `None` if it cannot be read.
    pub fn from_json(json: &[u8], wait: Duration) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(json).ok()?;
        let text = |name| object.get(name).and_then(Value::as_str);
        let status = object
            .get("status")
            .and_then(Value::as_u64)
            .and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
        let cause = match (text("rejected"), text("unavailable")) {
            (Some(text), None) => Cause::Rejected(Rejection { status: status?, code: code(text) }),
            (None, Some(name)) => Cause::Unavailable(reason(name, status)?),
            _ => return None,
        };
        let in_a_row = u32::try_from(object.get("in_a_row").and_then(Value::as_u64)?).ok()?;
        Some(Self { cause, in_a_row: in_a_row.max(1), wait })
    }
}

fn code(text: &str) -> RejectionCode {
    RejectionCode::documented(text).unwrap_or_else(|| RejectionCode::other(text))
}

/// The reasons without a status, with their names in a store.
const REASONS: [(&str, Reason); 11] = [
    ("transport", Reason::Transport),
    ("name_resolution", Reason::NameResolution),
    ("connection_refused", Reason::ConnectionRefused),
    ("certificate", Reason::Certificate),
    ("tls", Reason::Tls),
    ("timeout", Reason::Timeout),
    ("panicked", Reason::Panicked),
    ("no_token", Reason::NoToken),
    ("body_too_large", Reason::BodyTooLarge),
    ("bad_signature", Reason::BadSignature),
    ("dead_on_arrival", Reason::DeadOnArrival),
];

fn name(reason: Reason) -> &'static str {
    if let Reason::Compressed(_) = reason {
        return "compressed";
    }
    REASONS.iter().find(|(_, known)| *known == reason).map_or("status", |(name, _)| name)
}

/// The reason with this name. A newer version may have reasons that this version does not know.
fn reason(name: &str, status: Option<StatusCode>) -> Option<Reason> {
    match name {
        "status" => status.map(Reason::Status),
        "compressed" => status.map(Reason::Compressed),
        _ => REASONS
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Some(Reason::Transport), |(_, reason)| Some(*reason)),
    }
}
