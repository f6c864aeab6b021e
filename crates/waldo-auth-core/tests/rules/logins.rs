//! Rules 13 to 15: one login at a time, one failure for all, and the circuit breaker.

use std::collections::BTreeSet;
use std::time::Duration;

use waldo_auth_core::{
    Call, Credentials, Event, Explanation, Ignored, Outcome, Reason, Refusal, Step,
};

use crate::fixture::{
    Fixture, KEY, busy, credentials, down, grant_of, just_under, millis, rejection_of, secs,
};

#[test]
fn rule_13_64_calls_without_token_share_one_login() {
    let mut fixture = Fixture::new();
    let (login, leader) = fixture.lead(Call::replayable());
    let waiters: Vec<_> = (0..63).map(|_| fixture.wait(Call::replayable())).collect();
    assert!(waiters.iter().all(|(_, until)| *until == login.expires_at()));
    let token = fixture.fresh();
    fixture.grant(login, &token);
    for call in waiters.into_iter().map(|(call, _)| call).chain([leader]) {
        assert_eq!(fixture.send(call).token, token);
    }
    assert_eq!(fixture.logins, 1);
}

#[test]
fn rule_13_lost_leader_delays_others_by_its_lease() {
    let mut fixture = Fixture::new();
    let (login, leader) = fixture.lead(Call::replayable());
    let (waiter, until) = fixture.wait(Call::replayable());
    drop((login, leader));
    fixture.pass_until(until);
    let (login, waiter) = fixture.lead(waiter);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    assert_eq!(fixture.send(waiter).token, token);
    assert!(fixture.journal().contains(&"lease_expired"));
}

#[test]
fn rule_13_expired_lease_is_failure_for_its_waiters() {
    let mut fixture = Fixture::new();
    let (mut slow, leader) = fixture.lead(Call::replayable());
    let (mut waiter, _) = fixture.wait(Call::replayable());
    drop(leader);
    // Each response comes after its lease, so without a limit each call would take over the login
    // from the one before.
    for _ in 0..2 {
        fixture.pass(secs(30));
        let (next, call) = fixture.lead(waiter);
        let rejection = rejection_of(&slow);
        fixture.settle(slow, rejection);
        (slow, waiter) = (next, call);
    }
    fixture.pass(secs(30));
    let Refusal::Unavailable { failure, .. } = fixture.refuse(waiter) else {
        panic!("expected an unavailable login")
    };
    assert_eq!(failure.reason(), Reason::Timeout);
    // A call that comes when the lease expires has not waited for that login.
    fixture.leads(Call::replayable());
}

#[test]
fn rule_13_expired_lease_and_late_answer_count_once() {
    let mut fixture = Fixture::new();
    let (late, _) = fixture.lead(Call::replayable());
    let (waiter, until) = fixture.wait(Call::replayable());
    fixture.pass_until(until);
    // The expired lease is the first failure. The late response is no second failure.
    let (login, waiter) = fixture.lead(waiter);
    fixture.settle(late, down());
    fixture.settle(login, down());
    let (waiter, until) = fixture.wait(waiter);
    fixture.pass_until(until);
    let (login, waiter) = fixture.lead(waiter);
    fixture.settle(login, down());
    assert!(matches!(fixture.refuse(waiter), Refusal::Unavailable { .. }));
}

#[test]
fn rule_13_a_lease_holds_until_its_very_end() {
    let mut fixture = Fixture::with(|builder| builder.lease(millis(500)));
    let (_login, _) = fixture.lead(Call::replayable());
    fixture.pass(millis(499));
    let (waiter, _) = fixture.wait(Call::replayable());
    fixture.pass(millis(1));
    fixture.leads(waiter);
}

#[test]
fn rule_13_a_suspended_machine_does_not_end_a_lease() {
    let mut fixture = Fixture::new();
    let (_login, _) = fixture.lead(Call::replayable());
    fixture.suspend(secs(3600));
    fixture.waits(Call::replayable());
}

#[test]
fn rule_13_abandoned_login_fails_over_at_once() {
    let mut fixture = Fixture::new();
    let (login, leader) = fixture.lead(Call::replayable());
    let (waiter, _) = fixture.wait(Call::replayable());
    fixture.settle(login, Outcome::Abandoned);
    drop(leader);
    fixture.leads(waiter);
}

