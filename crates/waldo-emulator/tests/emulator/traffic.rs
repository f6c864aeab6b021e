//! Ordinary requests, one after another and many at once.

use std::process::Command;
use std::sync::Barrier;
use std::thread;

use serde_json::json;
use waldo_emulator::Hold;
use waldo_emulator::model::{Policy, RenewalForm, Rotation, Server};

use crate::visitor::{TIMEOUT, Visitor, bearer, emulator, emulator_of, eventually, pair};

#[test]
fn a_login_and_calls_work_on_one_connection() {
    let emulator = emulator_of(Policy { rotation: Rotation::Strict, ..Policy::default() });
    let mut visitor = Visitor::to(emulator.addr());
    let mut token = visitor.token();
    for _ in 0..10 {
        let answer = visitor.get("/customer?email=a", &token);
        assert_eq!(answer.status, 200);
        assert!(answer.header("date").unwrap().ends_with("GMT"));
        token = answer.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    }
    let stats = emulator.stats();
    assert_eq!(
        (stats.server.logins_granted, stats.server.renewals_issued, stats.connections),
        (1, 10, 1)
    );
    assert_eq!(stats.server.requests.get(&200), Some(&11));
}

#[test]
fn response_has_date_unless_policy_omits_it() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    assert!(visitor.log_in().header("date").is_some());
    emulator.set_policy(Policy { date: "absent".parse().unwrap(), ..Policy::default() });
    assert_eq!(visitor.log_in().header("date"), None);
}

#[test]
fn sixty_four_connections_log_in_and_call_at_once() {
    const CONNECTIONS: usize = 64;
    let emulator = emulator();
    let together = Barrier::new(CONNECTIONS);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut visitor = Visitor::to(emulator.addr());
                together.wait();
                let token = visitor.token();
                for _ in 0..5 {
                    assert_eq!(visitor.get("/x", &token).status, 200);
                }
            });
        }
    });
    let stats = emulator.stats();
    assert_eq!(stats.server.logins_granted, CONNECTIONS as u64);
    assert_eq!(stats.server.requests.get(&200), Some(&(6 * CONNECTIONS as u64)));
    assert_eq!(stats.connections, CONNECTIONS as u64);
    assert!((1..=CONNECTIONS).contains(&stats.most_logins_at_once));
    assert!(eventually(|| emulator.stats().logins_under_way == 0));
}

#[test]
fn five_hundred_open_connections_are_no_trouble() {
    let emulator = emulator();
    let mut visitors: Vec<_> = (0..500).map(|_| Visitor::to(emulator.addr())).collect();
    for visitor in &mut visitors {
        visitor.send("POST", "/authenticate", "", &pair());
    }
    for visitor in &mut visitors {
        assert_eq!(visitor.receive().unwrap().status, 200);
    }
    assert_eq!(emulator.stats().server.logins_granted, 500);
}

#[test]
fn the_most_logins_at_once_are_counted_exactly() {
    let emulator = emulator();
    emulator.hold(Hold::logins());
    let mut visitors: Vec<_> = (0..7).map(|_| Visitor::to(emulator.addr())).collect();
    for visitor in &mut visitors {
        visitor.send("POST", "/authenticate", "", &pair());
    }
    assert!(emulator.wait_until_held(7, TIMEOUT));
    assert_eq!(emulator.stats().logins_under_way, 7);
    emulator.release_all();
    for visitor in &mut visitors {
        assert_eq!(visitor.receive().unwrap().status, 200);
    }
    // One after another from here: the record stands.
    assert_eq!(visitors[0].log_in().status, 200);
    assert_eq!(emulator.stats().most_logins_at_once, 7);
    emulator.reset_stats();
    assert_eq!(visitors[0].log_in().status, 200);
    assert_eq!(emulator.stats().most_logins_at_once, 1);
}

#[test]
fn largest_document_is_accepted_and_larger_refused() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    let document = vec![b'x'; 10 << 20];
    let answer = visitor.ask("POST", "/document", &bearer(&token), &document);
    assert_eq!((answer.status, answer.json()["bytes"].as_u64()), (200, Some(10 << 20)));
    let mut visitor = Visitor::to(emulator.addr());
    visitor.send("POST", "/document", &bearer(&token), &vec![b'x'; 13 << 20]);
    // Either the refusal is read, or the connection is closed over the unread rest of the body.
    assert!(visitor.receive().map_or(true, |answer| answer.status == 413));
}

#[test]
fn the_direct_controls_do_what_they_say() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let token = visitor.token();
    emulator.expire_all();
    assert_eq!(visitor.get("/x", &token).status, 401);
    let token = visitor.token();
    assert!(emulator.revoke_key(Server::KEY_ID));
    assert_eq!((visitor.get("/x", &token).status, visitor.log_in().status), (403, 403));
    assert!(emulator.restore_key(Server::KEY_ID));
    assert_eq!(visitor.get("/x", &token).status, 200);
    emulator.rotate_signing_key();
    assert_eq!(visitor.get("/x", &token).status, 401);
    assert!(!emulator.revoke_key("nobody"));
    emulator.set_policy(Policy { renewal: RenewalForm::Blank, ..emulator.policy() });
    let token = visitor.token();
    assert_eq!(visitor.get("/x", &token).header("authorization"), Some(""));
    emulator.add_key("wk.more", "ws.more");
    let body = json!({ "apiKey": "wk.more", "clientSecret": "ws.more" }).to_string();
    assert_eq!(visitor.ask("POST", "/authenticate", "", body.as_bytes()).status, 200);
    emulator.with_server(|server| server.set_signing_key(None));
    assert_eq!(visitor.log_in().status, 200);
}

/// The API's own curl sample sends JSON under curl's default content type.
#[test]
fn the_api_s_curl_sample_gets_a_token() {
    let emulator = emulator();
    let mut visitor = Visitor::to(emulator.addr());
    let form = "content-type: application/x-www-form-urlencoded\r\naccept: */*\r\n";
    assert_eq!(visitor.ask("POST", "/authenticate", form, &pair()).status, 200);

    let body = String::from_utf8(pair()).unwrap();
    let url = format!("{}/authenticate", emulator.origin());
    let Ok(output) =
        Command::new("curl").args(["-s", "--noproxy", "*", "-d", &body, &url]).output()
    else {
        return; // no curl here: the request above is what it sends
    };
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let token = answer["token"].as_str().unwrap();
    assert_eq!(visitor.get("/some-endpoint", token).status, 200);
    assert_eq!(emulator.stats().server.logins_granted, 2);
}

/// The API's own Node sample stores the header's value and puts `Bearer ` before it again.
#[test]
fn node_sample_needs_one_login_with_bare_tokens() {
    let emulator = emulator_of(Policy { renewal: RenewalForm::Bare, ..Policy::default() });
    let mut visitor = Visitor::to(emulator.addr());
    let mut stored = visitor.token();
    for _ in 0..10 {
        let answer = visitor.get("/some-endpoint", &stored);
        assert_eq!(answer.status, 200);
        answer.header("authorization").unwrap().clone_into(&mut stored);
    }
    assert_eq!(emulator.stats().server.logins_granted, 1);
}
