//! The output of the programs, with correct and with wrong arguments.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use waldo_emulator::Emulator;

use crate::canaries::{KEY, OTHER_KEY, OTHER_SECRET, SECRET};
use crate::client::server;
use crate::ears::EARS;

/// Programs that run during the rest of the test.
pub(crate) struct Running(Vec<JoinHandle<()>>);

impl Running {
    pub(crate) fn end(self) {
        for program in self.0 {
            program.join().unwrap();
        }
    }
}

pub(crate) fn start() -> Running {
    build();
    Running(vec![
        thread::spawn(examples),
        thread::spawn(requests),
        thread::spawn(the_command),
        thread::spawn(the_emulator),
    ])
}

const PROGRAMS: [&str; 19] = [
    "waldo",
    "waldo-emulator",
    "quickstart",
    "examples/request",
    "examples/ureq",
    "examples/tower",
    "examples/reqwest",
    "examples/gateway",
    "examples/hyper",
    "examples/attohttpc",
    "examples/minreq",
    "examples/curl",
    "examples/batch",
    "examples/multipart",
    "examples/axum",
    "examples/rotation",
    "examples/testing",
    "examples/keep_token",
    "examples/share_token",
];

/// Programs that `requests`, `the_command` and `the_emulator` run.
const RUN_WITH_ARGUMENTS: [&str; 3] = ["waldo", "waldo-emulator", "examples/request"];

/// Builds the programs. Cargo builds them for a test of the whole workspace, but not for a test of
/// this file alone.
fn build() {
    if PROGRAMS.iter().all(|name| program(name).exists()) {
        return;
    }
    let packages =
        ["-p", "waldo-cli", "-p", "waldo-emulator", "-p", "quickstart", "-p", "waldo-examples"];
    let profile = if program("").ends_with("release") { "release" } else { "dev" };
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--profile", profile])
        .args(packages)
        .args(["--bins", "--examples"]);
    assert!(cargo.status().unwrap().success());
}

/// The path of a program of the workspace. Cargo puts it beside this test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    folder.join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

fn hear(output: &Output) {
    EARS.read(String::from_utf8_lossy(&output.stdout));
    EARS.read(String::from_utf8_lossy(&output.stderr));
}

/// Each example has its own emulator and key pair. The start that all tokens share would still
/// reveal a token.
fn examples() {
    for name in PROGRAMS.into_iter().filter(|name| !RUN_WITH_ARGUMENTS.contains(name)) {
        let output = Command::new(program(name)).output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        // The key pairs of the examples are not those that the ears know.
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let mut after = text.split("ws.").skip(1);
        let secret = after.find(|rest| rest.starts_with(|next: char| next.is_ascii_lowercase()));
        assert!(secret.is_none(), "{name} shows a secret");
        hear(&output);
    }
}

fn requests() {
    let emulator = Emulator::start(server()).unwrap();
    let origin = emulator.origin();
    for (key, secret, origin, status) in [
        (KEY, SECRET, origin.as_str(), 0),
        (KEY, OTHER_SECRET, origin.as_str(), 1),
        (&format!("{KEY}\n"), SECRET, origin.as_str(), 1),
        (OTHER_KEY, OTHER_SECRET, SECRET, 1),
        (OTHER_KEY, OTHER_SECRET, "http://127.0.0.1:1", 1),
    ] {
        let output = Command::new(program("examples/request"))
            .arg("/customer?field=id")
            .envs([
                ("WALDO_API_KEY", key),
                ("WALDO_CLIENT_SECRET", secret),
                ("WALDO_ORIGIN", origin),
            ])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        hear(&output);
    }
}

/// The command shows a token to the program that asks for it, and to nobody else.
fn the_command() {
    let emulator = Emulator::start(server()).unwrap();
    let home = tempfile::tempdir().unwrap();
    for (arguments, secret, status) in [
        (&["request", "/customer?field=id", "--include", "-vv"][..], SECRET, 0),
        (&["request", "/customer?field=id", "--json", "-vv"], SECRET, 0),
        (&["request", "/customer?field=id", "--dry-run"], SECRET, 0),
        (&["status"], SECRET, 0),
        (&["status", "--json"], SECRET, 0),
        (&["login", "--secret-stdin", "--storage", "file"], SECRET, 10),
        (&["request", "/customer?field=id", "-vv"], OTHER_SECRET, 11),
        (&["token", "--json", "-vv"], OTHER_SECRET, 11),
        (&["logout"], SECRET, 0),
    ] {
        let output = Command::new(program("waldo"))
            .args(arguments)
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .env("XDG_STATE_HOME", home.path())
            .envs([("WALDO_API_KEY", KEY), ("WALDO_CLIENT_SECRET", secret)])
            .env("WALDO_ORIGIN", emulator.origin())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
        hear(&output);
    }
}

fn the_emulator() {
    let pair = format!("{KEY}={SECRET}");
    let twice = format!("{KEY}={OTHER_SECRET}");
    let no_pair = format!("{KEY}{SECRET}");
    for arguments in
        [&["--key", &no_pair][..], &["--key", &pair, "--key", &twice], &["--key", &pair, "--port"]]
    {
        let output = emulator(arguments).output().unwrap();
        assert!(!output.status.success());
        hear(&output);
    }
    let mut running: Child =
        emulator(&["--key", &pair, "--signing-key", OTHER_SECRET]).spawn().unwrap();
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(running.stdout.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    let origin = first.strip_prefix("listening on ").unwrap();
    let output = Command::new(program("examples/request"))
        .args(["--origin", origin, "/customer?field=id"])
        .envs([("WALDO_API_KEY", KEY), ("WALDO_CLIENT_SECRET", SECRET)])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    hear(&output);
    running.kill().unwrap();
    lines.for_each(|line| EARS.read(line.unwrap()));
    hear(&running.wait_with_output().unwrap());
}

fn emulator(arguments: &[&str]) -> Command {
    let mut command = Command::new(program("waldo-emulator"));
    command.args(["--listen", "127.0.0.1:0"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    command
}
