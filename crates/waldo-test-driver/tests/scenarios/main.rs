//! The suite in virtual time, and whether it can fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a scenario that is not there, or is another, fails the test"
)]

mod cited;
mod contents;
mod expectations;
mod refused;

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use waldo_test_driver::scenario::{self, KeyPair, Scenario, Witness};
use waldo_test_driver::server::{Server, Target};

/// Every scenario as its JSON.
fn files() -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    json.map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}

/// Compares a generated page with its file. If `UPDATE` is set, writes the file first.
#[track_caller]
fn keep(path: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let path = path.display();
    for (kept, drawn) in kept.lines().zip(drawn.lines()) {
        assert_eq!(kept, drawn, "{path} is out of date; UPDATE=1 writes it");
    }
    assert_eq!(kept.len(), drawn.len(), "{path} is out of date; UPDATE=1 writes it");
}

#[test]
fn the_shipping_session_meets_every_scenario_in_virtual_time() {
    for scenario in scenario::all() {
        let unmet: Vec<String> = scenario.run().iter().map(ToString::to_string).collect();
        assert!(unmet.is_empty(), "{}:\n{}", scenario.name(), unmet.join("\n"));
    }
}

#[test]
fn suite_has_100_scenarios_mostly_on_sockets() {
    let all: Vec<Scenario> = scenario::all().collect();
    let virtual_only = all.iter().filter(|scenario| scenario.virtual_only().is_some()).count();
    assert!(all.len() >= 100, "{}", all.len());
    assert!(virtual_only * 4 < all.len(), "{virtual_only} of {}", all.len());
}

#[test]
fn custom_scenarios_must_match_their_file_names() {
    let cold =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/cold-start.json"))
            .unwrap();
    assert_eq!(scenario::read_all([("cold-start", cold.as_str())]).unwrap().len(), 1);
    let twice = scenario::read_all([("cold-start", cold.as_str()), ("cold-start", cold.as_str())])
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        "cold-start.json: name: another scenario has it already; give each its own"
    );
    let other = scenario::read_all([("warm-start", cold.as_str())]).unwrap_err();
    assert!(
        other.to_string().starts_with("warm-start.json: name: it is \"cold-start\" in the file"),
        "{other}"
    );
}

#[test]
fn a_scenario_is_found_by_its_name() {
    let found = scenario::find("probes-double").unwrap();
    assert_eq!(found.name(), "probes-double");
    assert_eq!(scenario::find("no-such-name"), None);
}

#[test]
fn rule_20_witness_output_contains_no_secret() {
    let (mut server, now) =
        (Server::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let mut witness = Witness::new(now);
    let body =
        format!(r#"{{"apiKey": "{}", "clientSecret": "{}"}}"#, Server::KEY_ID, Server::KEY_SECRET);
    let login = http::Request::post("/authenticate").body(body).unwrap();
    let granted = server.handle(&login, now);
    witness.note(Target::Login, &login, &granted, now);
    let granted: Value = serde_json::from_slice(granted.response().unwrap().body()).unwrap();
    let token = granted["token"].as_str().unwrap();
    let call = http::Request::get("/a").header("authorization", format!("Bearer {token}"));
    let call = call.header("x-odd", token).body("").unwrap();
    witness.note(Target::Calls, &call, &server.handle(&call, now), now);
    let twice = format!("Bearer {token} {token}");
    let call = http::Request::get("/b").header("authorization", twice).body("").unwrap();
    witness.note(Target::Calls, &call, &server.handle(&call, now), now);
    let (mut parts, body) = login.into_parts();
    parts.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let login = http::Request::from_parts(parts, body);
    witness.note(Target::Login, &login, &server.handle(&login, now), now);
    let told: Vec<String> =
        witness.sightings().iter().map(|seen| format!("{seen} {seen:?}")).collect();
    let told = format!("{} {witness:?} {:?}", told.join("\n"), KeyPair::default());
    for secret in [Server::KEY_ID, Server::KEY_SECRET, token] {
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!told.contains(secret) && !told.contains(bytes.trim_matches(['[', ']'])), "{told}");
    }
    assert!(told.contains("a login as the first pair, given 200"), "{told}");
    assert!(told.contains("/a with login 1, given 200"), "{told}");
    for shown in ["pair: Some(the first pair)", "Witness { sightings: [", "KeyPair(…)"] {
        assert!(told.contains(shown), "{shown}: {told}");
    }
}
