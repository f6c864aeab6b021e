//! The command `waldo`: calls of the Waldo API from a terminal, and its token for programs in any
//! language. The program decides nothing about tokens itself: `waldo-ureq` does.

mod arguments;
mod client;
mod completions;
mod credentials;
#[cfg(feature = "emulate")]
mod emulate;
mod events;
mod exit;
mod failure;
mod inspect;
#[cfg(feature = "keyring")]
mod keyring;
#[cfg(not(feature = "keyring"))]
#[path = "no_keyring.rs"]
mod keyring;
mod login;
mod logout;
mod man;
mod profiles;
mod prompt;
mod request;
mod settings;
mod status;
mod store;
mod terminal;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

fn main() -> ExitCode {
    forbid_core_dumps();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let as_json = arguments.global.json;
    events::show(arguments.global.verbose);
    let exit = match run(arguments) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print(as_json);
            failure.exit
        }
    };
    exit.into()
}

/// Prints why the command line is wrong, or the help.
fn refuse(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|word| word == "--json");
    if !wants_json || !error.use_stderr() {
        error.exit();
    }
    let text = error.to_string();
    // The next lines name the argument, its possible values, or a similar one.
    let is_reason = |line: &&str| !["Usage:", "For more"].iter().any(|end| line.starts_with(end));
    let lines = text.lines().map(str::trim).take_while(is_reason);
    let what = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let failure = Failure::usage(what.strip_prefix("error: ").unwrap_or(&what));
    failure.next("waldo --help").print(true);
    Exit::Usage.into()
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { global, command } = arguments;
    // These commands need no settings.
    match command {
        #[cfg(feature = "emulate")]
        Command::Emulate(options) => return emulate::run(&options, global.json),
        Command::Completions { shell } => return completions::run(shell),
        Command::Man { command } => return man::run(command.as_deref()),
        Command::Inspect => return inspect::run(global.json),
        _ => {}
    }
    let settings = Settings::resolve(&global, matches!(command, Command::Login(_)))?;
    match command {
        Command::Login(options) => login::run(&settings, &options, global.json),
        Command::Logout => logout::run(&settings, global.json),
        Command::Token(options) => token::run(&settings, &options, global.json),
        Command::Request(options) => request::run(&settings, &options, global.json),
        Command::Status { offline } => status::run(&settings, offline, global.json),
        #[cfg(feature = "emulate")]
        Command::Emulate(_) => Ok(Exit::Other),
        Command::Completions { .. } | Command::Man { .. } | Command::Inspect => Ok(Exit::Other),
    }
}

/// A core dump would hold the key pair and the token.
fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // Ignore the error: the program works without this.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    // The limit does not hold if the system hands core dumps to a program, such as systemd's.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
