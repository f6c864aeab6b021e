//! The program in a pseudo-terminal: prompts, progress, colours, Ctrl-C and the width.

use std::fs::{self, File};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waldo_emulator::model::{Answer, Fault, Stub};

use crate::home::{Home, KEY, SECRET};
use crate::screen::Screen;

const CTRL_C: &[u8] = b"\x03";

#[test]
fn login_hides_what_is_typed() {
    let home = Home::new();
    let mut screen = Screen::keyless(&home, &["login"]);
    screen.wait_for("API key: ");
    screen.type_in(KEY);
    screen.type_in("xx\x7f\x7f\n");
    screen.wait_for("Client secret: ");
    screen.type_in("nonsense\x15");
    screen.type_in(SECRET);
    screen.type_in("\n");
    screen.wait_for("accepts the key pair");
    screen.wait_for("Keep the key pair in plain text in ");
    screen.wait_for("[y/N] ");
    screen.type_in("y\n");
    let (code, text) = screen.end();
    assert_eq!(code, Some(0), "{text}");
    for hidden in [KEY, SECRET, "nonsense", "xx"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert!(fs::read_to_string(home.profiles()).unwrap().contains(SECRET));
}

#[test]
fn refused_storage_keeps_nothing() {
    let home = Home::new();
    let mut screen = Screen::keyless(&home, &["login"]);
    screen.wait_for("API key: ");
    // Both answers at once, as a user pastes them.
    screen.type_in(&format!("{KEY}\n{SECRET}\n"));
    screen.wait_for("[y/N] ");
    screen.type_in("\n");
    let (code, text) = screen.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains(SECRET) && !text.contains(KEY), "{text}");
    assert!(text.contains("The key pair is not kept.") && !home.profiles().exists(), "{text}");
}

#[test]
fn ctrl_c_in_a_prompt_restores_the_terminal() {
    let home = Home::new();
    let mut screen = Screen::of_shell(&home, "waldo login; echo code $?; stty -a");
    screen.wait_for("API key: ");
    screen.type_in("half a key");
    screen.send(CTRL_C);
    screen.wait_for("code 130");
    let (_, text) = screen.end();
    let modes: Vec<&str> = text.split_whitespace().collect();
    for mode in ["echo", "icanon", "isig"] {
        assert!(modes.contains(&mode), "{mode}: {text}");
    }
    assert!(!text.contains("half a key"), "{text}");
}

#[test]
fn ctrl_c_ends_a_call() {
    // A script that starts the tests with `&` lets them ignore the signal, and so the shell here too.
    let trap = std::process::Command::new("bash").args(["-c", "trap -p INT"]).output().unwrap();
    if !trap.stdout.is_empty() {
        return eprintln!("skipped: SIGINT is ignored here, so start the tests in the foreground");
    }
    let home = Home::new();
    home.emulator.push_fault(Fault::call(Answer::Hang));
    // A shell reports the signal as 130.
    let mut screen =
        Screen::of_shell(&home, "trap : INT; waldo request /history/kyc/c-1; echo code $?");
    while home.emulator.stats().server.total() < 2 {
        std::thread::yield_now();
    }
    screen.send(CTRL_C);
    screen.wait_for("code 130");
    screen.end();
}

#[test]
fn end_of_input_in_a_prompt_is_no_login() {
    let home = Home::new();
    let mut screen = Screen::keyless(&home, &["login"]);
    screen.wait_for("API key: ");
    screen.send(b"\x04");
    let (code, text) = screen.end();
    assert_eq!(code, Some(10), "{text}");
}

#[test]
fn token_is_shown_to_a_terminal_on_request_only() {
    let home = Home::new();
    let (code, text) = Screen::new(&home, &["token"]).end();
    assert_eq!((code, text.contains("eyJ")), (Some(2), false), "{text}");
    assert!(text.contains("curl -H @<(waldo token --format header)"), "{text}");
    let (code, text) = Screen::new(&home, &["token", "--show"]).end();
    assert_eq!((code, text.contains("eyJ")), (Some(0), true));
}

#[test]
fn json_is_indented_on_a_terminal() {
    let home = Home::new();
    let (code, text) = Screen::new(&home, &["request", "/customer", "field==id"]).end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("{\r\n  \"customerId\": \""), "{text:?}");
    assert!(text.ends_with("}\r\n"), "{text:?}");
    let (_, text) = Screen::new(&home, &["request", "/customer", "field==id", "--raw"]).end();
    assert!(text.contains("{\"customerId\":\""), "{text:?}");
}

