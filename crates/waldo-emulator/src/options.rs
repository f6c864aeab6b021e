//! The command line.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use http::uri::Authority;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::emulator::Emulator;
use crate::model::{
    Accept, Algorithm, Answer, BadWord, Claims, ClockOffset, DateHeader, DateStyle, EvaluationEnd,
    Fault, IssuedAt, LoginAnswer, Policy, Refuses, RenewalForm, RenewalOn, RequestPath, Rotation,
    Server, Servers, Stub, UnknownPaths,
};

/// The first part of `--help`.
const ABOUT: &str = "\
The Waldo API's authentication on a local socket, with faults on request.

The first line on stdout says where it listens: listening on http://ADDR. While it runs, it is controlled under
/_emulator/: GET /_emulator/ lists the controls. It ends on ctrl-c and on SIGTERM.";

/// The command line of the emulator, for a program that has the emulator as a command.
///
/// ```
/// use clap::Parser;
/// use waldo_emulator::Options;
///
/// let options = Options::parse_from(["emulator", "--listen", "127.0.0.1:0", "--lifetime", "10s"]);
/// let run = || options.run();
/// # drop(run);
/// ```
// A help text with a name such as `lower_case` is an attribute, because `--help` would show a
// comment's backticks.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "The Waldo API's authentication on a local socket, with faults on request"
)]
// A sample is to be copied, so its line must not be wrapped if another crate lets clap wrap lines.
#[command(long_about = ABOUT, after_long_help = endpoints(), term_width = 0)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Allow an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,

    #[arg(long = "control-host", value_name = "HOST:PORT", value_parser = control_host)]
    #[arg(
        help = "A further Host to which the controls answer, such as emulator:8787; may be given again"
    )]
    pub(crate) control_hosts: Vec<Authority>,

    /// A key pair it knows, split at the first equals sign; may be given again, with another id
    /// [default: wk.sandbox.example=ws.sandbox.example]
    #[arg(long = "key", value_name = "ID=SECRET")]
    keys: Vec<Hidden>,

    /// Sign tokens with this key instead of the client secret
    #[arg(long, value_name = "KEY")]
    signing_key: Option<Hidden>,

    /// The path of the login
    #[arg(long, value_name = "PATH", default_value = "/authenticate", value_parser = path)]
    login_path: RequestPath,

    /// How long a token lasts: 10s, 1500ms, 1h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = span, allow_hyphen_values = true)]
    lifetime: Duration,

    /// How a token's dates are written: whole or fractional
    #[arg(long, value_name = "STYLE", default_value = "whole", value_parser = word::<DateStyle>)]
    dates: DateStyle,

    /// How tokens are signed: HS256, HS384 or HS512
    #[arg(long, value_name = "ALGORITHM", default_value = "HS256", value_parser = word::<Algorithm>)]
    algorithm: Algorithm,

    /// The claims of a token, any of exp,iat,jti,sub
    #[arg(long, value_name = "LIST", default_value = "exp,iat,jti,sub", value_parser = switches::<Claims>)]
    claims: Claims,

    /// Where a renewed token's iat comes from: minted (its own) or login
    #[arg(long, value_name = "SOURCE", default_value = "minted", value_parser = word::<IssuedAt>)]
    iat: IssuedAt,

    /// How long after its login a chain of renewals ends [default: never]
    #[arg(long, value_name = "DURATION", value_parser = span, allow_hyphen_values = true)]
    chain_limit: Option<Duration>,

    /// What becomes of a token when its successor is issued: lenient, strict, grace:DURATION or
    /// batch:DURATION[:restamped|:sent|:blank]
    #[arg(long, value_name = "ROTATION", default_value = "lenient")]
    rotation: Rotation,

    #[arg(long, value_name = "FORM", default_value = "bearer", value_parser = word::<RenewalForm>)]
    #[arg(
        help = "How a fresh token is sent: bearer, lower_case, colon, bare, doubled, several, blank, malformed, oversized or none"
    )]
    renewal: RenewalForm,

    /// Which responses carry a fresh token: success (every 2xx), ok (200 alone) or all
    #[arg(long, value_name = "WHICH", default_value = "success", value_parser = word::<RenewalOn>)]
    renewal_on: RenewalOn,

    #[arg(long, value_name = "ANSWER", default_value = "body", value_parser = word::<LoginAnswer>)]
    #[arg(
        help = "How a granted login is answered: body, prefixed (Bearer in the body), created (201) or header (that alone)"
    )]
    login_answer: LoginAnswer,

    /// Send the login's token in its Authorization header as well
    #[arg(long)]
    login_header: bool,

    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    #[arg(value_parser = switches::<Accept>)]
    #[arg(
        help = "Forms of the request's header accepted beside Bearer x, any of bare,doubled,lower_case [default: none]"
    )]
    accept: Accept,

    /// How far the server's clock is off: +30s, -1m
    #[arg(long, value_name = "OFFSET", default_value = "0s", allow_hyphen_values = true)]
    clock_offset: ClockOffset,

    /// The Date header: present, absent or aged:DURATION (as a cache answers)
    #[arg(long, value_name = "DATE", default_value = "present")]
    date: DateHeader,

    #[arg(long, value_name = "ANSWER", default_value = "echo", value_parser = word::<UnknownPaths>)]
    #[arg(
        help = "How a path that the API does not have is answered: echo (200) or not_found (404)"
    )]
    unknown_paths: UnknownPaths,

    #[arg(long, value_name = "WHEN", default_value = "after_body", value_parser = word::<Refuses>)]
    #[arg(
        help = "When a call with a body is refused for its token: after_body, on_head (and closes) or on_head_alone (neither reads nor closes)"
    )]
    refuses: Refuses,

    /// How long the token of a login is refused at first, because not all servers know it yet
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = span, allow_hyphen_values = true)]
    known_after: Duration,

    #[arg(long, value_name = "WHO", default_value = "alike", value_parser = word::<Servers>)]
    #[arg(help = "Who answers: alike, or by_turns (two servers with signing keys of their own)")]
    servers: Servers,

    /// When an evaluation ends: never, polls:NUMBER or after:DURATION
    #[arg(long, value_name = "END", default_value = "never")]
    evaluations: EvaluationEnd,

    #[arg(long = "fault", value_name = "JSON|@FILE", value_parser = faults)]
    #[arg(help = "A failure, or a list of them, as JSON; may be given again", long_help = fault_help())]
    faults: Vec<Faults>,

    #[arg(long = "stub", value_name = "JSON|@FILE", value_parser = stubs)]
    #[arg(
        help = "An answer of your own, or a list of them, as JSON; may be given again",
        long_help = STUB_HELP
    )]
    stubs: Vec<Stubs>,

    /// How long each login waits before the server sees it
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = span, allow_hyphen_values = true)]
    pub(crate) login_latency: Duration,

    /// How long each call waits before the server sees it
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = span, allow_hyphen_values = true)]
    pub(crate) call_latency: Duration,
}

