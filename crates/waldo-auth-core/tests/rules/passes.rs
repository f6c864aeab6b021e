//! A pass says what the session would say, or nothing.
//!
//! Besides, all other tests ask a pass by turns, for as long as it is good.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use waldo_auth_core::{Attempt, Call, Credentials, Head, Pass, Step, Verdict};

use crate::world::{World, bearer, headers, request, secs};

/// A world, a pass of it, and the number of the newest entry.
fn passed() -> (World, Pass, u64) {
    let (world, _) = World::warm();
    let pass = world.session.pass().unwrap();
    let newest = world.session.journal().written();
    assert_eq!(pass.written(), newest);
    (world, pass, newest)
}

fn sent_by(pass: &Pass, world: &World) -> Attempt {
    pass.admit(Call::replayable(), &mut request(), pass.written(), world.now()).unwrap()
}

#[test]
fn there_is_one_while_a_token_is_held_and_nobody_logs_in() {
    let mut world = World::new();
    assert!(world.session.pass().is_none(), "nothing is held");
    world.log_in();
    assert!(world.session.pass().is_none(), "nothing has shown that the server accepts it");
    world.invalidate();
    let token = world.warm_up();
    assert!(world.session.pass().is_some());
    // Usable for calls that can be sent again, and too short for this one.
    world.pass(secs(3400));
    world.leads(Call::one_shot());
    assert!(world.session.pass().is_none(), "a lease lapses by time alone, which no entry tells");
    assert_eq!(world.held(), token);
}

#[test]
fn it_sends_as_the_session_does() {
    let (mut world, pass, newest) = passed();
    let (mut by_pass, mut by_session) = (request(), request());
    let attempt = pass.admit(Call::replayable(), &mut by_pass, newest, world.now()).unwrap();
    let Ok(Step::Send(other)) = world.session.admit(Call::replayable(), &mut by_session, world.now()) else {
        panic!("a token is held")
    };
    assert_eq!(attempt.edition(), other.edition());
    assert_eq!(by_pass.headers(), by_session.headers());
    assert!(by_pass.headers()[AUTHORIZATION].is_sensitive());
    // What it has sent is healed as what the session has sent.
    let Verdict::Retry(call) = world.conclude(attempt, 401, &HeaderMap::new()) else {
        panic!("a token that is refused is dropped")
    };
    let token = world.fresh();
    let (login, call) = world.lead(call);
    world.grant(login, &token);
    assert_eq!(world.send(call).token, token);
}

#[test]
fn any_other_call_is_the_sessions() {
    let (mut world, pass, newest) = passed();
    let refused = |request: &mut Request<()>, call, newest, world: &World| {
        let headers = request.headers().clone();
        assert!(pass.admit(call, request, newest, world.now()).is_err());
        assert_eq!(request.headers(), &headers, "it is as it was");
    };
    refused(&mut request(), Call::replayable(), newest + 1, &world);
    refused(&mut request(), Call::one_shot(), newest, &world);
    let mut elsewhere = Request::get("https://evil.example/").header(AUTHORIZATION, "mine").body(()).unwrap();
    refused(&mut elsewhere, Call::replayable(), newest, &world);
    world.pass(secs(3596));
    drop(sent_by(&pass, &world));
    world.pass(secs(1));
    refused(&mut request(), Call::replayable(), newest, &world);
}

#[test]
fn it_delivers_what_brings_nothing_new() {
    let (mut world, pass, newest) = passed();
    let token = world.held();
    let other = world.fresh();
    let twice = {
        let mut twice = bearer(&token);
        twice.append(AUTHORIZATION, bearer(&token)[AUTHORIZATION].clone());
        twice
    };
    for (status, headers) in [
        (200, HeaderMap::new()),
        (204, bearer(&token)),
        (200, twice),
        (304, bearer(&other)),
        (403, bearer("junk")),
        (500, bearer(&other)),
    ] {
        let head = Head::new(StatusCode::from_u16(status).unwrap(), &headers);
        let verdict = pass.conclude(sent_by(&pass, &world), head, newest);
        assert!(matches!(verdict, Ok(Verdict::Deliver)), "{status} {verdict:?}");
        world.deliver_with(sent_by(&pass, &world), status, &headers);
        assert_eq!(world.session.journal().written(), newest, "the session has seen nothing in it either");
    }
}

