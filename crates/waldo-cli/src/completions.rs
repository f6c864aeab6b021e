//! `waldo completions`: the completions of a shell.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

pub(crate) fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    generate(shell, &mut Arguments::command(), "waldo", &mut text);
    terminal::print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Success)
}
