//! For each invariant, a state that only this invariant refuses.

use std::time::Duration;

use super::held::{Held, Stage};
use super::invariants::{ALL, broken};
use super::state::{Circuit, Gate, Logins, Past, Trust, at, config, date, now};
use super::tokens::Tokens;
use crate::explain::NoToken;
use crate::failure::{Reason, Unavailable};
use crate::given_up::GivenUpTokens;
use crate::lifetime::Leeway;
use crate::session::Session;
use crate::token::{Source, Token};

/// A session that holds a renewed token, while a login is under way.
fn holding(tokens: &Tokens) -> Session {
    let mut session = Session::new(config());
    let held = Held { stage: Stage::Fresh, source: Source::Renewal, doubtful: false };
    let past = Past::ALL[2];
    past.write(&mut session, tokens);
    session.held = Some(held.token(past, tokens));
    session.evidence = trust(true).build();
    let (circuit, gate) = (Circuit::BackingOff(1), Gate::Free);
    let logins = Logins { lease: Some(500), circuit, gate, failovers_spent: false };
    (session.lease, session.circuit) = (logins.lease(), logins.build());
    session
}

/// A session that has lost its last token to a 401.
fn refused(tokens: &Tokens) -> Session {
    let mut session = Session::new(config());
    Past::ALL[3].write(&mut session, tokens);
    session
}

fn trust(renewed: bool) -> Trust {
    Trust { accepted: true, renewed, refused_for: None, unaccepted: 1 }
}

fn held(session: &mut Session) -> &mut Token {
    session.held.as_mut().unwrap()
}

fn back_off(session: &mut Session, asked: Option<Duration>) {
    let failure = Unavailable::new(Reason::Timeout).with_retry_after(asked);
    session.circuit.back_off(failure, &session.config.limits, at(0));
}

type Change = fn(&mut Session);

/// The one change that makes a session wrong, and the invariant that refuses the session.
const HOLDING: [(&str, Change); 12] = [
    ("held_token_is_newest", |session| session.generation += 1),
    ("held_token_is_of_present_epoch", |session| session.epoch += 1),
    ("held_token_was_not_refused", |session| session.refused = session.generation),
    ("held_token_is_in_the_one_form", |session| held(session).header.set_sensitive(false)),
    ("usable_time_excludes_leeway", |session| {
        held(session).usable = held(session).lifetime.minus(Leeway::NONE);
    }),
    ("latest_exp_covers_held_token", |session| held(session).latest_exp = Some(date(1))),
    ("first_token_of_epoch_has_no_predecessor", |session| held(session).source = Source::Login),
    ("renewed_token_is_accepted", |session| session.evidence = trust(false).build()),
    ("given_up_token_comes_back_by_login_only", |session| {
        session.given_up.push(session.held.as_ref().unwrap().jwt());
    }),
    ("lease_is_of_last_login", |session| session.logins += 1),
    ("lease_began_while_circuit_allowed_login", |session| back_off(session, None)),
    ("budget_owes_at_most_its_burst", |session| {
        for _ in 0..11 {
            session.invalidations.take_ahead(10, Duration::from_secs(30), at(0));
        }
    }),
];

const REFUSED: [(&str, Change); 4] = [
    ("dropped_token_has_reason", |session| session.no_token = NoToken::NeverLoggedIn),
    ("dropped_token_is_remembered", |session| session.given_up = GivenUpTokens::none()),
    ("refused_token_is_last_token", |session| session.refused -= 1),
    ("block_has_bound", |session| back_off(session, Some(Duration::from_secs(3601)))),
];

#[test]
fn each_invariant_refuses_a_state_that_the_others_accept() {
    let tokens = Tokens::new();
    let mut refusing = Vec::new();
    for (base, changes) in [(holding as fn(&Tokens) -> Session, &HOLDING[..]), (refused, &REFUSED)]
    {
        assert_eq!(broken(&base(&tokens), now()), None);
        for (name, change) in changes {
            let mut session = base(&tokens);
            change(&mut session);
            let broken = ALL.iter().filter(|(_, holds)| !holds(&session, now()));
            assert_eq!(broken.map(|(broken, _)| *broken).collect::<Vec<_>>(), [*name]);
            refusing.push(*name);
        }
    }
    refusing.sort_unstable();
    let mut all = ALL.map(|(name, _)| name);
    all.sort_unstable();
    assert_eq!(refusing, all);
}
