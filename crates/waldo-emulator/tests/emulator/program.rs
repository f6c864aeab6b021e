//! The emulator as a program.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use waldo_emulator::model::{Answer, Fault, Server, Stub};

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
        let anywhere: &[&str] =
            if arguments.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let mut child = program(&[anywhere, arguments].concat()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let addr =
            first.strip_prefix("listening on http://").map(|addr| addr.trim_end().parse().unwrap());
        Self { child, lines, addr: addr.unwrap_or_else(|| panic!("first line: {first:?}")) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The code and the words of a program that does not start; one that does is ended, and the test
/// with it.
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
fn program_prints_address_and_working_default_key() {
    let mut running = Running::with(&[]);
    assert!(running.addr.ip().is_loopback());
    assert_eq!(Visitor::to(running.addr).log_in().status, 200);
    let mut second = String::new();
    running.lines.read_line(&mut second).unwrap();
    assert!(second.contains(Server::KEY_ID) && second.contains(Server::KEY_SECRET), "{second:?}");
}

#[test]
fn given_keys_replace_default_without_printing_secrets() {
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
        "--renewal",
        "lower_case",
        "--renewal-on",
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
        "--refuses",
        "on_head",
        "--login-path",
        "/authentication",
        "--login-header",
        "--login-answer",
        "created",
        "--known-after",
        "300ms",
        "--servers",
        "by_turns",
        "--signing-key",
        "another",
        "--login-latency",
        "1ms",
        "--call-latency",
        "1ms",
        "--fault",
        r#"{"on": "calls", "answer": "hang", "path": "/slow"}"#,
        "--evaluations",
        "after:5s",
        "--stub",
        r#"{"path": "/mine", "status": 404}"#,
    ]);
    let mut visitor = Visitor::to(running.addr);
    let expected = serde_json::json!({
        "lifetime": "1s 500ms", "dates": "fractional", "rotation": "batch:5s:sent", "renewal": "lower_case",
        "renewal_on": "all", "algorithm": "HS512", "iat": "login", "chain_limit": "1h", "clock_offset": "-30s",
        "claims": { "exp": true, "iat": true, "jti": false, "sub": false },
        "accept": { "bare": true, "doubled": true, "lower_case": false },
        "date": "aged:1m", "login_path": "/authentication", "login_header": true,
        "login_answer": "created",
        "unknown_paths": "not_found",
        "refuses": "on_head",
        "known_after": "300ms",
        "servers": "by_turns",
        "evaluations": "after:5s",
    });
    assert_eq!(visitor.ask("GET", "/_emulator/policy", "", b"").json(), expected);
    let faults = visitor.ask("GET", "/_emulator/faults", "", b"").json();
    assert_eq!(faults[0]["path"], "/slow");
    let stubs = visitor.ask("GET", "/_emulator/stubs", "", b"").json();
    assert_eq!(stubs[0]["path"], "/mine");
}

