//! The programs that the other tests start: this same executable, with the name of a role.

use std::env;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use waldo_store::StoreProblem;
use waldo_store_file::FileStore;

use crate::{count, document, names, number, read, replace};

const ROLE: &str = "CHILD_ROLE";
const DIRECTORY: &str = "CHILD_DIRECTORY";

/// A command that runs a role in a directory. The role writes to stderr.
pub(crate) fn command(program: &Path, role: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", "child::child", "--ignored", "--nocapture"]);
    command.env(ROLE, role).env(DIRECTORY, directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// What a program said that ended well.
pub(crate) fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
#[ignore = "other tests run this as a program of its own"]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    let directory = env::var_os(DIRECTORY).unwrap();
    let store = FileStore::new(&directory);
    match role.as_str() {
        "count once" => count(&store, 1),
        "count" => count(&store, 200),
        "count until killed" => loop {
            count(&store, 1);
            eprintln!("{}", number(&read(&store).unwrap()));
        },
        "open often" => open_often(Path::new(&directory)),
        "be denied" => {
            let error = replace(&store, None, &document(1)).unwrap_err();
            assert_eq!(error.problem(), StoreProblem::Denied, "{error}");
            eprintln!("{error}");
        }
        "find the user's directory" => match FileStore::for_user() {
            Ok(store) => eprintln!("{}", store.directory().display()),
            Err(error) => eprintln!("{error}"),
        },
        role => panic!("{role} is no role"),
    }
}

/// Opens a store 10,000 times, as short programs would. No store keeps a file open.
fn open_often(directory: &Path) {
    let open_files =
        || if cfg!(target_os = "linux") { names(Path::new("/proc/self/fd")).len() } else { 0 };
    let before = open_files();
    for turn in 0..10_000 {
        let store = FileStore::new(directory);
        let seen = read(&store);
        assert_eq!(seen.as_deref().map_or(0, number), turn / 100);
        if turn % 100 == 99 {
            count(&store, 1);
        }
    }
    assert_eq!(open_files(), before, "files are left open");
}
