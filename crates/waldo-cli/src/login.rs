//! `waldo login`: checks a key pair by a login, and keeps it.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Read};

use serde_json::json;
use waldo_ureq::{CredentialSource, Credentials};
use zeroize::Zeroizing;

use crate::arguments::{LoginOptions, Storage};
use crate::client;
use crate::credentials::{KeyPair, Origin, of_profile};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring::Entry;
use crate::profiles::Change;
use crate::prompt;
use crate::settings::{Place, Settings};
use crate::store::Observer;
use crate::terminal;

/// The largest key pair on stdin, in bytes.
const MAX_PAIR: u64 = 64 * 1024;

pub(crate) fn run(
    settings: &Settings,
    options: &LoginOptions,
    as_json: bool,
) -> Result<Exit, Failure> {
    let is_interactive = terminal::is_interactive();
    // Before the questions: a user should not type a key pair that has no place.
    let storage = choose(settings, options.storage, is_interactive)?;
    let (key, secret) = ask(options, is_interactive)?;
    let pair = Credentials::new(key.as_str(), secret.as_str())
        .map_err(|error| Failure::new(Exit::NoCredentials, "this is no key pair").because(error))?;
    if !options.no_verify {
        verify(settings, pair)?;
        terminal::note(&format!("The API at {} accepts the key pair.", settings.origin.value));
    }
    let may_ask = options.storage == Storage::Auto && is_interactive;
    let storage = keep(settings, storage, may_ask, &key, &secret)?;
    if KeyPair::find_in_environment().is_some() {
        terminal::warn("the environment has another key pair, which goes first");
    }
    if as_json {
        let (storage, is_kept) = match storage {
            Storage::Keyring => ("keyring", true),
            Storage::File => ("file", true),
            Storage::Auto | Storage::None => ("none", false),
        };
        terminal::print(&format!(
            "{}\n",
            json!({
                "schema": 1,
                "profile": settings.profile.value,
                "origin": settings.origin.value.to_string(),
                "verified": !options.no_verify,
                "storage": storage,
                "file": is_kept.then(|| settings.profiles.place()),
            })
        ))?;
    }
    Ok(Exit::Success)
}

/// Chooses the place of the key pair. Returns `Storage::Auto` if the user must choose.
fn choose(settings: &Settings, storage: Storage, is_interactive: bool) -> Result<Storage, Failure> {
    if !matches!(storage, Storage::Auto | Storage::Keyring) {
        return Ok(storage);
    }
    match Entry::of(settings).probe() {
        Ok(()) => Ok(Storage::Keyring),
        Err(problem) if storage == Storage::Auto && is_interactive => {
            terminal::note(&format!("The keyring cannot be used: {problem}."));
            Ok(Storage::Auto)
        }
        Err(problem) => Err(no_place(settings, &problem)),
    }
}

/// The failure for a keyring that cannot be used, if the user allows no file.
fn no_place(settings: &Settings, problem: &dyn Display) -> Failure {
    let stdin = if terminal::is_interactive() { "" } else { " --secret-stdin" };
    Failure::new(Exit::NoCredentials, "the key pair has no place yet")
        .because(format!("the keyring cannot be used: {problem}"))
        .next(format!("waldo login{}{stdin} --storage file", of_profile(settings)))
}

/// Keeps the key pair, and returns where. `may_ask` says that the user may choose the file instead
/// of a keyring that fails.
fn keep(
    settings: &Settings,
    mut storage: Storage,
    may_ask: bool,
    key: &str,
    secret: &str,
) -> Result<Storage, Failure> {
    let (profile, place) = (&settings.profile.value, settings.profiles.place());
    if storage == Storage::Auto {
        storage = ask_for_file(&place)?;
    }
    if storage == Storage::None {
        terminal::note("The key pair is not kept.");
        return Ok(storage);
    }
    // Before the keyring gets an entry of which the profile could not know.
    let mut change = Change::begin()?;
    let entry = Entry::of(settings);
    if storage == Storage::Keyring
        && let Err(problem) = entry.write(key, secret)
    {
        if !may_ask {
            return Err(no_place(settings, &problem));
        }
        terminal::note(&format!("The keyring cannot be used: {problem}."));
        storage = ask_for_file(&place)?;
    }
    // A key pair is for one server. A later run must not send it to another one.
    if let Place::Option(_) | Place::Environment(_) = settings.origin.place {
        change.set(profile, "origin", &settings.origin.value.to_string());
    }
    match storage {
        Storage::Keyring => {
            change.keep_in_keyring(profile)?;
            terminal::note(&format!("The keyring has the key pair of the profile {profile}."));
        }
        Storage::File => {
            change.keep(profile, key, secret)?;
            terminal::note(&format!("The profile {profile} in {place} has the key pair."));
            if change.uses_keyring(profile) {
                match entry.delete() {
                    Ok(_) => drop(change.forget_keyring(profile)?),
                    Err(problem) => terminal::warn(&format!(
                        "the keyring still has the older key pair, until waldo logout: {problem}"
                    )),
                }
            }
        }
        Storage::Auto | Storage::None => terminal::note("The key pair is not kept."),
    }
    Ok(storage)
}

