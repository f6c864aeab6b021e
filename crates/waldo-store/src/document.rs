//! What a fleet keeps in its store, and the only code that changes it.
//!
//! Every time in a document is of the store's clock. A document that cannot be read counts as empty,
//! so each field has a harmless default.

use std::time::Duration;

use serde_json::{Map, Value, json};
use waldo_auth_core::{Now, SharedFailure, Snapshot};

/// The time of the store's clock, since 1970-01-01.
pub(crate) type Time = Duration;

/// The longest lease.
const MAX_LEASE: Duration = Duration::from_secs(10 * 60);

/// How many refused tokens are remembered.
const MAX_REFUSED: usize = 16;

/// Two logins whose tokens sharing has ended within this time make the fleet stop sharing.
const HARM_WINDOW: Duration = Duration::from_secs(10 * 60);

/// How long a fleet does not share after that.
const PRIVATE: Duration = Duration::from_secs(60 * 60);

/// How long a failure counts after its wait, so that the delays of further failures double.
const FAILURE_COUNTS: Duration = Duration::from_secs(60 * 60);

/// The state of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    /// The number of the last login. It grows with each login, also after a document was lost.
    fence: u64,
    token: Option<Token>,
    /// The login under way.
    lease: Option<Lease>,
    failure: Option<Failure>,
    /// The tokens that a session has given up. Nobody brings them back.
    refused: Vec<Mark>,
    /// When the fleet's invalidation budget is full again.
    budget_full_at: Time,
    /// The last login that has lost a token because of sharing.
    harmed: Option<Harm>,
    /// Until then, nobody shares.
    private_until: Time,
    /// When the document was brought up to date.
    written: Time,
}

/// The shared token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) snapshot: Snapshot,
    /// The login that it descends from.
    pub(crate) fence: u64,
    pub(crate) ends: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    fence: u64,
    ends: Time,
}

/// The fingerprint of a token, and when the token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    token: u64,
    ends: Time,
}

/// The number of a login, and when it was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Harm {
    fence: u64,
    at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    failure: SharedFailure,
    until: Time,
}

/// The session that has to log in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant {
    /// How long its login takes at most.
    pub(crate) span: Duration,
    /// Its own debt to the invalidation budget.
    pub(crate) debt: Duration,
    /// The number of its own last lease.
    pub(crate) own_lease: Option<u64>,
    /// Whether the user has asked it to try its rejected key pair again.
    pub(crate) is_reset: bool,
}

/// What a stored token is to the session that has to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    Usable,
    /// It is good for others, and ends too soon for this session, for example.
    Useless,
    /// The session has given it up, so nobody uses it any more.
    GivenUp,
}

/// What a session is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Use this token.
    Token(Token),
    /// Log in, with this number, for the fleet. If the last login failed, here is how.
    Yours(u64, Option<SharedFailure>),
    /// Another session logs in. Its lease ends after this time.
    Theirs(Duration),
    /// The last login failed, and it is too early for another one.
    Closed(SharedFailure),
    /// Sharing does harm for now, so log in for this session alone.
    Private,
}

impl Document {
    /// Says what a session does that has to log in.
    pub(crate) fn claim(
        &mut self,
        worth: impl Fn(&Token) -> Worth,
        claimant: Claimant,
        now: Time,
    ) -> Claimed {
        self.expire(now);
        if self.private_until > now {
            return Claimed::Private;
        }
        match self.token.as_ref().map(|token| (token, worth(token))) {
            Some((token, Worth::Usable)) => return Claimed::Token(token.clone()),
            Some((token, Worth::GivenUp)) => {
                let mark = Mark { token: token.snapshot.fingerprint(), ends: token.ends };
                self.token = None;
                self.refuse(mark);
            }
            Some((_, Worth::Useless)) | None => {}
        }
        // A session makes one login at a time. So the login of its own lease was dropped, or its
        // time is over.
        if let Some(lease) = self.lease.filter(|lease| Some(lease.fence) != claimant.own_lease) {
            return Claimed::Theirs(lease.ends.saturating_sub(now));
        }
        let failure = self.failure.as_ref().map(|failure| failure.left(now));
        let failure = failure.filter(|failure| !(claimant.is_reset && failure.is_rejection()));
        if let Some(failure) = failure.clone().filter(|failure| !failure.wait().is_zero()) {
            return Claimed::Closed(failure);
        }
        self.budget_full_at = self.budget_full_at.max(now.saturating_add(claimant.debt));
        let fence = self.next_fence(now);
        self.lease = Some(Lease { fence, ends: now.saturating_add(claimant.span.min(MAX_LEASE)) });
        Claimed::Yours(fence, failure)
    }

