//! A pseudo-terminal in which a program runs.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Child;

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::home::{Home, WALDO};

/// The longest silence of a program, which fails the test and does not hang it.
const LIMIT: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// A terminal, and the program in it.
pub(crate) struct Screen {
    pty: Pty,
    child: Child,
    /// The output of the program.
    text: Vec<u8>,
    /// The part of the text that `wait_for` has passed.
    seen: usize,
}

impl Screen {
    /// A run with the key pair in the environment.
    pub(crate) fn new(home: &Home, arguments: &[&str]) -> Self {
        Self::with(home, arguments, &[])
    }

    pub(crate) fn keyless(home: &Home, arguments: &[&str]) -> Self {
        Self::with(home, arguments, &[("WALDO_API_KEY", ""), ("WALDO_CLIENT_SECRET", "")])
    }

    pub(crate) fn with(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let command = Command::new(WALDO).args(arguments).env_clear().envs(home.variables());
        let command = command.env("TERM", "xterm").envs(variables.iter().copied());
        Self::spawn(command.current_dir(home.path()), 80)
    }

    pub(crate) fn of_width(home: &Home, arguments: &[&str], width: u16) -> Self {
        let command = Command::new(WALDO).args(arguments).env_clear().envs(home.variables());
        Self::spawn(command.env("TERM", "xterm"), width)
    }

    /// A line of the shell, without a key pair unless the line needs one.
    pub(crate) fn of_shell(home: &Home, line: &str) -> Self {
        let path = Path::new(WALDO).parent().unwrap().display();
        let command = Command::new("bash").args(["-c", line]).env_clear().envs(home.variables());
        let command = command.env("PATH", format!("{path}:/usr/bin:/bin")).env("TERM", "xterm");
        Self::spawn(command, 80)
    }

    fn spawn(command: Command, width: u16) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(24, width)).unwrap();
        let child = command.spawn(pts).unwrap();
        Self { pty, child, text: Vec::new(), seen: 0 }
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.send(text.as_bytes());
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.pty.write_all(bytes).unwrap();
    }

    /// Reads until the program has written this text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            let new = &self.text[self.seen..];
            if let Some(at) = new.windows(text.len()).position(|part| part == text.as_bytes()) {
                self.seen += at + text.len();
                return;
            }
            let new = String::from_utf8_lossy(new).into_owned();
            assert!(self.read(), "{text:?} does not come: {new}");
        }
    }

    /// Reads something. Returns whether the program may write more.
    fn read(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.pty, PollFlags::IN)];
        let count = poll(&mut ready, Some(&LIMIT)).unwrap();
        assert_ne!(count, 0, "nothing comes after: {}", String::from_utf8_lossy(&self.text));
        let mut buffer = [0; 4096];
        // On Linux, the end of a terminal is an error.
        let count = self.pty.read(&mut buffer).unwrap_or(0);
        self.text.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// Waits for the end of the program: its code, and all that it has written.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        let code = self.child.wait().unwrap().code();
        (code, String::from_utf8_lossy(&self.text).into_owned())
    }

    /// Takes the terminal away.
    pub(crate) fn hang_up(mut self) -> Option<i32> {
        let (other, _) = open().unwrap();
        drop(std::mem::replace(&mut self.pty, other));
        self.child.wait().unwrap().code()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A test that has failed leaves no program behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