/// Asks whether the file may have the key pair.
fn ask_for_file(place: &str) -> Result<Storage, Failure> {
    let yes = prompt::yes(&format!("Keep the key pair in plain text in {place}?"))?;
    Ok(if yes { Storage::File } else { Storage::None })
}

/// Reads the key pair from the terminal or from stdin.
fn ask(
    options: &LoginOptions,
    is_interactive: bool,
) -> Result<(Zeroizing<String>, Zeroizing<String>), Failure> {
    if is_interactive {
        terminal::note("The key pair is on the Waldo dashboard. What you type is not shown.");
        let hidden = prompt::Hidden::begin()?;
        return Ok((hidden.ask("API key: ")?, hidden.ask("Client secret: ")?));
    }
    if io::stdin().is_terminal() {
        return Err(Failure::usage("the terminal would show the key pair")
            .because("stderr is no terminal, so nobody would see the questions")
            .next("waldo login, without a redirection of stderr"));
    }
    if !options.secret_stdin {
        return Err(Failure::new(Exit::NoCredentials, "there is no key pair")
            .because("without a terminal, nobody can type one")
            .next("add --secret-stdin, and write the API key, a line end and the client secret"));
    }
    let mut stdin = io::stdin().lock().take(MAX_PAIR);
    let mut line = || -> Result<_, Failure> {
        let mut line = Zeroizing::new(String::with_capacity(MAX_LINE));
        let read = stdin.read_line(&mut line);
        read.map_err(|error| {
            Failure::new(Exit::NoCredentials, "stdin cannot be read").because(error)
        })?;
        Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
    };
    let (key, secret) = (line()?, line()?);
    if key.is_empty() || secret.is_empty() {
        return Err(Failure::new(Exit::NoCredentials, "stdin has no key pair")
            .next("write the API key, a line end and the client secret to stdin"));
    }
    // The byte order mark of an editor, such as of Windows.
    let is_odd = |char: char| char.is_control() || char.is_whitespace() || char == '\u{feff}';
    if key.contains(is_odd) || secret.contains(is_odd) {
        return Err(Failure::new(Exit::NoCredentials, "the key pair on stdin is wrong")
            .because("it has white space or an invisible character"));
    }
    Ok((key, secret))
}

/// Reserved at once, because a `String` that grows leaves copies of the secret in memory.
const MAX_LINE: usize = 4096;

/// Makes one login, whose token goes to the store.
fn verify(settings: &Settings, pair: Credentials) -> Result<(), Failure> {
    let store = client::open_store(settings);
    // A stored token would prove nothing about the key pair of today.
    let store = match store {
        Some(store) => {
            let observer = Observer::new(&settings.origin.value, pair.clone())?;
            match observer.forget(&*store) {
                Ok(()) => Some(store),
                Err(failure) => {
                    terminal::warn(&format!("the store is not used: {}", failure.reason()));
                    None
                }
            }
        }
        None => None,
    };
    let source = CredentialSource::new(move || Ok::<_, io::Error>(pair.clone()));
    let pair = KeyPair { origin: Origin::Profile(settings.profile.value.clone()), source };
    let client = client::connect_with(settings, &pair, store)?;
    client.token().map_err(|error| {
        let failure = Failure::from(error);
        if failure.exit == Exit::Rejected {
            return failure.next("compare the key pair with the Waldo dashboard, and log in again");
        }
        failure
    })?;
    client::warn_of_store(settings, &client);
    Ok(())
}
