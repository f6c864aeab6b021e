//! What each search went through, line by line, in `counts.txt`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Tests run side by side, and each writes its own lines.
static FILE: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explored/counts.txt")
}

fn lines() -> Vec<String> {
    std::fs::read_to_string(path()).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn name(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(name, _)| name)
}

/// The names of the counts that are kept.
pub(crate) fn names() -> Vec<String> {
    let _alone = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    lines().iter().map(|line| name(line).to_owned()).collect()
}

/// Compares a count with the one that is kept, or keeps it if `UPDATE` is set.
pub(crate) fn compare(of: &str, count: &str) {
    let _alone = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut lines, line) = (lines(), format!("{of}: {count}"));
    if std::env::var_os("UPDATE").is_some() {
        lines.retain(|line| name(line) != of);
        lines.push(line.clone());
        lines.sort_unstable_by(|one, other| name(one).cmp(name(other)));
        std::fs::write(path(), lines.join("\n") + "\n").unwrap();
    }
    let kept = lines.iter().find(|line| name(line) == of);
    assert_eq!(Some(&line), kept, "{of} went through more or less than is kept; UPDATE=1 keeps it");
}
