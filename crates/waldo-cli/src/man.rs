//! `waldo man`: the man pages.

use clap::CommandFactory;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

pub(crate) fn run(name: Option<&str>) -> Result<Exit, Failure> {
    let mut command = Arguments::command();
    command.build();
    let page = match name {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| Failure::usage(format!("waldo has no command {name}")))?
        }
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(|error| Failure::output(&error))?;
    terminal::print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Success)
}