#[test]
fn rule_14_repeated_failovers_are_spaced_by_250_ms() {
    let mut fixture = Fixture::new();
    let waits = failovers(&mut fixture, 60);
    let (at_once, spaced) = waits.split_at(5);
    assert!(at_once.iter().all(Duration::is_zero), "the first failovers come at once: {waits:?}");
    assert!(
        spaced.iter().all(|wait| *wait == millis(250)),
        "later failovers come every 250 ms: {waits:?}"
    );
    // A granted login resets the count of failovers.
    let (login, _) = fixture.lead_in_time(Call::replayable());
    let token = fixture.fresh();
    fixture.grant(login, &token);
    fixture.invalidate();
    assert_eq!(failovers(&mut fixture, 6), [0, 0, 0, 0, 0, 250].map(millis));
}

#[test]
fn rule_14_failover_every_250_ms_is_immediate() {
    let mut fixture = Fixture::new();
    let (mut login, mut call) = fixture.lead(Call::replayable());
    for _ in 0..60 {
        fixture.pass(millis(250));
        fixture.settle(login, Outcome::Abandoned);
        (login, call) = fixture.lead(call);
    }
}

#[test]
fn rule_14_failover_after_outage_is_immediate() {
    let mut fixture = Fixture::new();
    backoffs(&mut fixture, 7);
    assert_eq!(failovers(&mut fixture, 6), [0, 0, 0, 0, 0, 250].map(millis));
}

#[test]
fn rule_13_abandoned_login_counts_as_no_failure() {
    let mut fixture = Fixture::new();
    let mut call = Call::replayable();
    for _ in 0..20 {
        let (login, then) = fixture.lead_in_time(call);
        fixture.settle(login, Outcome::Abandoned);
        call = then;
    }
}

#[test]
fn rule_13_late_grant_is_held_without_newer_token() {
    let mut fixture = Fixture::new();
    let (late, _) = fixture.lead(Call::replayable());
    fixture.pass(secs(31));
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    fixture.grant(late, &token);
    // The call does not wait, although the second login is still under way.
    assert_eq!(fixture.send(call).token, token);
    assert_eq!(fixture.held(), token);
    // The token of the second login is younger, so it replaces the first token.
    let newer = fixture.fresh();
    fixture.grant(login, &newer);
    assert_eq!(fixture.held(), newer);
}

#[test]
fn rule_13_late_grant_after_newer_login_is_ignored() {
    let mut fixture = Fixture::new();
    let (late, _) = fixture.lead(Call::replayable());
    fixture.pass(secs(31));
    let newer = fixture.log_in();
    let old = fixture.fresh();
    fixture.grant(late, &old);
    assert_eq!(fixture.held(), newer);
    assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::LateLogin });
}

