//! Faults in JSON: their forms, their short forms, and the messages for all other texts.

use serde_json::Value;

use super::{Answer, Fault, Forever, RetryAfter, Stage, Target, Times};
use crate::server::clock::{self, BadWord};
use crate::server::parts::{Parts, header, path_of, read_all, status, word};

/// The example at the end of a message about a whole fault.
const EXAMPLE: &str = r#"{"on": "login", "answer": 503, "times": 2}"#;

const RETRY_AFTER: &str = r#"expected 5, {"seconds": 5}, {"date": "30s"} or {"text": "soon"}"#;

impl Fault {
    /// Reads one fault, or a list of faults, from a JSON text.
    ///
    /// ```
    /// use waldo_test_driver::server::{Answer, Fault};
    ///
    /// let json = r#"[{"on": "login", "answer": 503}, {"on": "calls", "answer": "cut"}]"#;
    /// let faults = Fault::read_all(json)?;
    /// assert_eq!(faults, [Fault::login(Answer::status(503)), Fault::call(Answer::Cut)]);
    /// # Ok::<(), waldo_test_driver::server::BadWord>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The text is no fault and no list of faults. The message says what was expected.
    pub fn read_all(json: &str) -> Result<Vec<Self>, BadWord> {
        read_all(json, "fault", EXAMPLE)
    }
}

impl TryFrom<Value> for Fault {
    type Error = BadWord;

