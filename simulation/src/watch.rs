//! The knowledge of an observer about one client, from the traffic of the client.

mod sight;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::VecDeque;
use std::time::Duration;

use waldo_auth_core::{Instant, Now};

pub(crate) use self::sight::{Caller, Carries, End, Sight, What};
pub(crate) use self::tokens::{Lifetime, TokenId, Tokens};

/// The number of drops that the budget allows at once, and the time after which it allows one more
/// (rule 16).
pub(crate) const BURST: usize = 10;
pub(crate) const EVERY: Duration = Duration::from_secs(30);

/// The shortest time for which a client keeps a token that no response has accepted (rule 16).
pub(crate) const GRACE: Duration = Duration::from_millis(1500);

/// How many of the tokens that were given up last are never held again (rule 16).
const REMEMBERED: usize = 16;

/// The knowledge of an observer about one client. The invariants compare each sight with this
/// knowledge, and then the observer takes the sight in.
///
/// The observer never looks into the client. It derives the token that should be held from the
/// rules only.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Watch {
    /// The token that should be held.
    pub(crate) held: Option<Held>,
    /// Counts the epochs: granted logins, resets, invalidations, resumptions.
    pub(crate) epoch: u64,
    /// Counts the tokens that were taken within an epoch.
    generation: u64,
    /// The latest `exp` that was held in this epoch, in whole milliseconds.
    latest_exp: Option<i64>,
    /// The last token sent in this epoch.
    pub(crate) newest_sent: Option<TokenId>,
    /// The last tokens that were dropped after a 401, and that no login has brought again.
    pub(crate) refused: Vec<TokenId>,
    /// The last tokens that were given up, and that no login has brought again.
    pub(crate) given_up: Vec<TokenId>,
    /// A response has shown that the server accepts the login.
    pub(crate) accepted: bool,
    /// A response has brought a renewed token.
    renewed: bool,
    /// The first refusal of the held token since the login or the last success.
    refused_since: Option<Instant>,
    /// The login that calls wait for.
    pub(crate) lease: Option<Lease>,
    /// All logins that have not ended, even if their leases have expired.
    under_way: Vec<Lease>,
    pub(crate) logins: u64,
    /// Counts the logins that failed without a rejection, and the expired leases.
    pub(crate) failures: u64,
    pub(crate) blocked: Option<Blocked>,
    /// The instants of the last drops that cost a permit.
    pub(crate) drops: VecDeque<Instant>,
    /// How many drops have cost a permit.
    paid: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) token: TokenId,
    pub(crate) lifetime: Lifetime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) login: u64,
    pub(crate) expires_at: Instant,
    epoch: u64,
    generation: u64,
}

/// What keeps calls from logging in: a backoff or an open circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Blocked {
    pub(crate) by: By,
    /// The number of failures or rejections in a row.
    pub(crate) streak: u32,
    /// The earliest instant of the next login, with any jitter.
    pub(crate) at_least_until: Instant,
    /// When a login failed, if a failure is the reason. The next login starts later.
    pub(crate) failed_at: Option<Instant>,
    /// The latest instant that the client gave to a waiting call.
    pub(crate) announced: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Failure,
    Rejection,
    Abandonment,
}

impl Watch {
    /// Whether the held token lasts long enough for this call.
    pub(crate) fn is_good_for(&self, call: &Caller, now: Now) -> bool {
        self.held.is_some_and(|held| {
            if call.one_shot {
                held.lifetime.usable_for_one_shot(now)
            } else {
                held.lifetime.usable(now)
            }
        })
    }

    /// Whether a 401 to the held token must drop it at once: the login was accepted, and the first
    /// half of the budget certainly has a permit.
    pub(crate) fn must_drop(&self) -> bool {
        self.accepted && self.paid < BURST / 2
    }

    /// How long the server has refused the held token until now.
    pub(crate) fn refused_for(&self, now: Now) -> Duration {
        self.refused_since
            .map_or(Duration::ZERO, |since| now.monotonic.saturating_duration_since(since))
    }

    /// Whether a server with clocks of whole seconds may see the held token as ended (rule 16).
    pub(crate) fn may_have_ended(&self, now: Now) -> bool {
        self.held.is_some_and(|held| may_have_ended(held.lifetime, now))
    }

    /// How long after a rejection no login may start: one minute, doubled up to 15 (rule 15).
    fn probe(streak: u32) -> Duration {
        Duration::from_secs(60 << (streak - 1).min(4)).min(Duration::from_secs(15 * 60))
    }

