//! Rules 17 to 22: bodies, cancellation, secrets, the journal.

use std::fmt::{Debug, Write};

use http::{HeaderMap, Request};
use waldo_auth_core::{
    Attempt, Call, Challenge, Config, Credentials, Event, Explanation, Head, Login, Origin, Reason,
    Refusal, Session, Snapshot, Step, Unavailable, Verdict,
};

use crate::fixture::{
    Fixture, KEY, ORIGIN, SECRET, bearer, busy, credentials, down, grant_of, read, rejection_of,
    secs,
};

#[test]
fn rule_17_one_shot_401_is_delivered_and_token_dropped() {
    let (mut fixture, _) = Fixture::warm();
    let upload = fixture.send(Call::one_shot());
    fixture.deliver(upload.attempt, 401);
    let (login, call) = fixture.lead(Call::one_shot());
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let upload = fixture.send(call);
    assert_eq!(upload.token, token);
    fixture.deliver(upload.attempt, 200);
}

#[test]
fn rule_17_one_shot_is_not_resent_with_newer_token() {
    let (mut fixture, _) = Fixture::warm();
    let (upload, other) = (fixture.send(Call::one_shot()), fixture.send(Call::replayable()));
    let newer = fixture.fresh();
    fixture.renew(other.attempt, &newer);
    fixture.deliver(upload.attempt, 401);
    assert_eq!(fixture.held(), newer);
}

#[test]
fn rule_17_untouched_one_shot_body_is_resent() {
    let (mut fixture, _) = Fixture::warm();
    let upload = fixture.send(Call::one_shot());
    let call = fixture.retry(upload.attempt.with_untouched_body());
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_18_everything_can_be_dropped_anywhere() {
    let mut fixture = Fixture::new();
    drop(Call::replayable());
    drop(fixture.admit(Call::replayable())); // a login and its call
    drop(fixture.wait(Call::replayable()));
    fixture.pass(secs(30));
    let token = fixture.warm_up();
    drop(fixture.admit(Call::replayable())); // an attempt without its request
    drop(fixture.send(Call::replayable())); // an attempt
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt)); // a call that was to be sent again
    let token_after = fixture.log_in();
    assert_ne!(token, token_after);
    assert_eq!(fixture.held(), token_after);
}

#[test]
fn rule_19_everything_can_cross_threads() {
    fn can<T: Send + Sync + 'static>() {}
    can::<Session>();
    can::<Call>();
    can::<Attempt>();
    can::<Login>();
    can::<Step>();
    can::<Verdict>();
    can::<waldo_auth_core::Outcome>();
    can::<Refusal>();
    can::<waldo_auth_core::ConfigError>();
    can::<Config>();
    can::<Snapshot>();
    can::<Explanation>();
}

#[test]
fn rule_19_a_failed_authorization_leaves_the_session_as_it_was() {
    let (mut fixture, token) = Fixture::warm();
    let mut request = Request::get("https://evil.example/").body(()).unwrap();
    assert!(fixture.attach(&mut request).is_err());
    assert!(request.headers().is_empty());
    assert_eq!(fixture.held(), token);
}

/// Collects the texts of everything that a program may show.
struct Ears(String);

impl Ears {
    fn hear(&mut self, thing: &impl Debug) {
        writeln!(self.0, "{thing:?}\n{thing:#?}").unwrap();
    }

    fn read(&mut self, text: &impl ToString) {
        self.0 += &(text.to_string() + "\n");
    }

    fn hear_error(&mut self, error: &dyn std::error::Error) {
        writeln!(self.0, "{error:?}\n{error:#?}\n{error}").unwrap();
        if let Some(source) = error.source() {
            self.hear_error(source);
        }
    }
}

