//! Replays the committed corpora: useful bytes from cargo-fuzz, and bytes that once broke a check.

#[path = "../../../simulation/tests/faulty/defect.rs"]
#[expect(dead_code, reason = "the replay uses one of the defects")]
mod defect;
#[cfg(test)]
#[path = "../../../simulation/tests/faulty/machine.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "each defect is compared with one variant")]
mod faulty;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use waldo_fuzz_checks::{CHECKS, sealed_with_known_secret, simulation_of};

use crate::defect::{Defect, Wrong};
use crate::faulty::Faulty;

const MOST_FILES: usize = 60;
const MOST_BYTES: usize = 200 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[cfg(test)]
fn names(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(folder).unwrap().map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn every_file_of_every_corpus_passes_its_check() {
    for (name, check) in CHECKS {
        let (mut files, mut bytes) = (0, 0);
        for entry in fs::read_dir(folder("corpus").join(name)).unwrap() {
            let path = entry.unwrap().path();
            let content = fs::read(&path).unwrap();
            // The last line of a failed test's output names the file that broke the check.
            println!("{}", path.display());
            check(&content);
            (files, bytes) = (files + 1, bytes + content.len());
        }
        assert!((1..=MOST_FILES).contains(&files), "{name} has {files} files: minimise it");
        assert!(bytes <= MOST_BYTES, "{name} has {bytes} bytes: minimise it");
    }
}

#[test]
fn each_check_has_one_target_and_corpus() {
    let checks: BTreeSet<String> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("targets")), checks);
    assert_eq!(names(&folder("corpus")), checks);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in checks {
        assert!(
            manifest.contains(&format!("path = \"targets/{name}.rs\"")),
            "cargo-fuzz does not know {name}"
        );
    }
}

struct LogsInByGet;

impl Wrong for LogsInByGet {
    fn defect() -> Defect {
        Defect::LoginByGet
    }
}

#[test]
#[should_panic(expected = "own-origin")]
fn faulty_implementation_fails_the_simulation_check() {
    simulation_of::<Faulty<LogsInByGet>>(&[]);
}

#[test]
#[should_panic(expected = "the server did not issue this token to them")]
fn attacker_who_knows_the_secret_fails_the_sealed_check() {
    // The attacker's program makes a call, and then the first program does.
    sealed_with_known_secret(&[0, 4]);
}
