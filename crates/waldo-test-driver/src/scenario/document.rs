//! A scenario, read and checked.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use serde::Deserialize;

use super::citation::Citation;
use super::key_pair::KeyPair;
use super::need::Need;
use super::order::{BodyKind, Order};
use super::seen::ExpectedSeen;
use super::settings::Settings;
use super::step::Step;
use crate::server::{ClockOffset, Fault, Policy, Refuses, Server};

/// The placeholder for another origin than the client's, in a redirect's `location`.
const ELSEWHERE: &str = "{elsewhere}";

/// One scenario: the calls, the behaviour of the server, and the expected requests and endings.
///
/// The [page of this module](super) describes the format.
///
/// ```
/// use waldo_test_driver::scenario::Scenario;
///
/// let scenario = Scenario::read(r#"{
///     "name": "my-own-start",
///     "why": "The first call logs in.",
///     "steps": [{"call": {"id": "a", "answer": 200}}],
///     "seen": [{"login": 200}, {"call": "a", "token": "login 1", "given": 200}]
/// }"#)?;
/// assert_eq!(scenario.run(), []);
///
/// let mistyped = Scenario::read(r#"{"name": "my-own-start", "wy": "…"}"#).unwrap_err();
/// let message = mistyped.to_string();
/// assert!(message.starts_with("wy: unknown field `wy`, expected one of `name`, `why`"));
/// # Ok::<(), waldo_test_driver::scenario::ScenarioError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub(super) name: String,
    pub(super) why: String,
    /// The public issues that report the failure.
    #[serde(default)]
    pub(super) seen_in: Vec<Citation>,
    #[serde(default)]
    pub(super) rules: Vec<u8>,
    #[serde(default)]
    pub(super) virtual_only: Option<String>,
    #[serde(default)]
    pub(super) server: ServerSetup,
    #[serde(default)]
    pub(super) client: ClientSetup,
    pub(super) steps: Vec<Step>,
    pub(super) seen: Vec<ExpectedSeen>,
    #[serde(default = "one")]
    pub(super) logins_at_once: usize,
}

fn one() -> usize {
    1
}

/// The server at the start of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ServerSetup {
    pub(super) policy: Policy,
    pub(super) keys: Vec<KeyPair>,
    pub(super) faults: Vec<Fault>,
}

impl Default for ServerSetup {
    fn default() -> Self {
        Self { policy: Policy::default(), keys: vec![KeyPair::default()], faults: Vec::new() }
    }
}

/// The client at the start of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ClientSetup {
    pub(super) key: KeyPair,
    pub(super) settings: Settings,
    /// The offset of the client's wall clock.
    pub(super) clock: ClockOffset,
    /// Whether the client waits for a login's answer without a limit. Otherwise it waits a little
    /// less than the lease.
    pub(super) patient_logins: bool,
    /// Whether the client's logins end with the calls that started them.
    pub(super) logins: LoginTask,
}

/// Where a client runs a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LoginTask {
    /// The scenario does not depend on it.
    #[default]
    Either,
    /// In a new task or thread: the login goes on after its call has ended.
    OfItsOwn,
    /// In the call that started it: the login ends with the call.
    OfItsCall,
}

/// Why a text is no scenario. The message names the place and the expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError(pub(super) String);

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ScenarioError {}

impl Scenario {
    /// Reads a scenario and checks it.
    ///
    /// # Errors
    /// A part is unknown, missing or impossible: for example, an instant out of order, a token that
    /// the server has not issued, or an answer that the server does not give. The message names the
    /// place, and says what to do.
    pub fn read(json: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json))
                .map_err(|error| {
                    let (place, cause) = (error.path().to_string(), error.into_inner().to_string());
                    // Replace the only word of serde's message that is about Rust and not about
                    // JSON.
                    ScenarioError(format!(
                        "{place}: {}",
                        cause.replace("unknown variant", "unknown word")
                    ))
                })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The name of the scenario: lower-case letters, digits and hyphens.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The purpose of the scenario.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The public issues that report the failure, such as `square/okhttp#960`.
    pub fn seen_in(&self) -> impl Iterator<Item = &str> {
        self.seen_in.iter().map(|citation| citation.issue.0.as_str())
    }

    /// The numbers of the protocol's rules that the scenario tests.
    pub fn rules(&self) -> &[u8] {
        &self.rules
    }

    /// Why the scenario cannot run over real sockets; `None` if it can.
    pub fn virtual_only(&self) -> Option<&str> {
        self.virtual_only.as_deref()
    }

    /// The needs of the scenario.
    pub fn needs(&self) -> BTreeSet<Need> {
        let mut needs = BTreeSet::new();
        if !self.client.settings.is_default() {
            needs.insert(Need::Settings);
        }
        match self.client.logins {
            LoginTask::Either => {}
            LoginTask::OfItsOwn => drop(needs.insert(Need::OutlivingLogins)),
            LoginTask::OfItsCall => drop(needs.insert(Need::TiedLogins)),
        }
        for step in &self.steps {
            match step {
                Step::Call(order) | Step::Start(order) => {
                    needs.extend(order.deadline.map(|_| Need::Deadlines));
                    if order.bytes.is_some() {
                        match self.server.policy.refuses {
                            Refuses::AfterBody => {}
                            Refuses::OnHead => drop(needs.insert(Need::Uploads)),
                            Refuses::OnHeadAlone => drop(needs.insert(Need::StalledUploads)),
                        }
                    }
                    match order.body {
                        BodyKind::None => {}
                        BodyKind::Replayable => drop(needs.insert(Need::ReplayableBodies)),
                        BodyKind::OneShot => drop(needs.insert(Need::OneShotBodies)),
                    }
                }
                Step::Cancel(_) => drop(needs.insert(Need::Cancellation)),
                Step::Invalidate => drop(needs.insert(Need::Invalidation)),
                Step::Reset | Step::ResetTo(_) => drop(needs.insert(Need::Reset)),
                Step::Store | Step::Resume(_) => drop(needs.insert(Need::Storage)),
                Step::Await(_)
                | Step::Kill(_)
                | Step::Hold(_)
                | Step::UntilHeld(_)
                | Step::Release(_)
                | Step::ReleaseAll
                | Step::Pass(_)
                | Step::Suspend(_)
                | Step::SetClock(_)
                | Step::ExpireAll
                | Step::RevokeKey(_)
                | Step::RestoreKey(_)
                | Step::RotateSigningKey
                | Step::Policy(_)
                | Step::Fault(_)
                | Step::ClearFaults
                | Step::Restart
                | Step::RestartAs(_) => {}
            }
        }
        needs
    }

    /// The key pair of the client.
    pub fn key(&self) -> &KeyPair {
        &self.client.key
    }

    /// The limits of the client.
    pub fn settings(&self) -> &Settings {
        &self.client.settings
    }

    /// The server at the start of the scenario. `elsewhere` is another origin than the client's.
    pub fn server(&self, elsewhere: &str) -> Server {
        let mut server = Server::new(self.server.policy.clone());
        for KeyPair { id, secret } in &self.server.keys {
            server.add_key(id, secret);
        }
        for fault in &self.server.faults {
            server.push_fault(placed(fault, elsewhere));
        }
        server
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = &Order> {
        self.steps.iter().filter_map(|step| {
            let (Step::Call(order) | Step::Start(order)) = step else { return None };
            Some(order)
        })
    }
}