/// The faults of one `--fault`.
#[derive(Clone, Debug)]
struct Faults(Vec<Fault>);

/// The stubs of one `--stub`.
#[derive(Clone, Debug)]
struct Stubs(Vec<Stub>);

/// A text that neither `Debug` nor an error message shows.
#[derive(Clone)]
pub(crate) struct Hidden(String);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Options {
    /// Whether the default key pair is the only one.
    pub(crate) fn by_default(&self) -> bool {
        self.keys.is_empty()
    }

    /// The model that the command line describes.
    pub(crate) fn server(&self) -> Result<Server, clap::Error> {
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            return Err(refused(
                "--listen: this address can be reached from other machines; add --allow-remote to mean it",
            ));
        }
        let policy = Policy {
            login_path: self.login_path.to_string(),
            lifetime: self.lifetime,
            dates: self.dates,
            algorithm: self.algorithm,
            claims: self.claims,
            iat: self.iat,
            chain_limit: self.chain_limit,
            rotation: self.rotation,
            renewal: self.renewal,
            renewal_on: self.renewal_on,
            login_answer: self.login_answer,
            login_header: self.login_header,
            accept: self.accept,
            clock_offset: self.clock_offset,
            date: self.date,
            unknown_paths: self.unknown_paths,
            refuses: self.refuses,
            known_after: self.known_after,
            servers: self.servers,
            evaluations: self.evaluations,
        };
        let mut server = Server::new(policy);
        if self.by_default() {
            server.add_key(Server::KEY_ID, Server::KEY_SECRET);
        }
        let mut ids = BTreeSet::new();
        for Hidden(pair) in &self.keys {
            // Make our own message: clap would repeat the value, which contains a secret.
            match pair.split_once('=') {
                Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
                    if !ids.insert(id) {
                        return Err(refused(
                            "--key: two pairs have the same id; give each id once, with its one secret",
                        ));
                    }
                    server.add_key(id, secret);
                }
                _ => {
                    return Err(refused(
                        "--key: expected ID=SECRET, for example --key wk.me=ws.mine",
                    ));
                }
            }
        }
        if let Some(Hidden(key)) = &self.signing_key {
            server.set_signing_key(Some(key));
        }
        for fault in self.faults.iter().flat_map(|Faults(faults)| faults) {
            server.push_fault(fault.clone());
        }
        for stub in self.stubs.iter().flat_map(|Stubs(stubs)| stubs) {
            server.push_stub(stub.clone());
        }
        Ok(server)
    }
}

