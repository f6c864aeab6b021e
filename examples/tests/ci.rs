//! The steps of `.ci/run` fail where they must.

#![cfg(unix)]

use std::path::Path;
use std::process::Command;

#[test]
fn steps_of_ci_fail_and_skip_as_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new("bash").arg(root.join(".ci/selftest")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
