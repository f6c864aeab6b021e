//! The events on a bench, with one event changed.

use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use http::{HeaderMap, Method};

use super::Case;
use crate::scenario::bench::{Bench, Observed};
use crate::scenario::breach::Breach;
use crate::scenario::demand::Demand;
use crate::scenario::document::Scenario;
use crate::scenario::ending::Ending;
use crate::scenario::sighting::{Given, PairName, Sighting, TokenName};
use crate::scenario::simulated::SimulatedBench;
use crate::scenario::window::Precision;
use crate::server::{Server, Target};

/// A login, a call that is sent again after a 401, and three calls at once. The requests: 0 a
/// login, 1 `/a`, 2 `/b`, 3 a login, 4 `/b` again, 5 to 7 `/c`.
const RESENT: &str = r#"{
    "name": "resent", "why": "Calls of a user arrive as they are.",
    "server": {"policy": {"renewal": "none"}},
    "steps": [
        {"call": {"id": "a", "answer": {"status": 200, "at": "0s"}}},
        "expire_all",
        {"call": {"id": "b", "query": "x=1", "headers": [["x-note", "one"], ["x-note", "two"]], "body": "replayable",
            "answer": [200, 401]}},
        {"call": {"id": "c", "times": 3, "answer": 200}}
    ],
    "seen": [
        {"login": 200, "key": "wk.sandbox.example", "at": "0s"},
        {"call": "a", "token": "login 1", "given": 200},
        {"call": "b", "token": "login 1", "given": 401, "times": [1, 2]},
        [{"login": 200}, {"call": "b", "token": "login 2", "given": 200}],
        {"call": "c", "token": "login 2", "given": 200, "times": 3}
    ]
}"#;

/// Two responses. One of them breaks off.
const BROKEN_OFF: &str = r#"{
    "name": "broken-off", "why": "Half a body is not a body.",
    "server": {"faults": [{"on": "calls", "answer": "cut_short", "path": "/a"}]},
    "steps": [
        {"call": {"id": "a", "answer": [200, {"failed": "transport"}]}},
        {"call": {"id": "b", "answer": 200}}
    ],
    "seen": [
        {"login": 200},
        {"call": "a", "token": "login 1", "given": "cut_short"},
        {"call": "b", "token": "renewal 1", "given": 200}
    ]
}"#;

/// A key pair that is rejected.
const REJECTED: &str = r#"{
    "name": "rejected", "why": "A rejection names its code.",
    "server": {"keys": [{"id": "wk.another", "secret": "ws.another"}]},
    "steps": [{"call": {"id": "a", "answer":
        {"refused": "rejected", "code": "INVALID_API_KEY", "retry_in": "60s", "at": "0s"}}}],
    "seen": [{"login": 401}]
}"#;

type Change = fn(&mut Observed);

const MOMENT: Duration = Duration::from_nanos(1);

pub(super) fn cases() -> Vec<Case> {
    [(RESENT, resent()), (BROKEN_OFF, broken_off()), (REJECTED, rejected())]
        .into_iter()
        .flat_map(|(json, changes)| {
            let scenario = Scenario::read(json).unwrap();
            let mut bench = SimulatedBench::new(&scenario).unwrap();
            assert_eq!(scenario.perform(&mut bench, Precision::Exact), []);
            let good = bench.observe();
            let case = |(number, (expected, change)): (usize, (Expected, Change))| {
                let mut observed = good.clone();
                change(&mut observed);
                let found = scenario.judge(&observed, Precision::Exact);
                Case { what: format!("{}, change {number}", scenario.name), found, expected }
            };
            changes.into_iter().enumerate().map(case).collect::<Vec<Case>>()
        })
        .collect()
}

type Expected = Option<(Demand, &'static str)>;

fn call<'a>(seen: &'a mut Observed, id: &str) -> &'a mut Vec<(Ending, Duration)> {
    let mut endings = seen.endings.iter_mut();
    endings.find(|(other, _)| other.as_str() == id).map(|(_, endings)| endings).unwrap()
}

fn end(seen: &mut Observed, id: &str, ending: Ending) {
    call(seen, id)[0].0 = ending;
}

fn body(seen: &Observed, number: usize) -> Vec<u8> {
    seen.sightings[number].given_body.clone()
}

fn note(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        http::HeaderName::from_static("x-note"),
        HeaderValue::from_static(value),
    )])
}

fn resent() -> Vec<(Expected, Change)> {
    let mut changes = endings();
    changes.extend(attempts());
    changes.extend(order());
    changes
}