/// The fault with this origin as the target of a redirect to another origin.
pub(super) fn placed(fault: &Fault, elsewhere: &str) -> Fault {
    let text = serde_json::to_string(fault).unwrap_or_default();
    serde_json::from_str(&text.replace(ELSEWHERE, elsewhere)).unwrap_or_else(|_| fault.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(server: &str, client: &str, step: &str) -> Scenario {
        let json = format!(
            r#"{{
                "name": "n", "why": "It says why.",
                "seen_in": [{{"issue": "a/b#1"}}, {{"issue": "c/d#2"}}],
                "rules": [3, 12], "virtual_only": "It is slow.",
                "server": {server}, "client": {client},
                "steps": [{{"start": {{"id": "a", "answer": "cancelled"}}}}, "store", {step}],
                "seen": []
            }}"#
        );
        Scenario::read(&json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn a_scenario_says_what_it_is() {
        let client =
            r#"{"key": {"id": "wk.own", "secret": "ws.own"}, "settings": {"lease": "7s"}}"#;
        let scenario = read("{}", client, "\"expire_all\"");
        assert_eq!((scenario.name(), scenario.why()), ("n", "It says why."));
        assert_eq!(scenario.seen_in().collect::<Vec<_>>(), ["a/b#1", "c/d#2"]);
        assert_eq!(scenario.rules(), [3, 12]);
        assert_eq!(scenario.virtual_only(), Some("It is slow."));
        assert_eq!(scenario.key().id, "wk.own");
        assert_eq!(*scenario.settings(), scenario.client.settings);
        assert_eq!(scenario.orders().count(), 1);
    }

    #[test]
    fn each_need_is_found() {
        let call = |members: &str| {
            format!(r#"{{"call": {{"id": "b", {members}, "answer": []}}}}"#)
                .replace("[]", r#"[200, "cancelled"]"#)
        };
        let upload = call(r#""body": "one_shot", "bytes": 9"#);
        let cases: [(&str, &str, String, &[Need]); 14] = [
            ("{}", "{}", "\"expire_all\"".to_owned(), &[]),
            ("{}", r#"{"settings": {"lease": "7s"}}"#, "\"restart\"".to_owned(), &[Need::Settings]),
            (
                "{}",
                r#"{"logins": "of_its_own"}"#,
                "\"restart\"".to_owned(),
                &[Need::OutlivingLogins],
            ),
            ("{}", r#"{"logins": "of_its_call"}"#, "\"restart\"".to_owned(), &[Need::TiedLogins]),
            ("{}", "{}", call(r#""deadline": "1s""#), &[Need::Deadlines]),
            ("{}", "{}", call(r#""body": "replayable""#), &[Need::ReplayableBodies]),
            ("{}", "{}", upload.clone(), &[Need::OneShotBodies]),
            (
                r#"{"policy": {"refuses": "on_head"}}"#,
                "{}",
                upload.clone(),
                &[Need::OneShotBodies, Need::Uploads],
            ),
            (
                r#"{"policy": {"refuses": "on_head_alone"}}"#,
                "{}",
                upload,
                &[Need::OneShotBodies, Need::StalledUploads],
            ),
            ("{}", "{}", r#"{"cancel": "a"}"#.to_owned(), &[Need::Cancellation]),
            ("{}", "{}", "\"invalidate\"".to_owned(), &[Need::Invalidation]),
            ("{}", "{}", "\"reset\"".to_owned(), &[Need::Reset]),
            (
                "{}",
                "{}",
                r#"{"reset_to": {"id": "wk.two", "secret": "ws.two"}}"#.to_owned(),
                &[Need::Reset],
            ),
            ("{}", "{}", r#"{"resume": "refused"}"#.to_owned(), &[]),
        ];
        for (server, client, step, needs) in cases {
            let scenario = read(server, client, &step);
            let expected = needs.iter().copied().chain([Need::Storage]).collect();
            assert_eq!(scenario.needs(), expected, "{server} {client} {step}");
        }
    }
}
