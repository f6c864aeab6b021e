//! The suite in virtual time, and whether it can fail.

#![expect(clippy::unwrap_used, reason = "a scenario that is not there fails the test")]

use std::time::{Duration, SystemTime};

use serde_json::Value;
use waldo_test_driver::scenario::{self, Scenario, Witness};
use waldo_test_driver::server::{Server, Target};

/// Every scenario as its JSON.
fn files() -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    json.map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

/// Whether the scenario that is made of this is refused, or not met.
fn fails(json: &Value) -> bool {
    Scenario::read(&json.to_string()).map_or(true, |scenario| !scenario.run().is_empty())
}

#[test]
fn the_shipping_session_meets_every_scenario_in_virtual_time() {
    for scenario in scenario::all() {
        let unmet: Vec<String> = scenario.run().iter().map(ToString::to_string).collect();
        assert!(unmet.is_empty(), "{}:\n{}", scenario.name(), unmet.join("\n"));
    }
}

#[test]
fn there_are_a_hundred_at_least_and_most_of_them_run_on_sockets() {
    let all: Vec<Scenario> = scenario::all().collect();
    let virtual_only = all.iter().filter(|scenario| scenario.virtual_only().is_some()).count();
    assert!(all.len() >= 100, "{}", all.len());
    assert!(virtual_only * 4 < all.len(), "{virtual_only} of {}", all.len());
}

#[test]
fn no_scenario_is_met_when_a_request_more_or_less_is_expected() {
    for json in files() {
        let lines = json["seen"].as_array().unwrap().len();
        for line in 0..lines {
            // Skip a line that may be missing, because a scenario may have it twice or not at all.
            if json["seen"][line]["times"][0] == 0 {
                continue;
            }
            let mut less = json.clone();
            less["seen"].as_array_mut().unwrap().remove(line);
            assert!(fails(&less), "{}: seen[{line}] may be missing", json["name"]);
            let mut more = json.clone();
            let twice = more["seen"][line].clone();
            more["seen"].as_array_mut().unwrap().insert(line, twice);
            assert!(fails(&more), "{}: seen[{line}] may come twice", json["name"]);
        }
    }
}

#[test]
fn no_scenario_is_met_when_a_call_is_expected_to_end_otherwise() {
    for json in files() {
        for (number, step) in json["steps"].as_array().unwrap().iter().enumerate() {
            let Some(verb) = ["call", "start"].into_iter().find(|verb| step.get(verb).is_some()) else {
                continue;
            };
            for other in [Value::from(200), Value::from(401), Value::from(418)] {
                let mut changed = json.clone();
                let answer = &mut changed["steps"][number][verb]["answer"];
                // If several answers may come, any one of them may be expected alone.
                let known = answer.as_array().is_some_and(|answers| answers.contains(&other));
                if *answer != other && !known {
                    *answer = other;
                    assert!(fails(&changed), "{}: steps[{number}] may end otherwise", json["name"]);
                }
            }
        }
    }
}

#[test]
fn no_scenario_is_met_when_another_token_is_expected() {
    for json in files() {
        for line in 0..json["seen"].as_array().unwrap().len() {
            if json["seen"][line]["times"][0] == 0 {
                continue;
            }
            if let Some(token) = json["seen"][line].get("token").and_then(Value::as_str) {
                let mut changed = json.clone();
                let (kind, number) = token.split_once(' ').unwrap();
                let number: u32 = number.parse().unwrap();
                let other =
                    if kind == "login" { format!("roll {number}") } else { format!("login {number}") };
                changed["seen"][line]["token"] = Value::from(other);
                assert!(fails(&changed), "{}: seen[{line}] may carry another token", json["name"]);
            }
        }
    }
}

#[test]
fn no_scenario_is_met_a_moment_earlier_or_later() {
    let shift = |text: &str, by: i64| {
        let at = humantime::parse_duration(text).unwrap().as_nanos();
        let moved = u64::try_from(i64::try_from(at).unwrap() + by).ok()?;
        Some(Value::from(humantime::format_duration(Duration::from_nanos(moved)).to_string()))
    };
    for json in files() {
        for line in 0..json["seen"].as_array().unwrap().len() {
            let Some(at) = json["seen"][line].get("at").and_then(Value::as_str) else { continue };
            for moved in [shift(at, 1), shift(at, -1)].into_iter().flatten() {
                let mut changed = json.clone();
                changed["seen"][line]["at"] = moved;
                assert!(fails(&changed), "{}: seen[{line}] may come at another time", json["name"]);
            }
        }
    }
}

