//! Snapshots: a token that outlives its process.

use std::time::Duration;

use waldo_auth_core::{
    Call, Config, Credentials, Event, NotResumed, Outcome, Session, Snapshot, SnapshotError, Step,
};

use crate::fixture::{Fixture, KEY, ORIGIN, bearer, credentials, down, jwt, secs};

/// The snapshot's JSON with one field set or removed.
fn altered(snapshot: &Snapshot, field: &str, value: Option<serde_json::Value>) -> String {
    let mut json: serde_json::Value = serde_json::from_str(&snapshot.to_json()).unwrap();
    let object = json.as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(field.to_owned(), value),
        None => object.remove(field),
    };
    json.to_string()
}

#[test]
fn snapshot_is_resumed_with_remaining_lifetime() {
    let (mut before, token) = Fixture::warm();
    before.pass(secs(600));
    let stored = before.snapshot().to_json();
    let mut after = Fixture::new();
    after.pass(secs(1000));
    let snapshot = Snapshot::from_json(stored.as_bytes()).unwrap();
    assert_eq!(snapshot, before.snapshot());
    after.resume(&snapshot).unwrap();
    assert_eq!(after.last_event(), Event::Resumed { generation: 1, left: secs(2600) });
    assert_eq!(after.held(), token);
    after.pass(secs(2597));
    after.leads(Call::replayable());
}

#[test]
fn resumed_token_keeps_its_snapshot_and_is_renewed() {
    let (before, token) = Fixture::warm();
    let snapshot = before.snapshot();
    let mut after = Fixture::new();
    after.pass(secs(100));
    after.resume(&snapshot).unwrap();
    assert_eq!(after.snapshot(), snapshot);
    let sent = after.send(Call::replayable());
    assert_eq!(sent.token, token);
    let newer = after.fresh();
    after.renew(sent.attempt, &newer);
    assert_eq!(after.held(), newer);
    assert_eq!(after.logins, 0);
}

#[test]
fn session_without_token_has_no_snapshot() {
    let (mut fixture, _) = Fixture::warm();
    fixture.invalidate();
    assert!(fixture.session.snapshot(fixture.now()).is_none());
    let fixture = Fixture::new();
    assert!(fixture.session.snapshot(fixture.now()).is_none());
}

#[test]
fn snapshot_contains_token_but_not_the_key() {
    let (fixture, token) = Fixture::warm();
    let stored = fixture.snapshot().to_json();
    assert!(stored.contains(&token));
    assert!(!stored.contains(KEY));
    assert!(!format!("{:?}", fixture.snapshot()).contains(&token));
}

