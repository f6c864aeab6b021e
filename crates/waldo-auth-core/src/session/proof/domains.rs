//! The values of each group of fields, and the states that they make.

use super::held::{Held, Stage};
use super::invariants;
use super::state::{Circuit, Gate, Past, State, Trust, now};
use super::tokens::Tokens;
use crate::evidence::Evidence;
use crate::explain::NoToken;
use crate::session::Session;
use crate::session::proof::state::{Logins, budget, config};
use crate::token::Source;

/// The values of each group of fields.
pub(super) struct Domains {
    held: Vec<Option<Held>>,
    past: Vec<Past>,
    trust: Vec<Trust>,
    logins: Vec<Logins>,
    permits: Vec<u32>,
}

impl Domains {
    /// All values of all fields.
    pub(super) fn all() -> Self {
        let mut held = vec![None];
        for stage in Stage::ALL {
            for source in [Source::Login, Source::Renewal, Source::Snapshot] {
                held.extend([false, true].map(|doubtful| Some(Held { stage, source, doubtful })));
            }
        }
        let mut trust = Vec::new();
        for accepted in [false, true] {
            for renewed in [false, true] {
                for refused_for in [None, Some(0), Some(1000), Some(1500), Some(30_000)] {
                    trust.extend([0, 1, 9].map(|unaccepted| Trust {
                        accepted,
                        renewed,
                        refused_for,
                        unaccepted,
                    }));
                }
            }
        }
        let mut logins = Vec::new();
        for lease in [None, Some(20_000), Some(500), Some(0)] {
            for circuit in [
                Circuit::Closed,
                Circuit::BackingOff(1),
                Circuit::BackingOff(9),
                Circuit::Open(1),
                Circuit::Open(6),
            ] {
                for gate in [Gate::Free, Gate::Due, Gate::Blocked] {
                    logins.extend([false, true].map(|failovers_spent| Logins {
                        lease,
                        circuit,
                        gate,
                        failovers_spent,
                    }));
                }
            }
        }
        Self { held, past: Past::ALL.to_vec(), trust, logins, permits: vec![10, 6, 5, 1, 0] }
    }

    /// A fresh and an ended token, without a doubt.
    pub(super) fn few_tokens(mut self) -> Self {
        self.held.retain(|held| {
            held.is_none_or(|held| {
                matches!(held.stage, Stage::Fresh | Stage::Ended) && !held.doubtful
            })
        });
        self
    }

    /// Each refused generation, with and without a held token.
    pub(super) fn few_pasts(mut self) -> Self {
        self.past.retain(|past| match past.no_token {
            NoToken::NeverLoggedIn => past.generation == 0,
            NoToken::Refused | NoToken::Invalidated => true,
            NoToken::Reset | NoToken::Expired | NoToken::Doubtful => false,
        });
        self
    }

    /// A token after a refused one, and no token after a refused one.
    pub(super) fn after_refusals(mut self) -> Self {
        self.past.retain(|past| past.no_token == NoToken::Refused);
        self
    }

    /// Not refused, and refused for long.
    pub(super) fn few_refusals(mut self) -> Self {
        self.trust.retain(|trust| matches!(trust.refused_for, None | Some(30_000)));
        self
    }

    /// An accepted token, and one that was refused for long.
    pub(super) fn few_trusts(self) -> Self {
        let accepted = Trust { accepted: true, renewed: true, refused_for: None, unaccepted: 1 };
        let refused = Trust { refused_for: Some(30_000), unaccepted: 0, ..accepted };
        Self { trust: vec![accepted, refused], ..self }
    }

    /// No login yet, and a login under way after many failed ones.
    pub(super) fn few_logins(mut self) -> Self {
        self.logins.retain(|logins| match (logins.lease, logins.circuit) {
            (None, Circuit::Closed) => logins.gate == Gate::Free && !logins.failovers_spent,
            (Some(20_000), Circuit::BackingOff(9)) => logins.failovers_spent,
            _ => false,
        });
        self
    }

    /// No login was abandoned lately.
    pub(super) fn few_failovers(mut self) -> Self {
        self.logins.retain(|logins| !logins.failovers_spent);
        self
    }

    /// Half of the permits.
    pub(super) fn one_budget(self) -> Self {
        Self { permits: vec![5], ..self }
    }

    /// Visits the states that satisfy the invariants, and returns their number.
    pub(super) fn for_each(&self, tokens: &Tokens, mut visit: impl FnMut(&State, &Session)) -> u64 {
        let mut session = Session::new(config());
        let evidence: Vec<Evidence> = self.trust.iter().map(|trust| trust.build()).collect();
        let circuits: Vec<_> = self.logins.iter().map(|logins| logins.build()).collect();
        let mut states = 0;
        for (&logins, circuit) in self.logins.iter().zip(&circuits) {
            session.circuit.clone_from(circuit);
            session.lease = logins.lease();
            for &past in &self.past {
                past.write(&mut session, tokens);
                for &held in &self.held {
                    session.held = held.map(|held| held.token(past, tokens));
                    for (&trust, evidence) in self.trust.iter().zip(&evidence) {
                        session.evidence = *evidence;
                        for &permits in &self.permits {
                            session.invalidations = budget(permits);
                            if invariants::broken(&session, now()).is_none() {
                                states += 1;
                                visit(&State { held, past, trust, logins, permits }, &session);
                            }
                        }
                    }
                }
            }
        }
        states
    }
}
