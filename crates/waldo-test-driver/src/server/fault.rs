//! Faults on request: the server, or a proxy in front of it, does not give the documented answer.

mod spelling;

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::spelled;

/// A fault on request: which requests it affects, how often, and with which answer.
///
/// Faults with a count are used before permanent faults. Within each kind, the oldest fault is used
/// first.
///
/// ```
/// use waldo_test_driver::server::{Answer, Fault};
///
/// let fault = Fault::login(Answer::status(503)).times(2);
/// let same: Fault = serde_json::from_str(r#"{"on": "login", "answer": 503, "times": 2}"#)?;
/// assert_eq!(fault, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(try_from = "Value")]
pub struct Fault {
    on: Target,
    answer: Answer,
    times: Times,
    stage: Stage,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl Fault {
    /// A fault for the next login.
    pub fn login(answer: Answer) -> Self {
        Self::new(Target::Login, answer)
    }

    /// A fault for the next call, which is any request except a login.
    pub fn call(answer: Answer) -> Self {
        Self::new(Target::Calls, answer)
    }

    fn new(on: Target, answer: Answer) -> Self {
        Self { on, answer, times: Times::default(), stage: Stage::default(), path: None }
    }

    /// Sets how often the fault happens. Zero means never.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Times::Count(times), ..self }
    }

    /// Makes the fault permanent.
    #[must_use]
    pub fn forever(self) -> Self {
        Self { times: Times::Forever(Forever::Forever), ..self }
    }