#[test]
fn bytes_that_are_no_snapshot_say_why() {
    let (fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    for (field, value, error) in [
        ("version", None, SnapshotError::OtherVersion),
        ("version", Some(2.into()), SnapshotError::OtherVersion),
        ("version", Some("1".into()), SnapshotError::OtherVersion),
        ("origin", None, SnapshotError::Field("origin")),
        ("origin", Some(7.into()), SnapshotError::Field("origin")),
        ("origin", Some("api.waldo.ai".into()), SnapshotError::Field("origin")),
        ("key", None, SnapshotError::Field("key")),
        ("key", Some("not hex".into()), SnapshotError::Field("key")),
        ("key", Some("11112222333344445".into()), SnapshotError::Field("key")),
        ("token", None, SnapshotError::Field("token")),
        ("token", Some("Bearer a.b.c".into()), SnapshotError::Field("token")),
        ("token", Some("line\nbreak".into()), SnapshotError::Field("token")),
        ("began_ms", None, SnapshotError::Field("began_ms")),
        ("began_ms", Some((-1).into()), SnapshotError::Field("began_ms")),
        ("began_ms", Some(1.5.into()), SnapshotError::Field("began_ms")),
        ("lifetime_ms", None, SnapshotError::Field("lifetime_ms")),
        ("lifetime_ms", Some("3600000".into()), SnapshotError::Field("lifetime_ms")),
    ] {
        let json = altered(&snapshot, field, value);
        assert_eq!(Snapshot::from_json(json.as_bytes()), Err(error), "{json}");
    }
    for bytes in [b"".as_slice(), b"{", b"\xff", b"{} {}"] {
        assert_eq!(Snapshot::from_json(bytes), Err(SnapshotError::NotJson));
    }
    for bytes in [b"{}".as_slice(), b"[]", b"null", b"7"] {
        assert_eq!(Snapshot::from_json(bytes), Err(SnapshotError::OtherVersion));
    }
}

#[test]
fn a_snapshot_of_another_origin_or_key_is_foreign() {
    let (fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    let session = |origin: &str, key: &str, secret: &str| {
        Session::new(
            Config::builder(origin, Credentials::new(key, secret).unwrap()).build().unwrap(),
        )
    };
    let now = fixture.now();
    let resume = |mut session: Session| session.resume(&snapshot, now);
    assert_eq!(resume(session("https://api.waldo.ai:8443", KEY, "s")), Err(NotResumed::Foreign));
    assert_eq!(resume(session("https://sandbox.waldo.ai", KEY, "s")), Err(NotResumed::Foreign));
    assert_eq!(resume(session(ORIGIN, "sandbox.wk.key", "s")), Err(NotResumed::Foreign));
    // A rotated secret belongs to the same API key.
    assert_eq!(resume(session("https://API.waldo.ai:443", KEY, "another secret")), Ok(()));
}

#[test]
fn snapshot_within_the_leeway_is_not_resumed() {
    let (fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    for (seconds, result) in [
        (3596, Ok(())),
        (3597, Err(NotResumed::Expired)),
        (1_000_000_000, Err(NotResumed::Expired)),
    ] {
        let mut after = Fixture::new();
        after.pass(secs(seconds));
        assert_eq!(after.resume(&snapshot), result, "{seconds}");
    }
}

#[test]
fn snapshot_over_a_minute_ahead_is_not_resumed() {
    let (fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    for (seconds, result) in [(1, Ok(())), (60, Ok(())), (61, Err(NotResumed::FromTheFuture))] {
        let mut after = Fixture::new();
        after.set_wall_back(secs(seconds));
        assert_eq!(after.resume(&snapshot), result, "{seconds}");
    }
}

#[test]
fn refused_or_invalidated_token_is_not_resumed() {
    let (mut fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    let sent = fixture.send(Call::replayable());
    let call = fixture.retry(sent.attempt);
    assert_eq!(fixture.resume(&snapshot), Err(NotResumed::Refused));
    fixture.leads(call);

    let (mut fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    fixture.invalidate();
    fixture.invalidate();
    assert_eq!(fixture.resume(&snapshot), Err(NotResumed::Refused));
    fixture.reset(credentials());
    assert_eq!(fixture.resume(&snapshot), Err(NotResumed::Refused));
}

#[test]
fn refused_token_does_not_replace_shorter_lived_token() {
    let (mut fixture, _) = Fixture::warm();
    let refused = fixture.snapshot();
    let sent = fixture.send(Call::replayable());
    drop(fixture.retry(sent.attempt));
    let (login, _) = fixture.lead(Call::replayable());
    let shorter = fixture.lasting(600);
    fixture.grant(login, &shorter);
    assert_eq!(fixture.resume(&refused), Err(NotResumed::Refused));
    assert_eq!(fixture.held(), shorter);
}

#[test]
fn snapshot_without_longer_lifetime_is_not_resumed() {
    let (older, _) = Fixture::warm();
    let snapshot = older.snapshot();
    let mut fixture = Fixture::new();
    fixture.pass(secs(100));
    let held = fixture.log_in();
    assert_eq!(fixture.resume(&snapshot), Err(NotResumed::HeldLastsLonger));
    assert_eq!(fixture.held(), held);
    let own = fixture.snapshot();
    assert_eq!(fixture.resume(&own), Err(NotResumed::HeldLastsLonger));
    let mut sibling = Fixture::new();
    sibling.pass(secs(100));
    drop(sibling.fresh());
    assert_ne!(sibling.log_in(), held, "another token of the same lifetime");
    assert_eq!(fixture.resume(&sibling.snapshot()), Err(NotResumed::HeldLastsLonger));
}

#[test]
fn longer_lived_snapshot_replaces_token_and_starts_epoch() {
    let (mut fixture, _) = Fixture::warm();
    let slow = fixture.send(Call::replayable());
    fixture.pass(secs(1000));
    let mut sibling = Fixture::new();
    sibling.pass(secs(1000));
    sibling.log_in();
    let newer = sibling.held();
    fixture.resume(&sibling.snapshot()).unwrap();
    assert_eq!(fixture.held(), newer);
    let late = jwt(r#"{"exp":1900000000}"#);
    fixture.deliver_with(slow.attempt, 200, &bearer(&late));
    assert_eq!(fixture.held(), newer);
}

#[test]
fn a_refused_resumption_leaves_the_session_as_it_was() {
    let (fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    let (mut other, token) = Fixture::warm();
    other.pass(secs(10));
    let (explained, written) = (other.explain(), other.session.journal().written());
    assert!(other.resume(&snapshot).is_err());
    assert_eq!((other.explain(), other.session.journal().written()), (explained, written));
    assert_eq!(other.held(), token);
}

/// Seen in grafana/gcx#522: A process renews a token that another process has renewed already, and
/// is refused.
#[test]
fn rule_06_refused_token_is_replaced_by_siblings_token() {
    let (mut fixture, _) = Fixture::warm();
    let shared = fixture.snapshot();
    // The sibling process begins with the same token, and its response replaces the token.
    let mut sibling = Fixture::new();
    sibling.resume(&shared).unwrap();
    sibling.pass(secs(1));
    let (attempt, renewed) = (sibling.send(Call::replayable()).attempt, sibling.lasting(3600));
    sibling.deliver_with(attempt, 200, &bearer(&renewed));
    fixture.pass(secs(1));
    let attempt = fixture.send(Call::replayable()).attempt;
    let call = fixture.retry(attempt);
    let (login, call) = fixture.lead(call);
    assert_eq!(fixture.resume(&shared), Err(NotResumed::Refused));
    fixture.resume(&sibling.snapshot()).unwrap();
    fixture.settle(login, Outcome::Abandoned);
    assert_eq!(fixture.send(call).token, renewed);
}

/// Seen in editor-code-assistant/eca#462: Processes that share one file renew at the same time, and
/// invalidate each other's token.
#[test]
fn rule_06_leader_with_resumed_token_abandons_its_login() {
    let mut fixture = Fixture::new();
    for round in 0..5 {
        // The login starts at once in each round, because an abandoned login is no failure.
        let (login, call) = fixture.lead(Call::replayable());
        let (waiter, _) = fixture.wait(Call::replayable());
        let mut sibling = Fixture::new();
        // Each round stores another token.
        (0..round).for_each(|_| drop(sibling.fresh()));
        let token = sibling.log_in();
        fixture.resume(&sibling.snapshot()).unwrap();
        fixture.settle(login, Outcome::Abandoned);
        assert_eq!(fixture.send(call).token, token);
        assert_eq!(fixture.send(waiter).token, token);
        fixture.invalidate();
    }
}

#[test]
fn resumed_token_is_used_while_circuit_stays_open() {
    let (sibling, token) = Fixture::warm();
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let rejection = crate::fixture::rejection_of(&login);
    fixture.settle(login, rejection);
    fixture.resume(&sibling.snapshot()).unwrap();
    let sent = fixture.send(Call::replayable());
    assert_eq!(sent.token, token);
    let call = fixture.retry(sent.attempt);
    fixture.refuse(call);
}

/// The token shows that a later login of the fleet was granted.
#[test]
fn rule_15_token_of_later_login_elsewhere_closes_circuit() {
    let (sibling, token) = Fixture::warm();
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let rejection = crate::fixture::rejection_of(&login);
    fixture.settle(login, rejection);
    let (snapshot, now) = (sibling.snapshot(), fixture.now());
    assert!(fixture.step(|session, now| session.resume_after_grant(&snapshot, now)).is_ok());
    assert!(!fixture.session.is_rejected());
    let sent = fixture.send(Call::replayable());
    assert_eq!(sent.token, token);
    let call = fixture.retry(sent.attempt);
    fixture.leads(call);
    // A token that is not used shows nothing.
    let mut other = Fixture::new();
    let (login, _) = other.lead(Call::replayable());
    let rejection = crate::fixture::rejection_of(&login);
    other.settle(login, rejection);
    let dead = snapshot.with_left(Duration::ZERO, now);
    assert!(other.step(|session, now| session.resume_after_grant(&dead, now)).is_err());
    assert!(other.session.is_rejected());
}

#[test]
fn a_resumed_tokens_401_is_not_final() {
    let (sibling, _) = Fixture::warm();
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    fixture.resume(&sibling.snapshot()).unwrap();
    fixture.settle(login, down());
    let sent = fixture.send(call);
    let call = fixture.retry(sent.attempt);
    let (_, until) = fixture.wait(call);
    fixture.pass_until(until);
    fixture.leads(Call::replayable());
}

#[test]
fn a_lifetime_of_any_length_can_be_stored() {
    let (fixture, _) = Fixture::warm();
    let snapshot = fixture.snapshot();
    for lifetime in [0, 1, u64::MAX] {
        let json = altered(&snapshot, "lifetime_ms", Some(lifetime.into()));
        let snapshot = Snapshot::from_json(json.as_bytes()).unwrap();
        let mut after = Fixture::new();
        let resumed = after.resume(&snapshot);
        assert_eq!(resumed.is_ok(), lifetime > 0, "{lifetime}");
        if lifetime == u64::MAX {
            after.pass(Duration::from_secs(1_000_000_000));
            assert!(matches!(after.admit(Call::one_shot()), Step::Send(_)));
        }
    }
}
