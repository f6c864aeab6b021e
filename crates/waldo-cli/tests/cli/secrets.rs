//! No output, file name or argument has a secret.

use std::fs;
use std::path::Path;

use waldo_emulator::model::{Answer, Fault};

use crate::home::{Home, KEY, SECRET, run, run_with};

#[test]
fn no_level_of_events_shows_a_secret() {
    let home = Home::new();
    let mut texts = 0;
    for verbose in ["-v", "-vv", "-vvvv"] {
        home.emulator.expire_all();
        for arguments in [&["request", "/history/kyc/c-1", "-i"][..], &["token"], &["status"]] {
            // `Run::of` checks both streams.
            let mut command = home.waldo(&[arguments, &[verbose]].concat());
            command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
            let run = run(&mut command);
            texts += run.stderr.len();
            run.ok();
        }
        home.emulator.push_fault(Fault::login(Answer::SingleQuotes).times(1));
        home.run(&["token", "--store", "none", verbose]);
    }
    assert!(texts > 200, "the events are shown");
}

#[test]
fn token_is_printed_by_token_only() {
    let home = Home::new();
    let token = home.run(&["token"]).ok();
    let token = token.trim_end();
    for arguments in [
        &["request", "/history/kyc/c-1", "-i", "--json"][..],
        &["request", "/history/kyc/c-1", "--dry-run", "--json"],
        &["status", "--json"],
        &["status"],
        &["--help"],
    ] {
        let run = home.run(arguments);
        assert!(!run.stdout.contains(token) && !run.stdout.contains("eyJ"), "{run:?}");
        assert!(!run.stdout.contains(KEY), "{run:?}");
    }
    let pair = format!("{KEY}\n{SECRET}\n");
    let login = ["login", "--secret-stdin", "--storage", "file", "--json"];
    let run = run_with(&mut home.keyless(&login), pair);
    assert!(!run.stdout.contains(KEY) && !run.stdout.contains("eyJ"), "{run:?}");
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn files_of_the_store_are_sealed() {
    let home = Home::new();
    let token = home.run(&["token"]).ok();
    let files = files(home.path());
    assert!(!files.is_empty());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        for secret in [KEY, SECRET, token.trim_end(), "eyJ"] {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{} has a secret", file.display());
        }
    }
}

/// A core dump would hold the key pair.
#[cfg(target_os = "linux")]
#[test]
fn program_makes_no_core_dump() {
    let home = Home::new();
    let mut command = home.waldo(&["request", "/nowhere", "-"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    // The program has begun when it has logged in.
    while home.logins() == 0 {
        std::thread::yield_now();
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    // The soft limit may be 0 anyway, and the hard limit is the program's own.
    assert_eq!(line.split_whitespace().nth(5), Some("0"), "{line}");
}

/// The limit does not hold if the system hands core dumps to a program, but this does. The files of
/// such a process in `/proc` belong to root.
#[cfg(target_os = "linux")]
#[test]
fn program_cannot_be_dumped() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;

    let home = Home::new();
    let mut command = home.waldo(&["emulate", "--listen", "127.0.0.1:0"]);
    if rustix::process::getuid().is_root() {
        // The files of each process of root belong to root.
        command.uid(65534).current_dir("/");
    }
    let mut child = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return eprintln!("skipped: nobody may not run {}", crate::home::WALDO);
        }
        child => child.unwrap(),
    };
    // The program has begun when it listens.
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let owner = fs::metadata(format!("/proc/{}/environ", child.id())).unwrap().uid();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((line.starts_with("listening"), owner), (true, 0));
}
