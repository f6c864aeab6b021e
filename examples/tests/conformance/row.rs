//! A row of the README's table of HTTP stacks. The tests that know a value of the row compare the
//! value with the README, or write it if `UPDATE` is set. The adapters' tests use this file, too.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use waldo_conformance::Report;

/// Ensures that two tests of a process do not write the README at the same time.
static README: Mutex<()> = Mutex::new(());

#[derive(Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) stack: String,
    pub(crate) what: String,
    pub(crate) lines: String,
    pub(crate) conformance: String,
}

impl Row {
    /// All rows of the README.
    pub(crate) fn all() -> Vec<Self> {
        let readme = std::fs::read_to_string(path()).unwrap();
        let rows = readme.lines().skip_while(|line| !line.starts_with("| stack |")).skip(2);
        rows.take_while(|line| line.starts_with('|')).map(Self::read).collect()
    }

    fn read(line: &str) -> Self {
        match line.split('|').map(str::trim).collect::<Vec<_>>()[..] {
            ["", stack, what, lines, conformance, ""] => Self {
                stack: stack.to_owned(),
                what: what.to_owned(),
                lines: lines.to_owned(),
                conformance: conformance.to_owned(),
            },
            _ => panic!("README.md has a malformed row in its table of HTTP stacks: {line}"),
        }
    }

    /// Compares the row of a stack with the results of its run, or writes them.
    #[track_caller]
    pub(crate) fn keep_results(stack: &str, report: &Report) {
        Self::keep(stack, |row| {
            row.conformance = format!("{} passed, {} skipped", report.passed(), report.skipped());
        });
    }

    /// Compares the row of a stack with the correct row, or writes the correct row.
    #[track_caller]
    pub(crate) fn keep(stack: &str, correct: impl FnOnce(&mut Self)) {
        let _one_at_a_time = README.lock().unwrap_or_else(PoisonError::into_inner);
        let row = Self::all().into_iter().find(|row| row.stack == stack).unwrap_or_else(|| {
            panic!("README.md has no row for {stack} in its table of HTTP stacks")
        });
        let mut corrected = row.clone();
        correct(&mut corrected);
        if std::env::var_os("UPDATE").is_some() {
            let readme = std::fs::read_to_string(path()).unwrap();
            let written = readme.replace(&row.to_string(), &corrected.to_string());
            std::fs::write(path(), written).unwrap();
        } else {
            assert!(
                row == corrected,
                "README.md has {row} instead of {corrected}; `just update` writes it"
            );
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, what, lines, conformance } = self;
        write!(f, "| {stack} | {what} | {lines} | {conformance} |")
    }
}

/// The README beside the workspace's lock file. The adapters have README files of their own.
fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("README.md"))
        .find(|path| path.with_file_name("Cargo.lock").exists())
        .unwrap()
}