/// Changes of the endings and of the bench's counts.
fn endings() -> Vec<(Expected, Change)> {
    vec![
        (None, |_| {}),
        (Some((Demand::Rest, "in circles")), |seen| seen.objections.push("in circles".to_owned())),
        (
            Some((
                Demand::OwnOrigin,
                "expected that no request goes to an origin that is not the client's; it saw 1",
            )),
            |seen| seen.elsewhere = 1,
        ),
        (
            Some((Demand::LoginsAtOnce, "logins under way at once: expected 1 at most; seen 2")),
            |seen| {
                seen.logins_at_once = 2;
            },
        ),
        (Some((Demand::CallMade, "call c was never made; expected 200")), |seen| {
            seen.endings.retain(|id, _| id.as_str() != "c");
        }),
        (Some((Demand::CallEnded, "2 of 3 calls c ended; expected 200")), |seen| {
            drop(call(seen, "c").pop());
        }),
        (
            Some((
                Demand::Ending,
                "call a ended otherwise: expected 200, at 0s; seen cancelled, at 0s",
            )),
            |seen| end(seen, "a", Ending::Cancelled),
        ),
        (
            Some((Demand::Ending, "call a ended otherwise: expected 200, at 0s; seen 200, at 1ns")),
            |seen| {
                call(seen, "a")[0].1 = MOMENT;
            },
        ),
        (
            Some((Demand::Ending, "call b ended otherwise: expected 200 or 401; seen failed")),
            |seen| {
                end(seen, "b", Ending::Failed);
            },
        ),
        // Another status with a body of the server.
        (Some((Demand::Ending, "expected 200, at 0s; seen 401, at 0s")), |seen| {
            let body = body(seen, 1);
            end(seen, "a", Ending::Answered { status: 401, body });
        }),
        // The last one of several equal calls.
        (Some((Demand::Ending, "call c ended otherwise")), |seen| {
            call(seen, "c")[2].0 = Ending::TimedOut;
        }),
        // The body of the answer to another call.
        (Some((Demand::OwnResponse, "call a: expected that it is delivered")), |seen| {
            let body = body(seen, 2);
            end(seen, "a", Ending::Answered { status: 200, body });
        }),
        // The body of one answer to this call, the status of another.
        (Some((Demand::OwnResponse, "call b: ")), |seen| {
            let body = body(seen, 4);
            end(seen, "b", Ending::Answered { status: 401, body });
        }),
        (None, |seen| {
            let body = body(seen, 2);
            end(seen, "b", Ending::Answered { status: 401, body });
        }),
        (Some((Demand::OwnResponse, "call a: ")), |seen| {
            end(seen, "a", Ending::Answered { status: 200, body: Vec::new() });
        }),
    ]
}

/// Changes of the second attempt's method, query, headers and body.
fn attempts() -> Vec<(Expected, Change)> {
    fn headers(seen: &mut Observed) -> &mut HeaderMap {
        &mut seen.sightings[4].headers
    }
    vec![
        (
            Some((
                Demand::Method,
                "call b: expected that each attempt has its method, POST; it had GET",
            )),
            |seen| seen.sightings[4].method = Method::GET,
        ),
        (
            Some((
                Demand::Query,
                "call b: expected that each attempt has its query, ?x=1; it had none",
            )),
            |seen| seen.sightings[4].query = None,
        ),
        (Some((Demand::Query, "its query, none; it had ?")), |seen| {
            seen.sightings[1].query = Some(String::new());
        }),
        (Some((Demand::UserHeaders, "its x-note, \"one\" and \"two\"; it had none")), |seen| {
            drop(headers(seen).remove("x-note"));
        }),
        (Some((Demand::UserHeaders, "its x-note, \"one\" and \"two\"; it had \"two\"")), |seen| {
            headers(seen).extend(note("two"));
        }),
        (Some((Demand::UserHeaders, "it had \"two, one\"")), |seen| {
            headers(seen).extend(note("two, one"));
        }),
        (None, |seen| headers(seen).extend(note("one, two"))),
        (
            Some((
                Demand::NoOtherHeader,
                "call b: expected that no header is added to its user's; it had x-own",
            )),
            |seen| drop(headers(seen).insert("x-own", HeaderValue::from_static("1"))),
        ),
        (None, |seen| {
            let own = HeaderValue::from_static("1");
            drop(headers(seen).insert(USER_AGENT, own.clone()));
            drop(headers(seen).insert("sec-fetch-mode", own.clone()));
            drop(headers(seen).insert("keep-alive", own));
        }),
        (Some((Demand::Body, "carries its body of 58 bytes; it carried 0")), |seen| {
            seen.sightings[4].body = Some(Vec::new());
        }),
        (Some((Demand::Body, "carries its body of 58 bytes; it carried 58, and others")), |seen| {
            seen.sightings[4].body.as_mut().unwrap()[0] += 1;
        }),
        (Some((Demand::Body, "carries its body of 0 bytes; it carried 1")), |seen| {
            seen.sightings[1].body = Some(vec![0]);
        }),
        (None, |seen| seen.sightings[4].body = None),
        // A call's demands do not apply to a login.
        (None, |seen| seen.sightings[0].method = Method::GET),
        (
            Some((
                Demand::LoginQuery,
                "request 1, a login as the first pair, given 200, at 0s: expected that",
            )),
            |seen| seen.sightings[0].breaches.push(Breach::LoginQuery),
        ),
    ]
}