    /// Shares a token with `left` of its lifetime, from the login with this number.
    ///
    /// A token of a newer login stays, and so does a token of the same login that lasts as long. The
    /// number 0 stands for a login that was made without the store.
    pub(crate) fn publish(&mut self, snapshot: Snapshot, fence: u64, left: Duration, now: Time) {
        self.expire(now);
        let ends = now.saturating_add(left.min(snapshot.lifetime()));
        self.end_lease(fence);
        let is_refused = self.refused.iter().any(|mark| mark.token == snapshot.fingerprint());
        let is_older =
            self.token.as_ref().is_some_and(|token| (token.fence, token.ends) >= (fence, ends));
        // A lease with a higher number shows that a session has had no use for older tokens.
        let is_overtaken = fence < self.fence && fence > 0 && self.token.is_none();
        if self.private_until > now || is_refused || is_older || is_overtaken || left.is_zero() {
            return;
        }
        self.failure = None;
        self.fence = self.fence.max(fence);
        self.token = Some(Token { snapshot, fence, ends });
    }

    /// Notes that a login has failed, unless another login has started since.
    pub(crate) fn fail(&mut self, failure: SharedFailure, fence: u64, now: Time) {
        self.expire(now);
        if fence < self.fence {
            return;
        }
        self.end_lease(fence);
        let until = now.saturating_add(failure.wait());
        self.failure = Some(Failure { failure, until });
    }

    /// Notes that the server ended a token of this login because sessions share it. The second login
    /// within ten minutes makes the fleet stop sharing for an hour.
    ///
    /// All tokens of one login count once, because a server may revoke them all at the same time.
    pub(crate) fn harm(&mut self, fence: u64, now: Time) {
        self.expire(now);
        match self.harmed {
            Some(harm) if harm.fence == fence => {}
            Some(harm) if now.saturating_sub(harm.at) <= HARM_WINDOW => {
                self.private_until = now.saturating_add(PRIVATE);
                (self.harmed, self.token, self.lease, self.failure) = (None, None, None, None);
            }
            _ => self.harmed = Some(Harm { fence, at: now }),
        }
    }

    /// The shared token.
    pub(crate) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whether the last login has failed. A token ends the failures before it.
    pub(crate) fn has_failure(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether a session has given up the token with this fingerprint.
    pub(crate) fn has_refused(&self, token: u64) -> bool {
        self.refused.iter().any(|mark| mark.token == token)
    }

    /// The time until the fleet's invalidation budget is full again.
    pub(crate) fn debt(&self, now: Time) -> Duration {
        self.budget_full_at.saturating_sub(now)
    }

    /// The time in which nobody shares.
    pub(crate) fn private_for(&self, now: Time) -> Duration {
        self.private_until.saturating_sub(now)
    }

    /// How long the store has to keep the document.
    pub(crate) fn keep(&self, now: Time) -> Duration {
        let ends = [
            self.token.as_ref().map(|token| token.ends),
            self.lease.map(|lease| lease.ends),
            self.failure.as_ref().map(Failure::counts_until),
            self.refused.iter().map(|mark| mark.ends).max(),
            Some(self.budget_full_at),
            self.harmed.map(|harm| harm.at.saturating_add(HARM_WINDOW)),
            Some(self.private_until),
        ];
        let last = ends.into_iter().flatten().max().unwrap_or_default();
        last.saturating_sub(now).max(Duration::from_secs(1))
    }

    /// Brings the document up to date: removes what has ended.
    ///
    /// If the clock was set back since the last time, all times move back with it. Otherwise, a
    /// lease of seconds would last for the whole time by which the clock was set back. Returns
    /// whether the times have moved.
    pub(crate) fn expire(&mut self, now: Time) -> bool {
        let set_back = self.written.saturating_sub(now);
        self.times().for_each(|time| *time = time.saturating_sub(set_back));
        self.written = now;
        self.token.take_if(|token| token.ends <= now);
        self.lease.take_if(|lease| lease.ends <= now);
        self.refused.retain(|mark| mark.ends > now);
        // A store may keep a document for ever, and an old failure says nothing about the next login.
        self.failure.take_if(|failure| failure.counts_until() <= now);
        !set_back.is_zero()
    }

    /// All times of the document.
    fn times(&mut self) -> impl Iterator<Item = &mut Time> {
        [&mut self.budget_full_at, &mut self.private_until]
            .into_iter()
            .chain(self.token.as_mut().map(|token| &mut token.ends))
            .chain(self.lease.as_mut().map(|lease| &mut lease.ends))
            .chain(self.failure.as_mut().map(|failure| &mut failure.until))
            .chain(self.harmed.as_mut().map(|harm| &mut harm.at))
            .chain(self.refused.iter_mut().map(|mark| &mut mark.ends))
    }

    fn refuse(&mut self, mark: Mark) {
        if self.refused.len() == MAX_REFUSED {
            self.refused.remove(0);
        }
        self.refused.push(mark);
    }

    fn end_lease(&mut self, fence: u64) {
        self.lease.take_if(|lease| lease.fence <= fence);
    }

    /// The number of the next login. It follows the clock, so it is newer than every number of a
    /// document that was lost.
    fn next_fence(&mut self, now: Time) -> u64 {
        let by_clock = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.fence = self.fence.saturating_add(1).max(by_clock);
        self.fence
    }
}

impl Token {
    /// How much of the lifetime is left by the store's clock.
    pub(crate) fn left(&self, now: Time) -> Duration {
        self.ends.saturating_sub(now).min(self.snapshot.lifetime())
    }

