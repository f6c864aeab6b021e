//! What is no scenario, and what its author is told.

use serde_json::Value;
use waldo_test_driver::scenario::Scenario;

use crate::files;

#[test]
fn unknown_fields_are_refused_everywhere() {
    fn objects(place: String, value: &Value, found: &mut Vec<String>) {
        let parts: Vec<(String, &Value)> = match value {
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), value)).collect()
            }
            Value::Array(list) => {
                list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
        };
        for (name, value) in parts {
            objects(format!("{place}/{name}"), value, found);
        }
        found.extend(value.is_object().then_some(place));
    }
    for json in files() {
        let mut places = Vec::new();
        objects(String::new(), &json, &mut places);
        for place in places {
            let mut changed = json.clone();
            changed.pointer_mut(&place).unwrap()["unknown"] = Value::from(1);
            assert!(Scenario::read(&changed.to_string()).is_err(), "{}: {place}", json["name"]);
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn invalid_scenario_is_refused_with_a_hint() {
    let scenario = |members: &str| format!(r#"{{"name": "n", "why": "w", {members}}}"#);
    let ok = r#""steps": [{"call": {"id": "a", "answer": 200}}], "seen": [{"login": 200}, {"call": "a", "token": "login 1", "given": 200}]"#;
    assert!(Scenario::read(&scenario(ok)).is_ok());
    let beside = |members: &str| scenario(&format!("{members}, {ok}"));
    // The longest time on real sockets.
    let longest = ok.replacen('[', r#"[{"pass": "2500ms"}, "#, 1);
    assert!(Scenario::read(&scenario(&longest)).is_ok());
    let steps = |steps: &str| scenario(&format!(r#""steps": [{steps}], "seen": []"#));
    let a = r#"{"start": {"id": "a", "answer": 200}}"#;
    let seen = |seen: &str| scenario(&format!(r#""steps": [{a}], "seen": [{seen}]"#));
    let cases = [
        ("{".to_owned(), "EOF while parsing"),
        (format!(r#"{{"name": "N n", "why": "w", {ok}}}"#), "\"N n\" cannot name a scenario"),
        (format!(r#"{{"name": "n", "why": " ", {ok}}}"#), "why: say what the scenario is for"),
        (
            beside(r#""seen_in": [{"issue": "okhttp#960"}]"#),
            "seen_in[0].issue: \"okhttp#960\" names no issue: write owner/repository#number",
        ),
        (
            beside(r#""seen_in": ["square/okhttp#960"]"#),
            "expected a citation such as {\"issue\": \"square/okhttp#960\"}",
        ),
        (beside(r#""seen_in": [{"went_wrong": "w"}]"#), "seen_in[0]: missing field `issue`"),
        (
            beside(r#""seen_in": [{"issue": "a/b#1"}, {"issue": "a/b#1", "went_wrong": "w"}]"#),
            "seen_in[1]: a/b#1 is cited already; cite it once",
        ),
        (
            beside(r#""seen_in": [{"issue": "a/b#1", "went_wrong": " "}]"#),
            "seen_in[0].went_wrong: say what the issue reports",
        ),
        (beside(r#""virtual_only": " ""#), "virtual_only: say why real sockets cannot do it"),
        (beside(r#""server": {"keys": []}"#), "server.keys: a server without keys grants nothing"),
        (beside(r#""logins_at_once": 0"#), "logins_at_once: this is the most"),
        (beside(r#""client": {"clock": "1s"}"#), "client: a real client has no \"clock\""),
        (beside(r#""client": {"patient_logins": true}"#), "client: a real client has no"),
        (scenario(r#""sted": []"#), "sted: unknown field `sted`, expected one of `name`, `why`"),
        (
            steps(r#""explode""#),
            "steps[0]: unknown word `explode`, expected one of `call`, `start`",
        ),
        (
            steps(r#"{"call": {"id": "a", "anwser": 200}}"#),
            "steps[0].call.anwser: unknown field `anwser`",
        ),
        (steps(r#"{"call": {"id": "a"}}"#), "steps[0].call: missing field `answer`"),
        (
            steps(r#"{"call": {"id": "A b", "answer": 200}}"#),
            "steps[0].call.id: \"A b\" cannot name a call",
        ),
        (
            steps(r#"{"call": {"id": "a", "answer": 20}}"#),
            r#"a status such as 200, "cancelled", an object"#,
        ),
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
        (
            steps(r#"{"call": {"id": "a", "answer": {"status": 200, "at": ["2s", "1s"]}}}"#),
            "call a: its answer cannot come: time does not run backwards",
        ),
        (
            steps(
                r#"{"call": {"id": "a", "answer": {"refused": "deadline", "retry_in": ["2s", "1s"]}}}"#,
            ),
            "call a: its answer cannot come: time does not run backwards",
        ),
        (
            steps(r#"{"call": {"id": "a", "answer": {"failed": "transport"}}}"#),
            "call a: it fails after it was sent, but nothing in \"seen\" is of it",
        ),
        (steps(r#"{"call": {"id": "a", "times": 0, "answer": 200}}"#), "is made no times"),
        (steps(r#"{"pass": "2501ms"}"#), "nobody waits longer than 2.5s"),
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
        (steps(""), "steps: no call is made, so nothing is expected; make a call"),
        (steps("\"expire_all\""), "steps: no call is made, so nothing is expected"),
        (seen(r#"{"login": 200, "token": "login 1"}"#), "neither a login"),
        (
            seen(r#"{"call": "b", "token": "login 1", "given": 200}"#),
            "seen[0]: no step makes a call b",
        ),
        (
            seen(r#"{"call": "a", "token": "key 1", "given": 200}"#),
            "seen[0].token: \"key 1\" names no token",
        ),
        (seen(r#"{"call": "a", "token": "login 0", "given": 200}"#), "\"login 0\" names no token"),
        (seen("5"), "expected a request such as {\"login\": 200}"),
        (seen(r#"{"login": {}}"#), "expected a status such as"),
        (seen(r#"{"call": "a", "token": "login 1", "given": 200}"#), "login 1 was never issued"),
        (
            seen(r#"{"login": 401}, {"call": "a", "token": "login 1", "given": 200}"#),
            "login 1 was never issued",
        ),
        (
            seen(r#"{"login": 200, "at": "2s"}, {"login": 200, "at": "1s"}"#),
            "time does not run backwards",
        ),
        (seen(r#"{"login": 200, "at": ["2s", "1s"]}"#), "time does not run backwards"),
        (
            seen(r#"{"login": 200}"#),
            "call a: it is answered 200, but nothing in \"seen\" is given that",
        ),
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
        (steps(r#"{"call": {"id": "a", "query": "a#b", "answer": 200}}"#), "\"a#b\" is no query"),
        (
            // A URI may hold this space, but a scenario would not show it.
            steps("{\"call\": {\"id\": \"a\", \"query\": \"a\u{a0}b\", \"answer\": 200}}"),
            "is no query: expected one such as",
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
