#![doc = include_str!("../LAWS.md")]

use std::time::Duration;

use crate::machine::Why;
use crate::watch::{BURST, By, Carries, EVERY, GRACE, Sight, Watch, What};

/// The most that a lease may be.
const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60);

/// The longest backoff of the client's own (rule 14).
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// How many failed logins a call sits through (rule 14).
const PATIENCE: u64 = 3;

/// Something that must hold. Each is judged after every step of every run, by what can be seen of the client from outside.
#[derive(Clone, Copy)]
pub struct Law {
    /// How failures and documents name it.
    pub name: &'static str,
    /// What it says.
    pub sentence: &'static str,
    check: fn(&Scene<'_>, &Sight) -> Result<(), String>,
}

/// What a law is judged by: the knowledge of an observer before the step.
pub(crate) struct Scene<'a> {
    pub(crate) watch: &'a Watch,
    /// Nothing has gone wrong so far: no trouble, and with a server that retires tokens no two calls at once.
    pub(crate) undisturbed: bool,
}

/// A law that does not hold, and where.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The law's name.
    pub law: &'static str,
    /// What was seen.
    pub what: String,
}

/// The name of the law that a whole run can break, too.
pub(crate) const EVERYONE_ENDS: &str = "everyone-ends";

/// The names of the laws that are judged when a run ends.
pub(crate) const OUTAGE_ENDS: &str = "outage-ends";
pub(crate) const SILENT: &str = "silent";

/// All laws, in the order in which they are judged.
pub const LAWS: &[Law] = &[
    Law {
        name: "own-origin",
        sentence: "A token goes to its own origin only, exactly as the server issued it, and none that the server did not issue goes anywhere.",
        check: own_origin,
    },
    Law {
        name: "one-login",
        sentence: "Never are two logins under way, unless the lease of the first has lapsed: a login goes on when its call has ended, and when a token is given up.",
        check: one_login,
    },
    Law {
        name: "bounded-call",
        sentence: "A call is sent at most three times, each further time because of a 401, and one-shot calls once. Only an upload that broke off probes, without its body.",
        check: bounded_call,
    },
    Law {
        name: "no-dead-token",
        sentence: "No request carries a token whose life, as the client can know it, has ended.",
        check: no_dead_token,
    },
    Law {
        name: "no-refused-twice",
        sentence: "A token that was dropped because the server refused it is not taken again from a response.",
        check: no_refused_twice,
    },
    Law {
        name: "no-resurrection",
        sentence: "No order of answers brings an older token back, nor one that was given up.",
        check: no_resurrection,
    },
    Law {
        name: "freshest-wins",
        sentence: "Every request carries the newest token that the client was given.",
        check: freshest_wins,
    },
    Law {
        name: "bounded-logins",
        sentence: "Every login has its cause: nothing is held, a life has ended, or a refused token was dropped within the budget; and a rejected key pair is tried again at the probes only.",
        check: bounded_logins,
    },
    Law {
        name: "kept-until-known",
        sentence: "A token that nothing has accepted yet is dropped only after refusals of 1.5 s: the server may learn of it a little later.",
        check: kept_until_known,
    },
    Law {
        name: "one-failure",
        sentence: "A failed login is one failure for all: nobody logs in at that instant, nor before the one that those who wait were told, nor before the server's Retry-After.",
        check: one_failure,
    },
    Law {
        name: "bounded-patience",
        sentence: "A call sits through three failed logins at most.",
        check: bounded_patience,
    },
    Law {
        name: "strict-is-fine",
        sentence: "While nothing goes wrong, no call sees a 401: not with a server that revokes a token when it issues the next, and not with a lenient one.",
        check: strict_is_fine,
    },
    Law {
        name: "no-needless-wait",
        sentence: "No call waits or is refused while a token is held that is good for it.",
        check: no_needless_wait,
    },
    Law {
        name: EVERYONE_ENDS,
        sentence: "Every wait has a reason and ends at an instant in the future that its reason bounds, and every call ends.",
        check: everyone_ends,
    },
    Law {
        name: "truthful",
        sentence: "A 401 is delivered only where sending again cannot help, and a call is refused only for a reason that is so.",
        check: truthful,
    },
    Law {
        name: OUTAGE_ENDS,
        sentence: "Once the server accepts the tokens that it issues, no call is answered 401 later than half a minute after the first one.",
        // It is about the end of a run, which asks it.
        check: |_, _| Ok(()),
    },
    Law {
        name: SILENT,
        sentence: "No key, secret or token stands in anything that the client says of itself.",
        // It is about what a client says, not about what it does: the end of a run asks it.
        check: |_, _| Ok(()),
    },
];

/// Judges a sight by every law.
pub(crate) fn judge(scene: &Scene<'_>, sight: &Sight) -> Result<(), Violation> {
    LAWS.iter()
        .try_for_each(|law| (law.check)(scene, sight).map_err(|what| Violation { law: law.name, what }))
}

