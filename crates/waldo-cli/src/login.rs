//! `waldo login`: checks a key pair by a login, and keeps it.

use std::io::{self, BufRead, Read};

use serde_json::json;
use waldo_ureq::{CredentialSource, Credentials};
use zeroize::Zeroizing;

use crate::arguments::{LoginOptions, Storage};
use crate::client;
use crate::credentials::{KeyPair, Origin, of_profile};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profiles::Profiles;
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
    if options.storage == Storage::Auto && !is_interactive {
        return Err(Failure::new(Exit::NoCredentials, "the key pair has no place yet")
            .because("without a terminal, nobody can be asked whether a file may hold it")
            .next(format!("waldo login{} --secret-stdin --storage file", of_profile(settings))));
    }
    let (key, secret) = ask(options, is_interactive)?;
    let pair = Credentials::new(key.as_str(), secret.as_str())
        .map_err(|error| Failure::new(Exit::NoCredentials, "this is no key pair").because(error))?;
    let profile = &settings.profile.value;
    if !options.no_verify {
        verify(settings, pair)?;
        terminal::note(&format!("The API at {} accepts the key pair.", settings.origin.value));
    }
    let place = settings.profiles.place();
    let is_kept = match options.storage {
        Storage::None => false,
        Storage::File => true,
        Storage::Auto => prompt::yes(&format!("Keep the key pair in plain text in {place}?"))?,
    };
    if is_kept {
        // The file may have changed while the user typed.
        let mut profiles = Profiles::read()?;
        if let Place::Option(_) = settings.origin.place {
            profiles.set(profile, "origin", &settings.origin.value.to_string());
        }
        profiles.keep(profile, &key, &secret)?;
        terminal::note(&format!("The profile {profile} in {place} has the key pair."));
    } else {
        terminal::note("The key pair is not kept.");
    }
    if KeyPair::find_in_environment().is_some() {
        terminal::warn("the environment has another key pair, which goes first");
    }
    if as_json {
        terminal::print(&format!(
            "{}\n",
            json!({
                "schema": 1,
                "profile": profile,
                "origin": settings.origin.value.to_string(),
                "verified": !options.no_verify,
                "storage": if is_kept { "file" } else { "none" },
                "file": if is_kept { Some(place) } else { None },
            })
        ))?;
    }
    Ok(Exit::Success)
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
    Ok((key, secret))
}

/// Reserved at once, because a text that grows leaves copies behind.
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
    client.token()?;
    client::warn_of_store(settings, &client);
    Ok(())
}
