//! Rule 20, for everything at once: no key, secret or token is shown by anything.
//!
//! Recognisable ones are planted. Then everything that can happen happens to a client, with all
//! tracing and logging on; every public type of the crates is formatted, and every error with its
//! causes; the programs run. In all that this has brought to light, the planted ones are looked
//! for, in every spelling that they could have slipped out in.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic, in its helpers too"
)]

mod canaries;
mod client;
mod core;
mod ears;
mod model;
mod programs;
mod tasks;
mod types;

use crate::canaries::Canaries;
use crate::ears::EARS;

#[test]
fn rule_20_no_key_secret_or_token_is_shown_by_anything() {
    ears::open();
    let running = programs::start();
    core::plays();
    client::plays();
    tasks::plays();
    model::plays();
    running.end();

    let (canaries, output) = (Canaries::planted(), EARS.output());
    assert!(output.len() > 50_000, "something was said: {} bytes", output.len());
    if let Some(found) = canaries.find(&output) {
        panic!("{found}");
    }
    let unheard: Vec<String> = types::public().difference(&EARS.types()).cloned().collect();
    assert!(unheard.is_empty(), "format these public types too: {unheard:#?}");
    let unheard: Vec<String> = types::events().difference(&EARS.events()).cloned().collect();
    assert!(unheard.is_empty(), "let these events happen too: {unheard:#?}");
    // The one exemption that the adapter's README warns of, and how to silence it; this says when
    // the warning can go.
    assert!(canaries.find(&EARS.wire()).is_some(), "ureq has stopped to log the wire");
}
