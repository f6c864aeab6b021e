//! Clients as they are written in an afternoon. Each does one thing wrong that was seen in the
//! field.

use std::error::Error;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use attohttpc::{ErrorKind, RequestBuilder, Response};
use http::HeaderMap;
use serde_json::{Value, json};
use waldo_conformance::{Adapter, Ask, Client, Ending, KeyPair, Lacking, Need, Setup};

/// The fault of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Logs in before each call, as the API's own sample does.
    LogsInEachTime,
    /// Takes any token from any response, whenever it arrives, and forgets its token on any 401.
    LastOneWins,
    /// Logs in once and never looks at what comes back.
    NeverLooks,
    /// Writes its headers as it likes.
    OddHeaders,
}

impl Habit {
    pub(crate) const ALL: [Self; 4] =
        [Self::LogsInEachTime, Self::LastOneWins, Self::NeverLooks, Self::OddHeaders];
}

#[derive(Debug)]
pub(crate) struct Naive(pub(crate) Habit);

impl Adapter for Naive {
    type Client = NaiveClient;

    fn lacks(&self) -> &[Need] {
        &[Need::Cancellation, Need::OutlivingLogins]
    }

    fn client(&self, setup: &Setup) -> Result<NaiveClient, Box<dyn Error>> {
        let key = Mutex::new(setup.key.clone());
        Ok(NaiveClient {
            habit: self.0,
            origin: setup.origin.clone(),
            key,
            token: Mutex::default(),
        })
    }
}

pub(crate) struct NaiveClient {
    habit: Habit,
    origin: String,
    key: Mutex<KeyPair>,
    token: Mutex<Option<String>>,
}

impl NaiveClient {
    fn log_in(&self) -> Result<String, Ending> {
        let KeyPair { id, secret } =
            self.key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let body = json!({ "apiKey": id, "clientSecret": secret }).to_string();
        let content_type =
            if self.habit == Habit::OddHeaders { "text/plain" } else { "application/json" };
        let request = attohttpc::post(format!("{}/authenticate", self.origin))
            .header("content-type", content_type)
            .header("accept", "application/json")
            .timeout(Duration::from_secs(1))
            .text(body);
        let response = request.send().map_err(|error| ending(&error))?;
        let body = response.bytes().map_err(|error| ending(&error))?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| Ending::Failed)?;
        let text = |name| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        text("token").ok_or_else(|| match text("code") {
            Some(code) => Ending::Rejected { code, retry_in: Duration::ZERO },
            None => Ending::Failed,
        })
    }

    fn send_with(&self, token: &str, ask: &Ask) -> Result<Response, Ending> {
        let scheme = if self.habit == Habit::OddHeaders { "bearer" } else { "Bearer" };
        let mut request = RequestBuilder::new(ask.method().clone(), ask.uri().to_string());
        for (name, value) in ask.headers() {
            request = request.header_append(name, value);
        }
        let request = request
            .header("authorization", format!("{scheme} {token}"))
            .timeout(ask.deadline().unwrap_or(Duration::from_secs(1)));
        request.bytes(ask.bytes()).send().map_err(|error| ending(&error))
    }

    fn call(&self, ask: &Ask) -> Result<Ending, Ending> {
        let held = || self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = held().clone().filter(|_| self.habit != Habit::LogsInEachTime);
        let token = match kept {
            Some(token) => token,
            None => self.log_in()?,
        };
        *held() = Some(token.clone());
        let mut response = self.send_with(&token, ask)?;
        if response.status() == 401 && self.habit == Habit::LastOneWins {
            let token = self.log_in()?;
            *held() = Some(token.clone());
            response = self.send_with(&token, ask)?;
        }
        if self.habit == Habit::LastOneWins
            && let Some(token) = fresh(response.headers())
        {
            *held() = Some(token);
        }
        let status = response.status().as_u16();
        let body = response.bytes().map_err(|error| ending(&error))?;
        Ok(Ending::Answered { status, body })
    }
}

fn fresh(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("authorization")?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ").unwrap_or(value).to_owned())
}

fn ending(error: &attohttpc::Error) -> Ending {
    let timed_out =
        matches!(error.kind(), ErrorKind::Io(error) if error.kind() == io::ErrorKind::TimedOut);
    if timed_out { Ending::TimedOut } else { Ending::Failed }
}

impl Client for NaiveClient {
    fn send(&self, ask: &Ask) -> Ending {
        self.call(ask).unwrap_or_else(|ending| ending)
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key.clone();
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.token.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(stored.to_owned());
        Ok(true)
    }
}
