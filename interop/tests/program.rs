//! The program fails if the other side is missing or does nothing.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Runs the program with this script as `node`, and expects that each test fails.
fn each_meeting_fails(folder: &str, node: Option<&str>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).unwrap();
    if let Some(script) = node {
        fs::write(folder.join("node"), script).unwrap();
        fs::set_permissions(folder.join("node"), Permissions::from_mode(0o700)).unwrap();
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_waldo-interop")).env("PATH", &folder).output().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.ends_with("\n0 passed, 19 failed\n"), "{told}");
}

#[test]
fn meetings_fail_without_node() {
    each_meeting_fails("no-node", None);
}

#[test]
fn meetings_fail_if_node_does_nothing() {
    each_meeting_fails("idle-node", Some("#!/bin/sh\nexit 0\n"));
}
