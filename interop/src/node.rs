//! The programs of the other side, as child processes that end with their handles.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{KEY, Outcome, SECRET, expect};

/// The settings of the express server.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// The port; 0 for any free port.
    pub(crate) port: u16,
    pub(crate) lifetime_s: u32,
    pub(crate) strict: bool,
    /// The time after a login for which the server refuses the login's token.
    pub(crate) known_after_ms: u32,
    /// The signing key; `None` for the client secret.
    pub(crate) signing_key: Option<&'static str>,
    /// The rule that the server breaks.
    pub(crate) fault: Option<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            lifetime_s: 3600,
            strict: false,
            known_after_ms: 0,
            signing_key: None,
            fault: None,
        }
    }
}

/// A running `server.mjs`.
pub(crate) struct Express {
    child: Child,
    port: u16,
}

/// The counts that the server reports.
pub(crate) struct Stats {
    pub(crate) logins: u64,
    at_once: u64,
    statuses: Value,
}

impl Stats {
    fn read(value: &Value) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let count = |name: &str| {
            value.get(name).and_then(Value::as_u64).ok_or(format!("no {name} in {value}"))
        };
        let statuses = value.get("statuses").cloned().unwrap_or_default();
        Ok(Self { logins: count("logins")?, at_once: count("loginsAtOnce")?, statuses })
    }

    /// Compares the counts of granted logins, and of all answers by status.
    fn expect(&self, logins: u64, answers: &[(u16, u64)]) -> Outcome {
        expect("logins", self.logins, logins)?;
        expect("several logins at once", self.at_once > 1, false)?;
        let wanted: serde_json::Map<_, _> =
            answers.iter().map(|(status, count)| (status.to_string(), (*count).into())).collect();
        expect("answers by status", &self.statuses, &Value::Object(wanted))
    }

    pub(crate) fn answered(&self, status: u16) -> u64 {
        self.statuses.get(status.to_string()).and_then(Value::as_u64).unwrap_or_default()
    }
}

impl Express {
    pub(crate) fn start(settings: &Settings) -> io::Result<Self> {
        let mut command = node("server.mjs");
        command.args(["--key", KEY, "--secret", SECRET]);
        command.args([
            "--port",
            &settings.port.to_string(),
            "--lifetime",
            &settings.lifetime_s.to_string(),
        ]);
        command.args(["--rotation", if settings.strict { "strict" } else { "lenient" }]);
        command.args(["--known-after", &settings.known_after_ms.to_string()]);
        command.args(settings.signing_key.map(|key| ["--signing-key", key]).into_iter().flatten());
        command.args(settings.fault.map(|fault| ["--fault", fault]).into_iter().flatten());
        let mut server = Self { child: command.stdout(Stdio::piped()).spawn()?, port: 0 };
        let mut line = String::new();
        if let Some(output) = server.child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let port = line.trim_end().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        server.port = port.ok_or_else(|| {
            io::Error::other(format!("the server printed {line:?} instead of an address"))
        })?;
        Ok(server)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn stats(&self) -> Result<Stats, Box<dyn std::error::Error + Send + Sync>> {
        let body =
            ureq::get(format!("{}/_stats", self.origin())).call()?.body_mut().read_to_vec()?;
        Stats::read(&serde_json::from_slice(&body)?)
    }

    /// Compares the server's counts with [`Stats::expect`].
    pub(crate) fn expect(&self, logins: u64, answers: &[(u16, u64)]) -> Outcome {
        self.stats()?.expect(logins, answers)
    }
}

impl Drop for Express {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs the API's own sample to its end.
pub(crate) fn sample(origin: &str, key: &str, secret: &str, calls: u32) -> Outcome {
    let status = node("sample.mjs").args([origin, key, secret, &calls.to_string()]).status()?;
    expect("the sample's success", status.success(), true)
}

pub(crate) fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg(script).stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_different_count_is_reported() {
        let expected =
            |stats: Value| Stats::read(&stats).and_then(|stats| stats.expect(1, &[(200, 2)]));
        let right = json!({ "logins": 1, "loginsAtOnce": 1, "statuses": { "200": 2 } });
        assert!(expected(right.clone()).is_ok());
        for (name, count) in [
            ("logins", json!(0)),
            ("logins", json!(2)),
            ("logins", json!(null)),
            ("loginsAtOnce", json!(2)),
            ("loginsAtOnce", json!(null)),
            ("statuses", json!({ "200": 1 })),
            ("statuses", json!({ "200": 2, "401": 1 })),
            ("statuses", json!(null)),
        ] {
            let mut wrong = right.clone();
            wrong[name] = count;
            assert!(expected(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
