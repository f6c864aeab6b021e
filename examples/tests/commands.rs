//! Compares the commands of the pages and of the justfile with the workspace.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The pages whose commands are checked.
const PAGES: [&str; 20] = [
    ".github/PULL_REQUEST_TEMPLATE.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "RELEASING.md",
    "SECURITY.md",
    "bench/README.md",
    "bench/peers/README.md",
    "crates/waldo-emulator/README.md",
    "crates/waldo-test-driver/scenarios/README.md",
    "docs/cli.md",
    "docs/conformance.md",
    "docs/cookbook.md",
    "docs/dev/mutants.md",
    "docs/fleet.md",
    "docs/dev/performance.md",
    "docs/dev/regressions.md",
    "docs/dev/verification.md",
    "fuzz/README.md",
    "justfile",
];

/// What a command may name.
struct Workspace {
    /// "-p waldo-emulator", "--example certify", "-p waldo-conformance --example certify", and so on.
    names: BTreeSet<String>,
    steps: BTreeSet<String>,
    recipes: BTreeSet<String>,
}

#[cfg(test)]
impl Workspace {
    fn read() -> Self {
        let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
        let cargo = output(Command::new(env!("CARGO")).args(arguments));
        let metadata: Value = serde_json::from_str(&cargo).unwrap();
        let mut names = BTreeSet::new();
        for package in metadata["packages"].as_array().unwrap() {
            let package_option = format!("-p {}", package["name"].as_str().unwrap());
            for target in package["targets"].as_array().unwrap() {
                let kind = target["kind"][0].as_str().unwrap();
                let option = format!("--{kind} {}", target["name"].as_str().unwrap());
                names.insert(format!("{package_option} {option}"));
                names.insert(option);
            }
            names.insert(package_option);
        }
        let steps = output(Command::new("bash").arg(path(".ci/run")).arg("--list"));
        let recipes = read("justfile");
        let recipes = recipes.lines().filter_map(|line| line.split_once(':')?.0.split(' ').next());
        Self {
            names,
            steps: steps.lines().map(String::from).collect(),
            recipes: recipes.map(String::from).collect(),
        }
    }

    /// The first part of a line that names something that does not exist.
    fn missing(&self, line: &str) -> Option<String> {
        let command = line.split_once("cargo ").map(|(_, command)| command);
        let command = command.filter(|command| !command.contains("--manifest-path"));
        let words: Vec<_> = command.unwrap_or_default().split([' ', '`', ')']).collect();
        let options: Vec<_> = words
            .windows(2)
            .take_while(|pair| pair[0] != "--")
            .filter(|pair| ["-p", "--example", "--test", "--bin"].contains(&pair[0]))
            .filter(|pair| !pair[1].starts_with("{{") && pair[1] != "CRATE")
            .map(|pair| pair.join(" "))
            .collect();
        // One package and one of its targets are a pair.
        let pair = (options.len() == 2 && options[1].starts_with("--")).then(|| options.join(" "));
        let named = after(line, ".ci/run ").filter(|word| !word.starts_with(['-', '{', 'N']));
        let called = after(line, "just ").take(1).filter(|word| !word.starts_with('-'));
        options
            .into_iter()
            .chain(pair)
            .find(|name| !self.names.contains(name))
            .or_else(|| named.map(String::from).find(|name| !self.steps.contains(name)))
            .or_else(|| called.map(String::from).find(|name| !self.recipes.contains(name)))
            .or_else(|| files(line).map(String::from).find(|file| !path(file).exists()))
    }
}

/// The words of a command after its name, up to the end of the code or its comment.
fn after<'a>(line: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = line.find(name).filter(|start| {
        let before = line.get(..*start).unwrap_or_default();
        before.is_empty() || ["bash ", ": ", "`"].iter().any(|end| before.ends_with(end))
    });
    let rest = start.and_then(|start| line.get(start + name.len()..)).unwrap_or_default();
    rest.split(['`', '#', ';', ':']).next().unwrap_or_default().split_whitespace()
}

/// The scripts and manifests that a line names.
fn files(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split([' ', '`', ',', ')']);
    words.filter(|word| {
        let is_script = word.starts_with(".ci/") || *word == "fuzz/grow" || *word == "interop/run";
        is_script || word.ends_with("Cargo.toml") && word.contains('/') && !word.contains("](")
    })
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

#[cfg(test)]
fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap()
}

#[cfg(test)]
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_command_names_what_exists() {
    let workspace = Workspace::read();
    let mut commands = 0;
    for page in PAGES {
        for line in read(page).lines() {
            assert_eq!(workspace.missing(line), None, "{page}: {line}");
            commands += usize::from(line.contains("cargo ") || line.contains(".ci/run"));
        }
    }
    assert!(commands > 50, "the pages have {commands} commands only");
}

#[test]
fn names_that_do_not_exist_are_found() {
    let workspace = Workspace::read();
    for (line, missing) in [
        ("    cargo run -p waldo-emulater", "-p waldo-emulater"),
        ("`cargo run --example hiper`", "--example hiper"),
        ("cargo run -p waldo-emulator --example hyper", "-p waldo-emulator --example hyper"),
        ("UPDATE=1 cargo test -p waldo-examples --test pictures", "--test pictures"),
        ("- [ ] `bash .ci/run format lnt` passes.", "lnt"),
        ("just exmple hyper", "exmple"),
        ("bash .ci/assan   # tests", ".ci/assan"),
    ] {
        assert_eq!(workspace.missing(line).as_deref(), Some(missing), "{line}");
    }
    for line in ["cargo run --example hyper", "bash .ci/run --list", "bash .ci/run   # all steps"] {
        assert_eq!(workspace.missing(line), None, "{line}");
    }
}
