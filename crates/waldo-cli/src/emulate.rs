//! `waldo emulate`: the emulator.

use waldo_emulator::Options;

use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) fn run(options: &Options) -> Result<Exit, Failure> {
    let Err(error) = options.run() else { return Ok(Exit::Success) };
    if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<clap::Error>()) {
        error.exit();
    }
    Err(Failure::new(Exit::Other, error.to_string()))
}
