//! Compares the cookbook's page with its programs, and the programs with the lists of CI.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::{Path, PathBuf};

/// The program whose tests are what it shows. Cargo would build it as a test only, if it ran these
/// tests itself.
#[path = "../cookbook/testing.rs"]
#[expect(dead_code, reason = "nobody calls the main function of the program")]
mod testing;

const MAX_LINES: usize = 120;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap().replace("\r\n", "\n")
}

/// The names of the programs, without `.rs`.
fn programs() -> Vec<String> {
    let files = std::fs::read_dir(path("examples/cookbook")).unwrap();
    let stem = |file: PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let programs: Vec<_> = files.map(|file| stem(file.unwrap().path())).collect();
    assert!(programs.len() >= 6, "{programs:?}");
    programs
}

/// The lines of a text without their indentation.
fn unindented(text: &str) -> String {
    text.lines().flat_map(|line| [line.trim_start(), "\n"]).collect()
}

#[test]
fn page_lists_each_program_with_its_command() {
    let page = read("docs/cookbook.md");
    for name in programs() {
        assert!(page.contains(&format!("[`{name}.rs`](../examples/cookbook/{name}.rs) |")));
        let command = format!("//!     cargo run --example {name}\n");
        assert!(read(&format!("examples/cookbook/{name}.rs")).contains(&command), "{name}");
    }
}

#[test]
fn each_program_is_short() {
    for name in programs() {
        let lines = read(&format!("examples/cookbook/{name}.rs")).lines().count();
        assert!(lines <= MAX_LINES, "{name}.rs has {lines} lines");
    }
}

#[test]
fn ci_runs_each_program_and_searches_its_output() {
    let run = read(".ci/run");
    let searched = read("examples/tests/canary/programs.rs");
    let listed: Vec<_> = run
        .lines()
        .skip_while(|line| *line != "run_examples() {")
        .take_while(|line| *line != "}")
        .flat_map(|line| line.split([' ', ';']))
        .collect();
    for name in programs() {
        assert!(listed.contains(&name.as_str()), "the step examples of .ci/run has no {name}");
        assert!(searched.contains(&format!("\"examples/{name}\",")), "the canary has no {name}");
    }
}

#[test]
fn all_code_of_the_page_stands_in_a_program() {
    let programs = programs().into_iter().map(|name| read(&format!("examples/cookbook/{name}.rs")));
    let programs: Vec<_> = programs.map(|program| unindented(&program)).collect();
    let page = read("docs/cookbook.md");
    let blocks: Vec<_> =
        page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), programs.len(), "one block for each program");
    for block in blocks {
        let stands = programs.iter().any(|program| program.contains(&unindented(block)));
        assert!(stands, "no program contains:\n{block}");
    }
}
