//! What the program costs: crates, and requests before the request itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};

use crate::home::{Home, KEY, SECRET, run};

/// With a stored token, the program needs no server.
#[test]
fn stored_token_needs_no_request() {
    let home = Home::new();
    let server = Server::new(Policy::default()).with_key(KEY, SECRET);
    let emulator = Emulator::start(server).unwrap();
    let origin = emulator.origin();
    let token = || run(home.waldo(&["token"]).env("WALDO_ORIGIN", &origin)).ok();
    let first = token();
    emulator.stop();
    assert_eq!(token(), first);
}

/// The names of the crates of which the program consists, without this project's own.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn crates(features: &[&str]) -> usize {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "-p", "waldo-cli", "-e", "normal,no-proc-macro"]);
    let output = cargo.args(["--prefix", "none", "-f", "{p}"]).args(features).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.starts_with("waldo-")).collect::<BTreeSet<_>>().len()
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn page_states_the_number_of_crates() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    // A package of the crate alone has no docs and no lock file.
    let Ok(page) = fs::read_to_string(page) else { return };
    for (name, features, most) in [
        ("the default", &[][..], 112),
        ("without `emulate`", &["--no-default-features", "--features", "keyring"], 97),
        ("without `keyring`", &["--no-default-features", "--features", "emulate"], 96),
        ("without features", &["--no-default-features"], 80),
        ("with `redis`", &["--features", "redis"], 141),
    ] {
        let count = crates(features);
        assert!(count <= most, "{name}: {count} crates");
        let row = format!("| crates on Linux, {name} | {count} |");
        assert!(page.contains(&row), "docs/cli.md has not: {row}");
    }
}
