#![doc = include_str!("../INVARIANTS.md")]

mod answers;
mod calls;
#[cfg(test)]
mod cases;
mod endings;
mod logins;
mod tokens;
mod waits;

use crate::watch::{Sight, Tokens, Watch};

pub(crate) use self::endings::{HALF_A_MINUTE, RECOVERY};

/// How many failed logins a call waits through (rule 14).
const MAX_FAILURES: u64 = 3;

/// A property that must hold after every step of every run. It is judged by the behaviour of the
/// client that can be seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// The name of the invariant in failures and documents.
    pub name: &'static str,
    /// The invariant as a sentence.
    pub sentence: &'static str,
    /// The clauses, each of which forbids one behaviour.
    pub clauses: &'static [Clause],
}

/// One behaviour that an invariant forbids.
#[derive(Clone, Copy)]
pub struct Clause {
    /// The name of the clause, which failures and documents write after the name of its invariant.
    pub name: &'static str,
    /// Describes the sight, if the clause forbids it.
    objects: fn(&Scene<'_>, &Sight) -> Option<String>,
}

/// The knowledge of the observer before the step, by which a sight is judged.
pub(crate) struct Scene<'a> {
    pub(crate) watch: &'a Watch,
    /// All tokens that the server has issued.
    pub(crate) tokens: &'a Tokens,
    /// No fault has struck so far. If the server retires tokens, no two calls were under way at
    /// once either.
    pub(crate) undisturbed: bool,
}

/// A violated invariant.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The name of the invariant.
    pub invariant: &'static str,
    /// The name of the violated clause.
    pub clause: &'static str,
    /// The description of the sight.
    pub what: String,
}