    /// Takes a sight in, after the invariants have judged it.
    pub(crate) fn take_in(&mut self, sight: &Sight, tokens: &Tokens) {
        let now = sight.now;
        match &sight.what {
            What::Sent { carries: Carries::Token(token), .. } => self.newest_sent = Some(*token),
            What::LoggedIn { login, expires_at, .. } => {
                self.logins = *login;
                let lease = Lease {
                    login: *login,
                    expires_at: *expires_at,
                    epoch: self.epoch,
                    generation: self.generation,
                };
                self.lease = Some(lease);
                self.under_way.push(lease);
            }
            What::Waits { until, .. } => {
                if self.lease.is_none()
                    && let Some(blocked) = self.blocked.as_mut()
                {
                    blocked.announced = blocked.announced.max(Some(*until));
                }
            }
            What::Answered { sent, status: 401, own_origin: true, holds, .. } => {
                self.refuse(*sent, *holds, now);
            }
            What::Answered {
                sent, epoch, status: 200..=299, own_origin: true, renewal, ..
            } => {
                let repeats = renewal.is_some_and(|(token, _)| self.given_up.contains(&token));
                let renews = renewal
                    .is_some_and(|renewal| !repeats && self.renew(*sent, *epoch, renewal, tokens));
                if *epoch == self.epoch && !repeats {
                    self.succeed(renews);
                }
            }
            What::Answered { epoch, status: ..=499, own_origin: true, .. }
                if *epoch == self.epoch =>
            {
                self.accepted = true;
            }
            What::BrokeOff { sent, holds } => drop(self.drop_held(*sent, *holds, now)),
            What::Settled { login, end } => self.settle(*login, *end, now, tokens),
            What::Reset { to_another: true } => {
                self.blocked = None;
                self.forget();
            }
            What::Reset { to_another: false } => {
                self.blocked.take_if(|blocked| blocked.by == By::Rejection);
            }
            What::Invalidated { holds: false } if self.may_be_invalidated(now) => {
                self.pay(now);
                self.forget();
            }
            What::Resumed { token, lifetime } => {
                self.hold_new(*token, *lifetime, tokens);
                self.accepted = true;
            }
            What::Sent { .. }
            | What::Answered { .. }
            | What::Refused { .. }
            | What::Invalidated { .. }
            | What::Circles
            | What::Over { .. }
            | What::Says { .. }
            | What::Recovers { .. } => {}
        }
    }

    /// Whether `invalidate` gives up the held token now (rule 6).
    fn may_be_invalidated(&self, now: Now) -> bool {
        let is_led = self.lease.is_some_and(|lease| lease.expires_at > now.monotonic);
        let is_rejected = self.blocked.is_some_and(|blocked| blocked.by == By::Rejection);
        self.held.is_some() && !is_led && !is_rejected
    }

    /// A call asks for a token. So an expired lease is noticed, and counts as a failed login for
    /// its waiters.
    pub(crate) fn notice(&mut self, now: Now) {
        if self.lease.take_if(|lease| lease.expires_at <= now.monotonic).is_none() {
            return;
        }
        self.failures += 1;
        // If the lease of a probe expires, the next call that asks makes the next probe.
        if self.blocked.is_none_or(|blocked| blocked.by != By::Rejection) {
            self.block(By::Failure, self.streak(By::Failure), now.monotonic);
        }
    }

    /// A login has disappeared without an end. Only its lease still shows it.
    pub(crate) fn lose(&mut self, login: u64) {
        self.under_way.retain(|lease| lease.login != login);
    }

    /// A route that does not check the token succeeds too. After the server has renewed a token
    /// once, only another renewal shows a check (rule 16).
    fn succeed(&mut self, renews: bool) {
        (self.accepted, self.renewed) = (true, self.renewed || renews);
        if renews || !self.renewed {
            self.refused_since = None;
        }
    }

    fn give_up(&mut self, held: Held) {
        remember(&mut self.given_up, held.token);
    }

    fn forget(&mut self) {
        if let Some(held) = self.held.take() {
            self.give_up(held);
        }
        self.epoch += 1;
        self.newest_sent = None;
        self.lease = None;
    }

    fn hold_new(&mut self, token: TokenId, lifetime: Lifetime, tokens: &Tokens) {
        self.held = Some(Held { token, lifetime });
        self.given_up.retain(|given_up| *given_up != token);
        self.refused.retain(|refused| *refused != token);
        (self.accepted, self.refused_since) = (false, None);
        self.epoch += 1;
        self.newest_sent = None;
        self.latest_exp = exp(token, tokens);
    }

    /// The held token was refused. If the client holds no token afterwards, it has dropped the
    /// token (rules 7, 16).
    fn refuse(&mut self, sent: TokenId, holds: bool, now: Now) {
        if self.held.is_some_and(|held| held.token == sent) {
            self.refused_since.get_or_insert(now.monotonic);
        }
        if self.drop_held(sent, holds, now) {
            remember(&mut self.refused, sent);
        }
    }

