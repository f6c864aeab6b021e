//! What tells one state of a session from another: where two of them would act differently, their hashes differ.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use waldo_auth_core::{Call, Config, Credentials, Login, Outcome};

use crate::world::{KEY, ORIGIN, SECRET, World, busy, credentials, down, secs};

fn digest(thing: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(thing)
}

/// Two worlds that begin alike and go on by themselves: `what` must tell them apart.
#[track_caller]
fn told_apart(what: &str, one: impl FnOnce(&mut World), other: impl FnOnce(&mut World)) {
    let (mut first, mut second) = (World::new(), World::new());
    one(&mut first);
    other(&mut second);
    assert_eq!(first.now(), second.now(), "the worlds must differ in nothing else");
    assert_ne!(digest(&first.session), digest(&second.session), "{what}");
}

/// Two logins that differ in `what` alone.
#[track_caller]
fn logins_told_apart(
    what: &str,
    one: impl FnOnce(&mut World) -> Login,
    other: impl FnOnce(&mut World) -> Login,
) {
    assert_ne!(digest(&one(&mut World::new())), digest(&other(&mut World::new())), "{what}");
}

fn grant_to_a_new_call(world: &mut World, token: &str) {
    let (login, _) = world.lead(Call::replayable());
    world.grant(login, token);
}

fn rotated(secret: &str) -> Credentials {
    Credentials::new(KEY, secret).unwrap()
}

fn give_up(world: &mut World) {
    let (login, _) = world.lead_in_time(Call::replayable());
    world.settle(login, Outcome::Abandoned);
}

#[test]
fn a_session_is_told_from_one_that_holds_another_token() {
    told_apart(
        "the held token",
        |world| {
            world.log_in();
        },
        |world| {
            world.fresh();
            world.log_in();
        },
    );
    told_apart(
        "how long it lasts",
        |world| {
            let token = world.fresh();
            grant_to_a_new_call(world, &token);
            world.pass(secs(10));
        },
        |world| {
            let token = world.fresh();
            world.pass(secs(10));
            grant_to_a_new_call(world, &token);
        },
    );
}

#[test]
fn a_session_is_told_from_one_that_has_given_up_another_token() {
    told_apart(
        "which token no store may bring back",
        |world| {
            world.log_in();
            world.invalidate();
        },
        |world| {
            world.fresh();
            world.log_in();
            world.invalidate();
        },
    );
    told_apart(
        "why nothing is held",
        |world| {
            world.reset(rotated("last"));
            world.log_in();
            world.invalidate();
        },
        |world| {
            world.log_in();
            world.reset(rotated("first"));
            world.reset(rotated("last"));
        },
    );
}

#[test]
fn a_session_is_told_from_one_that_has_paid_for_a_drop() {
    let dropped_at_59_minutes = |seconds: i64| {
        move |world: &mut World| {
            let token = world.lasting(seconds);
            grant_to_a_new_call(world, &token);
            let sent = world.send(Call::replayable());
            world.deliver(sent.attempt, 200);
            let sent = world.send(Call::replayable());
            world.pass(secs(3540));
            drop(world.retry(sent.attempt));
            // From here on both have the same token behind them.
            let token = world.fresh();
            grant_to_a_new_call(world, &token);
            world.invalidate();
        }
    };
    told_apart("the coins that are left", dropped_at_59_minutes(3600), dropped_at_59_minutes(3540));
}

#[test]
fn a_session_is_told_from_one_whose_next_login_may_start_at_another_time() {
    let asked_to_wait = |seconds: &'static str| {
        move |world: &mut World| {
            let (login, _) = world.lead(Call::replayable());
            let answer = busy(&login, seconds);
            world.settle(login, answer);
        }
    };
    told_apart("when it may start", asked_to_wait("5"), asked_to_wait("7"));
    told_apart("what a refusal says of the server's wish", asked_to_wait("0"), asked_to_wait("soon"));
}

#[test]
fn a_session_is_told_from_one_in_which_a_call_has_sat_through_another_number_of_failures() {
    let second_login_ends = |outcome: Outcome| {
        move |world: &mut World| {
            give_up(world);
            let (login, _) = world.lead(Call::replayable());
            world.settle(login, outcome);
            world.pass(secs(1));
            world.log_in();
        }
    };
    told_apart("the failures", second_login_ends(down()), second_login_ends(Outcome::Abandoned));
}

#[test]
fn a_session_is_told_from_one_in_which_a_login_is_under_way() {
    let found_in_a_store = |settled: bool| {
        move |world: &mut World| {
            let (before, _) = World::warm();
            let (login, _) = world.lead(Call::replayable());
            world.resume(&before.snapshot()).unwrap();
            if settled {
                world.settle(login, Outcome::Abandoned);
            }
        }
    };
    told_apart("the lease", found_in_a_store(true), found_in_a_store(false));
}

#[test]
fn a_session_is_told_from_one_of_another_key_or_secret() {
    let of = |key: &str, secret: &str| {
        let credentials = Credentials::new(key, secret).unwrap();
        digest(&World::of(Config::builder(ORIGIN, credentials).build().unwrap()).session)
    };
    assert_eq!(of(KEY, SECRET), of(KEY, SECRET));
    assert_ne!(of(KEY, SECRET), of("another", SECRET));
    assert_ne!(of(KEY, SECRET), of(KEY, "another"));
}

#[test]
fn a_login_is_told_from_one_that_was_sent_elsewhen_or_over_another_token() {
    let lead = |world: &mut World| world.lead(Call::replayable()).0;
    logins_told_apart("what the wall clock showed", lead, |world| {
        world.set_wall_forward(secs(1));
        lead(world)
    });
    logins_told_apart("which login its token would follow", lead, |world| {
        world.reset(rotated("another"));
        world.reset(credentials());
        lead(world)
    });
    let after_an_hour = |renewed: bool| {
        move |world: &mut World| {
            world.log_in();
            if renewed {
                let sent = world.send(Call::replayable());
                let newer = world.fresh();
                world.renew(sent.attempt, &newer);
            }
            world.pass(secs(3600));
            lead(world)
        }
    };
    logins_told_apart("which generation it would replace", after_an_hour(true), after_an_hour(false));
}