/// All invariants, in the order in which they are judged.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "own-origin",
        sentence: "A token goes to its own origin only, exactly as the server issued it. \
                   A token that the server did not issue goes nowhere.",
        clauses: &[
            Clause { name: "abroad", objects: tokens::goes_abroad },
            Clause { name: "unissued", objects: tokens::is_not_issued },
            Clause { name: "login-form", objects: logins::has_a_bad_form },
        ],
    },
    Invariant {
        name: "one-login",
        sentence: "At most one login is under way, unless the lease of an earlier login \
                   has expired. A login outlives its call and the drop of a token.",
        clauses: &[
            Clause { name: "beside-another", objects: logins::starts_beside_another },
            Clause { name: "no-lease", objects: logins::has_no_lease },
            Clause { name: "long-lease", objects: logins::has_a_long_lease },
        ],
    },
    Invariant {
        name: "bounded-call",
        sentence: "A call is sent at most three times. A one-shot call is sent once, \
                   because the simulation reads its body with the first attempt. Only a \
                   401 causes a resend. Only an upload that broke off makes a head-only \
                   attempt, without its body.",
        clauses: &[
            Clause { name: "head-only", objects: calls::sends_head_only_unasked },
            Clause { name: "three-times", objects: calls::is_sent_a_fourth_time },
            Clause { name: "body", objects: calls::is_sent_without_its_body },
            Clause { name: "cause", objects: calls::is_sent_without_a_401 },
            Clause { name: "retry-status", objects: calls::retries_another_status },
            Clause { name: "retry-origin", objects: calls::retries_another_origin },
            Clause { name: "retry-body", objects: calls::retries_a_one_shot },
        ],
    },
    Invariant {
        name: "no-dead-token",
        sentence: "No request carries a token whose lifetime has ended, as far as the \
                   client can know.",
        clauses: &[Clause { name: "dead", objects: tokens::is_dead }],
    },
    Invariant {
        name: "no-refused-twice",
        sentence: "If the server refused a token and the client dropped it, the client \
                   does not take it from a response again.",
        clauses: &[Clause { name: "refused", objects: tokens::was_refused }],
    },
    Invariant {
        name: "no-resurrection",
        sentence: "No order of responses brings back an older token, or a token that was given up.",
        clauses: &[
            Clause { name: "newer-dropped", objects: tokens::drops_a_newer_one },
            Clause { name: "given-up", objects: tokens::was_given_up },
            Clause { name: "older", objects: tokens::is_older },
        ],
    },
    Invariant {
        name: "freshest-wins",
        sentence: "Every request carries the newest token that the client received.",
        clauses: &[Clause { name: "not-held", objects: tokens::is_not_held }],
    },
    Invariant {
        name: "bounded-logins",
        sentence: "Every login has a cause: no token is held, a lifetime has ended, or a \
                   refused token was dropped within the budget. Only probes try a \
                   rejected key pair again.",
        clauses: &[
            Clause { name: "needless", objects: logins::is_needless },
            Clause { name: "early-probe", objects: logins::probes_early },
            Clause { name: "budget", objects: logins::exceeds_the_budget },
        ],
    },
    Invariant {
        name: "kept-until-known",
        sentence: "Before a response has accepted a token, the client drops it only after \
                   refusals for 1.5 s. The server may learn of the token late.",
        clauses: &[Clause { name: "dropped", objects: tokens::is_dropped_unknown }],
    },
    Invariant {
        name: "one-failure",
        sentence: "A failed login is one failure for all calls. No login starts at the \
                   same instant, before the instant that waiting calls were given, or \
                   before the server's Retry-After.",
        clauses: &[
            Clause { name: "same-instant", objects: logins::starts_as_another_fails },
            Clause { name: "too-early", objects: logins::starts_before_announced_instant },
        ],
    },
    Invariant {
        name: "bounded-failures",
        sentence: "A call waits through at most three failed logins.",
        clauses: &[Clause {
            name: "three-failures",
            objects: calls::waits_through_too_many_failures,
        }],
    },
    Invariant {
        name: "strict-is-fine",
        sentence: "If nothing fails, no call sees a 401, even if the server revokes a \
                   token when it issues the next.",
        clauses: &[Clause { name: "undisturbed", objects: answers::is_401_undisturbed }],
    },
    Invariant {
        name: "no-needless-wait",
        sentence: "No call waits or is refused while a token is held that lasts long \
                   enough for the call.",
        clauses: &[
            Clause { name: "waits", objects: waits::waits_for_a_held_token },
            Clause { name: "refused", objects: waits::is_refused_a_held_token },
        ],
    },
    Invariant {
        name: "everyone-ends",
        sentence: "Every wait has a reason, and ends at a future instant that the reason \
                   bounds. Every call ends.",
        clauses: &[
            Clause { name: "past", objects: waits::ends_in_the_past },
            Clause { name: "deadline", objects: waits::outlasts_the_deadline },
            Clause { name: "lease", objects: waits::outlasts_the_lease },
            Clause { name: "reason", objects: waits::has_no_reason },
            Clause { name: "backoff", objects: waits::outlasts_the_backoff },
            Clause { name: "circle", objects: endings::runs_in_a_circle },
            Clause { name: "unanswered", objects: endings::never_end },
            Clause { name: "recovery", objects: endings::does_not_recover },
        ],
    },
    Invariant {
        name: "truthful",
        sentence: "A 401 is delivered only if a resend cannot help. The reason of each \
                   refusal is true.",
        clauses: &[
            Clause { name: "newer-token", objects: answers::is_401_despite_a_newer_token },
            Clause { name: "resolvable-401", objects: answers::is_401_that_a_login_resolves },
            Clause { name: "retry-at", objects: answers::is_referred_to_the_past },
            Clause { name: "rejected", objects: answers::is_refused_without_rejection },
            Clause { name: "unavailable", objects: answers::is_refused_too_early },
            Clause { name: "deadline", objects: answers::is_refused_within_its_deadline },
        ],
    },
    Invariant {
        name: "outage-ends",
        sentence: "Once the server accepts the tokens that it issues, no call gets a 401 \
                   more than half a minute after the first 401.",
        clauses: &[Clause { name: "half-a-minute", objects: endings::is_refused_for_long }],
    },
    Invariant {
        name: "silent",
        sentence: "No text of the client about itself contains a key, a secret or a token.",
        clauses: &[
            Clause { name: "key", objects: endings::shows_a_key },
            Clause { name: "secret", objects: endings::shows_a_secret },
            Clause { name: "token", objects: endings::shows_a_token },
        ],
    },
];

impl Invariant {
    /// The clauses, each as `invariant/clause`.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.clauses.iter().map(|clause| path(self.name, clause.name))
    }
}

impl Violation {
    /// The violated clause, as `invariant/clause`.
    pub fn path(&self) -> String {
        path(self.invariant, self.clause)
    }
}

fn path(invariant: &str, clause: &str) -> String {
    format!("{invariant}/{clause}")
}

/// Judges a sight by all clauses of these invariants.
pub(crate) fn judge(
    invariants: &[Invariant],
    scene: &Scene<'_>,
    sight: &Sight,
) -> Result<(), Violation> {
    for invariant in invariants {
        for clause in invariant.clauses {
            if let Some(what) = (clause.objects)(scene, sight) {
                return Err(Violation { invariant: invariant.name, clause: clause.name, what });
            }
        }
    }
    Ok(())
}

impl std::fmt::Debug for Clause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clause").field(&self.name).finish()
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}