#[test]
fn body_cannot_command_the_terminal() {
    let home = Home::new();
    let response = plain(b"\x1b]0;owned\x07\x9b2Jtext");
    let stub = Stub::path("GET".parse().unwrap(), "/customer");
    home.emulator.push_stub(stub.response(response));
    let (_, text) = Screen::new(&home, &["request", "/customer", "field==id"]).end();
    assert!(text.contains("owned\u{fffd}") && text.contains("text"), "{text:?}");
    assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text:?}");
}

/// U+009B begins a command of the terminal, and JSON may have it as it is.
#[test]
fn json_cannot_command_the_terminal() {
    let home = Home::new();
    let json = r#"{"name":"@2J"}"#.replace('@', "\u{9b}");
    let response = http::Response::builder().header("content-type", "application/json");
    let stub = Stub::path("GET".parse().unwrap(), "/customer");
    home.emulator.push_stub(stub.response(response.body(json.clone().into_bytes()).unwrap()));
    let request = Screen::new(&home, &["request", "/customer", "--json"]);
    let part = URL_SAFE_NO_PAD.encode(&json);
    let inspect = |option| {
        let line = format!("printf {part}.{part}.eA | waldo inspect {option}");
        Screen::of_shell(&home, &line)
    };
    for screen in [request, inspect(""), inspect("--json")] {
        let (code, text) = screen.end();
        assert_eq!(code, Some(0), "{text:?}");
        assert!(text.contains(r#"{"name":"\u009b2J"}"#), "{text:?}");
        assert!(!text.contains('\u{9b}'), "{text:?}");
    }
    let piped = home.run(&["request", "/customer", "--json"]).ok();
    assert!(piped.contains(&json), "{piped:?}");
}

fn plain(body: &[u8]) -> http::Response<Vec<u8>> {
    http::Response::builder().header("content-type", "text/plain").body(body.to_vec()).unwrap()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let home = Home::new();
    let red = "\x1b[1;31merror:\x1b[0m";
    let (_, text) = Screen::new(&home, &["request", "nothing"]).end();
    assert!(text.contains(red), "{text:?}");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (_, text) = Screen::with(&home, &["request", "nothing"], &[(name, value)]).end();
        assert!(text.contains("error:") && !text.contains('\x1b'), "{text:?}");
    }
    assert!(!home.run(&["request", "nothing"]).stderr.contains('\x1b'));
}

#[test]
fn upload_shows_its_progress() {
    let home = Home::new();
    home.run(&["token"]).ok();
    let file = home.write("large.pdf", "");
    File::options().write(true).open(&file).unwrap().set_len(9 << 20).unwrap();
    let (code, text) = Screen::new(&home, &["request", "/document", "@large.pdf"]).end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("of 9.00 MiB"), "{text:?}");
    home.write("small.pdf", "x");
    let (_, text) = Screen::new(&home, &["request", "/document", "@small.pdf"]).end();
    assert!(!text.contains(" of "), "{text:?}");
    let piped = home.run(&["request", "/document", "@large.pdf"]);
    assert_eq!(piped.stderr, "");
}

#[test]
fn download_shows_its_progress() {
    let home = Home::new();
    home.run(&["token"]).ok();
    let arguments = ["request", "/history/kyc/c-1", "-o", "answer.json"];
    home.emulator.push_fault(Fault::call(Answer::Padded { bytes: 9 << 20 }));
    let (code, text) = Screen::new(&home, &arguments).end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("of 9.00 MiB"), "{text:?}");
    assert_eq!(fs::metadata(home.path().join("answer.json")).unwrap().len(), 9 << 20);
    let (_, text) = Screen::new(&home, &arguments).end();
    assert!(!text.contains(" of "), "a small answer needs no progress: {text:?}");
}

#[test]
fn help_fits_the_width() {
    let home = Home::new();
    for width in [60, 80, 200] {
        let (code, text) = Screen::of_width(&home, &["token", "-h"], width).end();
        assert_eq!(code, Some(0));
        let options = text.split("Options:").nth(1).unwrap().split("Examples:").next().unwrap();
        let longest = options.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= usize::from(width.min(100)), "{width}: {options}");
    }
}

#[test]
fn interactive_run_is_told_to_log_in() {
    let home = Home::new();
    let (code, text) = Screen::keyless(&home, &["request", "/history/kyc/c-1"]).end();
    assert_eq!(code, Some(10));
    assert!(text.contains("next: waldo login"), "{text}");
}

/// A prompt for a terminal whose user has gone away ends.
#[test]
fn closed_terminal_ends_a_prompt() {
    let home = Home::new();
    let mut screen = Screen::keyless(&home, &["login"]);
    screen.wait_for("API key: ");
    assert_ne!(screen.hang_up(), Some(0));
}
