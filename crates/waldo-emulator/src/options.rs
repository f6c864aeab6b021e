//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use serde::de::DeserializeOwned;
use serde_json::Value;
use waldo_emulator::model::{
    Accept, Algorithm, Claims, ClockOffset, DateHeader, DateStyle, Fault, IssuedAt, Policy, RollForm, RollOn,
    Rotation, Server, UnknownPaths,
};

/// The Waldo API's authentication on a local socket, with faults on request.
///
/// The first line on stdout is `listening on http://ADDR`. While it runs, it is controlled under /_emulator/: GET
/// /_emulator/ lists the controls. It ends on ctrl-c and on SIGTERM.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,

    /// Allow an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,

    /// A key pair it knows, split at the first `=`; may be given again [default: wk.sandbox.example=ws.sandbox.example]
    #[arg(long = "key", value_name = "ID=SECRET")]
    keys: Vec<Hidden>,

    /// Sign tokens with this key instead of the client secret
    #[arg(long, value_name = "KEY")]
    signing_key: Option<Hidden>,

    /// The path of the login
    #[arg(long, value_name = "PATH", default_value = "/authenticate")]
    login_path: String,

    /// How long a token lasts: 10s, 1500ms, 1h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = span)]
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
    #[arg(long, value_name = "DURATION", value_parser = span)]
    chain_limit: Option<Duration>,

    /// What becomes of a token when its successor is issued: lenient, strict, grace:DURATION or
    /// batch:DURATION[:restamped|:sent|:blank]
    #[arg(long, value_name = "ROTATION", default_value = "lenient")]
    rotation: Rotation,

    /// How a fresh token is sent: bearer, `lower_case`, colon, bare, doubled, blank, junk or none
    #[arg(long, value_name = "FORM", default_value = "bearer", value_parser = word::<RollForm>)]
    roll: RollForm,

    /// Which responses carry a fresh token: success (every 2xx), ok (200 alone) or all
    #[arg(long, value_name = "WHICH", default_value = "success", value_parser = word::<RollOn>)]
    roll_on: RollOn,

    /// Send the login's token in its Authorization header as well
    #[arg(long)]
    login_header: bool,

    /// Forms of the request's header accepted beside `Bearer x`, any of `bare,doubled,lower_case`
    #[arg(long, value_name = "LIST", default_value = "", value_parser = switches::<Accept>)]
    accept: Accept,

    /// How far the server's clock is off: +30s, -1m
    #[arg(long, value_name = "OFFSET", default_value = "0s", allow_hyphen_values = true)]
    clock_offset: ClockOffset,

    /// The Date header: present, absent or aged:DURATION (as a cache answers)
    #[arg(long, value_name = "DATE", default_value = "present")]
    date: DateHeader,

    /// How a path that the API does not have is answered: echo (200) or `not_found` (404)
    #[arg(long, value_name = "ANSWER", default_value = "echo", value_parser = word::<UnknownPaths>)]
    unknown_paths: UnknownPaths,

    /// A failure, as JSON; may be given again
    #[arg(long = "fault", value_name = "JSON", value_parser = fault)]
    faults: Vec<Fault>,

    /// How long each login waits before the server sees it
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = span)]
    pub(crate) login_latency: Duration,

    /// How long each call waits before the server sees it
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = span)]
    pub(crate) call_latency: Duration,
}

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
    /// Reads the command line; where it makes no sense, it says why on stderr and ends the process with code 2.
    pub(crate) fn read() -> Self {
        let options = Self::parse();
        if !options.listen.ip().is_loopback() && !options.allow_remote {
            refuse(
                "--listen: this address can be reached from other machines; add --allow-remote to mean it",
            );
        }
        options
    }

    /// Whether it knows the default key pair alone.
    pub(crate) fn by_default(&self) -> bool {
        self.keys.is_empty()
    }

    /// The model as the command line describes it.
    pub(crate) fn server(&self) -> Server {
        let policy = Policy {
            login_path: self.login_path.clone(),
            lifetime: self.lifetime,
            dates: self.dates,
            algorithm: self.algorithm,
            claims: self.claims,
            iat: self.iat,
            chain_limit: self.chain_limit,
            rotation: self.rotation,
            roll: self.roll,
            roll_on: self.roll_on,
            login_header: self.login_header,
            accept: self.accept,
            clock_offset: self.clock_offset,
            date: self.date,
            unknown_paths: self.unknown_paths,
        };
        let mut server = Server::new(policy);
        if self.by_default() {
            server.add_key(Server::KEY_ID, Server::KEY_SECRET);
        }
        for Hidden(pair) in &self.keys {
            // clap would repeat the value, and half of it is a secret.
            match pair.split_once('=') {
                Some((id, secret)) if !id.is_empty() && !secret.is_empty() => server.add_key(id, secret),
                _ => refuse("--key: expected ID=SECRET, for example --key wk.me=ws.mine"),
            }
        }
        if let Some(Hidden(key)) = &self.signing_key {
            server.set_signing_key(Some(key));
        }
        for fault in &self.faults {
            server.push_fault(fault.clone());
        }
        server
    }
}

fn refuse(message: &str) -> ! {
    Options::command().error(ErrorKind::ValueValidation, message).exit()
}

fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("expected a duration such as 10s, 1500ms or 1h: {error}"))
}

/// The words of the command line are those of the JSON policy.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
}

/// A list such as `exp,iat`: what it names is on, the rest is off.
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

fn fault(json: &str) -> Result<Fault, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}
