//! A home directory, an emulator, and runs of the program in them.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};

/// Secrets that no output may have.
pub(crate) const KEY: &str = "wk.Zq7Rk2Vx9Lp4Tn8Bd3Mf6Hs";
pub(crate) const SECRET: &str = "ws.Jc5Wg1Yv8Nt3Xb7Kz2Pd9Qm";

/// The program.
pub(crate) const WALDO: &str = env!("CARGO_BIN_EXE_waldo");

/// A home directory, and an emulator that knows the key pair.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) emulator: Emulator,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(Policy::default())
    }

    pub(crate) fn with(policy: Policy) -> Self {
        let emulator = Emulator::start(Server::new(policy).with_key(KEY, SECRET)).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), emulator }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn profiles(&self) -> PathBuf {
        self.path().join(".config/waldo/profiles.toml")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path().join(".local/state/waldo")
    }

    /// Writes a file that only this user can read, and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        self.chmod(name, 0o600);
        path
    }

    pub(crate) fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The variables of each run, with the key pair.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HOME", self.path().to_str().unwrap().to_owned()),
            ("WALDO_ORIGIN", self.emulator.origin()),
            ("WALDO_API_KEY", KEY.to_owned()),
            ("WALDO_CLIENT_SECRET", SECRET.to_owned()),
        ]
    }

    /// A run with the key pair in the environment, and without a terminal.
    pub(crate) fn waldo<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(WALDO);
        command.args(arguments).env_clear().envs(self.variables()).current_dir(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A run without a key pair in the environment.
    pub(crate) fn keyless<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = self.waldo(arguments);
        command.env_remove("WALDO_API_KEY").env_remove("WALDO_CLIENT_SECRET");
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Run {
        run(&mut self.waldo(arguments))
    }

    /// Logins that the emulator has granted or refused.
    pub(crate) fn logins(&self) -> u64 {
        self.emulator.stats().server.logins()
    }
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The output, which must have no secret.
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let run = Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "{run:?}");
        assert!(!run.stderr.contains(KEY) && !run.stderr.contains("eyJ"), "{run:?}");
        run
    }

    /// The output of a success.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    pub(crate) fn json(self) -> Value {
        let json: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"));
        json
    }

    /// Checks the exit code, and that stderr has these texts.
    pub(crate) fn fails(self, code: i32, texts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for text in texts {
            assert!(self.stderr.contains(text), "{text}: {self:?}");
        }
        self
    }
}

pub(crate) fn run(command: &mut Command) -> Run {
    Run::of(command.output().unwrap())
}

/// A run with this text on stdin.
pub(crate) fn run_with(command: &mut Command, stdin: impl AsRef<[u8]>) -> Run {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A program that does not read its input closes it, which is no failure of the test.
    drop(child.stdin.take().unwrap().write_all(stdin.as_ref()));
    Run::of(child.wait_with_output().unwrap())
}