#[test]
fn bad_arguments_exit_with_code_2_and_hint() {
    let cases: [(&[&str], &str); 38] = [
        (&["--nope"], "--help"),
        (&["--listen", "here"], "like 127.0.0.1:8787"),
        (&["--listen", "127.0.0.1"], "like 127.0.0.1:8787"),
        (&["--listen", "localhost"], "like 127.0.0.1:8787"),
        (&["--listen", "localhost:high"], "like 127.0.0.1:8787"),
        (&["--login-path", "login"], "must begin with /"),
        (&["--login-path", "/a b"], "%20"),
        (&["--login-path", "/_emulator/x"], "controls the emulator"),
        (&["--lifetime", "soon"], "such as 10s"),
        (&["--lifetime", "-5s"], "cannot be negative: expected a duration such as 10s"),
        (&["--lifetime", "--login-header"], "such as 10s"),
        (&["--chain-limit", "-5s"], "cannot be negative"),
        (&["--login-latency", "-5s"], "cannot be negative"),
        (&["--call-latency", "-5s"], "cannot be negative"),
        (&["--rotation", "loose"], "lenient, strict"),
        (&["--renewal", "odd"], "bearer"),
        (&["--renewal-on", "never"], "success"),
        (&["--dates", "odd"], "fractional"),
        (&["--algorithm", "none"], "HS256"),
        (&["--claims", "exp,aud"], "jti"),
        (&["--accept", "anything"], "doubled"),
        (&["--clock-offset", "-soon"], "such as 10s"),
        (&["--date", "late"], "absent"),
        (&["--unknown-paths", "odd"], "not_found"),
        (&["--fault", "{}"], r#"{"on": "login", "answer": 503, "times": 2}"#),
        (&["--fault", "cut"], r#"such as {"on": "login", "answer": 503, "times": 2}"#),
        (&["--fault", r#"{"on": "calls", "answer": "cut", "path": "x"}"#], "must begin with /"),
        (
            &["--fault", r#"[{"on": "calls", "answer": "cut", "path": "/_emulator/"}]"#],
            "controls the emulator",
        ),
        (&["--fault", "@no-such-file.json"], "cannot read the file \"no-such-file.json\""),
        (&["--stub", "{}"], r#"either a "path" or a "prefix""#),
        (&["--stub", "@no-such-file.json"], "cannot read the file"),
        (&["--stub", r#"{"path": "/_emulator/"}"#], "controls the emulator"),
        (&["--evaluations", "soon"], "polls:NUMBER"),
        (&["--control-host", "emulator"], "like emulator:8787"),
        (&["--control-host", "me@emulator:1"], "like emulator:8787"),
        (&["--control-host", "http://emulator:1"], "like emulator:8787"),
        (&["--key", "wk.a=ws.planted", "--key", "wk.a=ws.planted2"], "the same id"),
        (&["--key"], "ID=SECRET"),
    ];
    for (arguments, hint) in cases {
        let (code, stderr) = ends_with(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("planted"), "{stderr}");
    }
}

#[test]
fn fault_argument_accepts_short_form_and_list() {
    let running = Running::with(&[
        "--fault",
        r#"{"on": "login", "answer": 503}"#,
        "--fault",
        r#"[{"on": "calls", "answer": {"status": 429, "retry_after": 5}}, {"on": "calls", "answer": "cut"}]"#,
    ]);
    let mut visitor = Visitor::to(running.addr);
    assert_eq!(
        visitor.ask("GET", "/_emulator/faults", "", b"").json().as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(visitor.log_in().status, 503);
    let limited = visitor.get("/customer", "x");
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("5")));
}

#[test]
fn stubs_and_faults_are_read_from_files() {
    let folder = std::env::temp_dir().join(format!("waldo-emulator-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, json: &str| {
        let file = folder.join(name);
        std::fs::write(&file, json).unwrap();
        format!("@{}", file.display())
    };
    let stubs = file("stubs.json", r#"[{"path": "/a", "status": 201}, {"path": "/b"}]"#);
    let faults = file("faults.json", r#"{"on": "login", "answer": 503}"#);
    let running = Running::with(&["--stub", &stubs, "--fault", &faults]);
    std::fs::remove_dir_all(&folder).unwrap();
    let mut visitor = Visitor::to(running.addr);
    assert_eq!(visitor.log_in().status, 503);
    let token = visitor.token();
    assert_eq!(visitor.get("/a", &token).status, 201);
    assert_eq!(visitor.get("/b", &token).body, b"");
}

#[test]
fn control_host_is_accepted_as_another_name() {
    let running = Running::with(&["--control-host", "emulator:8787"]);
    let mut visitor = Visitor::to(running.addr);
    let mut status = |host: &str| {
        visitor.ask("GET", "/_emulator/stats", &format!("host: {host}\r\n"), b"").status
    };
    assert_eq!(status("emulator:8787"), 200);
    assert_eq!(status("emulator:8788"), 403);
    assert_eq!(status(&running.addr.to_string()), 200);
}

#[test]
fn localhost_is_the_loopback_address() {
    let running = Running::with(&["--listen", "localhost:0"]);
    assert!(running.addr.ip().is_loopback());
}

#[test]
fn help_lists_endpoints_and_answers_without_backticks() {
    for flag in ["-h", "--help"] {
        let Output { status, stdout, .. } = program(&[flag]).output().unwrap();
        assert_eq!(status.code(), Some(0));
        let help = String::from_utf8(stdout).unwrap();
        assert!(!help.contains('`'), "{help}");
        assert!(
            help.contains("bare,doubled,lower_case") && help.contains("bearer, lower_case, colon")
        );
        if flag == "--help" {
            assert!(
                Server::ENDPOINTS.iter().all(|endpoint| help.contains(&endpoint.to_string())),
                "{help}"
            );
            assert!(Answer::FORMS.lines().all(|form| help.contains(form)), "{help}");
            let samples = help.lines().filter_map(|line| line.trim().strip_prefix("--fault '"));
            let samples: Vec<&str> =
                samples.filter_map(|sample| sample.strip_suffix('\'')).collect();
            assert!(samples.iter().all(|sample| Fault::read_all(sample).is_ok()), "{samples:?}");
            assert_eq!(samples.len(), 2);
            let samples = help.lines().filter_map(|line| line.trim().strip_prefix("--stub '"));
            let samples: Vec<&str> =
                samples.filter_map(|sample| sample.strip_suffix('\'')).collect();
            assert!(samples.iter().all(|sample| Stub::read_all(sample).is_ok()), "{samples:?}");
            assert_eq!(samples.len(), 2);
        }
    }
}

/// One line of the README's blocks for a shell, as its words; none but single quotes are
/// understood.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

#[test]
fn the_commands_in_the_readme_work() {
    let readme = include_str!("../../README.md");
    let (mut started, mut asked) = (0, 0);
    for block in readme.split("```sh\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            let words = words(line);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["cargo", "run", "-p", "waldo-emulator", arguments @ ..] => {
                    let arguments = arguments.strip_prefix(&["--"]).unwrap_or(arguments);
                    // `with` gives a free port of its own: a fixed one may be in use here.
                    let arguments: Vec<&str> = match arguments {
                        ["--listen", _, rest @ ..] => rest.to_vec(),
                        all => all.to_vec(),
                    };
                    Running::with(&arguments);
                    started += 1;
                }
                ["curl", options @ .., url] => {
                    let target = url.strip_prefix("http://127.0.0.1:8787").unwrap();
                    let (method, body) = match options {
                        ["-d", body] => ("POST", *body),
                        ["-X", method] => (*method, ""),
                        [] | ["-i", "-H", _] => ("GET", ""),
                        _ => panic!("{line}"),
                    };
                    let running = Running::with(&[]);
                    let answer = Visitor::to(running.addr).ask(method, target, "", body.as_bytes());
                    // The token in the README is cut.
                    let expected = if line.contains("Bearer") { 403 } else { 200 };
                    assert_eq!(answer.status, expected, "{line}");
                    asked += 1;
                }
                ["export", variables @ ..] => {
                    assert_eq!(
                        variables,
                        [
                            "WALDO_ORIGIN=http://127.0.0.1:8787".to_owned(),
                            format!("WALDO_API_KEY={}", Server::KEY_ID),
                            format!("WALDO_CLIENT_SECRET={}", Server::KEY_SECRET),
                        ]
                    );
                }
                _ => panic!("{line}"),
            }
        }
    }
    assert_eq!((started, asked), (6, 10));
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
fn remote_listen_address_requires_allow_remote() {
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
    assert!(
        stderr.contains("cannot listen") && stderr.contains("--listen 127.0.0.1:0"),
        "{stderr}"
    );
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
        assert!(visitor.is_closed());
    }
}
