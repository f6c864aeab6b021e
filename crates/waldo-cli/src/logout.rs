//! `waldo logout`: forgets the key pair of the profile, and its token.

use serde_json::json;

use crate::client;
use crate::credentials::KeyPair;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring::Entry;
use crate::profiles::Profiles;
use crate::settings::Settings;
use crate::store::Observer;
use crate::terminal;

pub(crate) fn run(settings: &Settings, as_json: bool) -> Result<Exit, Failure> {
    let profile = &settings.profile.value;
    // First the token: its place follows from the key pair.
    let token = match KeyPair::of_profile(settings) {
        Some(pair) => forget_token(settings, &pair)?,
        None => false,
    };
    let mut profiles = Profiles::read()?;
    if profiles.uses_keyring(profile) {
        Entry::of(settings).delete().map_err(|problem| {
            Failure::new(Exit::Other, "the keyring keeps the key pair")
                .because(problem)
                .next("unlock the keyring, and log out again")
        })?;
    }
    let pair = profiles.forget(profile)?;
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

/// Returns whether there is a store that has no token now. A broken key pair has no token.
fn forget_token(settings: &Settings, pair: &KeyPair) -> Result<bool, Failure> {
    let (Some(store), Ok(pair)) = (client::open_store(settings), pair.ask()) else {
        return Ok(false);
    };
    Observer::new(&settings.origin.value, pair)?.forget(&*store)?;
    Ok(true)
}
