//! Directories and files that a store refuses, because another user could change them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;
use tempfile::tempdir;
use waldo_store::{Store, StoreProblem};
use waldo_store_file::FileStore;

use crate::{child, file, key, names, read, replace};

/// The id of a user that owns nothing here.
const STRANGER: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Whether this test may act as another user. If not, it says so.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn is_root(test: &str) -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED, because only root can give files to another user: {test}");
    }
    is_root
}

#[track_caller]
fn assert_unsafe(store: &FileStore, says: &str) {
    let error = replace(store, read_or_none(store).as_deref(), b"new").unwrap_err();
    assert_eq!(error.problem(), StoreProblem::Unsafe, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

fn read_or_none(store: &FileStore) -> Option<Vec<u8>> {
    Store::read(store, &key()).ok().and_then(|stored| stored.document)
}

#[track_caller]
fn assert_unreadable(store: &FileStore, says: &str) {
    let error = Store::read(store, &key()).unwrap_err();
    assert_eq!(error.problem(), StoreProblem::Unsafe, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

#[track_caller]
fn assert_works(store: &FileStore) {
    let seen = read(store);
    assert!(replace(store, seen.as_deref(), b"last").unwrap());
    assert_eq!(read(store).as_deref(), Some(&b"last"[..]));
}

#[test]
fn new_directory_and_its_files_are_for_this_user_only() {
    let parent = tempdir().unwrap();
    let directory = parent.path().join("state/waldo");
    let store = FileStore::new(&directory);
    assert_works(&store);
    assert_eq!(mode(&parent.path().join("state")), 0o700);
    assert_eq!(mode(&directory), 0o700);
    for kind in ["sealed", "lock"] {
        assert_eq!(mode(&file(&directory, kind)), 0o600, "{kind}");
    }
}

#[test]
fn symbolic_link_as_directory_is_refused() {
    let parent = tempdir().unwrap();
    let (target, link) = (parent.path().join("target"), parent.path().join("link"));
    fs::create_dir(&target).unwrap();
    symlink(&target, &link).unwrap();
    for path in [link.clone(), link.join(""), link.join(".")] {
        let store = FileStore::new(path);
        assert_unreadable(&store, "link is a symbolic link, or no directory; choose a real");
        assert_unsafe(&store, "link is a symbolic link, or no directory; choose a real");
    }
    assert_eq!(names(&target), [""; 0]);

    // A link that leads nowhere is no missing directory.
    fs::remove_dir(&target).unwrap();
    assert_unsafe(&FileStore::new(&link), "is a symbolic link");
    assert!(!target.exists());

    fs::remove_file(&link).unwrap();
    assert_works(&FileStore::new(&link));
}

#[test]
fn symbolic_link_above_the_directory_is_followed() {
    let parent = tempdir().unwrap();
    let (target, link) = (parent.path().join("target"), parent.path().join("link"));
    fs::create_dir(&target).unwrap();
    symlink(&target, &link).unwrap();
    assert_works(&FileStore::new(link.join("waldo")));
    assert!(file(&target.join("waldo"), "sealed").exists());
}

#[test]
fn file_in_the_place_of_the_directory_is_refused() {
    let parent = tempdir().unwrap();
    let path = parent.path().join("waldo");
    fs::write(&path, "").unwrap();
    for store in [FileStore::new(&path), FileStore::new(path.join("below"))] {
        assert_unreadable(&store, "no directory");
        assert_unsafe(&store, "no directory");
    }
}

#[test]
fn directory_that_others_can_write_is_refused() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    for mode in [0o777, 0o770, 0o720, 0o702, 0o1777] {
        set_mode(directory.path(), mode);
        let says = format!("has the mode {mode:04o}, so other users can write it; run chmod go-w");
        assert_unreadable(&store, &says);
        assert_unsafe(&store, &says);
    }
    assert_eq!(names(directory.path()), [""; 0]);
    for mode in [0o755, 0o700] {
        set_mode(directory.path(), mode);
        assert_works(&store);
    }
}

#[test]
fn files_that_others_can_write_are_refused() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    assert_works(&store);
    for kind in ["sealed", "lock"] {
        let path = file(directory.path(), kind);
        for mode in [0o666, 0o660, 0o602] {
            set_mode(&path, mode);
            assert_unsafe(&store, "so other users can write it; run chmod go-w");
            assert_eq!(Store::read(&store, &key()).is_err(), kind == "sealed");
        }
        set_mode(&path, 0o644);
        assert_works(&store);
    }
}

#[test]
fn other_things_in_the_place_of_a_file_are_refused() {
    for kind in ["sealed", "lock"] {
        let directory = tempdir().unwrap();
        let store = FileStore::new(directory.path());
        let path = file(directory.path(), kind);
        let target = directory.path().join("target");
        fs::write(&target, "of somebody").unwrap();
        set_mode(&target, 0o600);
        let says = format!("{} is a symbolic link, or no regular file; remove it", path.display());
        let refused = || {
            assert_unsafe(&store, &says);
            if kind == "sealed" {
                assert_unreadable(&store, &says);
            }
        };

        for link in [target.as_path(), &directory.path().join("nothing"), Path::new("/dev/zero")] {
            symlink(link, &path).unwrap();
            refused();
            fs::remove_file(&path).unwrap();
        }
        fs::create_dir(&path).unwrap();
        refused();
        fs::remove_dir(&path).unwrap();

        // Opening a FIFO must not wait for another program.
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        refused();
        fs::remove_file(&path).unwrap();

        // The path of a new socket is short on some systems.
        drop(UnixListener::bind(directory.path().join("s")).unwrap());
        fs::rename(directory.path().join("s"), &path).unwrap();
        refused();
        fs::remove_file(&path).unwrap();

        assert_eq!(fs::read(&target).unwrap(), b"of somebody");
        assert!(!directory.path().join("nothing").exists());
        assert_works(&store);
    }
}

/// The store removes anything with the name of the temporary file, and writes a new file.
#[test]
fn leftover_is_removed_and_not_written() {
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    let path = file(directory.path(), "new");
    let target = directory.path().join("target");
    fs::write(&target, "of somebody").unwrap();
    symlink(&target, &path).unwrap();
    assert_works(&store);
    fs::hard_link(&target, &path).unwrap();
    assert_works(&store);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert_works(&store);
    assert!(!path.exists());
    assert_eq!(fs::read(&target).unwrap(), b"of somebody");
    assert_eq!(mode(&file(directory.path(), "sealed")), 0o600);

    fs::create_dir(&path).unwrap();
    let error = replace(&store, Some(b"last"), b"new").unwrap_err();
    assert_eq!(read(&store).as_deref(), Some(&b"last"[..]), "{error}");
    fs::remove_dir(&path).unwrap();
    assert_works(&store);
}

#[test]
fn foreign_owner_is_refused() {
    if !is_root("foreign_owner_is_refused") {
        return;
    }
    let directory = tempdir().unwrap();
    let store = FileStore::new(directory.path());
    assert_works(&store);
    let says = "belongs to the user with the id 65534, and this user has the id 0; choose another";
    chown(directory.path(), Some(STRANGER), None).unwrap();
    assert_unreadable(&store, says);
    assert_unsafe(&store, says);
    chown(directory.path(), Some(0), None).unwrap();
    for kind in ["sealed", "lock"] {
        let path = file(directory.path(), kind);
        chown(&path, Some(STRANGER), None).unwrap();
        assert_unsafe(&store, says);
        chown(&path, Some(0), None).unwrap();
        assert_works(&store);
    }
}

/// Permissions bind every user but root, so another user tries.
#[test]
fn directory_without_permission_is_denied() {
    if !is_root("directory_without_permission_is_denied") {
        return;
    }
    let parent = tempdir().unwrap();
    set_mode(parent.path(), 0o755);
    // The stranger cannot enter the directory of this program.
    let program = parent.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let own = parent.path().join("own");
    fs::create_dir(&own).unwrap();
    chown(&own, Some(STRANGER), None).unwrap();
    for mode in [0o500, 0o000] {
        set_mode(&own, mode);
        for directory in [own.clone(), own.join("waldo"), parent.path().join("waldo")] {
            let mut denied = child::command(&program, "be denied", &directory);
            let said = child::said(&denied.uid(STRANGER).output().unwrap());
            assert!(said.contains("choose a directory that this user can write"), "{said}");
        }
    }
    assert_eq!(names(&own), [""; 0]);
}
