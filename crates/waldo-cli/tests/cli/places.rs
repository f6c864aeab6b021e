//! Strange surroundings: no home, a home that cannot be written, odd locales, odd bytes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::home::{Home, run, run_with};

#[test]
fn run_without_a_home_logs_in() {
    let home = Home::new();
    for home_variable in ["", "relative"] {
        // The system knows a home even if the variable is missing, but the variable goes first.
        let mut command = home.waldo(&["token"]);
        command.env("HOME", if home_variable.is_empty() { "." } else { home_variable });
        let run = run(&mut command);
        assert!(run.stderr.contains("warning: this run logs in"), "{run:?}");
        run.ok();
    }
    assert_eq!(home.logins(), 2);
    let mut command = home.waldo(&["login", "--secret-stdin", "--storage", "file", "--no-verify"]);
    let run_ = run_with(command.env("HOME", "."), "wk.a\nws.b\n");
    run_.fails(1, &["this user has no home directory", "set HOME or XDG_CONFIG_HOME"]);
    let status = run(home.waldo(&["status"]).env("HOME", ".")).ok();
    assert!(status.contains("there is no directory for a token store"), "{status}");
}

/// A file in the place of a directory cannot be written by root either.
#[test]
fn home_that_cannot_be_written_costs_a_login() {
    let home = Home::new();
    home.write(".local", "");
    home.write(".config", "");
    for logins in 1..=2 {
        let run = home.run(&["request", "/history/kyc/c-1"]);
        assert!(run.stderr.contains("warning: the store cannot be used"), "{run:?}");
        run.ok();
        assert_eq!(home.logins(), logins);
    }
    let status = home.run(&["status"]).ok();
    assert!(status.contains("cannot be used"), "{status}");
    let login = ["login", "--secret-stdin", "--storage", "file"];
    let pair = format!("{}\n{}\n", crate::home::KEY, crate::home::SECRET);
    run_with(&mut home.waldo(&login), pair).fails(1, &["profiles.toml cannot be written"]);
}

#[test]
fn locale_changes_nothing() {
    let home = Home::new();
    let expected = home.run(&["request", "/customer", "field==\u{e9}"]).ok();
    assert!(expected.contains("%C3%A9"), "{expected}");
    for locale in ["C", "tr_TR.UTF-8", "zz_ZZ.nonsense", "", "de_DE@euro"] {
        let mut command = home.waldo(&["request", "/customer", "field==\u{e9}"]);
        let answer = run(command.env("LC_ALL", locale).env("LANG", locale)).ok();
        let field = |answer: &str| answer.split("field").nth(1).map(str::to_owned);
        assert_eq!(field(&answer), field(&expected), "{locale}");
    }
}

#[test]
fn argument_that_is_not_utf_8_is_no_panic() {
    let home = Home::new();
    let odd = |text: &[u8]| OsStr::from_bytes(text).to_owned();
    let arguments = |last: OsString| [odd(b"request"), odd(b"/nowhere"), last];
    for (last, text) in [
        (odd(b"name=\xff"), "the value of name is not UTF-8"),
        (odd(b"\xff=text"), "the name of a part is not UTF-8"),
        (odd(b"name==\xff"), "the value of name is not UTF-8"),
        (odd(b"\xff"), "a part has no"),
    ] {
        home.run(&arguments(last)).fails(2, &[text]);
    }
    home.run(&[odd(b"request"), odd(b"/\xff")]).fails(2, &["the path is not UTF-8"]);
    assert_eq!(home.run(&[odd(b"token"), odd(b"--profile"), odd(b"\xff")]).code, Some(2));
    assert_eq!(home.run(&[odd(b"\xff")]).code, Some(2));
    // The name of a file may have any bytes.
    let name = home.path().join(OsStr::from_bytes(b"body\xff.json"));
    fs::write(&name, "{}").unwrap();
    let answer = home.run(&arguments(odd(b"@body\xff.json"))).json();
    assert_eq!(answer["bytes"], 2);
    home.run(&arguments(odd(b"document@body\xff.json"))).ok();
    let store = [odd(b"token"), odd(b"--store"), odd(b"./st\xffre")];
    home.run(&store).ok();
    assert!(home.path().join(OsStr::from_bytes(b"st\xffre")).is_dir());
}

#[test]
fn variable_that_is_not_utf_8_is_named() {
    let home = Home::new();
    let odd = OsStr::from_bytes(b"\xff");
    for variable in ["WALDO_PROFILE", "WALDO_ORIGIN", "WALDO_TIMEOUT"] {
        run(home.waldo(&["token"]).env(variable, odd)).fails(2, &[variable, "it is not UTF-8"]);
    }
    run(home.waldo(&["token"]).env("WALDO_CLIENT_SECRET", odd)).fails(10, &["is not Unicode"]);
}

#[test]
fn empty_variable_counts_as_not_set() {
    let home = Home::new();
    let mut command = home.waldo(&["token"]);
    for variable in ["WALDO_PROFILE", "WALDO_STORE", "WALDO_TIMEOUT", "CREDENTIALS_DIRECTORY"] {
        command.env(variable, "");
    }
    run(&mut command).ok();
}
