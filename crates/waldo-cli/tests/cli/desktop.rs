//! A session bus, and a keyring on it: the parts of a desktop that the program needs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use waldo_test_driver::program::{find, missing};

const BUS: &str = "dbus-daemon";
const KEYRING: &str = "gnome-keyring-daemon";
const SEND: &str = "dbus-send";

/// How long a program of the desktop may take to start.
const START: Duration = Duration::from_secs(30);

/// A bus that starts no program by itself.
const CONFIG: &str = r#"
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A session bus in a folder of its own, and its keyring. Both end with the value.
pub(crate) struct Desktop {
    bus: Child,
    pub(crate) address: String,
    keyring: Option<Child>,
    folder: TempDir,
}

impl Desktop {
    /// A desktop with an unlocked keyring; `None` without the programs of a desktop.
    pub(crate) fn start() -> Option<Self> {
        let mut desktop = Self::without_keyring()?;
        desktop.unlock();
        Some(desktop)
    }

    /// A desktop whose bus has no keyring.
    pub(crate) fn without_keyring() -> Option<Self> {
        if let Some(program) = [BUS, KEYRING, SEND].into_iter().find(|name| find(name).is_none()) {
            return missing(program);
        }
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bus.conf");
        fs::write(&config, CONFIG.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
        let mut command = program(BUS, folder.path());
        command.arg("--config-file").arg(config).args(["--nofork", "--print-address"]);
        let mut bus = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { bus, address: line.trim_end().to_owned(), keyring: None, folder })
    }

    /// Starts the keyring, unlocked.
    pub(crate) fn unlock(&mut self) {
        let mut command = program(KEYRING, self.folder.path());
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).stdin(Stdio::piped());
        let mut keyring = command.stdout(Stdio::null()).spawn().unwrap();
        keyring.stdin.take().unwrap().write_all(b"the password of this user").unwrap();
        self.keyring = Some(keyring);
        let started = Instant::now();
        while !self.has_keyring() {
            assert!(started.elapsed() < START, "the keyring does not start");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the keyring. What it holds stays in its files.
    pub(crate) fn kill_keyring(&mut self) {
        let mut keyring = self.keyring.take().unwrap();
        keyring.kill().unwrap();
        keyring.wait().unwrap();
    }

    /// Stops the keyring: it answers nothing.
    pub(crate) fn stop_keyring(&self) {
        let pid = Pid::from_child(self.keyring.as_ref().unwrap());
        kill_process(pid, Signal::STOP).unwrap();
    }

    /// Lets a stopped keyring go on.
    pub(crate) fn continue_keyring(&self) {
        let pid = Pid::from_child(self.keyring.as_ref().unwrap());
        kill_process(pid, Signal::CONT).unwrap();
    }

    /// Locks the keyring. Nobody can unlock it: there is no program that asks for its password.
    pub(crate) fn lock(&self) {
        let secrets = "/org/freedesktop/secrets";
        let collection = format!("array:objpath:{secrets}/collection/login");
        let method = "org.freedesktop.Secret.Service.Lock";
        self.send("org.freedesktop.secrets", secrets, method, &collection);
    }

    fn has_keyring(&self) -> bool {
        let method = "org.freedesktop.DBus.NameHasOwner";
        let name = "string:org.freedesktop.secrets";
        self.send("org.freedesktop.DBus", "/org/freedesktop/DBus", method, name).contains("true")
    }

    /// The files of the keyring.
    pub(crate) fn files(&self) -> &Path {
        self.folder.path()
    }

    fn send(&self, to: &str, object: &str, method: &str, argument: &str) -> String {
        let mut command = program(SEND, self.folder.path());
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).arg(format!("--dest={to}"));
        let output = command.args(["--session", "--print-reply", object, method, argument]);
        let output = output.stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.keyring.iter_mut().chain([&mut self.bus]) {
            // An error means that the process has already ended.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A program with its files in this folder.
fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(find(name).unwrap());
    command.env_clear().env("HOME", folder).env("XDG_RUNTIME_DIR", folder);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}
