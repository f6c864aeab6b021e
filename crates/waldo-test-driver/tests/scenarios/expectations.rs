//! The values that a scenario expects, and whether another value is noticed.

use std::time::Duration;

use serde_json::Value;
use waldo_test_driver::scenario::Scenario;

use crate::files;

/// Whether the scenario that is made of this is refused, or not met.
fn fails(json: &Value) -> bool {
    Scenario::read(&json.to_string()).map_or(true, |scenario| !scenario.run().is_empty())
}

/// The values that a scenario expects, each with its place and the name of its member.
pub(crate) fn expectations(json: &Value) -> Vec<(String, String)> {
    fn collect(place: String, member: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    collect(format!("{place}/{name}"), name, value, found);
                }
            }
            // The other lists are one value: two ends, or several answers of which any may come.
            Value::Array(list) if member == "seen" => {
                for (number, value) in list.iter().enumerate() {
                    collect(format!("{place}/{number}"), member, value, found);
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                found.push((place, member.to_owned()));
            }
        }
    }
    let mut found = Vec::new();
    collect("/seen".to_owned(), "seen", &json["seen"], &mut found);
    for (number, step) in json["steps"].as_array().unwrap().iter().enumerate() {
        for verb in ["call", "start"].into_iter().filter(|verb| step.get(verb).is_some()) {
            let answer = &step[verb]["answer"];
            collect(format!("/steps/{number}/{verb}/answer"), "answer", answer, &mut found);
        }
    }
    found.extend(
        json.get("logins_at_once")
            .map(|_| ("/logins_at_once".to_owned(), "logins_at_once".to_owned())),
    );
    found
}

/// Other values for an expected one, of which none is met.
fn others(member: &str, value: &Value) -> Vec<Value> {
    let ends = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let (first, last) = (&ends[0], &ends[ends.len() - 1]);
    let number = |value: &Value| value.as_u64().unwrap();
    let span = |value: &Value| humantime::parse_duration(value.as_str().unwrap()).unwrap();
    let moment = Duration::from_nanos(1);
    let before = |value| span(value).checked_sub(moment);
    let written = |span: Duration| Value::from(humantime::format_duration(span).to_string());
    match member {
        "at" | "retry_in" => {
            before(first).into_iter().chain([span(last) + moment]).map(written).collect()
        }
        "times" => number(first)
            .checked_sub(1)
            .into_iter()
            .chain([number(last) + 1])
            .map(Value::from)
            .collect(),
        "logins_at_once" => vec![Value::from(number(value) - 1)],
        "token" => {
            let (kind, number) = value.as_str().unwrap().split_once(' ').unwrap();
            vec![Value::from(format!(
                "{} {number}",
                if kind == "login" { "renewal" } else { "login" }
            ))]
        }
        "refused" => ["unavailable", "deadline", "foreign_origin"].map(Value::from).into(),
        "failed" => ["transport", "timeout"].map(Value::from).into(),
        "call" | "key" | "code" => vec![Value::from("another")],
        _ => vec![Value::from(418), Value::from(if *value == 200 { 401 } else { 200 })],
    }
}

#[test]
fn no_scenario_is_met_when_another_value_is_expected() {
    let mut met = Vec::new();
    for json in files() {
        for (place, member) in expectations(&json) {
            let line = place.rsplit_once('/').and_then(|(line, _)| json.pointer(line));
            // A request that may be missing, and what happens on sockets only.
            let is_open = line.is_some_and(|line| line["times"][0] == 0)
                || (member == "logins_at_once" && json.get("virtual_only").is_none());
            let expected = json.pointer(&place).unwrap();
            let any_of = expected.as_array().filter(|_| member == "answer");
            for other in others(&member, expected).into_iter().filter(|_| !is_open) {
                if other == *expected || any_of.is_some_and(|answers| answers.contains(&other)) {
                    continue;
                }
                let mut changed = json.clone();
                *changed.pointer_mut(&place).unwrap() = other.clone();
                if !fails(&changed) {
                    met.push(format!("{} is met with {other} at {place}", json["name"]));
                }
            }
        }
    }
    assert!(met.is_empty(), "{}", met.join("\n"));
}

#[test]
fn scenario_fails_with_missing_or_extra_expected_request() {
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
