//! The expected ending of a call.

use std::fmt;
use std::time::Duration;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::ending::Ending;
use super::sighting::status;
use super::window::{Precision, Window};

/// The allowed endings of a call: one, or several because HTTP stacks differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpectedAnswers(pub(super) Vec<ExpectedAnswer>);

impl ExpectedAnswers {
    /// Whether this ending is allowed, at this time since the start of the scenario.
    pub(super) fn admit(&self, ending: &Ending, at: Duration, precision: Precision) -> bool {
        self.0.iter().any(|answer| answer.admits(ending, at, precision))
    }

    /// The answer, if only one is allowed.
    pub(super) fn only(&self) -> Option<&ExpectedAnswer> {
        let [only] = self.0.as_slice() else { return None };
        Some(only)
    }
}

impl fmt::Display for ExpectedAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(number, answer)| {
            f.write_str(if number > 0 { " or " } else { "" })?;
            answer.fmt(f)
        })
    }
}

/// The expected ending of a call: `200`, `"cancelled"`, `{"status": 200, "at": "60s"}`,
/// `{"refused": "rejected", "code": "INVALID_API_KEY", "retry_in": "60s"}`, `{"failed":
/// "transport"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpectedAnswer {
    pub(super) kind: Kind,
    pub(super) at: Option<Window>,
    pub(super) retry_in: Option<Window>,
}

/// The kind of an ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Status(u16),
    Rejected(String),
    Refused(Refused),
    Failed(Failed),
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refused {
    Rejected,
    Unavailable,
    Deadline,
    ForeignOrigin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Failed {
    Transport,
    Timeout,
}

impl ExpectedAnswer {
    /// Whether this ending is as expected, at this time since the start of the scenario.
    pub(super) fn admits(&self, ending: &Ending, at: Duration, precision: Precision) -> bool {
        let retry_in = match (&self.kind, ending) {
            (Kind::Status(status), Ending::Answered { status: seen, .. }) if status == seen => None,
            (Kind::Rejected(code), Ending::Rejected { code: seen, retry_in }) if code == seen => {
                Some(*retry_in)
            }
            (Kind::Refused(Refused::Unavailable), Ending::Unavailable { retry_in, .. })
            | (Kind::Refused(Refused::Deadline), Ending::Deadline { retry_in, .. }) => {
                Some(*retry_in)
            }
            (Kind::Refused(Refused::ForeignOrigin), Ending::ForeignOrigin)
            | (Kind::Failed(Failed::Transport), Ending::Failed)
            | (Kind::Failed(Failed::Timeout), Ending::TimedOut)
            | (Kind::Cancelled, Ending::Cancelled) => None,
            _ => return false,
        };
        let in_time =
            |window: Window| retry_in.is_some_and(|rest| window.admits_rest(rest, precision));
        self.retry_in.is_none_or(in_time)
            && self.at.is_none_or(|window| window.admits(at, precision))
    }
}

impl fmt::Display for ExpectedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Status(status) => write!(f, "{status}")?,
            Kind::Rejected(code) => write!(f, "refused as rejected with {code}")?,
            Kind::Refused(refused) => f.write_str(match refused {
                Refused::Rejected => "refused as rejected",
                Refused::Unavailable => "refused as unavailable",
                Refused::Deadline => "refused for its deadline",
                Refused::ForeignOrigin => "refused for its foreign origin",
            })?,
            Kind::Failed(Failed::Transport) => f.write_str("failed in transport")?,
            Kind::Failed(Failed::Timeout) => f.write_str("timed out")?,
            Kind::Cancelled => f.write_str("cancelled")?,
        }
        if let Some(rest) = self.retry_in {
            write!(f, ", retry in {rest}")?;
        }
        self.at.map_or(Ok(()), |at| write!(f, ", at {at}"))
    }
}

/// The long form in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    status: Option<u16>,
    refused: Option<Refused>,
    failed: Option<Failed>,
    code: Option<String>,
    retry_in: Option<Window>,
    at: Option<Window>,
}

const EXAMPLE: &str = r#"{"refused": "rejected", "code": "INVALID_API_KEY", "retry_in": "60s"}"#;

impl TryFrom<Form> for ExpectedAnswer {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let Form { status, refused, failed, code, retry_in, at } = form;
        let kind = match (status, refused, failed, code) {
            (Some(status), None, None, None) => Kind::Status(status),
            (None, Some(Refused::Rejected), None, Some(code)) => Kind::Rejected(code),
            (None, Some(Refused::Rejected), None, None) => {
                return Err(format!(r#"a rejection has the server's "code": expected {EXAMPLE}"#));
            }
            (None, Some(refused), None, None) => Kind::Refused(refused),
            (None, None, Some(failed), None) => Kind::Failed(failed),
            _ => {
                return Err(format!(
                    r#"an answer is one of "status", "refused" and "failed", and only a rejection has a "code": expected {EXAMPLE}"#
                ));
            }
        };
        let has_rest = match kind {
            Kind::Rejected(_) => true,
            Kind::Refused(refused) => refused != Refused::ForeignOrigin,
            Kind::Status(_) | Kind::Failed(_) | Kind::Cancelled => false,
        };
        if retry_in.is_some() && !has_rest {
            return Err(format!(r#"only a refusal says when to "retry_in": expected {EXAMPLE}"#));
        }
        Ok(Self { kind, at, retry_in })
    }
}

impl<'de> Deserialize<'de> for ExpectedAnswers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = ExpectedAnswers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    r#"a status such as 200, "cancelled", an object such as {EXAMPLE}, or a list of these"#
                )
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<ExpectedAnswers, E> {
                let kind = Kind::Status(status(number, &self)?);
                Ok(ExpectedAnswers(vec![ExpectedAnswer { kind, at: None, retry_in: None }]))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ExpectedAnswers, E> {
                if text != "cancelled" {
                    return Err(E::invalid_value(de::Unexpected::Str(text), &self));
                }
                let kind = Kind::Cancelled;
                Ok(ExpectedAnswers(vec![ExpectedAnswer { kind, at: None, retry_in: None }]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExpectedAnswers, A::Error> {
                let form = Form::deserialize(de::value::MapAccessDeserializer::new(map))?;
                form.try_into()
                    .map(|answer| ExpectedAnswers(vec![answer]))
                    .map_err(de::Error::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<ExpectedAnswers, A::Error> {
                let mut answers = Vec::new();
                while let Some(ExpectedAnswers(more)) = list.next_element()? {
                    answers.extend(more);
                }
                if answers.is_empty() {
                    return Err(de::Error::invalid_length(0, &self));
                }
                Ok(ExpectedAnswers(answers))
            }
        }

        from.deserialize_any(Forms)
    }
}
