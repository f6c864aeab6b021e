//! The emulator as a program: `waldo-emulator --listen 127.0.0.1:8787 --lifetime 10s`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use waldo_emulator::Options;

fn main() -> ExitCode {
    let result = Options::parse().run();
    let Err(error) = result else { return ExitCode::SUCCESS };
    // clap has its own format and its own code for a wrong command line.
    if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<clap::Error>()) {
        error.exit();
    }
    // Ignore the error: if stderr cannot be written, nobody reads it.
    drop(writeln!(io::stderr(), "error: {error}"));
    ExitCode::FAILURE
}
