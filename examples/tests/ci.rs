//! The self-tests of `.ci/run`: each step fails and skips as documented.

#![cfg(unix)]

use std::path::Path;
use std::process::Command;

#[cfg(test)]
fn succeeds(script: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new("bash").arg(root.join(".ci").join(script)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn steps_of_ci_fail_and_skip_as_they_say() {
    succeeds("selftest");
}

#[cfg(target_os = "linux")]
#[test]
fn scripts_of_ci_fail_and_skip_as_they_say() {
    succeeds("selftest-scripts");
}