type Judgement = Result<(), String>;

fn forbid(broken: bool, what: impl FnOnce() -> String) -> Judgement {
    if broken { Err(what()) } else { Ok(()) }
}

fn own_origin(_: &Scene<'_>, sight: &Sight) -> Judgement {
    if let What::Sent { call, carries, .. } = &sight.what {
        forbid(*carries == Carries::Abroad, || {
            format!("{call} carries an Authorization header to another origin")
        })?;
        forbid(*carries == Carries::Other, || {
            format!("{call} carries something that the server never issued, or in another form")
        })?;
    }
    if let What::LoggedIn { login, good_form, .. } = &sight.what {
        forbid(!good_form, || {
            format!("login {login} is no POST of JSON to the origin, or has an Authorization header")
        })?;
    }
    Ok(())
}

fn one_login(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::LoggedIn { login, lapses, .. } = &sight.what else { return Ok(()) };
    let other = scene.watch.lease.filter(|lease| lease.lapses > sight.now.monotonic);
    if let Some(other) = other {
        return Err(format!("login {login} starts while login {} is under way", other.login));
    }
    let length = lapses.saturating_duration_since(sight.now.monotonic);
    forbid(length.is_zero() || length > LONGEST_LEASE, || {
        format!("the lease of login {login} is {length:?} long")
    })
}

fn bounded_call(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    if let What::Sent { call, probe: true, .. } = &sight.what {
        forbid(call.broke_off.is_none(), || format!("{call} probes though its upload did not break off"))?;
    }
    if let What::Sent { call, probe: false, .. } = &sight.what
        && call.attempts > 0
    {
        // A 401 to the same token, in any call, also explains an upload that broke off.
        let told = call.broke_off.is_some_and(|token| scene.watch.refused.contains(&token));
        forbid(call.attempts >= 3, || format!("{call} is sent for the fourth time"))?;
        forbid(call.one_shot, || format!("{call} is sent again though its body is gone"))?;
        forbid(call.last != Some(401) && !told, || format!("{call} is sent again without a 401"))?;
    }
    if let What::Answered { call, status, own_origin, retried: true, .. } = &sight.what {
        forbid(*status != 401, || format!("{call} is to be sent again because of a {status}"))?;
        forbid(!own_origin, || format!("{call} is to be sent again because of another origin"))?;
        forbid(call.one_shot, || format!("{call} is to be sent again though its body is gone"))?;
    }
    Ok(())
}

fn no_dead_token(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::Sent { call, carries: Carries::Token(token), .. } = &sight.what else { return Ok(()) };
    let Some(held) = scene.watch.held.filter(|held| held.token == *token) else { return Ok(()) };
    forbid(held.life.left(sight.now).is_zero(), || {
        format!("{call} carries token {}, whose life of {:?} is over", token.0, held.life.span)
    })
}

fn no_resurrection(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let held = scene.watch.held.map(|held| held.token);
    if let What::Answered { call, sent, status: 401, holds: false, .. } = &sight.what
        && let Some(newer) = held.filter(|held| held != sent)
    {
        return Err(format!("the 401 of {call} to token {} drops token {}", sent.0, newer.0));
    }
    let What::Sent { call, carries: Carries::Token(token), .. } = &sight.what else { return Ok(()) };
    match held {
        None => Err(format!("{call} carries token {}, which was given up", token.0)),
        Some(newer) => forbid(*token < newer && scene.watch.newest_sent != Some(*token), || {
            format!("{call} carries token {}, though token {} is newer", token.0, newer.0)
        }),
    }
}

fn no_refused_twice(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::Sent { call, carries: Carries::Token(token), .. } = &sight.what else { return Ok(()) };
    forbid(scene.watch.refused.contains(token), || {
        format!("{call} carries token {}, which the server refused before", token.0)
    })
}

fn kept_until_known(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::Answered { call, sent, status: 401, own_origin: true, holds: false, .. } = &sight.what else {
        return Ok(());
    };
    let (watch, now) = (scene.watch, sight.now);
    let unknown = watch.held.is_some_and(|held| held.token == *sent) && !watch.accepted;
    forbid(unknown && !watch.may_have_ended(now) && watch.refused_for(now) < GRACE, || {
        format!("the 401 of {call} drops token {}, which nothing has accepted yet", sent.0)
    })
}

fn freshest_wins(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::Sent { call, carries: Carries::Token(token), .. } = &sight.what else { return Ok(()) };
    let Some(held) = scene.watch.held.filter(|held| held.token != *token) else { return Ok(()) };
    Err(format!("{call} carries token {}, where token {} should be held", token.0, held.token.0))
}

