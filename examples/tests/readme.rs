//! Compares the README and the guides with the files that they name.

use std::path::Path;

/// Every test in the table of guarantees exists in the linked file.
#[test]
fn each_guarantee_is_proved_by_the_test_it_links_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let mut guarantees = 0;
    for line in page
        .lines()
        .skip_while(|line| *line != "| guarantee | test |")
        .skip(2)
        .take_while(|line| !line.is_empty())
    {
        let (test, file) = line
            .split_once("[`")
            .and_then(|(_, rest)| rest.split_once("`]("))
            .and_then(|(test, rest)| Some((test, rest.split_once(')')?.0)))
            .unwrap_or_else(|| panic!("no link to a test in: {line}"));
        let source = std::fs::read_to_string(root.join("docs").join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let proof = format!("#[test]\nfn {test}(");
        assert!(source.replace("\r\n", "\n").contains(&proof), "{file} has no test {test}");
        guarantees += 1;
    }
    assert!(guarantees >= 10, "the table of guarantees has only {guarantees} rows");
}

/// Every code block of the guide is a word-for-word part of a program that runs and is certified.
#[test]
fn all_code_of_the_guide_stands_in_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap().replace("\r\n", "\n");
    let (guide, programs) = (read("../docs/embedding.md"), [read("guide.rs"), read("hyper.rs")]);
    let blocks: Vec<_> =
        guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(
        blocks.len(),
        6,
        "the loop, the loop with futures and the certificate, each with its imports"
    );
    for block in blocks {
        assert!(
            programs.iter().any(|program| program.contains(block)),
            "no program contains:\n{block}"
        );
    }
}

/// Every relative link in the documents leads to an existing file.
#[test]
fn each_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/protocol.md",
        "docs/design.md",
        "docs/conformance.md",
        "docs/embedding.md",
        "docs/guarantees.md",
        "docs/dev/regressions.md",
        "docs/dev/mutants.md",
        "docs/dev/performance.md",
        "docs/dev/verification.md",
        "bench/README.md",
        "bench/peers/README.md",
        "crates/waldo-auth-core/README.md",
        "crates/waldo-auth-client/README.md",
        "crates/waldo-emulator/README.md",
        "crates/waldo-test-driver/INVARIANTS.md",
        "crates/waldo-test-driver/README.md",
        "crates/waldo-test-driver/scenarios/README.md",
        "crates/waldo-tower/README.md",
        "crates/waldo-reqwest/README.md",
        "crates/waldo-ureq/README.md",
        "fuzz/README.md",
    ] {
        let path = root.join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") {
                let file = path.parent().unwrap().join(target);
                assert!(file.exists(), "{document} links to {target}, which does not exist");
            }
        }
    }
}