    /// Limits the fault to this path (`/customer`, without the query).
    #[must_use]
    pub fn on_path(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// Makes the fault happen after the server has handled the request: it has checked the token,
    /// retired the old token and issued a new one.
    ///
    /// With [`Answer::Cut`], the response with the only live token is lost.
    #[must_use]
    pub fn after_handling(self) -> Self {
        Self { stage: Stage::After, ..self }
    }

    /// The answer of the fault.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The path of the fault; `None` for all paths.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

/// The kind of requests that a fault or a hold affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: a request is either a login or a call.
pub enum Target {
    /// `POST /authenticate`.
    Login,
    /// Every other request.
    Calls,
}

/// Whether a fault or a hold comes before or after the server handles the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(rename_all = "snake_case")]
// Exhaustive on purpose: there is no third stage.
pub enum Stage {
    /// Before the server handles the request, so it never sees the request.
    #[default]
    Before,
    /// After the server has handled the request, in place of its answer.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Hash)]
#[serde(untagged)]
pub(super) enum Times {
    Count(u32),
    Forever(Forever),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Hash)]
#[serde(rename_all = "snake_case")]
pub(super) enum Forever {
    Forever,
}

impl Default for Times {
    fn default() -> Self {
        Self::Count(1)
    }
}

/// An answer in place of the documented answer. [`Answer::FORMS`] shows each as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(rename_all = "snake_case", try_from = "Value")]
#[non_exhaustive]
pub enum Answer {
    /// 401 with the documented body: `INVALID_TOKEN` to a call, `INVALID_API_KEY` to a login.
    Unauthorized,
    /// An error in the API's form, with any status and any code.
    Refusal {
        /// The status, 200 to 999. Another number is sent as 500, and is refused in JSON.
        status: u16,
        /// The code, such as `NOT_AUTHORIZED`.
        code: String,
    },
    /// The documented 400 of a login with single quotes, as one page of the documentation prints
    /// it. It is no JSON.
    SingleQuotes,
    /// 403 with an HTML page, like a firewall's.
    Firewall,
    /// Any status with a plain text, and an optional `Retry-After`.
    Status {
        /// The status, 200 to 999. Another number is sent as 500, and is refused in JSON.
        status: u16,
        /// The `Retry-After` header.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
    },
    /// 200 with an empty JSON object, and no token in a header.
    NoToken,
    /// 200 with an HTML page.
    NotJson,
    /// 200 with a JSON body of at least this many bytes, most of which are its `token`.
    Oversize {
        /// The smallest size of the body, in bytes. At most 64 MiB are sent.
        bytes: usize,
    },
    /// A redirect.
    Redirect {
        /// The status, 200 to 999, such as 302 or 307. Another number is sent as 500, and is
        /// refused in JSON.
        status: u16,
        /// The `Location` header. A text that cannot stand in a header is left out, and is refused
        /// in JSON.
        location: String,
    },
    /// No answer, and the connection stays open.
    Hang,
    /// No answer, and the connection is cut.
    Cut,
    /// The head of the handled answer and half of its body. Then the connection is cut.
    ///
    /// The server always handles the request.
    CutShort,
    /// The head of the handled answer, and then its body a byte at a time, and endless spaces.
    ///
    /// The server always handles the request. Only a limit on the time of the whole exchange ends
    /// the reading.
    Trickle,
    /// The head of the handled answer, its body, and then endless spaces. The spaces come as fast
    /// as the client reads, up to 64 MiB.
    ///
    /// The server always handles the request. Only a limit on the size of the body ends the
    /// reading.
    Flood,
    /// A head with this status, and a body of endless spaces.
    Endless {
        /// The status, 200 to 999. Another number is sent as 500, and is refused in JSON.
        status: u16,
        /// Whether the body comes as fast as the client reads. Otherwise it comes a byte at a time.
        #[serde(skip_serializing_if = "is_false")]
        flood: bool,
    },
    /// The handled answer in a content coding that clients do not know.
    ///
    /// The server always handles the request.
    Compressed,
    /// The handled answer with the very first renewed token in place of a new token, as a cache in
    /// front of the server repeats it.
    ///
    /// The server always handles the request.
    StaleRenewal,
    /// The handled answer with a line break before its body, and spaces after the body until it has
    /// at least this many bytes.
    ///
    /// The server always handles the request. A client that stops reading early still has the whole
    /// JSON.
    Padded {
        /// The smallest size of the body, in bytes. At most 64 MiB are sent.
        bytes: usize,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Answer {
    /// A status without further parts.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None }
    }

    /// Whether the answer changes the handled answer. Then the server always handles the request.
    pub(super) fn is_of_the_handled(&self) -> bool {
        match self {
            Self::CutShort
            | Self::Trickle
            | Self::Flood
            | Self::Compressed
            | Self::StaleRenewal
            | Self::Padded { .. } => true,
            Self::Unauthorized
            | Self::Refusal { .. }
            | Self::SingleQuotes
            | Self::Firewall
            | Self::Status { .. }
            | Self::NoToken
            | Self::NotJson
            | Self::Oversize { .. }
            | Self::Redirect { .. }
            | Self::Hang
            | Self::Cut
            | Self::Endless { .. } => false,
        }
    }

    /// 429 with this `Retry-After`.
    pub fn too_many_requests(retry_after: RetryAfter) -> Self {
        Self::Status {
            status: StatusCode::TOO_MANY_REQUESTS.as_u16(),
            retry_after: Some(retry_after),
        }
    }
}

/// A `Retry-After` header in each of its forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(rename_all = "snake_case", try_from = "Value")]
#[non_exhaustive]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// A date this long after the present time of the server's clock.
    Date(#[serde(serialize_with = "spelled::serialize")] Duration),
    /// Any text, such as a number that overflows.
    Text(String),
}

/// The faults that have not happened yet.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn waiting(&self) -> &[Fault] {
        &self.0
    }

    /// Takes the fault for this request, if there is one, and counts it.
    pub(super) fn take(&mut self, on: Target, path: &str) -> Option<(Answer, Stage)> {
        self.0.retain(|fault| fault.times != Times::Count(0));
        let meant =
            |fault: &Fault| fault.on == on && fault.path.as_deref().is_none_or(|only| only == path);
        let counted =
            self.0.iter_mut().find(|fault| meant(fault) && matches!(fault.times, Times::Count(_)));
        if let Some(fault) = counted {
            if let Times::Count(left) = &mut fault.times {
                *left -= 1;
            }
            return Some((fault.answer.clone(), fault.stage));
        }
        self.0.iter().find(|fault| meant(fault)).map(|fault| (fault.answer.clone(), fault.stage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_faults_come_before_standing_ones_and_end() {
        let mut faults = Faults::default();
        faults.push(Fault::call(Answer::Hang).forever());
        faults.push(Fault::call(Answer::Cut).times(2));
        faults.push(Fault::call(Answer::NotJson).on_path("/here"));
        let mut next = |path: &str| faults.take(Target::Calls, path).unwrap().0;
        assert_eq!(next("/there"), Answer::Cut);
        assert_eq!(next("/here"), Answer::Cut);
        assert_eq!(next("/there"), Answer::Hang);
        assert_eq!(next("/here"), Answer::NotJson);
        assert_eq!(next("/here"), Answer::Hang);
        assert!(faults.take(Target::Login, "/authenticate").is_none());
        assert_eq!(faults.waiting().len(), 1);
    }

    #[test]
    fn every_answer_survives_json() {
        let answers = [
            Answer::Unauthorized,
            Answer::Refusal { status: 403, code: "ODD".to_owned() },
            Answer::SingleQuotes,
            Answer::Firewall,
            Answer::status(500),
            Answer::too_many_requests(RetryAfter::Seconds(5)),
            Answer::too_many_requests(RetryAfter::Date(Duration::from_secs(90))),
            Answer::too_many_requests(RetryAfter::Text("soon".to_owned())),
            Answer::NoToken,
            Answer::NotJson,
            Answer::Oversize { bytes: 70_000 },
            Answer::Redirect { status: 302, location: "/elsewhere".to_owned() },
            Answer::Hang,
            Answer::Cut,
            Answer::CutShort,
            Answer::Trickle,
            Answer::Flood,
            Answer::Endless { status: 503, flood: false },
            Answer::Endless { status: 401, flood: true },
            Answer::Compressed,
            Answer::StaleRenewal,
            Answer::Padded { bytes: 70_000 },
        ];
        for answer in answers {
            for fault in [
                Fault::call(answer.clone()).forever(),
                Fault::login(answer).times(7).after_handling(),
            ] {
                let json = serde_json::to_string(&fault).unwrap();
                assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault, "{json}");
            }
        }
    }

    #[test]
    fn short_forms_mean_the_same_as_long_forms() {
        let cases = [
            ("503", r#"{"status": {"status": 503}}"#),
            (r#"{"status": 503}"#, r#"{"status": {"status": 503}}"#),
            (
                r#"{"status": 429, "retry_after": 5}"#,
                r#"{"status": {"status": 429, "retry_after": {"seconds": 5}}}"#,
            ),
            (
                r#"{"status": {"status": 429, "retry_after": 5}}"#,
                r#"{"status": {"status": 429, "retry_after": {"seconds": 5}}}"#,
            ),
            (
                r#"{"status": {"status": 429, "retry_after": null}}"#,
                r#"{"status": {"status": 429}}"#,
            ),
        ];
        for (short, long) in cases {
            let answers = [short, long].map(|json| serde_json::from_str::<Answer>(json).unwrap());
            assert_eq!(answers[0], answers[1], "{short}");
            assert_eq!(
                serde_json::to_string(&answers[0]).unwrap(),
                long.replace(' ', ""),
                "{short}"
            );
        }
    }

    #[test]
    fn an_impossible_fault_is_answered_with_an_example() {
        let cases = [
            ("", r#"such as {"on": "login", "answer": 503, "times": 2}"#),
            ("on: login", r#"such as {"on": "login", "answer": 503, "times": 2}"#),
            ("[5]", r#"such as {"on": "login", "answer": 503, "times": 2}"#),
            ("{}", r#"no "on": expected {"on": "login", "answer": 503, "times": 2}"#),
            (
                r#"{"on": "login"}"#,
                r#"no "answer": expected {"on": "login", "answer": 503, "times": 2}"#,
            ),
            (r#"{"on": "login", "answer": 503, "tims": 2}"#, "on, answer, times, stage, path"),
            (
                r#"{"on": "nobody", "answer": 503}"#,
                r#""nobody" is no "on": expected "login" or "calls""#,
            ),
            (r#"{"on": "login", "answer": 503, "stage": 1}"#, r#"expected "before" or "after""#),
            (r#"{"on": "login", "answer": 503, "times": "ever"}"#, r#"4294967295, or "forever""#),
            (r#"{"on": "login", "answer": 503, "times": -1}"#, "-1 is no"),
            (r#"{"on": "login", "answer": 503, "times": 1.5}"#, "1.5 is no"),
            (r#"{"on": "calls", "answer": 503, "path": "customer"}"#, "must begin with /"),
            (r#"{"on": "calls", "answer": 503, "path": 7}"#, r#"such as "/customer""#),
            (r#"{"on": "login", "answer": "explode"}"#, r#""cut", "cut_short""#),
            (
                r#"{"on": "login", "answer": {"explode": 1}}"#,
                r#"{"status": 429, "retry_after": 5}"#,
            ),
            (r#"{"on": "login", "answer": null}"#, "expected one of 503"),
            (r#"{"on": "login", "answer": 5030}"#, "200 to 999"),
            (r#"{"on": "login", "answer": 100}"#, "200 to 999"),
            (r#"{"on": "login", "answer": {"status": "503"}}"#, "200 to 999"),
            (r#"{"on": "login", "answer": {"status": {"status": 99999}}}"#, "200 to 999"),
            (
                r#"{"on": "login", "answer": {"status": {}}}"#,
                r#"{"status": 429, "retry_after": 5}"#,
            ),
            (
                r#"{"on": "login", "answer": {"status": 503, "after": 5}}"#,
                "which are status, retry_after",
            ),
            (
                r#"{"on": "login", "answer": {"status": 503, "retry_after": "soon"}}"#,
                r#"or {"text": "soon"}"#,
            ),
            (
                r#"{"on": "login", "answer": {"status": 503, "retry_after": -5}}"#,
                r#"{"seconds": 5}"#,
            ),
            (
                r#"{"on": "login", "answer": {"status": 503, "retry_after": {"date": "x"}}}"#,
                "such as 10s",
            ),
            (
                r#"{"on": "login", "answer": {"status": 503, "retry_after": {"text": "\n"}}}"#,
                "in a header",
            ),
            (r#"{"on": "login", "answer": {"refusal": 403}}"#, r#"{"status": 403, "code": "ODD"}"#),
            (
                r#"{"on": "login", "answer": {"refusal": {"status": 403, "code": 5}}}"#,
                "expected a string",
            ),
            (r#"{"on": "login", "answer": {"redirect": {"status": 302}}}"#, r#""location": "/x""#),
            (r#"{"on": "login", "answer": {"oversize": {"bytes": "many"}}}"#, "such as 100000"),
        ];
        for (json, hint) in cases {
            let error = Fault::read_all(json).unwrap_err().to_string();
            assert!(error.contains(hint), "{json}: {error}");
            for internal in ["variant", "untagged", "Answer::", "EOF"] {
                assert!(!error.contains(internal), "{json}: {error}");
            }
        }
    }
}
