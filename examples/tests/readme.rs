//! Compares the README and the guides with the files that they name.

use std::path::Path;

/// Every test in the table of guarantees exists in the linked file.
#[test]
fn each_guarantee_links_to_an_existing_test() {
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
        // A test in a module is indented.
        let source = source.replace("\r\n", "\n").replace("\n    ", "\n");
        // A case that each adapter passes, or a test.
        let proofs = [format!("pub fn {test}<A: Adapter>("), format!("#[test]\nfn {test}(")];
        assert!(proofs.iter().any(|proof| source.contains(proof)), "{file} has no test {test}");
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
        7,
        "the loop, the loop with futures and the certificate, each with its imports; the first call"
    );
    for block in blocks {
        assert!(
            programs.iter().any(|program| program.contains(block)),
            "no program contains:\n{block}"
        );
    }
}

/// The pages that are checked for their links.
const DOCUMENTS: [&str; 25] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    "SECURITY.md",
    "docs/protocol.md",
    "docs/design.md",
    "docs/conformance.md",
    "docs/cli.md",
    "docs/cookbook.md",
    "docs/embedding.md",
    "docs/fleet.md",
    "docs/guarantees.md",
    "docs/security.md",
    "docs/dev/regressions.md",
    "docs/dev/mutants.md",
    "docs/dev/performance.md",
    "docs/dev/verification.md",
    "bench/README.md",
    "bench/peers/README.md",
    "simulation/INVARIANTS.md",
    "simulation/README.md",
    "crates/waldo-test-driver/scenarios/README.md",
    "fuzz/README.md",
];

/// The start of a link to a file of this repository.
const REPOSITORY: [&str; 2] = [
    "https://github.com/waldo-auth/waldo-auth/blob/main/",
    "https://github.com/waldo-auth/waldo-auth/tree/main/",
];

/// The targets of all links of a page, without the part after `#`, and not of its code.
fn links(page: &str) -> Vec<&str> {
    let prose = page.split("\n```").step_by(2);
    prose
        .flat_map(|part| {
            let definitions = part.lines().filter(|line| line.starts_with('['));
            let definitions = definitions.filter_map(|line| Some(line.split_once("]: ")?.1));
            part.split("](").skip(1).chain(definitions)
        })
        .filter_map(|rest| rest.split([')', '#', '\n']).next())
        .filter(|target| !target.is_empty())
        .collect()
}

/// Every link to a file of this repository leads to an existing file.
#[test]
fn each_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in DOCUMENTS.map(String::from).into_iter().chain(readmes_of_crates()) {
        let path = root.join(&document);
        let text = std::fs::read_to_string(&path).unwrap();
        for target in links(&text) {
            let own = REPOSITORY.iter().find_map(|start| target.strip_prefix(start));
            let file = match own {
                Some(own) => root.join(own),
                None if target.contains("://") => continue,
                None => path.parent().unwrap().join(target),
            };
            assert!(file.exists(), "{document} links to {target}, which does not exist");
        }
    }
}

/// A registry shows a crate's README without the files of the repository.
#[test]
fn each_link_of_a_crates_readme_is_absolute() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in readmes_of_crates() {
        let text = std::fs::read_to_string(root.join(&document)).unwrap();
        let links = links(&text);
        assert!(!links.is_empty(), "{document} has no link");
        for target in links {
            assert!(target.contains("://"), "{document} links to {target}");
        }
    }
}

/// A registry does not know the links of rustdoc: it shows "[`Lead`]" with its brackets.
#[test]
fn bracketed_names_in_crate_readmes_are_links() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in readmes_of_crates() {
        let text = std::fs::read_to_string(root.join(&document)).unwrap();
        for rest in text.split("\n```").step_by(2).flat_map(|part| part.split("[`").skip(1)) {
            let (name, rest) = rest.split_once("`]").unwrap();
            let is_defined = || text.contains(&format!("\n[`{name}`]: "));
            assert!(rest.starts_with(['(', '[', ':']) || is_defined(), "{document}: [`{name}`]");
        }
    }
}

/// The README of each published crate.
#[cfg(test)]
fn readmes_of_crates() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let folders = std::fs::read_dir(root).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    names.map(|name| format!("crates/{name}/README.md")).collect()
}
