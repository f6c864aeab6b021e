//! The keyring: a real one, one that does not answer, and none.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::desktop::Desktop;
use crate::home::{Home, KEY, SECRET, run, run_with};
use crate::screen::Screen;

const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

fn pair() -> String {
    format!("{KEY}\n{SECRET}\n")
}

fn on(address: &str, mut command: Command) -> Command {
    command.env(BUS, address);
    command
}

/// A profiles file that says that the keyring has the key pair for the server of this home.
fn note(home: &Home) -> String {
    format!("[default]\norigin = {:?}\nstorage = \"keyring\"\n", home.emulator.origin())
}

/// A run on this bus, without a key pair in the environment.
fn keyless(home: &Home, desktop: &Desktop, arguments: &[&str]) -> Command {
    on(&desktop.address, home.keyless(arguments))
}

/// Fails if a file of this folder has the text.
fn assert_no_file_has(folder: &Path, text: &str) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            assert_no_file_has(&entry.path(), text);
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            let has = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!has, "{} has {text}", entry.path().display());
        }
    }
}

/// A home whose key pair is in the keyring.
fn home_of(desktop: &Desktop) -> Home {
    let home = Home::new();
    run_with(&mut keyless(&home, desktop, &["login", "--secret-stdin"]), pair()).ok();
    home
}

#[test]
fn login_takes_a_keyring_that_answers() {
    let Some(desktop) = Desktop::start() else { return };
    let home = Home::new();
    let login = ["login", "--secret-stdin", "--json"];
    let login = run_with(&mut keyless(&home, &desktop, &login), pair());
    assert!(login.stderr.contains("The keyring has the key pair"), "{login:?}");
    assert_eq!(login.json()["storage"], "keyring");
    let profiles = fs::read_to_string(home.profiles()).unwrap();
    assert!(profiles.contains("storage = \"keyring\""), "{profiles}");
    for folder in [home.path(), desktop.files()] {
        assert_no_file_has(folder, SECRET);
        assert_no_file_has(folder, KEY);
    }
    let status = run(&mut keyless(&home, &desktop, &["status"])).ok();
    assert!(status.contains("the keyring, for the profile default: in the keyring"), "{status}");
    for _ in 0..3 {
        run(&mut keyless(&home, &desktop, &["request", "/history/kyc/c-1"])).ok();
    }
    assert_eq!(home.logins(), 1);
}

#[test]
fn login_in_a_terminal_asks_for_no_file() {
    let Some(desktop) = Desktop::start() else { return };
    let home = Home::new();
    let variables = [(BUS, &*desktop.address), ("WALDO_API_KEY", ""), ("WALDO_CLIENT_SECRET", "")];
    let mut screen = Screen::with(&home, &["login"], &variables);
    screen.wait_for("API key: ");
    screen.type_in(&format!("{KEY}\n{SECRET}\n"));
    screen.wait_for("The keyring has the key pair of the profile default.");
    let (code, text) = screen.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("plain text"), "{text}");
}

#[test]
fn logout_empties_the_keyring() {
    let Some(desktop) = Desktop::start() else { return };
    let home = home_of(&desktop);
    let before = fs::read_to_string(home.profiles()).unwrap();
    run(&mut keyless(&home, &desktop, &["logout"])).ok();
    run(&mut keyless(&home, &desktop, &["token"])).fails(10, &["there is no key pair"]);
    // A profile that says so nevertheless: the keyring has nothing.
    fs::write(home.profiles(), before).unwrap();
    let token = run(&mut keyless(&home, &desktop, &["token"]));
    token.fails(10, &["the keyring has no entry for this profile"]);
}

#[test]
fn each_profile_has_an_entry() {
    let Some(desktop) = Desktop::start() else { return };
    let home = home_of(&desktop);
    let login = ["login", "--secret-stdin", "--no-verify", "--profile", "other"];
    run_with(&mut keyless(&home, &desktop, &login), "wk.other\nws.other\n").ok();
    run(&mut keyless(&home, &desktop, &["token", "--store", "none"])).ok();
    let other = ["token", "--store", "none", "--profile", "other"];
    run(&mut keyless(&home, &desktop, &other)).fails(11, &[]);
    run(&mut keyless(&home, &desktop, &["logout", "--profile", "other"])).ok();
    run(&mut keyless(&home, &desktop, &["token", "--store", "none"])).ok();
}

#[test]
fn second_login_replaces_the_entry() {
    let Some(desktop) = Desktop::start() else { return };
    let home = Home::new();
    let login = ["login", "--secret-stdin", "--no-verify"];
    run_with(&mut keyless(&home, &desktop, &login), "wk.old\nws.old\n").ok();
    run(&mut keyless(&home, &desktop, &["token"])).fails(11, &[]);
    run_with(&mut keyless(&home, &desktop, &login), pair()).ok();
    run(&mut keyless(&home, &desktop, &["token"])).ok();
}

#[test]
fn file_takes_the_place_of_the_entry() {
    let Some(desktop) = Desktop::start() else { return };
    let home = home_of(&desktop);
    let keyring = fs::read_to_string(home.profiles()).unwrap();
    let login = ["login", "--secret-stdin", "--storage", "file"];
    run_with(&mut keyless(&home, &desktop, &login), pair()).ok();
    let file = fs::read_to_string(home.profiles()).unwrap();
    assert!(file.contains(SECRET) && !file.contains("storage"), "{file}");
    fs::write(home.profiles(), keyring).unwrap();
    run(&mut keyless(&home, &desktop, &["token"])).fails(10, &["has no entry"]);
    // And back: the file has the secret no more.
    fs::write(home.profiles(), file).unwrap();
    run_with(&mut keyless(&home, &desktop, &["login", "--secret-stdin"]), pair()).ok();
    assert_no_file_has(home.path(), SECRET);
}

