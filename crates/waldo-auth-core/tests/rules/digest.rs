//! The digest of a session: if two states would act differently, their digests differ.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use waldo_auth_core::{Call, Config, Credentials, Login, Outcome};

use crate::fixture::{Fixture, KEY, ORIGIN, SECRET, busy, credentials, down, secs};

fn digest(thing: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(thing)
}

/// Two fixtures begin alike, then each takes its own steps. Their digests must differ because of
/// `what`.
#[track_caller]
fn assert_digests_differ(
    what: &str,
    one: impl FnOnce(&mut Fixture),
    other: impl FnOnce(&mut Fixture),
) {
    let (mut first, mut second) = (Fixture::new(), Fixture::new());
    one(&mut first);
    other(&mut second);
    assert_eq!(first.now(), second.now(), "the clocks must be equal");
    assert_ne!(first.session.digest(), second.session.digest(), "{what}");
}

/// Two logins differ in `what` alone, so their digests must differ.
#[track_caller]
fn assert_login_digests_differ(
    what: &str,
    one: impl FnOnce(&mut Fixture) -> Login,
    other: impl FnOnce(&mut Fixture) -> Login,
) {
    assert_ne!(digest(&one(&mut Fixture::new())), digest(&other(&mut Fixture::new())), "{what}");
}

fn grant_to_a_new_call(fixture: &mut Fixture, token: &str) {
    let (login, _) = fixture.lead(Call::replayable());
    fixture.grant(login, token);
}

fn rotated(secret: &str) -> Credentials {
    Credentials::new(KEY, secret).unwrap()
}

fn give_up(fixture: &mut Fixture) {
    let (login, _) = fixture.lead_in_time(Call::replayable());
    fixture.settle(login, Outcome::Abandoned);
}

#[test]
fn digest_distinguishes_held_token_and_lifetime() {
    assert_digests_differ(
        "the held token",
        |fixture| {
            fixture.log_in();
        },
        |fixture| {
            fixture.fresh();
            fixture.log_in();
        },
    );
    assert_digests_differ(
        "the lifetime of the held token",
        |fixture| {
            let token = fixture.fresh();
            grant_to_a_new_call(fixture, &token);
            fixture.pass(secs(10));
        },
        |fixture| {
            let token = fixture.fresh();
            fixture.pass(secs(10));
            grant_to_a_new_call(fixture, &token);
        },
    );
}

#[test]
fn digest_distinguishes_dropped_tokens() {
    assert_digests_differ(
        "the dropped token that no store may bring back",
        |fixture| {
            fixture.log_in();
            fixture.invalidate();
        },
        |fixture| {
            fixture.fresh();
            fixture.log_in();
            fixture.invalidate();
        },
    );
    assert_digests_differ(
        "the reason why no token is held",
        |fixture| {
            fixture.reset(rotated("last"));
            fixture.log_in();
            fixture.invalidate();
        },
        |fixture| {
            fixture.log_in();
            fixture.reset(rotated("first"));
            fixture.reset(rotated("last"));
        },
    );
}

#[test]
fn digest_distinguishes_remaining_permits() {
    let dropped_at_59_minutes = |seconds: i64| {
        move |fixture: &mut Fixture| {
            let token = fixture.lasting(seconds);
            grant_to_a_new_call(fixture, &token);
            let sent = fixture.send(Call::replayable());
            fixture.deliver(sent.attempt, 200);
            let sent = fixture.send(Call::replayable());
            fixture.pass(secs(3540));
            drop(fixture.retry(sent.attempt));
            // From here on, both fixtures have had the same tokens.
            let token = fixture.fresh();
            grant_to_a_new_call(fixture, &token);
            fixture.invalidate();
        }
    };
    assert_digests_differ(
        "the permits that are left",
        dropped_at_59_minutes(3600),
        dropped_at_59_minutes(3540),
    );
}

#[test]
fn digest_distinguishes_next_login_time() {
    let asked_to_wait = |seconds: &'static str| {
        move |fixture: &mut Fixture| {
            let (login, _) = fixture.lead(Call::replayable());
            let answer = busy(&login, seconds);
            fixture.settle(login, answer);
        }
    };
    assert_digests_differ("the instant of the next login", asked_to_wait("5"), asked_to_wait("7"));
    assert_digests_differ(
        "the `Retry-After` that a refusal reports",
        asked_to_wait("0"),
        asked_to_wait("soon"),
    );
}

#[test]
fn digest_distinguishes_failure_counts() {
    let second_login_ends = |outcome: Outcome| {
        move |fixture: &mut Fixture| {
            give_up(fixture);
            let (login, _) = fixture.lead(Call::replayable());
            fixture.settle(login, outcome);
            fixture.pass(secs(1));
            fixture.log_in();
        }
    };
    assert_digests_differ(
        "the failures",
        second_login_ends(down()),
        second_login_ends(Outcome::Abandoned),
    );
}

#[test]
fn digest_distinguishes_login_under_way() {
    let found_in_a_store = |settled: bool| {
        move |fixture: &mut Fixture| {
            let (before, _) = Fixture::warm();
            let (login, _) = fixture.lead(Call::replayable());
            fixture.resume(&before.snapshot()).unwrap();
            if settled {
                fixture.settle(login, Outcome::Abandoned);
            }
        }
    };
    assert_digests_differ("the lease", found_in_a_store(true), found_in_a_store(false));
}

#[test]
fn digest_distinguishes_key_and_secret() {
    let of = |key: &str, secret: &str| {
        let credentials = Credentials::new(key, secret).unwrap();
        Fixture::of(Config::builder(ORIGIN, credentials).build().unwrap()).session.digest()
    };
    assert_eq!(of(KEY, SECRET), of(KEY, SECRET));
    assert_ne!(of(KEY, SECRET), of("another", SECRET));
    assert_ne!(of(KEY, SECRET), of(KEY, "another"));
}

#[test]
fn login_digest_distinguishes_wall_time_epoch_and_generation() {
    let lead = |fixture: &mut Fixture| fixture.lead(Call::replayable()).0;
    assert_login_digests_differ("the wall clock's time", lead, |fixture| {
        fixture.set_wall_forward(secs(1));
        lead(fixture)
    });
    assert_login_digests_differ("the login before this one", lead, |fixture| {
        fixture.reset(rotated("another"));
        fixture.reset(credentials());
        lead(fixture)
    });
    let after_an_hour = |renewed: bool| {
        move |fixture: &mut Fixture| {
            fixture.log_in();
            if renewed {
                let sent = fixture.send(Call::replayable());
                let newer = fixture.fresh();
                fixture.renew(sent.attempt, &newer);
            }
            fixture.pass(secs(3600));
            lead(fixture)
        }
    };
    assert_login_digests_differ(
        "the generation that the login's token would replace",
        after_an_hour(true),
        after_an_hour(false),
    );
}
