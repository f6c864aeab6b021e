//! Proves the rules of the state for any number of calls.
//!
//! A session keeps no list of its calls, attempts and logins. So the rules hold for any number of
//! them if two facts hold in *every* state that satisfies the [`invariants`], reachable or not:
//!
//! 1. After one input, the invariants hold again.
//! 2. The step obeys the [`rules`] of steps.
//!
//! The tests apply every input once to every state over small [`domains`]. The values lie at the
//! boundaries of the rules, and the limits are the documented ones. Numbers count only in
//! comparisons, so few of them stand for all. Each test takes all values of the fields that the
//! rules of its inputs name, and a few values of the other fields.

mod domains;
mod held;
mod inputs;
mod invariants;
mod rules;
mod state;
mod tokens;
mod wrong_states;

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

use self::domains::Domains;
use self::inputs::{Caller, End, Input, Led, Sent, Stored};
use self::rules::{Changed, Output, Step};
use self::state::{State, at, copy, now, wall};
use self::tokens::{Response, Tokens};
use super::Session;
use crate::call::Upload;
use crate::generation::Generation;
use crate::login::Outcome;
use crate::time::Now;
use crate::wire::Head;

/// Applies each input to each state of the domains, and checks each step. At least so many states
/// and steps must be there, or a domain has become coarser.
#[expect(clippy::print_stdout, clippy::disallowed_macros, reason = "the counts are a result")]
fn check_all(domains: &Domains, inputs: impl Fn(&State) -> Vec<Input>, least: (u64, u64)) {
    let tokens = Tokens::new();
    let mut after = Session::new(state::config());
    let mut steps = 0;
    let states = domains.for_each(&tokens, |state, before| {
        for input in inputs(state) {
            steps += 1;
            copy(before, &mut after);
            check(state, before, input, &mut after, &tokens);
        }
    });
    println!("{states} states, {steps} steps");
    assert!(states >= least.0 && steps >= least.1, "a domain has become coarser");
}

/// Applies the input, and checks the step.
fn check(state: &State, before: &Session, input: Input, after: &mut Session, tokens: &Tokens) {
    let written = after.journal.written();
    let output = apply(state, before, input, after, tokens);
    let noted = after.journal.written() > written;
    let changed = Changed::between(before, after);
    let step = Step { state, tokens, before, input, output: &output, after, changed, noted };
    // An unchanged state still satisfies the invariants.
    let broken_invariant =
        || changed.anything().then(|| invariants::broken(after, now())).flatten();
    let broken = rules::broken(&step).or_else(broken_invariant);
    if let Some(broken) = broken {
        panic!("{broken}\n{state:?}\n{input:?}\n{output:?}\n{changed:?}\n{after:?}");
    }
}

fn apply(
    state: &State,
    before: &Session,
    input: Input,
    session: &mut Session,
    tokens: &Tokens,
) -> Output {
    let now = now();
    let call = |session: &mut Session, caller: Caller, foreign| {
        let mut request = rules::request(foreign);
        let answer = session.admit(caller.call(state), &mut request, now);
        Output::Call(answer, request.headers_mut().remove(AUTHORIZATION))
    };
    match input {
        Input::Call(caller) => call(session, caller, false),
        Input::ForeignCall(caller) => call(session, caller, true),
        Input::Response(sent, response) => {
            let status = StatusCode::from_u16(response.status).unwrap();
            let mut head = Head::new(status, tokens.headers(state, &response));
            if response.foreign {
                head = head.with_uri(rules::elsewhere());
            }
            Output::Verdict(session.conclude(sent.attempt(state, before), head, now))
        }
        Input::BreakOff(sent) => {
            Output::Verdict(session.break_off(sent.attempt(state, before), now))
        }
        Input::Login(led, end) => {
            let login = led.login(state, before);
            let outcome = end.outcome(&login, |offer| tokens.offer(state, offer).clone());
            session.settle(login, outcome, now);
            Output::Nothing
        }
        Input::Reset(other) => {
            let secret = if other { "another secret" } else { "secret" };
            session.reset(state::credentials(secret), now);
            Output::Nothing
        }
        Input::Invalidate(ago) => {
            let number = state.past.generation - ago;
            let generation = Generation { session: before.number, number };
            Output::Invalidated(session.invalidate(generation, now))
        }
        Input::Resume(stored) => {
            Output::Resumed(session.resume(&stored.snapshot(state, before, tokens), now))
        }
        Input::OtherSession => {
            let mut attempt = Sent::plain()[0].attempt(state, before);
            let mut again = Sent::plain()[0].attempt(state, before);
            let mut login = Led::all()[0].login(state, before);
            (attempt.session, again.session) = (before.number + 1, before.number + 1);
            login.session = before.number + 1;
            let generation = attempt.generation();
            let headers = HeaderMap::new();
            let head = Head::new(StatusCode::UNAUTHORIZED, &headers);
            drop(session.conclude(attempt, head, now));
            drop(session.break_off(again, now));
            session.settle(login, Outcome::Rejected(state::rejection()), now);
            Output::Invalidated(session.invalidate(generation, now))
        }
    }
}

