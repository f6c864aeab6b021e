//! Instructions, counted by valgrind's callgrind.
//!
//! They hardly depend on who else uses the machine, so a limit can be set on them. They are those
//! of user space alone, and of the CPU that valgrind shows, which has neither the SHA extensions
//! nor AVX-512: there, hashing runs the portable code.

use std::hint::black_box;
use std::io;
use std::process::{Command, Stdio};

use crate::contender::{Batch, Contender};
use crate::group::Group;

/// The command by which a program that counts is asked for one case: `perform GROUP CONTENDER
/// OPERATIONS`.
///
/// It has to end in [`perform`].
pub const COMMAND: &str = "perform";

/// Everything in this function is counted, and nothing else. The pattern finds it however names are
/// mangled.
const TOGGLE: &str = "--toggle-collect=*counted_by_callgrind*";

/// How many operations are counted where the group does not say; the rest of a batch is a few
/// instructions.
const OPERATIONS: usize = 512;

/// Whether valgrind is on this machine.
pub fn is_installed() -> bool {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Counts the instructions of one operation, in a run of this program of its own.
///
/// # Errors
/// When the program cannot be run, or ends badly, or nothing was counted.
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
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "{} of {} failed under valgrind:\n{told}",
            contender.name(),
            group.key()
        )));
    }
    let collected = collected(&told).filter(|instructions| *instructions > 0.0);
    let each = collected.map(|instructions| instructions / precise(operations));
    each.ok_or_else(|| {
        io::Error::other(format!("valgrind has counted nothing in {TOGGLE}:\n{told}"))
    })
}

/// Performs one batch to be counted, after one that is not.
pub fn perform(contender: &Contender, operations: usize) {
    contender.prepare(operations).perform();
    let mut batch = contender.prepare(operations);
    counted_by_callgrind(&mut *batch);
    batch.check();
}

/// How many operations of a group's contenders are counted.
pub fn operations(group: &Group) -> usize {
    group.operations().map_or(OPERATIONS, |operations| operations.min(OPERATIONS))
}

#[inline(never)]
fn counted_by_callgrind(batch: &mut dyn Batch) {
    batch.perform();
    // Otherwise this would be left by a jump, and never be seen to end.
    black_box(batch);
}

/// The total in a line such as `==7== Collected : 253012`.
fn collected(told: &str) -> Option<f64> {
    let (_, total) = told.lines().find_map(|line| line.split_once("Collected :"))?;
    total.trim().parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "no batch has 2^53 operations")]
fn precise(operations: usize) -> f64 {
    operations as f64
}
