//! Evaluations, which begin with one call and end while the client polls.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock::{BadWord, Moment, duration};

/// How many evaluations the server remembers. Then it forgets the oldest.
const MOST: usize = 10_000;

/// When an evaluation ends: until then, its status is `pending`; from then on, it is `complete`.
///
/// Written `"never"`, `"polls:2"`, `"after:5s"`.
///
/// The API documents that evaluations are asynchronous, so clients poll. It documents neither how
/// long an evaluation takes nor the answer to a poll.
///
/// ```
/// use waldo_test_driver::server::EvaluationEnd;
///
/// assert_eq!("polls:2".parse(), Ok(EvaluationEnd::Polls(2)));
/// assert_eq!(EvaluationEnd::Never.to_string(), "never");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum EvaluationEnd {
    /// Evaluations never end, and a poll does not show them.
    #[default]
    Never,
    /// The first polls, of this number, show the evaluation as pending. Each later poll shows it as
    /// complete.
    Polls(u32),
    /// The evaluation ends this time after its beginning, by the server's clock.
    After(Duration),
}

impl fmt::Display for EvaluationEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Polls(polls) => write!(f, "polls:{polls}"),
            Self::After(span) => write!(f, "after:{}", humantime::format_duration(*span)),
        }
    }
}

impl FromStr for EvaluationEnd {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let unknown = || {
            BadWord(format!(
                "{text:?} is no end of evaluations: expected never, polls:NUMBER or after:DURATION"
            ))
        };
        match text.split_once(':') {
            None if text == "never" => Ok(Self::Never),
            Some(("polls", polls)) => polls.parse().map(Self::Polls).map_err(|_| unknown()),
            Some(("after", span)) => duration(span).map(Self::After),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for EvaluationEnd {
    type Error = BadWord;

    fn try_from(text: String) -> Result<Self, BadWord> {
        text.parse()
    }
}

impl From<EvaluationEnd> for String {
    fn from(end: EvaluationEnd) -> Self {
        end.to_string()
    }
}

/// What an evaluation examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Onboard,
    CheckFraud,
    Document,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Onboard => "onboard",
            Self::CheckFraud => "check-fraud",
            Self::Document => "document",
        }
    }

    /// The history that shows the evaluation: `kyc` or `fraud`.
    fn history(self) -> &'static str {
        match self {
            Self::Onboard | Self::Document => "kyc",
            Self::CheckFraud => "fraud",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Evaluation {
    event: Event,
    began: Moment,
    /// How many polls have seen the evaluation as pending.
    polls: u32,
}

/// The evaluations that a poll shows, by the number in their customer's id.
#[derive(Clone, Debug, Default)]
pub(super) struct Evaluations(BTreeMap<u64, Evaluation>);

impl Evaluations {
    /// Begins an evaluation, and returns its answer.
    pub(super) fn begin(
        &mut self,
        event: Event,
        serial: u64,
        end: EvaluationEnd,
        now: Moment,
    ) -> Value {
        if end != EvaluationEnd::Never {
            self.0.insert(serial, Evaluation { event, began: now, polls: 0 });
            if self.0.len() > MOST {
                self.0.pop_first();
            }
        }
        let mut answer = entry(event, serial, "pending");
        if let Some(answer) = answer.as_object_mut() {
            let customer = format!("customer-{serial}");
            answer.insert(
                "uri".to_owned(),
                format!("/history/{}/{customer}", event.history()).into(),
            );
            answer.insert("customerId".to_owned(), customer.into());
        }
        answer
    }

    /// The evaluation of this customer, as a poll sees it at `now`, and counts the poll. `None` if
    /// there is none, or if another history shows it.
    pub(super) fn poll(
        &mut self,
        customer: &str,
        history: Option<&str>,
        end: EvaluationEnd,
        now: Moment,
    ) -> Option<Value> {
        let serial = customer.strip_prefix("customer-")?.parse().ok()?;
        let evaluation = self.0.get_mut(&serial)?;
        if history.is_some_and(|history| history != evaluation.event.history()) {
            return None;
        }
        let complete = match end {
            EvaluationEnd::Never => false,
            EvaluationEnd::Polls(polls) => evaluation.polls >= polls,
            EvaluationEnd::After(span) => now >= evaluation.began.plus(span),
        };
        evaluation.polls = evaluation.polls.saturating_add(u32::from(!complete));
        Some(entry(evaluation.event, serial, if complete { "complete" } else { "pending" }))
    }
}

fn entry(event: Event, serial: u64, status: &str) -> Value {
    json!({
        "requestId": format!("request-{serial}"),
        "event": event.name(),
        "evaluation": { "type": "automatic", "status": status },
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::server::clock::ClockOffset;

    #[test]
    fn ends_are_read_and_written_alike() {
        for text in ["never", "polls:0", "polls:7", "after:0s", "after:1m 500ms"] {
            assert_eq!(text.parse::<EvaluationEnd>().unwrap().to_string(), text);
        }
        for bad in ["", "soon", "polls", "polls:-1", "polls:x", "after", "after:soon", "never:5s"] {
            assert!(bad.parse::<EvaluationEnd>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_oldest_evaluations_are_forgotten() {
        let now = Moment::read(UNIX_EPOCH, ClockOffset::EXACT);
        let end = EvaluationEnd::Polls(1);
        let mut evaluations = Evaluations::default();
        for serial in 0..=MOST as u64 {
            drop(evaluations.begin(Event::Onboard, serial, end, now));
        }
        assert_eq!(evaluations.0.len(), MOST);
        assert!(evaluations.poll("customer-0", None, end, now).is_none());
        assert!(evaluations.poll("customer-1", None, end, now).is_some());
    }
}
