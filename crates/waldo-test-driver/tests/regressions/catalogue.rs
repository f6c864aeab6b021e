//! Compares `docs/dev/regressions.md` with the tests: each test stands behind its thread, and each
//! thread has its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The files with regression tests from public issues, of this crate and of the other crates.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rooms =
        fs::read_dir(root.join("tests/regressions")).unwrap().map(|entry| entry.unwrap().path());
    rooms
        .filter(|path| path.file_stem().unwrap() != "catalogue")
        .chain(
            ["../waldo-auth-client/tests/regressions.rs", "../waldo-ureq/tests/regressions.rs"]
                .map(|path| root.join(path)),
        )
        .collect()
}

/// Each test with the comment above it.
fn tests() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for file in files() {
        let (mut comment, mut is_test) = (String::new(), false);
        for line in fs::read_to_string(&file).unwrap().lines() {
            if let Some(text) = line.strip_prefix("/// ") {
                comment.push_str(text);
                comment.push(' ');
            } else if line == "#[test]" {
                is_test = true;
            } else {
                if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next())
                    && is_test
                {
                    let known = found.insert(name.to_owned(), comment.clone());
                    assert_eq!(known, None, "{name} is there twice");
                }
                (comment, is_test) = (String::new(), false);
            }
        }
    }
    found
}

/// Each thread of the table, as `owner/repository#number`, with the tests that stand behind it.
fn table() -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dev/regressions.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ["));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").collect();
        let [thread, _, tests] = cells[..] else { panic!("three cells: {row}") };
        let (thread, link) = thread.split_once(']').unwrap();
        let page = thread.replace('#', "/issues/");
        assert_eq!(link, format!("(https://github.com/{page})"));
        let names = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (thread.to_owned(), names)
    })
    .collect()
}

/// How the names of a thread's tests begin.
fn prefix(thread: &str) -> String {
    let (_, repository) = thread.split_once('/').unwrap();
    let (repository, number) = repository.split_once('#').unwrap();
    format!("{}_{number}_", repository.to_lowercase().replace(['-', '.'], "_"))
}

#[test]
fn regression_table_lists_exactly_the_tests() {
    let named: Vec<String> = table().into_iter().flat_map(|(_, names)| names).collect();
    let there: BTreeSet<String> = tests().into_keys().collect();
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(named.len(), there.len(), "a test is named twice");
}

#[test]
fn each_issue_has_named_test_citing_it() {
    let (table, tests) = (table(), tests());
    let threads: BTreeSet<&str> = table.iter().map(|(thread, _)| thread.as_str()).collect();
    assert_eq!(threads.len(), table.len(), "a thread is there twice");
    assert!(threads.len() > 60, "{}", threads.len());
    for (thread, names) in &table {
        assert!(!names.is_empty(), "{thread} has no test");
        for name in names {
            assert!(name.starts_with(&prefix(thread)), "{thread}: {name}");
            assert!(
                tests[name].contains(&format!("`{thread}`")),
                "{name} does not tell of {thread}"
            );
        }
    }
}