fn bounded_logins(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::LoggedIn { call, login, .. } = &sight.what else { return Ok(()) };
    let (watch, now) = (scene.watch, sight.now);
    forbid(watch.is_good_for(call, now), || format!("login {login} starts though a good token is held"))?;
    if let Some(closed) = watch.closed.filter(|closed| closed.by == By::Rejection) {
        forbid(now.monotonic < closed.at_least_until, || {
            let early = closed.at_least_until.saturating_duration_since(now.monotonic);
            format!("login {login} tries a rejected key pair {early:?} too early")
        })?;
    }
    if let (Some(first), Some(last)) = (watch.drops.front(), watch.drops.back()) {
        let span = last.saturating_duration_since(*first);
        forbid(watch.drops.len() > BURST && span < EVERY, || {
            format!("login {login} follows the drop of {} tokens within {span:?}", watch.drops.len())
        })?;
    }
    Ok(())
}

fn one_failure(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::LoggedIn { login, .. } = &sight.what else { return Ok(()) };
    let now = sight.now.monotonic;
    let Some(closed) = scene.watch.closed.filter(|closed| closed.by != By::Rejection) else { return Ok(()) };
    forbid(closed.failed_at == Some(now), || {
        format!("login {login} starts at the instant at which another failed")
    })?;
    let opens = closed.told.map_or(closed.at_least_until, |told| told.max(closed.at_least_until));
    forbid(now < opens, || {
        format!("login {login} starts {:?} before all were told", opens.saturating_duration_since(now))
    })
}

fn bounded_patience(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let (What::Waits { call, .. } | What::LoggedIn { call, .. }) = &sight.what else { return Ok(()) };
    let failed = scene.watch.closed.is_some_and(|closed| closed.by == By::Failure);
    let sat_through = scene.watch.failures.saturating_sub(call.failures);
    forbid(failed && sat_through >= PATIENCE, || format!("{call} goes on after {sat_through} failed logins"))
}

fn strict_is_fine(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let What::Answered { call, status: 401, .. } = &sight.what else { return Ok(()) };
    forbid(scene.undisturbed, || format!("{call} is answered 401 though nothing has gone wrong"))
}

fn no_needless_wait(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let (What::Waits { call, .. }
    | What::Refused { call, why: Why::Rejected | Why::Unavailable | Why::Deadline, .. }) = &sight.what
    else {
        return Ok(());
    };
    forbid(scene.watch.is_good_for(call, sight.now), || {
        format!("{call} is kept waiting or refused though a good token is held")
    })
}

fn everyone_ends(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let now = sight.now.monotonic;
    if let What::Over { unanswered } = &sight.what {
        return forbid(*unanswered > 0, || format!("{unanswered} calls never end"));
    }
    let What::Waits { call, until } = &sight.what else { return Ok(()) };
    let until = *until;
    forbid(until <= now, || format!("{call} is told to wait for an instant that has passed"))?;
    if let Some(deadline) = call.deadline {
        forbid(until > deadline, || format!("{call} is told to wait beyond its deadline"))?;
    }
    if let Some(lease) = scene.watch.lease.filter(|lease| lease.lapses > now) {
        return forbid(until > lease.lapses, || {
            format!("{call} is told to wait beyond the lease of login {}", lease.login)
        });
    }
    match scene.watch.closed {
        None => Err(format!("{call} waits for nothing")),
        Some(closed) => {
            let latest = closed.at_least_until.max(now.saturating_add(LONGEST_BACKOFF));
            forbid(until > latest, || format!("{call} is told to back off longer than anything asks for"))
        }
    }
}

fn truthful(scene: &Scene<'_>, sight: &Sight) -> Judgement {
    let (watch, now) = (scene.watch, sight.now.monotonic);
    if let What::Answered { call, sent, status: 401, own_origin: true, retried: false, .. } = &sight.what {
        let first = call.attempts == 1 && !call.one_shot;
        let newer = watch.held.is_some_and(|held| held.token != *sent);
        forbid(first && newer, || format!("{call} is delivered a 401 though a newer token is held"))?;
        let alone = watch.held.is_some_and(|held| held.token == *sent);
        forbid(first && alone && call.epoch == watch.epoch && watch.must_drop(), || {
            format!("{call} is delivered a 401 that one login would have healed")
        })?;
    }
    let What::Refused { call, why, retry_at, .. } = &sight.what else { return Ok(()) };
    forbid(*retry_at < now, || format!("{call} is referred to an instant that has passed"))?;
    match why {
        Why::Rejected => forbid(watch.closed.is_none_or(|closed| closed.by != By::Rejection), || {
            format!("{call} is refused for a rejection that there was not")
        }),
        Why::Unavailable => forbid(watch.failures < call.failures + PATIENCE, || {
            format!("{call} is refused before it has sat through {PATIENCE} failures")
        }),
        Why::Deadline => forbid(call.deadline.is_none_or(|deadline| deadline > *retry_at), || {
            format!("{call} is refused though its deadline comes later than a token may")
        }),
        Why::Foreign => Ok(()),
    }
}

impl std::fmt::Debug for Law {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Law")
            .field("name", &self.name)
            .field("sentence", &self.sentence)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.law, self.what)
    }
}