#[test]
fn rules_3_11_to_15_hold_for_calls_in_every_state() {
    let callers = Caller::all();
    check_all(
        &Domains::all().few_pasts().few_trusts().few_failovers().one_budget(),
        |state| {
            let possible = callers.iter().filter(|caller| caller.is_possible(state));
            let inputs = possible.map(|caller| Input::Call(*caller));
            inputs.chain([Input::ForeignCall(Caller::FRESH)]).collect()
        },
        (6720, 3_672_120),
    );
}

#[test]
fn rules_4_to_9_and_16_hold_for_answers_in_every_state() {
    let (sent, responses): (_, Vec<_>) = (Sent::plain(), Response::all().collect());
    check_all(
        &Domains::all().few_logins().one_budget(),
        |state| {
            let possible = sent.iter().filter(|sent| sent.is_possible(state));
            possible
                .flat_map(|sent| responses.iter().map(|response| Input::Response(*sent, *response)))
                .collect()
        },
        (19_740, 1_279_080),
    );
}

#[test]
fn rules_7_8_16_17_hold_for_refusals_in_every_state() {
    let sent = Sent::all();
    let refusals: Vec<_> = Response::all().filter(Response::refuses).collect();
    check_all(
        &Domains::all().after_refusals().few_logins(),
        |state| {
            let possible = sent.iter().filter(|sent| sent.is_possible(state));
            possible
                .filter(|sent| sent.generations == 0 && sent.upload != Upload::ExpectContinue)
                .flat_map(|sent| refusals.iter().map(|refusal| Input::Response(*sent, *refusal)))
                .collect()
        },
        (19_500, 2_808_000),
    );
}

#[test]
fn rules_7_8_17_24_hold_for_late_refusals_and_broken_uploads_in_every_state() {
    let sent = Sent::all();
    let refusals: Vec<_> = Response::all().filter(Response::refuses).collect();
    check_all(
        &Domains::all().few_trusts().few_logins(),
        |state| {
            let possible = sent.iter().filter(|sent| sent.is_possible(state));
            possible
                .flat_map(|sent| {
                    // The server's `Date` says nothing about a newer token.
                    let late = refusals.iter().filter(|_| sent.generations > 0).take(1);
                    late.map(|refusal| Input::Response(*sent, *refusal))
                        .chain([Input::BreakOff(*sent)])
                })
                .collect()
        },
        (5540, 1_971_360),
    );
}

#[test]
fn rules_6_13_to_15_hold_for_logins_in_every_state() {
    let logins = Led::all();
    check_all(
        &Domains::all().few_tokens().few_refusals().one_budget(),
        |state| {
            let possible = logins.iter().filter(|led| led.is_possible(state));
            possible.flat_map(|led| End::ALL.map(|end| Input::Login(*led, end))).collect()
        },
        (35_280, 2_232_000),
    );
}

#[test]
fn rules_6_15_16_hold_for_orders_of_the_user_in_every_state() {
    let stored = Stored::all();
    check_all(
        &Domains::all().few_trusts().few_failovers(),
        |state| {
            let generations = (0..3).filter(|ago| *ago < state.past.generation.max(1));
            let of_other = [Input::OtherSession].into_iter().filter(|_| state.past.generation > 0);
            stored
                .iter()
                .map(|stored| Input::Resume(*stored))
                .chain([Input::Reset(false), Input::Reset(true)])
                .chain(of_other)
                .chain(generations.map(Input::Invalidate))
                .collect()
        },
        (83_100, 2_325_000),
    );
}

/// No step of a clock breaks an invariant. No later time makes a token usable again or blocks a
/// login.
#[test]
fn rule_12_invariants_hold_at_every_later_time() {
    let tokens = Tokens::new();
    let mut steps = 0_u64;
    let states = Domains::all().few_pasts().few_trusts().few_failovers().for_each(
        &tokens,
        |state, session| {
            let mut was_blocked = true;
            for later in [0, 1, 500, 501, 2000, 10_000, 60_000, 300_000, 3_600_000] {
                let mut was_usable = true;
                for jump in [-7_200_000, -1, 0, 1, 10_000, 3_600_000] {
                    steps += 1;
                    let then = Now { monotonic: at(later), wall: wall(later + jump) };
                    assert_eq!(invariants::broken(session, then), None, "{state:?} {then:?}");
                    let is_usable =
                        session.held.as_ref().is_some_and(|held| held.usable.holds(then));
                    assert!(was_usable || !is_usable, "{state:?} {then:?}: a later time helps");
                    was_usable = is_usable;
                }
                let is_blocked = session.circuit.blocked_until(at(later)).is_some();
                assert!(was_blocked || !is_blocked, "{state:?} {later}: time blocks a login");
                was_blocked = is_blocked;
            }
            let an_hour = Duration::from_secs(3600);
            assert_eq!(
                session.circuit.blocked_until(now().monotonic.saturating_add(an_hour)),
                None
            );
        },
    );
    assert!(states >= 33_600 && steps >= 1_814_400, "a domain has become coarser");
}