#[test]
fn what_cannot_be_met_is_refused_with_what_to_do() {
    let scenario = |members: &str| format!(r#"{{"name": "n", "why": "w", {members}}}"#);
    let ok = r#""steps": [{"call": {"id": "a", "answer": 200}}], "seen": [{"login": 200}, {"call": "a", "token": "login 1", "given": 200}]"#;
    assert!(Scenario::read(&scenario(ok)).is_ok());
    let steps = |steps: &str| scenario(&format!(r#""steps": [{steps}], "seen": []"#));
    let a = r#"{"start": {"id": "a", "answer": 200}}"#;
    let seen = |seen: &str| scenario(&format!(r#""steps": [{a}], "seen": [{seen}]"#));
    let cases = [
        ("{".to_owned(), "EOF while parsing"),
        (scenario(r#""sted": []"#), "sted: unknown field `sted`, expected one of `name`, `why`"),
        (steps(r#""explode""#), "steps[0]: unknown word `explode`, expected one of `call`, `start`"),
        (steps(r#"{"call": {"id": "a", "anwser": 200}}"#), "steps[0].call.anwser: unknown field `anwser`"),
        (steps(r#"{"call": {"id": "a"}}"#), "steps[0].call: missing field `answer`"),
        (steps(r#"{"call": {"id": "A b", "answer": 200}}"#), "steps[0].call.id: \"A b\" cannot name a call"),
        (steps(r#"{"call": {"id": "a", "answer": 20}}"#), r#"a status such as 200, "cancelled", an object"#),
        (
            steps(r#"{"call": {"id": "a", "answer": {"refused": "rejected"}}}"#),
            r#"a rejection has the server's "code""#,
        ),
        (
            steps(r#"{"call": {"id": "a", "answer": {"status": 200, "retry_in": "1s"}}}"#),
            "only a refusal says when",
        ),
        (
            steps(r#"{"call": {"id": "a", "answer": {"status": 200, "failed": "timeout"}}}"#),
            "an answer is one of",
        ),
        (steps(r#"{"call": {"id": "a", "path": "a", "answer": 200}}"#), "must begin with /"),
        (steps(r#"{"pass": "soon"}"#), "steps[0].pass: \"soon\" is not a duration such as 10s"),
        (steps(r#"{"pass": "1h"}"#), "take shorter times, or add \"virtual_only\" with the reason"),
        (steps(r#"{"suspend": "1h"}"#), "which only virtual time can do: add \"virtual_only\""),
        (steps(&format!("{a}, {a}")), "steps[1]: there is a call a already"),
        (steps(r#"{"await": "a"}"#), "no call a is under way"),
        (steps(r#"{"until_held": 1}"#), "nothing is held"),
        (steps(r#"{"release": {"on": "login"}}"#), "this is not held"),
        (steps(r#"{"hold": {"on": "login"}}"#), "something is still held at the end"),
        (steps(r#"{"restore_key": "wk.me"}"#), "the server has no key \"wk.me\""),
        (steps(r#"{"resume": "resumed"}"#), "nothing is stored"),
        (steps(r#"{"fault": {"on": "login"}}"#), "no \"answer\": expected"),
        (steps(""), "nothing happens"),
        (seen(r#"{"login": 200, "token": "login 1"}"#), "neither a login"),
        (seen(r#"{"call": "b", "token": "login 1", "given": 200}"#), "seen[0]: no step makes a call b"),
        (seen(r#"{"call": "a", "token": "key 1", "given": 200}"#), "seen[0].token: \"key 1\" names no token"),
        (seen(r#"{"call": "a", "token": "login 1", "given": 200}"#), "login 1 was never issued"),
        (
            seen(r#"{"login": 401}, {"call": "a", "token": "login 1", "given": 200}"#),
            "login 1 was never issued",
        ),
        (seen(r#"{"login": 200, "at": "2s"}, {"login": 200, "at": "1s"}"#), "time does not run backwards"),
        (seen(r#"{"login": 200, "at": ["2s", "1s"]}"#), "time does not run backwards"),
        (seen(r#"{"login": 200}"#), "call a: it is answered 200, but nothing in \"seen\" is given that"),
        (
            seen(r#"{"login": 200}, {"call": "a", "token": "login 1", "given": 200, "times": 4}"#),
            "3 times at most",
        ),
        (seen("[]"), "seen[0]: an empty list"),
        (seen(r#"{"login": 200, "times": [2, 1]}"#), "the least comes first, as in [1, 2]"),
        (seen(r#"{"login": 200, "times": "often"}"#), "the least and the most such as [1, 2]"),
        (steps(r#"{"call": {"id": "a", "answer": []}}"#), "or a list of these"),
        (
            steps(r#"{"call": {"id": "a", "query": "a b", "answer": 200}}"#),
            "expected one such as \"a=1&b=2\"",
        ),
        (
            steps(r#"{"call": {"id": "a", "headers": [["x y", "1"]], "answer": 200}}"#),
            "is no header: expected one",
        ),
        (
            steps(r#"{"call": {"id": "a", "origin": "http://a b", "answer": "cancelled"}}"#),
            "no URI has this \"origin\"",
        ),
    ];
    for (json, hint) in cases {
        let error = Scenario::read(&json).unwrap_err().to_string();
        assert!(error.contains(hint), "{json}\n  {error}");
        for internal in ["variant", "untagged", "ExpectedAnswer", "struct "] {
            assert!(!error.contains(internal), "{json}\n  {error}");
        }
    }
}

#[test]
fn a_folder_of_scenarios_of_ones_own_is_read_with_the_name_of_each_file() {
    let cold =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/cold-start.json")).unwrap();
    assert_eq!(scenario::read_all([("cold-start", cold.as_str())]).unwrap().len(), 1);
    let twice =
        scenario::read_all([("cold-start", cold.as_str()), ("cold-start", cold.as_str())]).unwrap_err();
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
fn rule_20_what_was_seen_shows_no_secret() {
    let (mut server, now) = (Server::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let mut witness = Witness::new(now);
    let body = format!(r#"{{"apiKey": "{}", "clientSecret": "{}"}}"#, Server::KEY_ID, Server::KEY_SECRET);
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
    let told: Vec<String> = witness.sightings().iter().map(|seen| format!("{seen} {seen:?}")).collect();
    let told = format!("{} {witness:?}", told.join("\n"));
    for secret in [Server::KEY_ID, Server::KEY_SECRET, token] {
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!told.contains(secret) && !told.contains(bytes.trim_matches(['[', ']'])), "{told}");
    }
    assert!(told.contains("a login as the first pair, given 200"), "{told}");
    assert!(told.contains("/a with login 1, given 200"), "{told}");
}
