//! The parts of a JSON object, and the messages for a wrong part.

use http::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::clock::BadWord;
use super::path::RequestPath;

/// The named parts of a JSON object. Each part is taken once.
pub(super) struct Parts {
    rest: Map<String, Value>,
    of: &'static str,
    example: &'static str,
    known: Vec<&'static str>,
}

impl Parts {
    pub(super) fn of(
        json: Value,
        of: &'static str,
        example: &'static str,
    ) -> Result<Self, BadWord> {
        let Value::Object(rest) = json else {
            return Err(BadWord(format!(
                "{json} is no {of}: expected an object such as {example}"
            )));
        };
        Ok(Self { rest, of, example, known: Vec::new() })
    }

    pub(super) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.rest.remove(name)
    }

    pub(super) fn needed(&mut self, name: &'static str) -> Result<Value, BadWord> {
        self.take(name).ok_or_else(|| {
            BadWord(format!("this {} has no {name:?}: expected {}", self.of, self.example))
        })
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<String, BadWord> {
        let json = self.needed(name)?;
        let Value::String(text) = json else {
            return Err(BadWord(format!(
                "{json} is no {name:?}: expected a string, as in {}",
                self.example
            )));
        };
        Ok(text)
    }

    /// Takes the size in bytes, which is the only part of this answer.
    pub(super) fn bytes(mut self) -> Result<usize, BadWord> {
        let bytes = self.needed("bytes")?;
        self.end()?;
        let number = bytes.as_u64().and_then(|bytes| usize::try_from(bytes).ok());
        number.ok_or_else(|| {
            BadWord(format!(r#"{bytes} is no "bytes": expected a number such as 100000"#))
        })
    }

    /// Checks that no part is left.
    pub(super) fn end(self) -> Result<(), BadWord> {
        match self.rest.keys().next() {
            None => Ok(()),
            Some(name) => Err(BadWord(format!(
                "{name:?} is no part of a {}, which are {}: expected {}",
                self.of,
                self.known.join(", "),
                self.example
            ))),
        }
    }
}

/// Reads one `of`, or a list, from a JSON text.
pub(super) fn read_all<T: TryFrom<Value, Error = BadWord>>(
    json: &str,
    of: &str,
    example: &str,
) -> Result<Vec<T>, BadWord> {
    if json.trim().is_empty() {
        return Err(BadWord(format!("there is nothing: expected a {of} such as {example}")));
    }
    match serde_json::from_str(json) {
        Ok(Value::Array(list)) => list.into_iter().map(T::try_from).collect(),
        Ok(one) => T::try_from(one).map(|one| vec![one]),
        Err(error) => {
            Err(BadWord(format!("this is not JSON ({error}): expected a {of} such as {example}")))
        }
    }
}

pub(super) fn word<T: DeserializeOwned>(
    json: &Value,
    name: &str,
    words: &str,
) -> Result<T, BadWord> {
    T::deserialize(json).map_err(|_| BadWord(format!("{json} is no {name:?}: expected {words}")))
}

pub(super) fn status(json: &Value) -> Result<u16, BadWord> {
    let number = json.as_u64().and_then(|number| u16::try_from(number).ok());
    number.filter(|number| (200..=999).contains(number)).ok_or_else(|| {
        BadWord(format!("{json} is no status: expected a number from 200 to 999, such as 503"))
    })
}

pub(super) fn path_of(json: Value) -> Result<String, BadWord> {
    let Value::String(text) = json else {
        return Err(BadWord(format!(
            r#"{json} is no "path": expected a string such as "/customer""#
        )));
    };
    text.parse::<RequestPath>().map(String::from)
}

pub(super) fn header(text: String) -> Result<String, BadWord> {
    match HeaderValue::try_from(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(BadWord(format!(
            "{text:?} cannot stand in a header: expected a text such as \"soon\""
        ))),
    }
}