    /// Whether the token was dropped, because the client holds no token any more.
    fn drop_held(&mut self, sent: TokenId, holds: bool, now: Now) -> bool {
        let Some(dropped) = self.held.take_if(|held| held.token == sent && !holds) else {
            return false;
        };
        self.give_up(dropped);
        if !may_have_ended(dropped.lifetime, now) {
            self.pay(now);
        }
        true
    }

    /// A token was given up that had not ended by itself.
    fn pay(&mut self, now: Now) {
        self.paid += 1;
        self.drops.push_back(now.monotonic);
        if self.drops.len() > BURST + 1 {
            self.drops.pop_front();
        }
    }

    /// A response brings a renewed token (rule 5).
    fn renew(
        &mut self,
        sent: TokenId,
        epoch: u64,
        (token, lifetime): (TokenId, Lifetime),
        tokens: &Tokens,
    ) -> bool {
        let Some(held) =
            self.held.filter(|held| epoch == self.epoch && token != sent && token != held.token)
        else {
            return false;
        };
        let ends = exp(token, tokens);
        let takes = held.token == sent || (ends.is_some() && ends > self.latest_exp);
        if takes {
            self.held = Some(Held { token, lifetime });
            self.generation += 1;
            self.latest_exp = self.latest_exp.max(ends);
        }
        takes
    }

    fn settle(&mut self, login: u64, end: End, now: Now, tokens: &Tokens) {
        let Some(index) = self.under_way.iter().position(|lease| lease.login == login) else {
            return;
        };
        let started = self.under_way.swap_remove(index);
        let current = self.lease.take_if(|lease| lease.login == login).is_some();
        let overtaken = login != self.logins;
        let newer_held = self.held.is_some() && started.generation != self.generation;
        if !current && (newer_held || started.epoch != self.epoch) {
            return;
        }
        match end {
            End::Granted(token, lifetime) if lifetime.usable(now) => {
                self.blocked = None;
                self.hold_new(token, lifetime, tokens);
            }
            // A token that is dead on arrival counts as no token.
            End::Granted(..) => self.fail(None, current, overtaken, now),
            End::Failed { retry_after } => self.fail(retry_after, current, overtaken, now),
            End::Rejected | End::Abandoned if overtaken => {}
            End::Rejected => {
                let streak = self.streak(By::Rejection);
                let until = now.monotonic.saturating_add(Self::probe(streak));
                self.block(By::Rejection, streak, until);
            }
            End::Abandoned => {
                if self.blocked.is_none() {
                    self.block(By::Abandonment, 1, now.monotonic);
                }
                if let Some(blocked) = &mut self.blocked {
                    blocked.at_least_until = now.monotonic;
                    blocked.announced = None;
                }
            }
        }
    }

    fn fail(&mut self, retry_after: Option<Duration>, current: bool, overtaken: bool, now: Now) {
        // An expired lease counted as a failure when it expired.
        self.failures += u64::from(current);
        if overtaken {
            return;
        }
        let asked = retry_after.unwrap_or_default().min(Duration::from_secs(60 * 60));
        if let Some(Blocked { by: By::Rejection, streak, .. }) = self.blocked {
            // A login without an answer does not end a rejection.
            let until = now.monotonic.saturating_add(asked.max(Self::probe(streak)));
            return self.block(By::Rejection, streak, until);
        }
        let streak = self.streak(By::Failure);
        self.block(By::Failure, streak, now.monotonic.saturating_add(asked));
        if let Some(blocked) = &mut self.blocked {
            blocked.failed_at = Some(now.monotonic);
        }
    }

    fn streak(&self, by: By) -> u32 {
        self.blocked
            .filter(|blocked| blocked.by == by)
            .map_or(1, |blocked| blocked.streak.saturating_add(1))
    }

    fn block(&mut self, by: By, streak: u32, at_least_until: Instant) {
        self.blocked =
            Some(Blocked { by, streak, at_least_until, failed_at: None, announced: None });
    }
}

/// Remembers a token, and forgets the oldest.
fn remember(tokens: &mut Vec<TokenId>, token: TokenId) {
    tokens.push(token);
    if tokens.len() > REMEMBERED {
        tokens.remove(0);
    }
}

/// Whether a server with clocks of whole seconds may see this lifetime as ended (rule 16).
fn may_have_ended(lifetime: Lifetime, now: Now) -> bool {
    lifetime.left(now) <= Duration::from_secs(2).min(lifetime.span / 2)
}

#[expect(clippy::cast_possible_truncation, reason = "a date of the model's is far from the ends")]
fn exp(token: TokenId, tokens: &Tokens) -> Option<i64> {
    tokens.fact(token)?.exp.map(|seconds| (seconds * 1000.0).floor() as i64)
}
