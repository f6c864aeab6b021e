//! The types and events that the test must format, read from the sources so that none is missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The crates, each with its folder.
const CRATES: [(&str, &str); 12] = [
    ("waldo-auth-core", "crates/waldo-auth-core"),
    ("waldo-auth-client", "crates/waldo-auth-client"),
    ("waldo-ureq", "crates/waldo-ureq"),
    ("waldo-tower", "crates/waldo-tower"),
    ("waldo-reqwest", "crates/waldo-reqwest"),
    ("waldo-store", "crates/waldo-store"),
    ("waldo-store-file", "crates/waldo-store-file"),
    ("waldo-store-redis", "crates/waldo-store-redis"),
    ("waldo-test-driver", "crates/waldo-test-driver"),
    ("waldo-emulator", "crates/waldo-emulator"),
    ("waldo-conformance", "crates/waldo-conformance"),
    ("waldo-simulation", "simulation"),
];

/// The paths of all public structs and enums. The lint `unreachable_pub` ensures that each `pub`
/// type is public.
pub(crate) fn public() -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for (name, folder) in CRATES {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("src");
        collect(&sources, &name.replace('-', "_"), &mut types);
    }
    assert!(types.len() > 80, "the sources have too few types: {types:?}");
    types
}

fn collect(folder: &Path, module: &str, types: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let inner = format!("{module}::{stem}");
        if path.is_dir() {
            collect(&path, &inner, types);
        } else {
            let module = if matches!(stem, "lib" | "main" | "mod") { module } else { &inner };
            let source = fs::read_to_string(&path).unwrap();
            types.extend(
                source.lines().filter_map(declared).map(|name| format!("{module}::{name}")),
            );
        }
    }
}

/// The name of the public type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
    rest.split(|c: char| !c.is_alphanumeric()).next()
}

/// The names of all events of the journal.
pub(crate) fn events() -> BTreeSet<String> {
    let journal =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/waldo-auth-core/src/journal.rs");
    let source = fs::read_to_string(journal).unwrap();
    let (_, name) = source.split_once("pub fn name(&self)").unwrap();
    let (name, _) = name.split_once("\n    }\n").unwrap();
    let names: BTreeSet<String> = name.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() >= 15, "{names:?}");
    names
}
