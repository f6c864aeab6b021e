//! Counts instructions with valgrind's callgrind.
//!
//! The counts hardly depend on the load of the machine, so a limit can be set on them. They include
//! user space only. valgrind shows a CPU without the SHA extensions and AVX-512, so hashing runs
//! the portable code.

use std::hint::black_box;
use std::io;
use std::process::{Command, Stdio};

use crate::contender::{Batch, Contender};
use crate::group::Group;

/// The command that asks a counting program for one case: `perform GROUP CONTENDER OPERATIONS`.
///
/// The program must call [`perform`] for it.
pub const COMMAND: &str = "perform";

/// Only this function is counted. The pattern matches any mangling of its name.
const TOGGLE: &str = "--toggle-collect=*counted_by_callgrind*";

/// The default number of counted operations. The rest of a batch takes only a few instructions.
const OPERATIONS: usize = 512;

/// Whether valgrind is installed on this machine.
pub fn is_installed() -> bool {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Counts the instructions of one operation in a new run of this program.
///
/// # Errors
/// The program cannot be run, fails, or has counted nothing.
pub fn count(group: &Group, contender: &Contender) -> io::Result<f64> {
    let operations = operations(group);
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
            TOGGLE,
        ])
        .arg(std::env::current_exe()?)
        .args([COMMAND, group.key(), contender.name(), &operations.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "{} of {} failed under valgrind:\n{report}",
            contender.name(),
            group.key()
        )));
    }
    let collected = collected(&report).filter(|instructions| *instructions > 0.0);
    let each = collected.map(|instructions| instructions / precise(operations));
    each.ok_or_else(|| {
        io::Error::other(format!("valgrind has counted nothing in {TOGGLE}:\n{report}"))
    })
}

/// Performs one counted batch, after one that is not counted.
pub fn perform(contender: &Contender, operations: usize) {
    contender.prepare(operations).perform();
    let mut batch = contender.prepare(operations);
    counted_by_callgrind(&mut *batch);
    batch.check();
}

/// The number of counted operations of a group's contenders.
pub fn operations(group: &Group) -> usize {
    group.operations().map_or(OPERATIONS, |operations| operations.min(OPERATIONS))
}

#[inline(never)]
fn counted_by_callgrind(batch: &mut dyn Batch) {
    batch.perform();
    // Prevent a tail call: callgrind would not see the end of this function.
    black_box(batch);
}

/// The total in a line such as `==7== Collected : 253012`.
fn collected(report: &str) -> Option<f64> {
    let (_, total) = report.lines().find_map(|line| line.split_once("Collected :"))?;
    total.trim().parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "no batch has 2^53 operations")]
fn precise(operations: usize) -> f64 {
    operations as f64
}
