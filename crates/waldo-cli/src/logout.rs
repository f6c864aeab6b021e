//! `waldo logout`: forgets the key pair of the profile, and its token.

use serde_json::json;

use crate::client;
use crate::credentials::KeyPair;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring::Entry;
use crate::profiles::Change;
use crate::settings::Settings;
use crate::store::Observer;
use crate::terminal;

pub(crate) fn run(settings: &Settings, as_json: bool) -> Result<Exit, Failure> {
    let profile = &settings.profile.value;
    // First the token: its place follows from the key pair.
    let token = KeyPair::of_profile(settings).map(|pair| forget_token(settings, &pair));
    let pair = if settings.profiles.has(profile) {
        forget_pair(settings, profile)?
    } else {
        Change::clean_up(settings.profiles.path());
        false
    };
    // A store that fails does not keep the key pair.
    let token = token.transpose()?.unwrap_or_default();
    let done = match (pair, token) {
        (true, true) => "The key pair and its token are forgotten",
        (true, false) => "The key pair is forgotten",
        (false, true) => "The token is forgotten; the files of the key pair stay",
        (false, false) => "There was nothing to forget",
    };
    terminal::note(&format!("{done} (profile {profile})."));
    if KeyPair::find_in_environment().is_some() {
        terminal::warn("the environment still has a key pair");
    }
    if as_json {
        let done = json!({ "schema": 1, "profile": profile, "key_pair": pair, "token": token });
        terminal::print(&format!("{done}\n"))?;
    }
    Ok(Exit::Success)
}

/// Returns whether there was a key pair in the file or in the keyring.
fn forget_pair(settings: &Settings, profile: &str) -> Result<bool, Failure> {
    let mut change = Change::begin()?;
    let was_in_file = change.forget(profile)?;
    if !change.uses_keyring(profile) {
        return Ok(was_in_file);
    }
    Entry::of(settings).delete().map_err(|problem| {
        let place = change.place();
        Failure::new(Exit::Other, "the keyring still has the key pair")
            .because(problem)
            .next(format!("log out again when the keyring answers, or remove storage from {place}"))
    })?;
    change.forget_keyring(profile)
}

/// Returns whether there is a store that has no token now. A broken key pair has no token.
fn forget_token(settings: &Settings, pair: &KeyPair) -> Result<bool, Failure> {
    let (Some(store), Ok(pair)) = (client::open_store(settings), pair.ask()) else {
        return Ok(false);
    };
    Observer::new(&settings.origin.value, pair)?.forget(&*store)?;
    Ok(true)
}