fn refused(message: &str) -> clap::Error {
    Options::command().error(ErrorKind::ValueValidation, message)
}

/// The help text of `--fault`.
fn fault_help() -> String {
    format!(
        r#"A failure, or a list of them, as JSON; may be given again. For example:

  --fault '{{"on": "login", "answer": {{"status": 503, "retry_after": 5}}, "times": 2}}'
  --fault '{{"on": "calls", "answer": "cut", "times": "forever", "stage": "after", "path": "/customer"}}'

Only on (login or calls) and answer are required. @faults.json reads them from a file. The answers are:

  {}"#,
        Answer::FORMS.replace('\n', "\n  ")
    )
}

/// The help text of `--stub`.
const STUB_HELP: &str = r#"An answer of your own, or a list of them, as JSON; may be given again. For example:

  --stub '{"method": "GET", "path": "/customer", "json": {"customerId": "c-1"}}'
  --stub '{"prefix": "/history/", "status": 503, "headers": {"retry-after": "5"}, "text": "Later", "times": 2}'

@stubs.json reads them from a file. The token of the call is still checked, and the answer brings a renewed token."#;

/// The last part of `--help`.
fn endpoints() -> String {
    let endpoints: Vec<String> =
        Server::ENDPOINTS.iter().map(|endpoint| format!("  {endpoint}")).collect();
    format!("Endpoints of the API that it knows, beside the login:\n{}", endpoints.join("\n"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    const EXPECTED: &str = "write it like 127.0.0.1:8787, with a port; port 0 takes a free one";
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    match local {
        Some(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        None => text.parse().map_err(|_| EXPECTED.to_owned()),
    }
}

fn path(text: &str) -> Result<RequestPath, String> {
    if Emulator::is_control(text) {
        return Err(
            "what is under /_emulator controls the emulator; expected another path".to_owned()
        );
    }
    text.parse().map_err(|error: BadWord| error.to_string())
}

fn span(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a duration such as 10s, 1500ms or 1h";
    if text
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    {
        return Err(format!("it cannot be negative: {EXPECTED}"));
    }
    humantime::parse_duration(text).map_err(|error| format!("{EXPECTED}: {error}"))
}

/// Reads a word. The command line uses the same words as the JSON policy.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
}

/// Reads a list such as `exp,iat`. Named switches are on, and all others are off.
fn switches<T: DeserializeOwned + serde::Serialize + Default>(list: &str) -> Result<T, String> {
    let mut named = serde_json::to_value(T::default()).map_err(|error| error.to_string())?;
    for (_, on) in named.as_object_mut().into_iter().flatten() {
        *on = Value::Bool(false);
    }
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if let Some(switches) = named.as_object_mut() {
            switches.insert(name.to_owned(), Value::Bool(true));
        }
    }
    serde_json::from_value(named).map_err(|error| error.to_string())
}

fn control_host(text: &str) -> Result<Authority, String> {
    let host = text.parse::<Authority>().ok();
    let host = host.filter(|host| host.port_u16().is_some() && !host.as_str().contains('@'));
    host.ok_or_else(|| "write it like emulator:8787, with the port that clients use".to_owned())
}

fn faults(text: &str) -> Result<Faults, String> {
    let faults = Fault::read_all(&json(text)?).map_err(|error| error.to_string())?;
    no_controls(faults.iter().filter_map(Fault::path))?;
    Ok(Faults(faults))
}

fn stubs(text: &str) -> Result<Stubs, String> {
    let stubs = Stub::read_all(&json(text)?).map_err(|error| error.to_string())?;
    no_controls(stubs.iter().map(Stub::path_or_prefix))?;
    Ok(Stubs(stubs))
}

/// The JSON itself, or the content of the file after an `@`.
fn json(text: &str) -> Result<Cow<'_, str>, String> {
    match text.strip_prefix('@') {
        None => Ok(text.into()),
        Some(file) => match std::fs::read_to_string(file) {
            Ok(json) => Ok(json.into()),
            Err(error) => Err(format!("cannot read the file {file:?}: {error}")),
        },
    }
}

fn no_controls<'a>(mut paths: impl Iterator<Item = &'a str>) -> Result<(), String> {
    match paths.find(|path| Emulator::is_control(path)) {
        Some(path) => Err(format!(
            "{path:?} controls the emulator: expected another path, such as \"/customer\""
        )),
        None => Ok(()),
    }
}
