//! The client of a run.

use std::sync::Arc;

use waldo_store::Store;
use waldo_ureq::ureq::Agent;
use waldo_ureq::{Client, ClientBuilder};

use crate::credentials::KeyPair;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal;

/// Makes the client. It makes no request.
pub(crate) fn connect(settings: &Settings) -> Result<Client, Failure> {
    let pair = KeyPair::require(settings)?;
    connect_with(settings, &pair, open_store(settings))
}

pub(crate) fn connect_with(
    settings: &Settings,
    pair: &KeyPair,
    store: Option<Arc<dyn Store>>,
) -> Result<Client, Failure> {
    let agent = Agent::config_builder()
        .user_agent(concat!("waldo-cli/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    let builder = ClientBuilder::from_source(pair.source.clone());
    let builder = builder
        .map_err(|error| pair.unusable(error))?
        .origin(settings.origin.value.to_string())
        .timeout(settings.timeout.value)
        // The wait for a login is a part of the command's time.
        .max_wait(settings.timeout.value)
        .agent(agent);
    let builder = match store {
        Some(store) => builder.store(store),
        None => builder,
    };
    Ok(builder.build()?)
}

/// Opens the store. If there is none, each run logs in, so the user is told.
pub(crate) fn open_store(settings: &Settings) -> Option<Arc<dyn Store>> {
    settings.store.value.open().unwrap_or_else(|error| {
        terminal::warn(&format!("this run logs in, because {error}; --store none hides this"));
        None
    })
}

/// Says that the store could not be used, so that the next run logs in again.
pub(crate) fn warn_of_store(settings: &Settings, client: &Client) {
    if client.counters().store_errors > 0 {
        let next = "waldo status says why";
        terminal::warn(&format!("the store cannot be used: {}; {next}", settings.store.value));
    }
}
