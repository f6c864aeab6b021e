//! The emulator as a program.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use waldo_emulator::model::Server;

use crate::visitor::Visitor;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waldo-emulator"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    command
}

/// A running program; it ends with the test.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    addr: SocketAddr,
}

impl Running {
    fn with(arguments: &[&str]) -> Self {
        let mut child = program(&[&["--listen", "127.0.0.1:0"], arguments].concat()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let addr = first.strip_prefix("listening on http://").map(|addr| addr.trim_end().parse().unwrap());
        Self { child, lines, addr: addr.unwrap_or_else(|| panic!("first line: {first:?}")) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The code and the words of a program that does not start; one that does is ended, and the test with it.
fn ends_with(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = program(arguments).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    if !first.is_empty() {
        drop(child.kill());
        drop(child.wait());
        panic!("it has started: {first}");
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn its_first_line_says_where_it_listens_and_its_default_key_works() {
    let mut running = Running::with(&[]);
    assert!(running.addr.ip().is_loopback());
    assert_eq!(Visitor::to(running.addr).log_in().status, 200);
    let mut second = String::new();
    running.lines.read_line(&mut second).unwrap();
    assert!(second.contains(Server::KEY_ID) && second.contains(Server::KEY_SECRET), "{second:?}");
}

#[test]
fn given_keys_replace_the_default_one_and_their_secrets_are_not_printed() {
    let mut running = Running::with(&["--key", "wk.a=ws.planted=1", "--key", "wk.b=ws.b"]);
    let mut visitor = Visitor::to(running.addr);
    for (id, secret, expected) in
        [("wk.a", "ws.planted=1", 200), ("wk.b", "ws.b", 200), ("wk.a", "ws.b", 401)]
    {
        let body = format!(r#"{{"apiKey": "{id}", "clientSecret": "{secret}"}}"#);
        assert_eq!(visitor.ask("POST", "/authenticate", "", body.as_bytes()).status, expected);
    }
    assert_eq!(visitor.log_in().status, 401);
    running.child.kill().unwrap();
    let mut printed = String::new();
    running.lines.read_to_string(&mut printed).unwrap();
    running.child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(!printed.contains("planted"));
}

#[test]
fn its_options_become_the_policy() {
    let running = Running::with(&[
        "--lifetime",
        "1500ms",
        "--dates",
        "fractional",
        "--rotation",
        "batch:5s:sent",
        "--roll",
        "lower_case",
        "--roll-on",
        "all",
        "--algorithm",
        "HS512",
        "--claims",
        "exp,iat",
        "--iat",
        "login",
        "--chain-limit",
        "1h",
        "--accept",
        "bare,doubled",
        "--clock-offset",
        "-30s",
        "--date",
        "aged:1m",
        "--unknown-paths",
        "not_found",
        "--login-path",
        "/authentication",
        "--login-header",
        "--signing-key",
        "another",
        "--login-latency",
        "1ms",
        "--call-latency",
        "1ms",
        "--fault",
        r#"{"on": "calls", "answer": "hang", "path": "/slow"}"#,
    ]);
    let mut visitor = Visitor::to(running.addr);
    let expected = serde_json::json!({
        "lifetime": "1s 500ms", "dates": "fractional", "rotation": "batch:5s:sent", "roll": "lower_case",
        "roll_on": "all", "algorithm": "HS512", "iat": "login", "chain_limit": "1h", "clock_offset": "-30s",
        "claims": { "exp": true, "iat": true, "jti": false, "sub": false },
        "accept": { "bare": true, "doubled": true, "lower_case": false },
        "date": "aged:1m", "login_path": "/authentication", "login_header": true,
        "unknown_paths": "not_found",
    });
    assert_eq!(visitor.ask("GET", "/_emulator/policy", "", b"").json(), expected);
    let faults = visitor.ask("GET", "/_emulator/faults", "", b"").json();
    assert_eq!(faults[0]["path"], "/slow");
}

#[test]
fn bad_arguments_end_it_with_code_2_and_a_hint() {
    let cases: [(&[&str], &str); 15] = [
        (&["--nope"], "--help"),
        (&["--listen", "here"], "--listen"),
        (&["--lifetime", "soon"], "such as 10s"),
        (&["--rotation", "loose"], "lenient, strict"),
        (&["--roll", "odd"], "bearer"),
        (&["--roll-on", "never"], "success"),
        (&["--dates", "odd"], "fractional"),
        (&["--algorithm", "none"], "HS256"),
        (&["--claims", "exp,aud"], "jti"),
        (&["--accept", "anything"], "doubled"),
        (&["--clock-offset", "-soon"], "such as 10s"),
        (&["--date", "late"], "absent"),
        (&["--unknown-paths", "odd"], "not_found"),
        (&["--fault", "{}"], "on"),
        (&["--key"], "ID=SECRET"),
    ];
    for (arguments, hint) in cases {
        let (code, stderr) = ends_with(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_malformed_key_is_refused_without_being_repeated() {
    for pair in ["ws.planted", "=ws.planted", "ws.planted="] {
        let (code, stderr) = ends_with(&["--key", pair]);
        assert_eq!(code, Some(2));
        assert!(stderr.contains("ID=SECRET") && !stderr.contains("planted"), "{stderr}");
    }
}

#[test]
fn an_address_that_others_can_reach_has_to_be_allowed() {
    for addr in ["0.0.0.0:0", "[::]:0"] {
        let (code, stderr) = ends_with(&["--listen", addr]);
        assert_eq!(code, Some(2));
        assert!(stderr.contains("--allow-remote"), "{stderr}");
    }
}

#[test]
fn a_port_in_use_ends_it_with_code_1() {
    let running = Running::with(&[]);
    let (code, stderr) = ends_with(&["--listen", &running.addr.to_string()]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot listen"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn it_ends_cleanly_when_asked_to() {
    for signal in ["INT", "TERM"] {
        let mut running = Running::with(&[]);
        let mut visitor = Visitor::to(running.addr);
        assert_eq!(visitor.log_in().status, 200);
        let command = format!("kill -{signal} {}", running.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
        assert_eq!(running.child.wait().unwrap().code(), Some(0), "{signal}");
        assert!(visitor.receive().is_err());
    }
}
