//! Rule 20 for all output at once: no output shows a key, a secret or a token.
//!
//! The test plants recognisable secrets, and switches all tracing and logging on. A client meets
//! every event. The test formats every public type and every error with its causes, and runs the
//! programs. Then it searches the whole output for the planted secrets in every spelling.

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
mod fleet;
mod model;
mod programs;
mod tasks;
mod types;

use crate::canaries::Canaries;
use crate::ears::EARS;

/// Seen in Azure/azure-sdk-for-rust#1707: A trace shows the bearer token.
#[test]
fn rule_20_no_key_secret_or_token_is_shown_by_anything() {
    ears::open();
    let running = programs::start();
    core::plays();
    client::plays();
    fleet::plays();
    tasks::plays();
    model::plays();
    running.end();

    let (canaries, output) = (Canaries::planted(), EARS.output());
    assert!(output.len() > 50_000, "only {} bytes of output were collected", output.len());
    if let Some(found) = canaries.find(&output) {
        panic!("{found}");
    }
    let unheard: Vec<String> = types::public().difference(&EARS.types()).cloned().collect();
    assert!(unheard.is_empty(), "format these public types too: {unheard:#?}");
    let unheard: Vec<String> = types::events().difference(&EARS.events()).cloned().collect();
    assert!(unheard.is_empty(), "cause these events too: {unheard:#?}");
    // ureq's wire log is the one exemption, and the adapter's README warns of it. If this assertion
    // fails, remove the warning.
    assert!(canaries.find(&EARS.wire()).is_some(), "ureq no longer logs the wire");
}