#[test]
fn any_other_response_is_the_sessions() {
    let (mut world, pass, newest) = passed();
    let (token, other) = (world.held(), world.fresh());
    let both = {
        let mut both = bearer(&token);
        both.append(AUTHORIZATION, bearer(&other)[AUTHORIZATION].clone());
        both
    };
    for (status, headers) in [
        (401, HeaderMap::new()),
        (401, bearer(&token)),
        (200, bearer(&other)),
        (200, bearer("junk")),
        (200, headers(&[("authorization", &token)])),
        (200, both),
    ] {
        let head = Head::new(StatusCode::from_u16(status).unwrap(), &headers);
        let attempt = pass.conclude(sent_by(&pass, &world), head, newest).unwrap_err();
        assert_eq!(attempt.edition(), 1, "it comes back whole");
    }
    let (repeated, elsewhere) = (bearer(&token), Uri::from_static("https://evil.example/"));
    let ok = Head::new(StatusCode::OK, &repeated);
    assert!(pass.conclude(sent_by(&pass, &world), ok, newest + 1).is_err());
    assert!(pass.conclude(sent_by(&pass, &world), ok.with_uri(&elsewhere), newest).is_err());
    let (stranger, foreign, _) = passed();
    assert!(pass.conclude(sent_by(&foreign, &stranger), ok, newest).is_err());
    // Sent before a login, and answered after it.
    let earlier = sent_by(&pass, &world);
    world.invalidate();
    world.warm_up();
    let pass = world.session.pass().unwrap();
    let repeated = bearer(&world.held());
    let ok = Head::new(StatusCode::OK, &repeated);
    assert!(pass.conclude(earlier, ok, pass.written()).is_err());
    assert!(pass.conclude(sent_by(&pass, &world), ok, pass.written()).is_ok());
}

/// Bytes that panic as they go.
struct Spiteful(Vec<u8>);

impl AsRef<[u8]> for Spiteful {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Spiteful {
    fn drop(&mut self) {
        assert!(thread::panicking(), "on purpose");
    }
}

/// Each change that lets go of the held token. Each is one step, so that no entry of an earlier step
/// makes the pass void.
#[test]
fn it_is_void_even_if_the_session_panics_in_the_middle_of_a_change() {
    /// Prepares a change of the world whose token is held, and returns the change.
    type Change = fn(&mut World) -> Box<dyn FnOnce(&mut World)>;
    let changes: [(&str, Change); 7] = [
        ("adopted", |world| {
            let (attempt, token) = (world.send(Call::replayable()).attempt, world.fresh());
            Box::new(move |world| world.deliver_with(attempt, 200, &bearer(&token)))
        }),
        ("challenged", |world| {
            let attempt = world.send(Call::replayable()).attempt;
            Box::new(|world| drop(world.conclude(attempt, 401, &HeaderMap::new())))
        }),
        ("invalidated", |_| Box::new(World::invalidate)),
        ("reset", |_| Box::new(|world| world.reset(Credentials::new("k", "another").unwrap()))),
        ("resumed", |_| {
            Box::new(|world| {
                let (mut other, _) = World::warm();
                let token = other.lasting(7200);
                let attempt = other.send(Call::replayable()).attempt;
                other.roll(attempt, &token);
                world.resume(&other.snapshot()).unwrap();
            })
        }),
        ("login_granted", |world| {
            // Its lease has expired, so there are passes while the login goes on.
            world.pass(secs(3400));
            let (login, _) = world.lead(Call::one_shot());
            world.pass(secs(60));
            world.held();
            let token = world.fresh();
            Box::new(move |world| world.grant(login, &token))
        }),
        ("doubtful_dropped", |world| {
            let attempt = world.send(Call::replayable()).attempt;
            drop(world.break_off(attempt));
            let attempt = world.send(Call::replayable()).attempt;
            Box::new(|world| world.fail_upload(attempt))
        }),
    ];
    for (name, prepare) in changes {
        let (mut world, _, _) = passed();
        let token = format!("Bearer {}", world.fresh()).into_bytes();
        let value = HeaderValue::from_maybe_shared(Bytes::from_owner(Spiteful(token))).unwrap();
        let attempt = world.send(Call::replayable()).attempt;
        world.deliver_with(attempt, 200, &HeaderMap::from_iter([(AUTHORIZATION, value)]));
        let change = prepare(&mut world);
        let pass = world.session.pass();
        assert_eq!(pass.is_none(), name == "doubtful_dropped");
        let written = world.session.journal().written();
        let panicked = catch_unwind(AssertUnwindSafe(|| change(&mut world)));
        assert!(panicked.is_err(), "the last one to hold the bytes is the session: {name}");
        assert_eq!(world.last_event().name(), name);
        let newest = world.session.journal().written();
        // No pass sends a doubtful token. Its drop is the second entry of its step.
        assert_eq!(newest, written + if pass.is_some() { 1 } else { 2 }, "{name}");
        let sent = pass.map(|pass| pass.admit(Call::replayable(), &mut request(), newest, world.now()));
        assert!(sent.is_none_or(|sent| sent.is_err()), "{name}");
    }
}
