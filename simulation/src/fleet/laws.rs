//! What must hold for a fleet after each step.

use std::time::Duration;

use super::driver::SPAN;
use super::setup::Serving;
use super::watch::{HOUR, Sight, Watch, What, is_success};
use crate::invariants::Violation;

/// A property of a fleet that must hold after every step of every run.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// The name of the law in failures and documents.
    pub name: &'static str,
    /// The law as a sentence.
    pub sentence: &'static str,
    clauses: &'static [Clause],
}

#[derive(Clone, Copy)]
struct Clause {
    name: &'static str,
    /// Describes the sight, if the clause forbids it.
    objects: fn(&Watch, &Sight) -> Option<String>,
}

/// All laws, in the order in which they are judged.
pub const LAWS: &[Law] = &[
    Law {
        name: "fleet-one-login",
        sentence: "At most one login of a fleet is under way, unless the lease of an earlier login \
                   has expired, or the store has failed.",
        clauses: &[Clause { name: "beside-another", objects: logs_in_beside_another }],
    },
    Law {
        name: "no-refused",
        sentence: "After a process has told the store that the server refused a token, no process \
                   takes that token from the store.",
        clauses: &[Clause { name: "resumed", objects: resumes_a_refused_token }],
    },
    Law {
        name: "only-ours",
        sentence: "No process sends a token that the server did not issue.",
        clauses: &[Clause { name: "unissued", objects: sends_an_unissued_token }],
    },
    Law {
        name: "away-is-alone",
        sentence: "A process logs in alone only if the store has failed, if others were always \
                   faster, if nobody logged in for two leases, or if sharing does harm. It asks a \
                   store that has failed a second later, at the earliest.",
        clauses: &[
            Clause { name: "no-reason", objects: logs_in_alone },
            Clause { name: "too-early", objects: asks_too_early },
        ],
    },
    Law {
        name: "bounded-wait",
        sentence: "A call waits for the store and for other processes at most two leases and \
                   two seconds, and ends.",
        clauses: &[
            Clause { name: "long-claim", objects: waits_too_long },
            Clause { name: "stuck", objects: is_stuck },
        ],
    },
    Law {
        name: "settles",
        sentence: "A process stops sharing at most once an hour, and only if the server ends \
                   tokens that others use.",
        clauses: &[
            Clause { name: "twice-an-hour", objects: stops_sharing_again },
            Clause { name: "without-harm", objects: stops_sharing_without_harm },
        ],
    },
    Law {
        name: "fleet-bounded",
        sentence: "A fleet is granted as many logins as one process needs, and at most one more \
                   for each fault of the store, dead process and expired lease.",
        clauses: &[Clause { name: "granted", objects: is_granted_too_much }],
    },
    Law {
        name: "no-lost-call",
        sentence: "No call fails that would have succeeded without a store.",
        clauses: &[Clause { name: "failed", objects: loses_a_call }],
    },
];

impl Law {
    /// The clauses, each as `law/clause`.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.clauses.iter().map(|clause| format!("{}/{}", self.name, clause.name))
    }
}

impl std::fmt::Debug for Clause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clause").field(&self.name).finish()
    }
}

/// Judges a sight by all clauses.
pub(super) fn judge(watch: &Watch, sight: &Sight) -> Result<(), Violation> {
    for law in LAWS {
        for clause in law.clauses {
            if let Some(what) = (clause.objects)(watch, sight) {
                return Err(Violation { invariant: law.name, clause: clause.name, what });
            }
        }
    }
    Ok(())
}

fn who(sight: &Sight) -> String {
    format!("process {}", sight.process + 1)
}

fn logs_in_beside_another(watch: &Watch, sight: &Sight) -> Option<String> {
    let begins = sight.what == What::LoginBegan && watch.has_store;
    if !begins || watch.reason_to_be_alone(sight).is_some() {
        return None;
    }
    let other = watch
        .logins
        .iter()
        .find(|login| !login.is_excused && sight.at.saturating_sub(login.began) < SPAN)?;
    Some(format!("{} logs in while process {} logs in", who(sight), other.process + 1))
}

fn resumes_a_refused_token(watch: &Watch, sight: &Sight) -> Option<String> {
    match sight.what {
        What::Resumed { token } if watch.refused.contains(&token) => {
            Some(format!("{} takes a refused token from the store", who(sight)))
        }
        _ => None,
    }
}

fn sends_an_unissued_token(watch: &Watch, sight: &Sight) -> Option<String> {
    match sight.what {
        What::Sent { token } if !watch.issued.contains(&token) => {
            Some(format!("{} sends a token that the server did not issue", who(sight)))
        }
        _ => None,
    }
}

fn logs_in_alone(watch: &Watch, sight: &Sight) -> Option<String> {
    let begins = sight.what == What::LoginBegan && watch.has_store;
    let claim = watch.claims.get(&(sight.process, sight.slot));
    let is_leased = claim.is_some_and(|claim| claim.replaced);
    (begins && !is_leased && watch.reason_to_be_alone(sight).is_none())
        .then(|| format!("{} logs in alone, without a reason", who(sight)))
}

fn asks_too_early(watch: &Watch, sight: &Sight) -> Option<String> {
    let failed = watch.failed_at.get(&sight.process)?;
    if sight.what != What::BeginsToAsk {
        return None;
    }
    (sight.at.saturating_sub(*failed) < Duration::from_secs(1))
        .then(|| format!("{} asks the store again, which has just failed", who(sight)))
}

fn waits_too_long(watch: &Watch, sight: &Sight) -> Option<String> {
    let ends = matches!(sight.what, What::LoginBegan | What::Resumed { .. } | What::HeardOfFailure);
    let claim = watch.claims.get(&(sight.process, sight.slot)).filter(|_| ends)?;
    let waited = sight.at.saturating_sub(claim.began);
    let longest = SPAN * 2 + Duration::from_secs(2) + watch.delayed.saturating_sub(claim.delayed);
    (waited > longest)
        .then(|| format!("{} has waited for {:.3} s", who(sight), waited.as_secs_f64()))
}

fn is_stuck(_: &Watch, sight: &Sight) -> Option<String> {
    (sight.what == What::Stuck).then(|| format!("a call of {} does not end", who(sight)))
}

fn stops_sharing_again(watch: &Watch, sight: &Sight) -> Option<String> {
    let before = watch.private_at.get(&sight.process).filter(|_| sight.what == What::Private)?;
    (sight.at.saturating_sub(*before) < HOUR)
        .then(|| format!("{} stops sharing twice within an hour", who(sight)))
}

fn stops_sharing_without_harm(watch: &Watch, sight: &Sight) -> Option<String> {
    let is_true = watch.serving() == Serving::Strict || watch.looks_strict();
    (sight.what == What::Private && !is_true)
        .then(|| format!("{} stops sharing, although tokens last", who(sight)))
}

fn is_granted_too_much(watch: &Watch, sight: &Sight) -> Option<String> {
    let counts = sight.what == What::Granted && watch.has_store;
    (counts && watch.serving() == Serving::Lenient && watch.granted >= watch.may_be_granted)
        .then(|| format!("the fleet is granted {} logins", watch.granted + 1))
}

fn loses_a_call(watch: &Watch, sight: &Sight) -> Option<String> {
    let What::Ended { status } = sight.what else { return None };
    (!is_success(status) && !watch.may_fail(sight) && watch.serving() != Serving::Strict).then(
        || match status {
            Some(status) => format!("a call of {} gets a {status}", who(sight)),
            None => format!("a call of {} is refused", who(sight)),
        },
    )
}