    /// The token for a session, whose clocks may differ from the store's.
    pub(crate) fn anchored(&self, store_now: Time, now: Now) -> Snapshot {
        self.snapshot.clone().with_left(self.left(store_now), now)
    }
}

impl Failure {
    fn counts_until(&self) -> Time {
        self.until.saturating_add(FAILURE_COUNTS)
    }

    /// The failure with the rest of its wait.
    fn left(&self, now: Time) -> SharedFailure {
        self.failure.clone().with_wait(self.until.saturating_sub(now))
    }
}

/// The version of the format. Another one counts as unreadable.
const VERSION: u64 = 1;

impl Document {
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let millis = |time: Time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let embedded = |text: String| serde_json::from_str(&text).unwrap_or(Value::Null);
        let mark = |mark: &Mark| json!({ "token": mark.token, "ends": millis(mark.ends) });
        json!({
            "version": VERSION,
            "fence": self.fence,
            "token": self.token.as_ref().map(|token| json!({
                "snapshot": embedded(token.snapshot.to_json()),
                "fence": token.fence,
                "ends": millis(token.ends),
            })),
            "lease": self.lease.map(|lease| json!({
                "fence": lease.fence,
                "ends": millis(lease.ends),
            })),
            "failure": self.failure.as_ref().map(|failure| json!({
                "failure": embedded(failure.failure.to_json()),
                "until": millis(failure.until),
            })),
            "refused": self.refused.iter().map(mark).collect::<Vec<_>>(),
            "budget_full_at": millis(self.budget_full_at),
            "harmed": self.harmed.map(|harm| json!({
                "fence": harm.fence,
                "at": millis(harm.at),
            })),
            "private_until": millis(self.private_until),
            "written": millis(self.written),
        })
        .to_string()
        .into_bytes()
    }

    /// Reads a document; `None` if it is of another version or malformed.
    pub(crate) fn from_json(json: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(json).ok()?;
        if number(&object, "version")? != VERSION {
            return None;
        }
        let part = |name| match object.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::Object(part)) => Some(Some(part)),
            Some(_) => None,
        };
        let token = match part("token")? {
            None => None,
            Some(token) => Some(Token {
                snapshot: Snapshot::from_json(&embedded(token, "snapshot")?).ok()?,
                fence: number(token, "fence")?,
                ends: time(token, "ends")?,
            }),
        };
        let lease = match part("lease")? {
            None => None,
            Some(lease) => {
                Some(Lease { fence: number(lease, "fence")?, ends: time(lease, "ends")? })
            }
        };
        let failure = match part("failure")? {
            None => None,
            Some(failure) => Some(Failure {
                failure: SharedFailure::from_json(&embedded(failure, "failure")?, Duration::ZERO)?,
                until: time(failure, "until")?,
            }),
        };
        let harmed = match part("harmed")? {
            None => None,
            Some(harmed) => Some(Harm { fence: number(harmed, "fence")?, at: time(harmed, "at")? }),
        };
        let refused = object.get("refused")?.as_array()?;
        let refused =
            refused.iter().map(|entry| mark(entry.as_object()?)).collect::<Option<_>>()?;
        Some(Self {
            fence: number(&object, "fence")?,
            token,
            lease,
            failure,
            refused,
            budget_full_at: time(&object, "budget_full_at")?,
            harmed,
            private_until: time(&object, "private_until")?,
            written: time(&object, "written")?,
        })
    }
}

fn number(object: &Map<String, Value>, name: &str) -> Option<u64> {
    object.get(name)?.as_u64()
}

fn time(object: &Map<String, Value>, name: &str) -> Option<Time> {
    number(object, name).map(Duration::from_millis)
}

fn mark(object: &Map<String, Value>) -> Option<Mark> {
    Some(Mark { token: number(object, "token")?, ends: time(object, "ends")? })
}

fn embedded(object: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    serde_json::to_vec(object.get(name)?).ok()
}

#[cfg(test)]
mod tests;
