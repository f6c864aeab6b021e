//! Questions to the user of a terminal.

use std::io::{self, BufRead, Write};

use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;

/// The most that somebody types or pastes, in bytes.
#[cfg(unix)]
const MAX_LINE: usize = 64 * 1024;

/// Questions whose answers the terminal does not show.
///
/// The terminal shows nothing from the beginning to the drop of this value. So a user who pastes
/// two answers at once, or types before the question comes, shows nothing either.
#[derive(Debug)]
pub(crate) struct Hidden {
    #[cfg(unix)]
    _raw: Raw,
}

impl Hidden {
    #[cfg(unix)]
    pub(crate) fn begin() -> Result<Self, Failure> {
        Raw::begin().map(|raw| Self { _raw: raw }).map_err(unread)
    }

    #[cfg(windows)]
    #[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
    pub(crate) fn begin() -> Result<Self, Failure> {
        Ok(Self {})
    }

    pub(crate) fn ask(&self, question: &str) -> Result<Zeroizing<String>, Failure> {
        write(question)?;
        let answer = self.read();
        // The terminal has not shown the line end.
        write("\n")?;
        let answer = answer?;
        let answer = Zeroizing::new(answer.trim().to_owned());
        if answer.is_empty() {
            return Err(Failure::new(Exit::NoCredentials, "nothing was typed"));
        }
        Ok(answer)
    }

    #[cfg(windows)]
    fn read(&self) -> Result<Zeroizing<String>, Failure> {
        rpassword::read_password().map(Zeroizing::new).map_err(unread)
    }

    #[cfg(unix)]
    #[expect(clippy::unused_self, reason = "the terminal shows nothing as long as there is one")]
    fn read(&self) -> Result<Zeroizing<String>, Failure> {
        read_keys()
    }
}

/// Asks for yes or no. Anything but yes is no.
pub(crate) fn yes(question: &str) -> Result<bool, Failure> {
    write(&format!("{question} [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unread)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stderr = io::stderr();
    let written = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    written.map_err(|error| Failure::new(Exit::Other, "nobody can be asked").because(error))
}

fn unread(error: io::Error) -> Failure {
    Failure::new(Exit::Other, "the answer cannot be read").because(error)
}

/// Reads a line, key by key. The terminal sends no signals meanwhile: a signal would end the program
/// before the terminal shows what is typed again.
#[cfg(unix)]
fn read_keys() -> Result<Zeroizing<String>, Failure> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_U: u8 = 21;
    const CTRL_W: u8 = 23;
    const CTRL_BACKSLASH: u8 = 28;
    const BACKSPACE: [u8; 2] = [8, 127];

    let interrupted = || Err(Failure::new(Exit::Interrupted, "ended by Ctrl-C"));
    // Allocated once: a text that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE));
    loop {
        let mut byte = [0];
        // Read the terminal itself: the buffer of `io::stdin` would keep the secret.
        let count = rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut byte));
        match (count.map_err(|error| unread(error.into()))?, byte) {
            (0, _) | (_, [CTRL_D | b'\n' | b'\r']) => break,
            (_, [CTRL_C | CTRL_BACKSLASH]) => return interrupted(),
            (_, [CTRL_U | CTRL_W]) => line.clear(),
            (_, [byte]) if BACKSPACE.contains(&byte) => {
                // A letter may have several bytes.
                while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
            }
            // Such as Ctrl-Z, or the first byte of an arrow key.
            (_, [byte]) if byte.is_ascii_control() && byte != b'\t' => {
                return Err(Failure::new(Exit::NoCredentials, "this key is no part of a key pair"));
            }
            (_, [byte]) if line.len() < MAX_LINE => line.push(byte),
            _ => return Err(Failure::new(Exit::NoCredentials, "the line is too long")),
        }
    }
    let text = std::str::from_utf8(&line).map(|text| Zeroizing::new(text.to_owned()));
    text.map_err(|_| Failure::new(Exit::NoCredentials, "the line is not UTF-8"))
}

/// A terminal that shows nothing and sends each key, until this is dropped.
#[cfg(unix)]
#[derive(Debug)]
struct Raw(rustix::termios::Termios);

#[cfg(unix)]
impl Raw {
    fn begin() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Raw {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // If the terminal is gone, nobody sees it.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
