//! Snapshots: a token that outlives its process.

use std::time::Duration;

use waldo_auth_core::{
    Call, Config, Credentials, Event, NotResumed, Outcome, Session, Snapshot, SnapshotError, Step,
};

use crate::world::{KEY, ORIGIN, World, bearer, credentials, down, jwt, secs};

/// The snapshot's JSON with one field set, or taken away.
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
fn what_is_written_is_read_back_and_resumed_with_the_lifetime_that_is_left() {
    let (mut before, token) = World::warm();
    before.pass(secs(600));
    let stored = before.snapshot().to_json();
    let mut after = World::new();
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
fn a_resumed_token_is_renewed_like_any_other_and_its_snapshot_is_the_same() {
    let (before, token) = World::warm();
    let snapshot = before.snapshot();
    let mut after = World::new();
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
fn there_is_no_snapshot_of_nothing() {
    let (mut world, _) = World::warm();
    world.invalidate();
    assert!(world.session.snapshot(world.now()).is_none());
    let world = World::new();
    assert!(world.session.snapshot(world.now()).is_none());
}

#[test]
fn a_snapshot_says_what_it_belongs_to_and_not_the_key() {
    let (world, token) = World::warm();
    let stored = world.snapshot().to_json();
    assert!(stored.contains(&token));
    assert!(!stored.contains(KEY));
    assert!(!format!("{:?}", world.snapshot()).contains(&token));
}

#[test]
fn bytes_that_are_no_snapshot_say_why() {
    let (world, _) = World::warm();
    let snapshot = world.snapshot();
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
    let (world, _) = World::warm();
    let snapshot = world.snapshot();
    let session = |origin: &str, key: &str, secret: &str| {
        Session::new(Config::builder(origin, Credentials::new(key, secret).unwrap()).build().unwrap())
    };
    let now = world.now();
    let resume = |mut session: Session| session.resume(&snapshot, now);
    assert_eq!(resume(session("https://api.waldo.ai:8443", KEY, "s")), Err(NotResumed::Foreign));
    assert_eq!(resume(session("https://sandbox.waldo.ai", KEY, "s")), Err(NotResumed::Foreign));
    assert_eq!(resume(session(ORIGIN, "sandbox.wk.key", "s")), Err(NotResumed::Foreign));
    // A rotated secret belongs to the same key.
    assert_eq!(resume(session("https://API.waldo.ai:443", KEY, "another secret")), Ok(()));
}

#[test]
fn a_snapshot_that_has_ended_or_nearly_so_is_not_resumed() {
    let (world, _) = World::warm();
    let snapshot = world.snapshot();
    for (seconds, result) in
        [(3596, Ok(())), (3597, Err(NotResumed::Expired)), (1_000_000_000, Err(NotResumed::Expired))]
    {
        let mut after = World::new();
        after.pass(secs(seconds));
        assert_eq!(after.resume(&snapshot), result, "{seconds}");
    }
}

#[test]
fn a_snapshot_from_the_future_is_believed_for_a_minute_only() {
    let (world, _) = World::warm();
    let snapshot = world.snapshot();
    for (seconds, result) in [(1, Ok(())), (60, Ok(())), (61, Err(NotResumed::FromTheFuture))] {
        let mut after = World::new();
        after.set_wall_back(secs(seconds));
        assert_eq!(after.resume(&snapshot), result, "{seconds}");
    }
}

#[test]
fn a_token_that_was_refused_or_given_up_is_not_resumed() {
    let (mut world, _) = World::warm();
    let snapshot = world.snapshot();
    let sent = world.send(Call::replayable());
    let call = world.retry(sent.attempt);
    assert_eq!(world.resume(&snapshot), Err(NotResumed::Refused));
    world.leads(call);

    let (mut world, _) = World::warm();
    let snapshot = world.snapshot();
    world.invalidate();
    world.invalidate();
    assert_eq!(world.resume(&snapshot), Err(NotResumed::Refused));
    world.reset(credentials());
    assert_eq!(world.resume(&snapshot), Err(NotResumed::Refused));
}

#[test]
fn a_token_that_was_refused_is_not_resumed_in_place_of_the_shorter_one_that_followed_it() {
    let (mut world, _) = World::warm();
    let refused = world.snapshot();
    let sent = world.send(Call::replayable());
    drop(world.retry(sent.attempt));
    let (login, _) = world.lead(Call::replayable());
    let shorter = world.lasting(600);
    world.grant(login, &shorter);
    assert_eq!(world.resume(&refused), Err(NotResumed::Refused));
    assert_eq!(world.held(), shorter);
}

#[test]
fn a_snapshot_that_lasts_no_longer_than_the_held_token_is_not_resumed() {
    let (older, _) = World::warm();
    let snapshot = older.snapshot();
    let mut world = World::new();
    world.pass(secs(100));
    let held = world.log_in();
    assert_eq!(world.resume(&snapshot), Err(NotResumed::HeldLastsLonger));
    assert_eq!(world.held(), held);
    let own = world.snapshot();
    assert_eq!(world.resume(&own), Err(NotResumed::HeldLastsLonger));
    let mut sibling = World::new();
    sibling.pass(secs(100));
    drop(sibling.fresh());
    assert_ne!(sibling.log_in(), held, "another token of the same lifetime");
    assert_eq!(world.resume(&sibling.snapshot()), Err(NotResumed::HeldLastsLonger));
}

#[test]
fn a_snapshot_that_lasts_longer_replaces_the_held_token_and_opens_an_epoch() {
    let (mut world, _) = World::warm();
    let slow = world.send(Call::replayable());
    world.pass(secs(1000));
    let mut sibling = World::new();
    sibling.pass(secs(1000));
    sibling.log_in();
    let newer = sibling.held();
    world.resume(&sibling.snapshot()).unwrap();
    assert_eq!(world.held(), newer);
    let late = jwt(r#"{"exp":1900000000}"#);
    world.deliver_with(slow.attempt, 200, &bearer(&late));
    assert_eq!(world.held(), newer);
}

#[test]
fn a_refused_resumption_leaves_the_session_as_it_was() {
    let (world, _) = World::warm();
    let snapshot = world.snapshot();
    let (mut other, token) = World::warm();
    other.pass(secs(10));
    let (explained, written) = (other.explain(), other.session.journal().written());
    assert!(other.resume(&snapshot).is_err());
    assert_eq!((other.explain(), other.session.journal().written()), (explained, written));
    assert_eq!(other.held(), token);
}

#[test]
fn a_leader_that_finds_a_token_in_the_store_gives_its_login_up_without_harm() {
    let mut world = World::new();
    for round in 0..5 {
        // At once, each time: to find a token is no failure.
        let (login, call) = world.lead(Call::replayable());
        let (waiter, _) = world.wait(Call::replayable());
        let mut sibling = World::new();
        // Another token in each round.
        (0..round).for_each(|_| drop(sibling.fresh()));
        let token = sibling.log_in();
        world.resume(&sibling.snapshot()).unwrap();
        world.settle(login, Outcome::Abandoned);
        assert_eq!(world.send(call).token, token);
        assert_eq!(world.send(waiter).token, token);
        world.invalidate();
    }
}

#[test]
fn a_circuit_open_session_uses_a_resumed_token_and_stays_circuit_open() {
    let (sibling, token) = World::warm();
    let mut world = World::new();
    let (login, _) = world.lead(Call::replayable());
    let rejection = crate::world::rejection_of(&login);
    world.settle(login, rejection);
    world.resume(&sibling.snapshot()).unwrap();
    let sent = world.send(Call::replayable());
    assert_eq!(sent.token, token);
    let call = world.retry(sent.attempt);
    world.refuse(call);
}

#[test]
fn a_resumed_tokens_401_is_not_final() {
    let (sibling, _) = World::warm();
    let mut world = World::new();
    let (login, call) = world.lead(Call::replayable());
    world.resume(&sibling.snapshot()).unwrap();
    world.settle(login, down());
    let sent = world.send(call);
    let call = world.retry(sent.attempt);
    let (_, until) = world.wait(call);
    world.pass_until(until);
    world.leads(Call::replayable());
}

#[test]
fn a_lifetime_of_any_length_can_be_stored() {
    let (world, _) = World::warm();
    let snapshot = world.snapshot();
    for lifetime in [0, 1, u64::MAX] {
        let json = altered(&snapshot, "lifetime_ms", Some(lifetime.into()));
        let snapshot = Snapshot::from_json(json.as_bytes()).unwrap();
        let mut after = World::new();
        let resumed = after.resume(&snapshot);
        assert_eq!(resumed.is_ok(), lifetime > 0, "{lifetime}");
        if lifetime == u64::MAX {
            after.pass(Duration::from_secs(1_000_000_000));
            assert!(matches!(after.admit(Call::one_shot()), Step::Send(_)));
        }
    }
}
