//! `waldo emulate`: the emulator.

use std::io::{self, Write};

use serde_json::json;
use waldo_emulator::{Emulator, Options};

use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) fn run(options: &Options, as_json: bool) -> Result<Exit, Failure> {
    let run = if as_json { options.run_with(print) } else { options.run() };
    let Err(error) = run else { return Ok(Exit::Success) };
    if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<clap::Error>()) {
        error.exit();
    }
    Err(Failure::new(Exit::Other, error.to_string()))
}

/// Prints where the emulator listens, as one line of JSON.
fn print(emulator: &Emulator) -> io::Result<()> {
    let origin = emulator.origin();
    let controls = format!("{origin}/_emulator/");
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", json!({ "schema": 1, "origin": origin, "controls": controls }))?;
    stdout.flush()
}