/// Changes of the requests and their order.
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn order() -> Vec<(Expected, Change)> {
    fn missing(seen: &mut Observed, number: usize) {
        drop(seen.sightings.remove(number));
    }
    fn twice(seen: &mut Observed, number: usize) {
        let more = seen.sightings[number].clone();
        seen.sightings.insert(number, more);
    }
    fn login(seen: &mut Observed) -> &mut Sighting {
        &mut seen.sightings[0]
    }
    let request = |words| Some((Demand::Request, words));
    let nothing =
        "from request 9 on: nothing more was expected; seen /c with login 2, given 200, at 0s";
    vec![
        (
            request(
                "from request 1 on: expected a login as the first pair, given 200, at 0s; seen /a with login 1, given 200",
            ),
            |seen| {
                seen.sightings[3].pair = seen.sightings[0].pair.clone();
                missing(seen, 0);
            },
        ),
        (request("from request 4 on: expected a login, given 200; seen /c with login 2"), |seen| {
            missing(seen, 3);
        }),
        (
            request("from request 6 on: expected /c with login 2, given 200; no more was seen"),
            |seen| {
                missing(seen, 6);
            },
        ),
        (Some((Demand::NoOtherRequest, nothing)), |seen| twice(seen, 7)),
        (None, |seen| twice(seen, 2)),
        (
            request(
                "from request 5 on: expected a login, given 200; seen /b with login 1, given 401",
            ),
            |seen| {
                twice(seen, 2);
                twice(seen, 2);
            },
        ),
        (
            request("from request 4 on: expected /b with login 2, given 200; seen a login as"),
            |seen| {
                twice(seen, 3);
            },
        ),
        (None, |seen| seen.sightings.swap(3, 4)),
        (
            request("from request 3 on: expected /b with login 1, given 401; seen a login as"),
            |seen| {
                seen.sightings.swap(2, 3);
            },
        ),
        (request("from request 1 on"), |seen| login(seen).given = Given::Status(201)),
        (request("from request 1 on"), |seen| login(seen).given = Given::CutShort),
        (
            request(
                "expected a login as the first pair, given 200, at 0s; seen a login as the first pair",
            ),
            |seen| {
                login(seen).at = MOMENT;
            },
        ),
        (
            request(
                "expected a login as a pair that was not seen, given 200, at 0s; seen a login as nobody",
            ),
            |seen| {
                seen.sightings[3].pair = None;
                login(seen).pair = None;
            },
        ),
        (
            request(
                "expected a login as the first pair, given 200, at 0s; seen a login as the second pair",
            ),
            |seen| {
                login(seen).pair = Some(PairName::new(2, "wk.other".to_owned()));
            },
        ),
        // The second login may come from any key pair.
        (None, |seen| seen.sightings[3].pair = Some(PairName::new(2, "wk.other".to_owned()))),
        (request("expected /a with login 1, given 200; seen /a with renewal 1"), |seen| {
            seen.sightings[1].token = Some(TokenName::Renewal(1));
        }),
        (request("seen /a without a token of this server"), |seen| seen.sightings[1].token = None),
        (request("expected /b with login 1, given 401; seen /d with login 1"), |seen| {
            seen.sightings[2].path = "/d".to_owned();
        }),
        (request("expected /b with login 1, given 401; seen a login as nobody"), |seen| {
            seen.sightings[2].target = Target::Login;
        }),
        (
            request("expected a login as the first pair, given 200, at 0s; seen /authenticate"),
            |seen| {
                login(seen).target = Target::Calls;
            },
        ),
    ]
}

fn broken_off() -> Vec<(Expected, Change)> {
    vec![
        (None, |_| {}),
        (
            Some((
                Demand::WholeBody,
                "call a: expected that a body which breaks off is an error; it was delivered as a whole one, with 0 of ",
            )),
            |seen| end(seen, "a", Ending::Answered { status: 200, body: Vec::new() }),
        ),
        (Some((Demand::WholeBody, "call a: ")), |seen| {
            let body = body(seen, 1);
            end(seen, "a", Ending::Answered { status: 200, body });
        }),
    ]
}

fn rejected() -> Vec<(Expected, Change)> {
    fn rejected(seen: &mut Observed, code: &str, retry_in: Duration) {
        end(seen, "a", Ending::Rejected { code: code.to_owned(), retry_in });
    }
    const MINUTE: Duration = Duration::from_secs(60);
    let expected = "call a ended otherwise: expected refused as rejected with INVALID_API_KEY, retry in 1m, at 0s; seen ";
    let ending = Some((Demand::Ending, expected));
    vec![
        (None, |seen| rejected(seen, "INVALID_API_KEY", MINUTE)),
        (ending, |seen| rejected(seen, "API_KEY_REVOKED", MINUTE)),
        (ending, |seen| rejected(seen, "INVALID_API_KEY", MINUTE + MOMENT)),
        (ending, |seen| rejected(seen, "INVALID_API_KEY", MINUTE.saturating_sub(MOMENT))),
        (ending, |seen| call(seen, "a")[0].1 = MOMENT),
        (ending, |seen| {
            end(seen, "a", Ending::Unavailable { retry_in: MINUTE, why: String::new() });
        }),
        (ending, |seen| end(seen, "a", Ending::Other(Server::KEY_ID.to_owned()))),
    ]
}