    fn try_from(json: Value) -> Result<Self, BadWord> {
        let mut parts = Parts::of(json, "fault", EXAMPLE)?;
        let on = parts.needed("on")?;
        let answer = parts.needed("answer")?;
        let (times, stage, path) = (parts.take("times"), parts.take("stage"), parts.take("path"));
        parts.end()?;
        Ok(Self {
            on: word::<Target>(&on, "on", r#""login" or "calls""#)?,
            answer: answer.try_into()?,
            times: times.map_or(Ok(Times::default()), Times::try_from)?,
            stage: match stage {
                Some(stage) => word::<Stage>(&stage, "stage", r#""before" or "after""#)?,
                None => Stage::default(),
            },
            path: path.filter(|path| !path.is_null()).map(path_of).transpose()?,
        })
    }
}

impl TryFrom<Value> for Times {
    type Error = BadWord;

    fn try_from(json: Value) -> Result<Self, BadWord> {
        if json == "forever" {
            return Ok(Self::Forever(Forever::Forever));
        }
        let count = json.as_u64().and_then(|count| u32::try_from(count).ok());
        count.map(Self::Count).ok_or_else(|| {
            BadWord(format!(
                r#"{json} is no "times": expected a number from 0 to {}, or "forever""#,
                u32::MAX
            ))
        })
    }
}

impl Answer {
    /// All answers in JSON, one on each line.
    ///
    /// ```
    /// use waldo_test_driver::server::Answer;
    ///
    /// for answer in Answer::FORMS.lines() {
    ///     serde_json::from_str::<Answer>(answer)?;
    /// }
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub const FORMS: &'static str = r#"503
{"status": 429, "retry_after": 5}
{"refusal": {"status": 403, "code": "ODD"}}
{"redirect": {"status": 302, "location": "/x"}}
{"oversize": {"bytes": 100000}}
{"padded": {"bytes": 100000}}
"unauthorized"
"single_quotes"
"firewall"
"no_token"
"not_json"
"hang"
"cut"
"cut_short"
"trickle"
"flood"
{"endless": {"status": 503}}
"compressed"
"stale_renewal""#;

    fn word(text: &str) -> Option<Self> {
        Some(match text {
            "unauthorized" => Self::Unauthorized,
            "single_quotes" => Self::SingleQuotes,
            "firewall" => Self::Firewall,
            "no_token" => Self::NoToken,
            "not_json" => Self::NotJson,
            "hang" => Self::Hang,
            "cut" => Self::Cut,
            "cut_short" => Self::CutShort,
            "trickle" => Self::Trickle,
            "flood" => Self::Flood,
            "compressed" => Self::Compressed,
            "stale_renewal" => Self::StaleRenewal,
            _ => return None,
        })
    }

    fn unknown(json: &Value) -> BadWord {
        let forms: Vec<&str> = Self::FORMS.lines().collect();
        BadWord(format!("{json} is no answer: expected one of {}", forms.join(", ")))
    }

    fn of_status(parts: Value) -> Result<Self, BadWord> {
        let mut parts = Parts::of(parts, "status", r#"{"status": 429, "retry_after": 5}"#)?;
        let status = status(&parts.needed("status")?)?;
        let retry_after = parts.take("retry_after").filter(|after| !after.is_null());
        parts.end()?;
        Ok(Self::Status { status, retry_after: retry_after.map(RetryAfter::try_from).transpose()? })
    }

    fn of_refusal(parts: Value) -> Result<Self, BadWord> {
        let mut parts =
            Parts::of(parts, "refusal", r#"{"refusal": {"status": 403, "code": "ODD"}}"#)?;
        let (status, code) = (status(&parts.needed("status")?)?, parts.text("code")?);
        parts.end()?;
        Ok(Self::Refusal { status, code })
    }

    fn of_redirect(parts: Value) -> Result<Self, BadWord> {
        let mut parts =
            Parts::of(parts, "redirect", r#"{"redirect": {"status": 302, "location": "/x"}}"#)?;
        let (status, location) =
            (status(&parts.needed("status")?)?, header(parts.text("location")?)?);
        parts.end()?;
        Ok(Self::Redirect { status, location })
    }

    fn of_endless(parts: Value) -> Result<Self, BadWord> {
        let mut parts = Parts::of(parts, "endless", r#"{"endless": {"status": 503}}"#)?;
        let status = status(&parts.needed("status")?)?;
        let flood = match parts.take("flood") {
            None => false,
            Some(json) => word(&json, "flood", "true or false")?,
        };
        parts.end()?;
        Ok(Self::Endless { status, flood })
    }

    fn of_oversize(parts: Value) -> Result<Self, BadWord> {
        let parts = Parts::of(parts, "oversize", r#"{"oversize": {"bytes": 100000}}"#)?;
        Ok(Self::Oversize { bytes: parts.bytes()? })
    }

    fn of_padded(parts: Value) -> Result<Self, BadWord> {
        let parts = Parts::of(parts, "padded", r#"{"padded": {"bytes": 100000}}"#)?;
        Ok(Self::Padded { bytes: parts.bytes()? })
    }
}

impl TryFrom<Value> for Answer {
    type Error = BadWord;

    fn try_from(json: Value) -> Result<Self, BadWord> {
        let parts = match &json {
            Value::Number(number) => {
                return Ok(Self::status(status(&Value::Number(number.clone()))?));
            }
            Value::String(text) => return Self::word(text).ok_or_else(|| Self::unknown(&json)),
            Value::Object(parts) => parts,
            Value::Null | Value::Bool(_) | Value::Array(_) => return Err(Self::unknown(&json)),
        };
        // {"status": 503} is short for {"status": {"status": 503}}, and may have the other parts
        // too.
        if parts.get("status").is_some_and(|status| !status.is_object()) {
            return Self::of_status(json);
        }
        let mut parts = parts.iter();
        match (parts.next(), parts.next()) {
            (Some((form, inner)), None) => match form.as_str() {
                "status" => Self::of_status(inner.clone()),
                "refusal" => Self::of_refusal(inner.clone()),
                "redirect" => Self::of_redirect(inner.clone()),
                "oversize" => Self::of_oversize(inner.clone()),
                "padded" => Self::of_padded(inner.clone()),
                "endless" => Self::of_endless(inner.clone()),
                _ => Err(Self::unknown(&json)),
            },
            _ => Err(Self::unknown(&json)),
        }
    }
}

impl TryFrom<Value> for RetryAfter {
    type Error = BadWord;

    fn try_from(json: Value) -> Result<Self, BadWord> {
        let unknown = || BadWord(format!(r#"{json} is no "retry_after": {RETRY_AFTER}"#));
        if let Some(seconds) = json.as_u64() {
            return Ok(Self::Seconds(seconds));
        }
        let mut parts = json.as_object().ok_or_else(unknown)?.iter();
        match (parts.next(), parts.next()) {
            (Some((form, inner)), None) => match (form.as_str(), inner) {
                ("seconds", Value::Number(seconds)) => {
                    seconds.as_u64().map(Self::Seconds).ok_or_else(unknown)
                }
                ("date", Value::String(ahead)) => clock::duration(ahead).map(Self::Date),
                ("text", Value::String(text)) => header(text.clone()).map(Self::Text),
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }
}