#[test]
fn rule_13_late_grant_ends_backoff_of_later_failure() {
    let mut fixture = Fixture::new();
    let (late, _) = fixture.lead(Call::replayable());
    fixture.pass(secs(31));
    let call = fixture.fail(Call::replayable());
    let (call, _) = fixture.wait(call);
    let token = fixture.fresh();
    fixture.grant(late, &token);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_13_late_end_does_not_disturb_current_login() {
    for outcome in [down(), Outcome::Abandoned] {
        let mut fixture = Fixture::new();
        let (late, _) = fixture.lead(Call::replayable());
        fixture.pass(secs(31));
        let (login, call) = fixture.lead(Call::replayable());
        fixture.settle(late, outcome);
        let (call, until) = fixture.wait(call);
        assert_eq!(until, login.expires_at());
        let token = fixture.fresh();
        fixture.grant(login, &token);
        assert_eq!(fixture.send(call).token, token);
    }
}

#[test]
fn rule_13_late_rejection_of_expired_lease_is_ignored() {
    let mut fixture = Fixture::new();
    let (late, _) = fixture.lead(Call::replayable());
    fixture.pass(secs(31));
    let (login, call) = fixture.lead(Call::replayable());
    let rejection = rejection_of(&late);
    fixture.settle(late, rejection);
    let (call, _) = fixture.wait(call);
    let token = fixture.fresh();
    fixture.grant(login, &token);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_13_late_answer_counts_without_newer_login() {
    let mut fixture = Fixture::new();
    let (login, call) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    fixture.pass(secs(100));
    fixture.grant(login, &token);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_13_valid_token_is_sent_during_login() {
    let (mut fixture, token) = Fixture::warm();
    fixture.pass(secs(3400));
    let (_login, _) = fixture.lead(Call::one_shot());
    assert_eq!(fixture.send(Call::replayable()).token, token);
    fixture.waits(Call::one_shot());
    let hurried = Call::one_shot().with_deadline(fixture.after(secs(20)));
    assert_eq!(fixture.send(hurried).token, token, "the call does not wait for a better token");
}

#[test]
fn rule_14_waiters_share_failure_and_one_retries() {
    let mut fixture = Fixture::new();
    let (login, leader) = fixture.lead(Call::replayable());
    let mut calls: Vec<Call> = (0..63).map(|_| fixture.wait(Call::replayable()).0).collect();
    calls.push(leader);
    fixture.settle(login, down());
    for round in 2..=3 {
        // All calls wait for one common instant.
        let waits: Vec<_> = calls.into_iter().map(|call| fixture.wait(call)).collect();
        let instants: BTreeSet<_> = waits.iter().map(|(_, until)| *until).collect();
        assert_eq!(instants.len(), 1);
        assert_eq!(fixture.logins, round - 1, "no waiter leads a login");
        fixture.pass_until(*instants.first().unwrap());
        let mut waiting = waits.into_iter().map(|(call, _)| call);
        let (login, leader) = fixture.lead(waiting.next().unwrap());
        calls = waiting.map(|call| fixture.wait(call).0).collect();
        calls.push(leader);
        fixture.settle(login, down());
    }
    // Three failures are the limit for each call.
    for call in calls {
        match fixture.refuse(call) {
            Refusal::Unavailable { failure, retry_at } => {
                assert_eq!(failure.reason(), Reason::Transport);
                assert!(retry_at >= fixture.now().monotonic);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fixture.logins, 3);
}

#[test]
fn rule_14_failures_per_call_are_configurable() {
    for most in [1, 2, 7, 100] {
        let mut fixture = Fixture::with(|builder| builder.failures_per_call(most));
        let mut call = Call::replayable();
        for _ in 0..most {
            let (login, then) = fixture.lead_in_time(call);
            fixture.settle(login, down());
            call = then;
        }
        assert!(matches!(fixture.refuse(call), Refusal::Unavailable { .. }));
    }
}

#[test]
fn rule_14_failures_before_a_call_do_not_count() {
    let mut fixture = Fixture::new();
    for _ in 0..10 {
        let call = fixture.fail(Call::replayable());
        let until = match fixture.admit(call) {
            Step::Wait(_, until) => until,
            other => panic!("{other:?}"),
        };
        fixture.pass_until(until);
    }
}

#[test]
fn rule_14_next_call_logs_in_after_refusal() {
    let mut fixture = Fixture::new();
    let mut call = Call::replayable();
    for _ in 0..3 {
        call = fixture.fail(call);
        fixture.pass(secs(60));
    }
    fixture.refuse(call);
    let token = fixture.log_in();
    assert_eq!(fixture.held(), token);
}

/// Fails `n` logins in a row. Returns the backoff after each.
fn backoffs(fixture: &mut Fixture, n: usize) -> Vec<Duration> {
    (0..n)
        .map(|_| {
            drop(fixture.fail(Call::replayable()));
            let wait = closed_for(fixture);
            fixture.pass(wait);
            wait
        })
        .collect()
}

/// The time until a login may start.
fn closed_for(fixture: &Fixture) -> Duration {
    match fixture.session.explain(fixture.now()) {
        Explanation::BackOff { wait } => wait,
        Explanation::Authenticate { .. } => Duration::ZERO,
        other => panic!("{other:?}"),
    }
}

/// A call leads `n` times, and abandons the login each time. Returns the waits before it leads
/// again.
fn failovers(fixture: &mut Fixture, n: usize) -> Vec<Duration> {
    let (mut login, mut call) = fixture.lead_in_time(Call::replayable());
    let mut waits = Vec::new();
    for _ in 0..n {
        fixture.settle(login, Outcome::Abandoned);
        let from = fixture.now().monotonic;
        (login, call) = fixture.lead_in_time(call);
        waits.push(fixture.now().monotonic.saturating_duration_since(from));
    }
    fixture.settle(login, Outcome::Abandoned);
    waits
}

#[test]
fn rule_13_no_failover_takes_longer_than_a_lease() {
    let mut fixture = Fixture::with(|builder| builder.lease(millis(100)));
    assert_eq!(failovers(&mut fixture, 7), [0, 0, 0, 0, 0, 100, 100].map(millis));
}

#[test]
fn rule_14_failovers_do_not_lengthen_failure_backoff() {
    let mut fixture = Fixture::new();
    failovers(&mut fixture, 30);
    let (login, _) = fixture.lead_in_time(Call::replayable());
    fixture.settle(login, down());
    assert!(closed_for(&fixture) < millis(250));
}

#[test]
fn rule_14_backoff_doubles_with_full_jitter_to_30_s() {
    let limits = [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000].map(millis);
    let mut sums = [Duration::ZERO; 10];
    for seed in 0..200 {
        let mut fixture = Fixture::with(|builder| builder.jitter_seed(seed));
        for ((wait, limit), sum) in
            backoffs(&mut fixture, 10).into_iter().zip(limits).zip(&mut sums)
        {
            assert!(wait < limit, "{wait:?} of {limit:?}, seed {seed}");
            *sum += wait;
        }
    }
    for (sum, limit) in sums.into_iter().zip(limits) {
        let mean = sum / 200;
        assert!(mean > limit.mul_f64(0.4) && mean < limit.mul_f64(0.6), "{mean:?} of {limit:?}");
    }
}

#[test]
fn rule_14_the_seed_decides_the_jitter() {
    let of = |seed| backoffs(&mut Fixture::with(|builder| builder.jitter_seed(seed)), 8);
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn rule_14_the_backoff_is_configurable() {
    let mut fixture = Fixture::with(|builder| builder.backoff(secs(10), secs(20)));
    let waits = backoffs(&mut fixture, 64);
    assert!(waits[0] < secs(10));
    assert!(waits.iter().all(|wait| *wait < secs(20)));
    assert!(waits.iter().any(|wait| *wait > secs(15)));
}

#[test]
fn rule_14_granted_login_resets_the_backoff() {
    let mut fixture = Fixture::new();
    backoffs(&mut fixture, 10);
    fixture.log_in();
    fixture.pass(secs(3600));
    assert!(backoffs(&mut fixture, 1)[0] < millis(250));
}

#[test]
fn rule_14_retry_after_wins_over_the_backoff_and_is_capped() {
    let mut fixture = Fixture::with(|builder| builder.retry_after_cap(secs(100)));
    let (login, call) = fixture.lead(Call::replayable());
    let failure = busy(&login, "77");
    fixture.settle(login, failure);
    let (call, until) = fixture.wait(call);
    assert_eq!(until, fixture.after(secs(77)));
    fixture.pass_until(until);
    let (login, call) = fixture.lead(call);
    let failure = busy(&login, "101");
    fixture.settle(login, failure);
    assert_eq!(fixture.wait(call).1, fixture.after(secs(100)));
}

#[test]
fn rule_14_backoff_beyond_deadline_refuses_call_at_once() {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let failure = busy(&login, "60");
    fixture.settle(login, failure);
    for seconds in [0, 1, 59, 60] {
        let deadline = fixture.after(secs(seconds));
        match fixture.refuse(Call::replayable().with_deadline(deadline)) {
            Refusal::Deadline { retry_at, failure } => {
                assert_eq!(retry_at, fixture.after(secs(60)));
                assert_eq!(failure.unwrap().retry_after(), Some(secs(60)));
            }
            other => panic!("{other:?}"),
        }
    }
    let deadline = fixture.after(secs(61));
    fixture.waits(Call::replayable().with_deadline(deadline));
}

#[test]
fn rule_14_call_waits_for_login_until_its_deadline() {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let deadline = fixture.after(secs(10));
    let (call, until) = fixture.wait(Call::replayable().with_deadline(deadline));
    assert_eq!(until, deadline);
    fixture.pass_until(until);
    match fixture.refuse(call) {
        // The login has most likely ended by then. Otherwise the call waits for the login again.
        Refusal::Deadline { retry_at, failure: None } => {
            assert_eq!(retry_at, fixture.after(secs(1)));
        }
        other => panic!("{other:?}"),
    }
    fixture.pass(millis(19_500));
    match fixture.refuse(Call::replayable().with_deadline(deadline)) {
        Refusal::Deadline { retry_at, failure: None } => assert_eq!(retry_at, login.expires_at()),
        other => panic!("{other:?}"),
    }
    // If the deadline is after the end of the lease, the end of the lease counts.
    let deadline = fixture.after(secs(100));
    let (_, until) = fixture.wait(Call::replayable().with_deadline(deadline));
    assert_eq!(until, login.expires_at());
}

#[test]
fn rule_14_call_returns_its_deadline() {
    let deadline = Fixture::new().after(secs(5));
    assert_eq!(Call::replayable().with_deadline(deadline).deadline(), Some(deadline));
    assert_eq!(Call::one_shot().deadline(), None);
}

#[test]
fn rule_14_a_call_whose_deadline_is_past_leads_no_login() {
    let mut fixture = Fixture::new();
    let deadline = fixture.now().monotonic;
    let refusal = fixture.refuse(Call::replayable().with_deadline(deadline));
    assert!(matches!(refusal, Refusal::Deadline { failure: None, .. }));
    fixture.leads(Call::replayable());
}

#[test]
fn rule_14_deadline_refusal_names_only_the_current_failure() {
    let mut fixture = Fixture::new();
    drop(fixture.fail(Call::replayable()));
    let now = fixture.now().monotonic;
    let refusal = fixture.refuse(Call::replayable().with_deadline(now));
    assert!(matches!(refusal, Refusal::Deadline { failure: Some(_), .. }));
    fixture.pass(secs(3 * 3600));
    let now = fixture.now().monotonic;
    let refusal = fixture.refuse(Call::replayable().with_deadline(now));
    assert!(matches!(refusal, Refusal::Deadline { failure: None, .. }));
}

#[test]
fn rule_14_a_deadline_bounds_waits_and_nothing_else() {
    let (mut fixture, token) = Fixture::warm();
    let deadline = fixture.now().monotonic;
    fixture.pass(secs(10));
    assert_eq!(fixture.send(Call::replayable().with_deadline(deadline)).token, token);
}

#[test]
fn rule_15_a_rejection_refuses_every_call_without_a_login() {
    let mut fixture = Fixture::new();
    let (login, leader) = fixture.lead(Call::replayable());
    let (waiter, _) = fixture.wait(Call::replayable());
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    for call in [leader, waiter, Call::replayable(), Call::one_shot()] {
        match fixture.refuse(call) {
            Refusal::Rejected { rejection, retry_at } => {
                assert_eq!(rejection.code().as_str(), "INVALID_API_KEY");
                assert_eq!(retry_at, fixture.after(secs(60)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fixture.logins, 1);
}

fn circuit_open() -> Fixture {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    fixture
}

#[test]
fn rule_15_new_credentials_close_the_circuit() {
    let mut fixture = circuit_open();
    fixture.reset(Credentials::new("other key", "other secret").unwrap());
    fixture.log_in();
}

#[test]
fn rule_15_reset_with_same_credentials_closes_circuit() {
    let mut fixture = circuit_open();
    fixture.reset(credentials());
    fixture.log_in();
}

#[test]
fn rule_15_invalidation_does_not_close_the_circuit() {
    let mut fixture = circuit_open();
    fixture.invalidate();
    fixture.refuse(Call::replayable());
}

#[test]
fn rule_15_delay_allows_exactly_one_probe() {
    let mut fixture = circuit_open();
    fixture.pass(just_under(secs(60)));
    fixture.refuse(Call::replayable());
    fixture.pass(millis(1));
    let (login, probe) = fixture.lead(Call::replayable());
    let waiters: Vec<_> = (0..9).map(|_| fixture.wait(Call::replayable()).0).collect();
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    for call in waiters.into_iter().chain([probe]) {
        fixture.refuse(call);
    }
    assert_eq!(fixture.logins, 2);
}

#[test]
fn rule_15_probes_come_after_sixty_seconds_doubling_to_fifteen_minutes() {
    let mut fixture = circuit_open();
    for wait in [60, 120, 240, 480, 900, 900, 900] {
        assert_eq!(fixture.refuse(Call::replayable()).retry_at(), fixture.after(secs(wait)));
        fixture.pass(secs(wait));
        let (login, _) = fixture.lead(Call::replayable());
        let rejection = rejection_of(&login);
        fixture.settle(login, rejection);
    }
}

#[test]
fn rule_15_granted_probe_closes_circuit_and_resets_delay() {
    let mut fixture = circuit_open();
    fixture.pass(secs(60));
    let token = fixture.log_in();
    assert_eq!(fixture.held(), token);
    fixture.pass(secs(3600));
    let (login, call) = fixture.lead(Call::replayable());
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    assert_eq!(fixture.refuse(call).retry_at(), fixture.after(secs(60)));
}

#[test]
fn rule_15_unavailable_probe_keeps_circuit_open() {
    let mut fixture = circuit_open();
    fixture.pass(secs(60));
    let (login, call) = fixture.lead(Call::replayable());
    fixture.settle(login, down());
    match fixture.refuse(call) {
        Refusal::Rejected { retry_at, .. } => assert_eq!(retry_at, fixture.after(secs(60))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_15_lost_probe_is_repeated_after_its_lease() {
    let mut fixture = circuit_open();
    fixture.pass(secs(60));
    drop(fixture.lead(Call::replayable()));
    let (call, until) = fixture.wait(Call::replayable());
    assert_eq!(until, fixture.after(secs(30)));
    fixture.pass_until(until);
    let (login, call) = fixture.lead(call);
    // The expired probe has not taken the rejection back.
    fixture.settle(login, down());
    let refusal = fixture.refuse(call);
    assert!(matches!(refusal, Refusal::Rejected { .. }), "{refusal:?}");
    assert_eq!(refusal.retry_at(), fixture.after(secs(60)));
}

#[test]
fn rule_15_abandoned_probe_is_repeated_after_its_lease() {
    let mut fixture = circuit_open();
    fixture.pass(secs(60));
    let (login, call) = fixture.lead(Call::replayable());
    fixture.settle(login, Outcome::Abandoned);
    assert_eq!(fixture.refuse(call).retry_at(), fixture.after(secs(30)));
}

#[test]
fn rule_15_the_probes_are_configurable() {
    let mut fixture = Fixture::with(|builder| builder.probe(secs(1), secs(3)));
    for wait in [1, 2, 3, 3] {
        let (login, call) = fixture.lead(Call::replayable());
        let rejection = rejection_of(&login);
        fixture.settle(login, rejection);
        assert_eq!(fixture.refuse(call).retry_at(), fixture.after(secs(wait)));
        fixture.pass(secs(wait));
    }
}

#[test]
fn rule_15_held_token_is_used_with_open_circuit() {
    let (mut fixture, token) = Fixture::warm();
    fixture.pass(secs(3400));
    let (login, _) = fixture.lead(Call::one_shot());
    let rejection = rejection_of(&login);
    fixture.settle(login, rejection);
    assert_eq!(fixture.held(), token);
}

/// A rejected key, with a call each second for a day.
#[test]
fn rule_15_rejected_credentials_cause_bounded_logins() {
    let mut fixture = Fixture::new();
    for _ in 0..24 * 3600 {
        fixture.pass(secs(1));
        if let Step::Authenticate(login, _) = fixture.admit(Call::replayable()) {
            let rejection = rejection_of(&login);
            fixture.settle(login, rejection);
        }
    }
    assert!((96..=101).contains(&fixture.logins), "{}", fixture.logins);
}

/// A server that is down, with a call each tenth of a second for an hour.
#[test]
fn rule_14_unavailable_server_causes_bounded_logins() {
    let mut fixture = Fixture::new();
    for _ in 0..36_000 {
        fixture.pass(millis(100));
        if let Step::Authenticate(login, _) = fixture.admit(Call::replayable()) {
            fixture.settle(login, down());
        }
    }
    // Full jitter below 30 s has a mean of 15 s.
    assert!((150..400).contains(&fixture.logins), "{}", fixture.logins);
}

#[test]
fn earlier_logins_failure_does_not_settle_later_login() {
    let mut fixture = Fixture::new();
    let (first, _) = fixture.lead(Call::replayable());
    fixture.reset(Credentials::new(KEY, "a rotated secret").unwrap());
    let (second, call) = fixture.lead(Call::replayable());
    // The end of the first login does not end the lease of the second login.
    fixture.settle(first, down());
    let (call, _) = fixture.wait(call);
    let token = fixture.fresh();
    let granted = grant_of(&second, &token);
    fixture.settle(second, granted);
    assert_eq!(fixture.send(call).token, token);
}

#[test]
fn rule_13_late_grant_after_renewal_is_ignored() {
    let (mut fixture, _) = Fixture::warm();
    fixture.pass(secs(3400)); // below the leeway of a one-shot call
    let (late, _) = fixture.lead(Call::one_shot());
    let old = fixture.fresh();
    fixture.pass(secs(31));
    let other = fixture.send(Call::replayable());
    let newer = fixture.fresh();
    fixture.renew(other.attempt, &newer);
    fixture.grant(late, &old);
    assert_eq!(fixture.held(), newer);
    assert_eq!(fixture.last_event(), Event::Ignored { why: Ignored::LateLogin });
}

/// A leader's lease expires, and the next login ends with `outcome`. Then the late end of the first
/// login must not change the backoff.
fn closed_by_a_later_login(
    outcome: impl Fn(&waldo_auth_core::Login) -> Outcome,
    late_end: Outcome,
) {
    let mut fixture = Fixture::new();
    let (late, _) = fixture.lead(Call::replayable());
    fixture.pass(secs(31));
    let (login, _) = fixture.lead(Call::replayable());
    let outcome = outcome(&login);
    fixture.settle(login, outcome);
    let before = fixture.explain();
    fixture.settle(late, late_end);
    assert_eq!(fixture.explain(), before);
}

#[test]
fn rule_13_late_end_keeps_later_backoff_or_circuit() {
    for late_end in [down, || Outcome::Abandoned] {
        closed_by_a_later_login(|login| busy(login, "3600"), late_end());
        closed_by_a_later_login(|_| down(), late_end());
        closed_by_a_later_login(rejection_of, late_end());
    }
}

#[test]
fn rule_13_abandoned_early_logins_are_rate_limited() {
    let (mut fixture, _) = Fixture::warm();
    fixture.pass(secs(3400));
    for _ in 0..100 {
        if let Step::Authenticate(login, _) = fixture.admit(Call::one_shot()) {
            fixture.settle(login, Outcome::Abandoned);
        }
    }
    assert_eq!(fixture.logins - 1, 6, "the first login and five failovers at one instant");
}

#[test]
fn rule_14_short_retry_after_keeps_longer_backoff() {
    let mut fixture = Fixture::new();
    for _ in 0..20 {
        let mut call = Call::replayable();
        while let Step::Authenticate(login, then) = fixture.admit(call) {
            let failure = busy(&login, "0");
            fixture.settle(login, failure);
            call = then;
        }
    }
    assert_eq!(fixture.logins, 1, "at one instant");
}

#[test]
fn rule_14_three_failures_refuse_call_during_fourth_login() {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let (waiter, _) = fixture.wait(Call::replayable());
    fixture.settle(login, down());
    for _ in 0..2 {
        fixture.pass(secs(60));
        drop(fixture.fail(Call::replayable()));
    }
    fixture.pass(secs(60));
    let (_login, _) = fixture.lead(Call::replayable()); // the waiter woke late
    fixture.refuse(waiter);
}

#[test]
fn rule_15_retry_after_only_lengthens_probe_delay() {
    for seconds in ["0", "1", "59"] {
        let mut fixture = circuit_open();
        fixture.pass(secs(60));
        let (login, call) = fixture.lead(Call::replayable());
        let failure = busy(&login, seconds);
        fixture.settle(login, failure);
        assert_eq!(fixture.refuse(call).retry_at(), fixture.after(secs(60)));
    }
    let mut fixture = circuit_open();
    fixture.pass(secs(60));
    let (login, call) = fixture.lead(Call::replayable());
    let failure = busy(&login, "600");
    fixture.settle(login, failure);
    assert_eq!(
        fixture.refuse(call).retry_at(),
        fixture.after(secs(600)),
        "a longer Retry-After counts"
    );
}