/// The keyring could not be asked, so the profile still knows of the entry.
#[test]
fn logout_removes_the_entry_that_a_login_left() {
    let Some(desktop) = Desktop::start() else { return };
    let home = home_of(&desktop);
    let note = note(&home);
    desktop.stop_keyring();
    let login = ["login", "--secret-stdin", "--storage", "file"];
    let login = run_with(&mut keyless(&home, &desktop, &login), pair());
    assert!(login.stderr.contains("the keyring still has the older key pair"), "{login:?}");
    login.ok();
    let refused = run(&mut keyless(&home, &desktop, &["logout"]));
    refused.fails(1, &["the keyring still has the key pair", "remove storage from "]);
    assert!(!fs::read_to_string(home.profiles()).unwrap().contains(SECRET));
    desktop.continue_keyring();
    run(&mut keyless(&home, &desktop, &["logout"])).ok();
    home.write(".config/waldo/profiles.toml", note);
    run(&mut keyless(&home, &desktop, &["token"])).fails(10, &["has no entry"]);
}

#[test]
fn profile_that_cannot_be_written_leaves_no_entry() {
    let Some(desktop) = Desktop::start() else { return };
    let home = Home::new();
    home.write(".config/waldo", "");
    let login = ["login", "--secret-stdin", "--storage", "keyring"];
    run_with(&mut keyless(&home, &desktop, &login), pair()).fails(1, &["cannot be written"]);
    fs::remove_file(home.path().join(".config/waldo")).unwrap();
    home.write(".config/waldo/profiles.toml", note(&home));
    run(&mut keyless(&home, &desktop, &["token"])).fails(10, &["has no entry"]);
}

#[test]
fn locked_keyring_is_no_hang() {
    let Some(mut desktop) = Desktop::start() else { return };
    let home = home_of(&desktop);
    desktop.lock();
    let locked = run(&mut keyless(&home, &desktop, &["token"]));
    locked.fails(10, &["the keyring is locked", "next: set WALDO_API_KEY_FILE"]);
    let status = run(&mut keyless(&home, &desktop, &["status"]));
    assert!(status.stdout.contains("it cannot be used"), "{status:?}");
    status.fails(10, &[]);
    // The profile stays until the keyring has lost its entry.
    run(&mut keyless(&home, &desktop, &["logout"]))
        .fails(1, &["the keyring still has the key pair"]);
    desktop.kill_keyring();
    desktop.unlock();
    run(&mut keyless(&home, &desktop, &["token"])).ok();
}

#[test]
fn silent_keyring_is_no_hang() {
    let Some(mut desktop) = Desktop::start() else { return };
    let home = home_of(&desktop);
    desktop.stop_keyring();
    for arguments in [&["token"][..], &["request", "/customer"]] {
        run(&mut keyless(&home, &desktop, arguments)).fails(10, &["why: "]);
    }
    run(&mut keyless(&home, &desktop, &["login", "--secret-stdin"])).fails(10, &["no place yet"]);
    desktop.kill_keyring();
    run(&mut keyless(&home, &desktop, &["token"])).fails(10, &["the keyring"]);
}

#[test]
fn bus_without_a_keyring_asks_for_a_file() {
    let Some(desktop) = Desktop::without_keyring() else { return };
    let home = Home::new();
    let login = run(&mut keyless(&home, &desktop, &["login", "--secret-stdin"]));
    login.fails(10, &["the keyring cannot be used", "--secret-stdin --storage file"]);
    let keyring = ["login", "--secret-stdin", "--storage", "keyring"];
    run_with(&mut keyless(&home, &desktop, &keyring), pair()).fails(10, &["no place yet"]);
    assert!(!home.profiles().exists());
    assert_eq!(home.logins(), 0);
    let variables = [(BUS, &*desktop.address), ("WALDO_API_KEY", ""), ("WALDO_CLIENT_SECRET", "")];
    let mut screen = Screen::with(&home, &["login"], &variables);
    screen.wait_for("The keyring cannot be used: ");
    screen.wait_for("API key: ");
    screen.type_in(&format!("{KEY}\n{SECRET}\n"));
    screen.wait_for("[y/N] ");
    screen.type_in("y\n");
    assert_eq!(screen.end().0, Some(0));
}

/// A bus that takes connections and answers nothing.
#[test]
fn silent_bus_is_no_hang() {
    let home = Home::new();
    let socket = home.path().join("bus");
    let _listener = UnixListener::bind(&socket).unwrap();
    let address = format!("unix:path={}", socket.display());
    let login = run(&mut on(&address, home.keyless(&["login", "--secret-stdin"])));
    login.fails(10, &["no keyring answered within 2 s"]);
    home.write(".config/waldo/profiles.toml", note(&home));
    let token = run(&mut on(&address, home.keyless(&["token"])));
    token.fails(10, &["no keyring answered within 2 s", "next: set WALDO_API_KEY_FILE"]);
}

#[test]
fn no_bus_is_named() {
    let home = Home::new();
    home.write(".config/waldo/profiles.toml", note(&home));
    run(&mut home.keyless(&["token"])).fails(10, &["comes from the keyring", "why: "]);
    let address = format!("unix:path={}", home.path().join("nowhere").display());
    let token = run(&mut on(&address, home.keyless(&["token"])));
    token.fails(10, &["comes from the keyring", "why: "]);
}

#[test]
fn unknown_storage_is_named() {
    let home = Home::new();
    home.write(".config/waldo/profiles.toml", "[default]\nstorage = \"cloud\"\n");
    run(&mut home.keyless(&["token"])).fails(2, &["storage of default can be \"keyring\" only"]);
}
