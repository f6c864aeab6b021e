//! The programs of this machine that tests start, such as a server of Redis.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

use crate::setting::Setting;

/// The path of a program; `None` if this machine does not have it.
pub fn find(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What a test does without a program that the test starts, such as a server of Redis: it fails if
/// `WALDO_PROGRAMS` is `required`. Otherwise it says on stderr that the test is skipped, and
/// returns `None`.
///
/// # Panics
/// The program is required, or the variable has another value.
#[expect(clippy::panic, reason = "a test fails by a panic")]
pub fn missing<T>(program: &str) -> Option<T> {
    match Setting::Programs.read::<Required>() {
        Ok(None) => {}
        Ok(Some(Required)) => panic!("WALDO_PROGRAMS is required, and {program} is missing"),
        Err(error) => panic!("{error}"),
    }
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // libtest hides what a macro prints. If stderr cannot be written, nobody reads it.
    drop(writeln!(io::stderr(), "SKIPPED: {test} needs the program {program}"));
    None
}

/// The value of `WALDO_PROGRAMS`.
struct Required;

impl FromStr for Required {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "required" { Ok(Self) } else { Err("it can be \"required\"") }
    }
}