#[test]
fn rule_20_no_secret_is_shown_by_anything() {
    let mut ears = Ears(String::new());
    ears.hear(&credentials());
    ears.hear(&Credentials::new(KEY, "").unwrap_err());
    ears.hear(&Credentials::new(format!("{KEY} "), SECRET).unwrap_err());
    ears.read(&Credentials::new(KEY, format!(" {SECRET}")).unwrap_err());
    let builder = Config::builder(ORIGIN, credentials());
    ears.hear(&builder);
    ears.hear(&builder.clone().build().unwrap());
    ears.hear_error(&builder.clone().login_path(KEY).build().unwrap_err());

    let mut fixture = Fixture::new();
    ears.hear(&fixture.session);
    let (login, call) = fixture.lead(Call::replayable());
    ears.hear(&login);
    let first = fixture.fresh();
    let granted = grant_of(&login, &first);
    ears.hear(&granted);
    ears.hear(&fixture.session.explain(fixture.now()));
    fixture.settle(login, granted);
    ears.hear(&call);
    ears.hear(&fixture.session);

    let step = fixture.admit(call);
    ears.hear(&step);
    assert!(matches!(step, Step::Send(_)), "expected to send");
    let mut request = Request::get("https://evil.example/").body(()).unwrap();
    ears.hear_error(&fixture.attach(&mut request).unwrap_err());
    let sent = fixture.send(Call::replayable());
    ears.hear(&sent.attempt);
    let second = fixture.fresh();
    let map = bearer(&second);
    let head = Head::new(http::StatusCode::OK, &map);
    ears.hear(&head);
    let verdict = fixture.conclude_head(sent.attempt, head);
    ears.hear(&verdict);
    ears.hear(&fixture.session);

    let mut request = Request::get("https://api.waldo.ai/").body(()).unwrap();
    let _attempt = fixture.attach(&mut request).unwrap();
    ears.hear(&request);

    let snapshot = fixture.snapshot();
    ears.hear(&snapshot);
    ears.hear(
        &Snapshot::from_json(snapshot.to_json().replace("token", second.as_str()).as_bytes())
            .unwrap_err(),
    );
    ears.hear(&Snapshot::from_json(second.as_bytes()).unwrap_err());
    ears.read(&fixture.resume(&snapshot).unwrap_err());

    let sent = fixture.send(Call::replayable());
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    for body in [
        format!(r#"{{"code":"{KEY}"}}"#),
        format!(r#"{{"code":"no such key: {KEY}","message":"{KEY}"}}"#),
        format!(r#"{{"code":"{SECRET}"}}"#),
        format!(r#"{{"code":"X","message":"{KEY} {SECRET} {second}"}}"#),
        format!(r#"{{"token":"{KEY}"}}"#),
        format!("{KEY} {SECRET} {first}"),
    ] {
        for status in [200, 302, 400, 401, 403, 429, 500] {
            let outcome = read(&login, status, &bearer(KEY), &body);
            ears.hear(&outcome);
            if let waldo_auth_core::Outcome::Rejected(rejection) = outcome {
                ears.hear_error(&rejection);
                ears.read(rejection.code());
            }
        }
    }
    let rejection =
        read(&login, 401, &HeaderMap::new(), &format!(r#"{{"code":"{KEY} is unknown"}}"#));
    fixture.settle(login, rejection);
    let refusal = fixture.refuse(call);
    ears.hear_error(&refusal);
    ears.read(&fixture.explain());
    for entry in fixture.session.journal().since(0) {
        ears.hear(entry);
        ears.read(&entry.event);
    }
    ears.hear(fixture.session.journal());
    ears.hear(&fixture.session);

    for secret in [
        KEY,
        SECRET,
        &first,
        &second,
        "key-canary",
        "secret-canary",
        "dG9rZW4tY2FuYXJ5",
        "Bearer e",
    ] {
        if let Some(at) = ears.0.find(secret) {
            panic!("{secret} is shown: …{}", &ears.0[at.saturating_sub(200)..at + secret.len()]);
        }
    }
    assert!(ears.0.len() > 10_000, "the types must be formatted");
}

#[test]
fn rule_20_failure_keeps_http_stack_error_as_source() {
    use std::error::Error;
    let cause = || std::io::Error::other("connection reset");
    let said = |error: &dyn Error| error.source().map(ToString::to_string);
    let reset = Some("connection reset".to_owned());
    let failure = Unavailable::transport(cause());
    assert_eq!(said(&failure), reset);
    assert_eq!(said(&Unavailable::new(Reason::Transport).with_source(cause())), reset);
    let mut fixture = Fixture::with(|builder| builder.failures_per_call(1));
    let (login, call) = fixture.lead(Call::replayable());
    fixture.settle(login, waldo_auth_core::Outcome::Unavailable(failure));
    let refusal = fixture.refuse(call);
    assert!(
        refusal.to_string().starts_with("login unavailable: the server could not be reached"),
        "{refusal}"
    );
    assert_eq!(said(&refusal), reset);
    // A call whose deadline is too near fails with the same failure.
    let now = fixture.now().monotonic;
    let refusal = fixture.refuse(Call::replayable().with_deadline(now));
    assert!(matches!(refusal, Refusal::Deadline { .. }), "{refusal:?}");
    assert_eq!(said(&refusal), reset);
}

#[test]
fn rule_20_generation_identifies_a_token() {
    let (mut fixture, _) = Fixture::warm();
    let sent = fixture.send(Call::replayable());
    assert_eq!(sent.attempt.generation().number(), 1);
    assert!(format!("{:?}", sent.attempt).contains("generation: 1"));
    let renewed = fixture.fresh();
    fixture.renew(sent.attempt, &renewed);
    assert_eq!(fixture.send(Call::replayable()).attempt.generation().number(), 2);
}

#[test]
fn rule_22_journal_records_a_whole_session() {
    let mut fixture = Fixture::new();
    let start = fixture.now().monotonic;
    let (login, call) = fixture.lead(Call::replayable());
    fixture.pass(secs(1));
    fixture.waits(Call::replayable());
    fixture.pass(secs(1));
    let token = fixture.fresh();
    fixture.grant(login, &token);
    let sent = fixture.send(call);
    fixture.pass(secs(1));
    let renewed = fixture.lasting(1800);
    fixture.renew(sent.attempt, &renewed);
    let sent = fixture.send(Call::replayable());
    fixture.deliver_with(sent.attempt, 200, &bearer("malformed"));
    let sent = fixture.send(Call::replayable());
    fixture.pass(secs(1));
    let call = fixture.retry(sent.attempt);
    let (login, call) = fixture.lead(call);
    fixture.settle(login, down());
    fixture.pass(secs(1));
    let (login, call) = fixture.lead(call);
    fixture.settle(login, waldo_auth_core::Outcome::Abandoned);
    fixture.pass(secs(60));
    let (_login, _) = fixture.lead(call);
    fixture.pass(secs(60));
    let (login, call) = fixture.lead(Call::replayable());
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    fixture.refuse(call);
    fixture.reset(credentials());
    fixture.pass(secs(1));
    fixture.warm_up();
    fixture.invalidate();
    let (mut other, _) = Fixture::warm();
    let sent = other.send(Call::replayable());
    let stored = other.lasting(7200);
    other.renew(sent.attempt, &stored);
    fixture.resume(&other.snapshot()).unwrap();
    let told = fixture.session.journal().since(0);
    let told: Vec<_> = told
        .map(|entry| (entry.at.saturating_duration_since(start).as_secs(), entry.event.to_string()))
        .collect();
    let expected = [
        (0, "login 1 started"),
        (1, "a call waits for login 1"),
        (2, "login 1 granted generation 1, which lasts 3600.0s"),
        (3, "renewed to generation 2, which lasts 1800.0s"),
        (3, "ignored a header that is no JWT"),
        (4, "generation 2 was refused: it is dropped"),
        (4, "login 2 started"),
        (
            4,
            "login 2 failed: the server could not be reached, or the connection broke off; check the \
             origin and the network",
        ),
        (5, "login 3 started"),
        (5, "login 3 was dropped before its answer came; let a login outlive its call"),
        (65, "login 4 started"),
        (125, "the lease of login 4 expired"),
        (125, "login 5 started"),
        (125, "login 5 rejected with 401 INVALID_API_KEY"),
        (125, "the credentials are not tried again for 60.0s"),
        (125, "the credentials were replaced"),
        (126, "login 6 started"),
        (126, "login 6 granted generation 3, which lasts 3600.0s"),
        (126, "the server accepted generation 3"),
        (126, "the held token was given up on request"),
        (126, "resumed a stored token as generation 4, 7074.0s of its lifetime left"),
    ];
    assert_eq!(told, expected.map(|(at, text)| (at, text.to_owned())));
    let numbers: Vec<u64> = fixture.session.journal().since(15).map(|entry| entry.number).collect();
    assert_eq!(numbers, [16, 17, 18, 19, 20, 21]);
}

#[test]
fn rule_22_waiting_call_records_coalesced_once() {
    let mut fixture = Fixture::new();
    let (_login, _) = fixture.lead(Call::replayable());
    let (mut call, _) = fixture.wait(Call::replayable());
    for _ in 0..10 {
        fixture.pass(secs(1));
        call = fixture.wait(call).0;
    }
    assert_eq!(fixture.journal(), ["login_started", "coalesced"]);
}

#[test]
fn rule_22_each_401_outcome_is_journalled() {
    let (mut fixture, _) = Fixture::warm();
    let [a, b, c] = [(); 3].map(|()| fixture.send(Call::replayable()));
    let mut outcomes = Vec::new();
    let mut note = |fixture: &Fixture| match fixture.last_event() {
        Event::Challenged { outcome, generation: 1 | 2 } => outcomes.push(outcome),
        other => panic!("{other:?}"),
    };
    let call = fixture.retry(a.attempt);
    note(&fixture);
    drop(fixture.retry(b.attempt));
    note(&fixture);
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    drop(fixture.retry(c.attempt));
    note(&fixture);
    let sent = fixture.send(call);
    fixture.deliver(sent.attempt, 401);
    note(&fixture);
    assert_eq!(
        outcomes,
        [
            Challenge::Dropped,
            Challenge::NothingHeld,
            Challenge::NewerHeld,
            Challenge::FreshFromLogin
        ]
    );
}

/// Checks that the explanation describes what happens to a replayable call that comes now and has
/// no deadline.
#[track_caller]
fn explained(fixture: &mut Fixture) -> String {
    let now = fixture.now();
    let explanation = fixture.session.explain(now);
    let agrees = match (&explanation, fixture.admit(Call::replayable())) {
        (Explanation::Send { generation, .. }, Step::Send(attempt)) => {
            attempt.generation().number() == *generation
        }
        (Explanation::Authenticate { .. }, Step::Authenticate(login, _)) => {
            // The login is abandoned, so only the fixture's login number has changed.
            fixture.settle(login, waldo_auth_core::Outcome::Abandoned);
            true
        }
        (Explanation::WaitForLogin { at_most, .. }, Step::Wait(_, until)) => {
            fixture.after(*at_most) == until
        }
        (Explanation::BackOff { wait }, Step::Wait(_, until)) => fixture.after(*wait) == until,
        (Explanation::Refuse { remaining, .. }, Step::Refuse(refusal)) => {
            fixture.after(*remaining) == refusal.retry_at()
        }
        _ => false,
    };
    assert!(agrees, "{explanation}");
    explanation.to_string()
}

#[test]
fn rule_22_explain_agrees_with_admit_in_every_state() {
    let mut fixture = Fixture::new();
    assert_eq!(
        explained(&mut fixture),
        "the next call would log in, because there has been no token yet"
    );
    let (login, call) = fixture.lead(Call::replayable());
    assert!(explained(&mut fixture).starts_with("the next call would wait for login 2"));
    let failure = busy(&login, "7");
    fixture.settle(login, failure);
    assert!(explained(&mut fixture).starts_with("the next call would wait 7.0s"));
    fixture.pass(secs(7));
    let (login, call) = fixture.lead(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    assert_eq!(
        explained(&mut fixture),
        "the next call would be sent with generation 1, which has 3600.0s left"
    );
    let sent = fixture.send(call);
    fixture.deliver(sent.attempt, 200);
    fixture.pass(secs(10));
    assert_eq!(
        explained(&mut fixture),
        "the next call would be sent with generation 1, which has 3590.0s left"
    );
    fixture.pass(secs(3590));
    assert_eq!(
        explained(&mut fixture),
        "the next call would log in, because the lifetime of the held token is over"
    );
    let token = fixture.warm_up();
    assert_eq!(fixture.held(), token);
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt));
    assert_eq!(
        explained(&mut fixture),
        "the next call would log in, because the server refused the last token"
    );
    fixture.log_in();
    fixture.invalidate();
    assert_eq!(
        explained(&mut fixture),
        "the next call would log in, because the last token was invalidated"
    );
    fixture.reset(Credentials::new(KEY, "a rotated secret").unwrap());
    assert_eq!(
        explained(&mut fixture),
        "the next call would log in, because the credentials were replaced"
    );
    let (login, _) = fixture.lead(Call::replayable());
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    let refused = explained(&mut fixture);
    assert!(
        refused.starts_with(
            "the next call would be refused, and so for another 60.0s: login rejected"
        )
    );
    fixture.pass(secs(60));
    drop(fixture.lead(Call::replayable()));
    assert!(explained(&mut fixture).contains("for at most 30.0s"));
    fixture.pass(secs(30));
    assert!(explained(&mut fixture).starts_with("the next call would log in"));
}

#[test]
fn an_origin_is_compared_by_what_it_means() {
    let origin: Origin = "https://API.waldo.ai:443/".parse().unwrap();
    assert_eq!(origin, "https://api.waldo.ai".parse().unwrap());
    assert_ne!(origin, "https://api.waldo.ai:444".parse().unwrap());
}

#[test]
fn rule_17_attempt_is_resent_only_with_untouched_body() {
    let (mut fixture, _) = Fixture::warm();
    let (other, upload) = (fixture.send(Call::replayable()), fixture.send(Call::one_shot()));
    let newer = fixture.fresh();
    fixture.renew(other.attempt, &newer);
    // The server refused the request before the body was sent, so the call is sent again with the
    // newer token.
    let call = fixture.retry(upload.attempt.with_untouched_body());
    let upload = fixture.send(call);
    // This time the body was sent.
    fixture.deliver(upload.attempt, 401);
}

#[test]
fn rule_20_rejection_code_with_disguised_key_pair_is_redacted() {
    for code in [r"wk.key-\u0000canary", "wk.key- canary", r"w\u00e9s.secret-canary"] {
        let (login, _) = Fixture::new().lead(Call::replayable());
        let outcome = read(&login, 401, &HeaderMap::new(), &format!(r#"{{"code":"{code}"}}"#));
        let shown = format!("{outcome:?}");
        assert!(!shown.contains(KEY) && !shown.contains(SECRET), "{shown}");
    }
}
