//! The state machine a second time, in the plainest form: the behaviour that a caller may observe,
//! rule by rule as in `docs/protocol.md`.
//!
//! It shares nothing with the core but the names of the observations. It counts whole nanoseconds,
//! copies freely and has all rules in one place. So a reader who knows the rules can check it.

mod answer;
mod limits;
mod login;
mod token;

use std::hash::{Hash, Hasher};

use http::StatusCode;
use waldo_auth_core::{Challenge, Event, Ignored, NoToken, NotResumed, Reason, Upload};

pub(crate) use self::answer::{Answer, Landmark, Why};
pub(crate) use self::limits::{HOUR, Limits, MILLI, Nanos, SECOND, Time, duration, nanos};
use self::limits::{MINUTE, doubled};
use self::login::Late;
pub(crate) use self::login::{Ending, Leading};
pub(crate) use self::token::{Held, Lifetime, Minted, Renewal, Source, Stored};

/// The facts that the session remembers of a call.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Caller {
    pub(crate) one_shot: bool,
    pub(crate) deadline: Option<Nanos>,
    /// The epoch, the failures and the leaders that had given up when it came in.
    came: Option<(u64, u64)>,
    pub(crate) sent_for_newer: bool,
    sent_after_login: bool,
    joined: u64,
    /// The generation of the token with which its upload broke off, until a response or a 401
    /// decides.
    broke_off: Option<u64>,
}

impl Caller {
    pub(crate) fn new(one_shot: bool, deadline: Option<Nanos>) -> Self {
        Self { one_shot, deadline, ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    Rejected,
    Unavailable,
}

pub(crate) struct Reference {
    pub(crate) limits: Limits,
    /// The key pair. Two pairs may have the same key.
    pair: u8,
    /// Which API key is in use.
    key: u8,
    pub(crate) held: Option<Held>,
    /// The last sixteen tokens that were given up.
    pub(crate) given_up: Vec<String>,
    /// Rule 16: what responses have shown of the last login's tokens.
    pub(crate) accepted: bool,
    renewed: bool,
    pub(crate) refused_since: Option<Nanos>,
    /// How many logins in a row have brought a token that no response has accepted.
    unaccepted: u32,
    /// The generation that a 401 dropped last.
    refused: Option<u64>,
    no_token: NoToken,
    pub(crate) epoch: u64,
    pub(crate) generation: u64,
    pub(crate) lease: Option<Leading>,
    pub(crate) logins: u64,
    failures: u64,
    shut_until: Nanos,
    pub(crate) cause: Option<Cause>,
    streak: u32,
    jitter: u64,
    /// When so many leaders have given up, how much time will have made up for all of them; and
    /// when that was counted.
    handed_over: Nanos,
    forgiven: Nanos,
    /// The permits that the bucket holds, as the time that it takes to earn them, and when they
    /// were counted.
    earned: Nanos,
    counted: Nanos,
    /// The entry of the journal for the last step.
    pub(crate) said: Vec<Event>,
}

/// All that decides what comes next: without the limits, which never change, and the journal.
impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { limits: _, pair, key, held, given_up, accepted, renewed, .. } = self;
        (pair, key, held, given_up, accepted, renewed).hash(state);
        let Self { refused_since, unaccepted, refused, no_token, epoch, generation, .. } = self;
        (refused_since, unaccepted, refused, no_token, epoch, generation).hash(state);
        let Self { lease, logins, failures, shut_until, cause, streak, jitter, .. } = self;
        (lease, logins, failures, shut_until, cause, streak, jitter).hash(state);
        (self.handed_over, self.forgiven, self.earned, self.counted).hash(state);
    }
}

impl Reference {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            pair: 0,
            key: 0,
            held: None,
            given_up: Vec::new(),
            accepted: false,
            renewed: false,
            refused_since: None,
            unaccepted: 1,
            refused: None,
            no_token: NoToken::NeverLoggedIn,
            epoch: 0,
            generation: 0,
            lease: None,
            logins: 0,
            failures: 0,
            shut_until: 0,
            cause: None,
            streak: 0,
            jitter: limits.seed,
            handed_over: 0,
            forgiven: 0,
            earned: limits.drops.1 * Nanos::from(limits.drops.0),
            counted: 0,
            said: Vec::new(),
        }
    }

    pub(crate) fn admit(&mut self, caller: &mut Caller, now: Time) -> Answer {
        if let Some(expired) = self.lease.take_if(|lease| now.mono >= lease.expires_at) {
            self.failures += 1;
            if self.cause != Some(Cause::Rejected) {
                self.blame();
            }
            self.said.push(Event::LeaseExpired { login: expired.number });
        }
        caller.came.get_or_insert((self.epoch, self.failures));
        let answer = self.decide(caller, now);
        if let Answer::Wait { login: Some(login), .. } = answer
            && std::mem::replace(&mut caller.joined, login) != login
        {
            self.said.push(Event::Coalesced { login });
        }
        answer
    }

    /// The login that the call must start.
    pub(crate) fn lead(&mut self, now: Time) -> Leading {
        self.logins += 1;
        self.said.push(Event::LoginStarted { login: self.logins });
        let expires_at = now.mono + self.limits.lease;
        let (number, epoch, generation) = (self.logins, self.epoch, self.generation);
        let leading = Leading { number, epoch, generation, sent: now, expires_at };
        self.lease = Some(leading.clone());
        leading
    }

    /// Rules 11 to 15: the answer that the call would get now.
    pub(crate) fn decide(&self, caller: &Caller, now: Time) -> Answer {
        let came = caller.came.unwrap_or((self.epoch, self.failures));
        let login = self.decide_login(caller, came, now);
        let Some(held) = &self.held else { return login };
        let (lifetime, left) = (held.lifetime, held.lifetime.left(now));
        let send = Answer::Send { generation: held.generation, left };
        let good = left > lifetime.reserve(self.limits.leeway);
        let good_enough = !caller.one_shot || left > lifetime.reserve(self.limits.one_shot_leeway);
        let of_own_login = held.source == Source::Login && held.epoch > came.0;
        let login_helps = match login {
            Answer::LogIn { .. } => true,
            Answer::Wait { login: Some(_), .. } => caller.deadline.is_none(),
            Answer::Wait { login: None, .. } | Answer::Refuse { .. } | Answer::Send { .. } => false,
        };
        if (of_own_login && left > 0) || (good && (good_enough || !login_helps)) {
            send
        } else {
            login
        }
    }

    fn decide_login(&self, caller: &Caller, (_, failures): (u64, u64), now: Time) -> Answer {
        let opens = self.shut_until.max(now.mono);
        let shut = now.mono < opens;
        let sat_through = self.failures - failures;
        if self.cause == Some(Cause::Unavailable)
            && sat_through >= u64::from(self.limits.failures_per_call)
        {
            return Answer::Refuse { why: Why::Unavailable, retry_at: opens };
        }
        let comes_before = |time: Nanos| caller.deadline.is_some_and(|deadline| deadline <= time);
        if let Some(lease) = self.lease.as_ref().filter(|lease| now.mono < lease.expires_at) {
            if comes_before(now.mono) {
                return Answer::Refuse {
                    why: Why::Deadline(false),
                    retry_at: (now.mono + SECOND).min(lease.expires_at),
                };
            }
            let until =
                caller.deadline.map_or(lease.expires_at, |deadline| deadline.min(lease.expires_at));
            return Answer::Wait { until, login: Some(lease.number) };
        }
        if shut && self.cause == Some(Cause::Rejected) {
            return Answer::Refuse { why: Why::Rejected, retry_at: opens };
        }
        if comes_before(opens) {
            let failed = shut && self.cause == Some(Cause::Unavailable);
            return Answer::Refuse { why: Why::Deadline(failed), retry_at: opens };
        }
        if shut {
            return Answer::Wait { until: opens, login: None };
        }
        Answer::LogIn {
            because: if self.held.is_some() { NoToken::Expired } else { self.no_token },
        }
    }

    /// Rules 7, 8, 16, 17: whether a call that is answered 401 is sent again.
    pub(crate) fn challenge(
        &mut self,
        caller: &mut Caller,
        sent: &Held,
        touched: bool,
        date: Option<i64>,
        now: Time,
    ) -> bool {
        let left = sent.lifetime.left(now);
        // The server's own `Date` may say that the lifetime is over, in its last two seconds.
        let says_over =
            date.zip(sent.token.exp).is_some_and(|(date, exp)| date >= exp) && left <= 2 * SECOND;
        let in_twilight = left <= sent.lifetime.twilight() || says_over;
        if self.held.as_ref().is_some_and(|held| held.generation == sent.generation) {
            self.refused_since.get_or_insert(now.mono);
        }
        let of_own_login = sent.source == Source::Login
            && caller.came.is_some_and(|(epoch, ..)| sent.epoch > epoch);
        let outcome = match self.held.as_ref().map(|held| held.generation) {
            None => Challenge::NothingHeld,
            Some(generation) if generation > sent.generation => Challenge::NewerHeld,
            Some(_) if of_own_login && !in_twilight => Challenge::FreshFromLogin,
            Some(_) if !in_twilight && !self.accepted && self.refused_for(now) < self.grace() => {
                Challenge::NotAccepted
            }
            // Of an accepted token, half of the budget stays until the refusals have lasted for a
            // second.
            Some(_)
                if in_twilight
                    || self.pay(self.accepted && self.refused_for(now) < SECOND, now) =>
            {
                self.give_up();
                self.refused = Some(sent.generation);
                self.no_token = NoToken::Refused;
                Challenge::Dropped
            }
            Some(_) => {
                self.said.push(Event::Throttled { generation: sent.generation });
                return false;
            }
        };
        self.said.push(Event::Challenged { generation: sent.generation, outcome });
        // If the upload broke off before, its first sending has touched the body, although the
        // probe has not.
        let touched = caller.broke_off.take().is_some() || touched;
        self.is_sent_again(caller, sent, outcome, touched)
    }

    fn is_sent_again(
        &self,
        caller: &mut Caller,
        sent: &Held,
        outcome: Challenge,
        touched: bool,
    ) -> bool {
        let stays = matches!(outcome, Challenge::FreshFromLogin | Challenge::NotAccepted);
        if (caller.one_shot && touched) || stays {
            return false;
        }
        let newer = outcome == Challenge::NewerHeld;
        // A stored token may be older than the token that was refused before it.
        let was_stored = outcome == Challenge::Dropped && sent.source == Source::Store;
        if was_stored && !std::mem::replace(&mut caller.sent_for_newer, true) {
            return true;
        }
        if newer && !std::mem::replace(&mut caller.sent_for_newer, true) {
            return true;
        }
        // Another's login is as good as one of its own.
        let after_login = !newer || sent.epoch < self.epoch;
        after_login && !std::mem::replace(&mut caller.sent_after_login, true)
    }

    /// Rule 24: whether a call whose upload broke off goes on.
    pub(crate) fn break_off(
        &mut self,
        caller: &mut Caller,
        sent: &Held,
        upload: Upload,
        now: Time,
    ) -> bool {
        self.said.push(Event::UploadBrokeOff { generation: sent.generation });
        if let Some(held) = self.held.as_mut().filter(|held| held.generation == sent.generation) {
            held.doubtful = true;
            if upload == Upload::Send {
                caller.broke_off = Some(sent.generation);
                return true;
            }
            if upload == Upload::ExpectContinue {
                if self.pay(true, now) {
                    self.give_up();
                    self.no_token = NoToken::Doubtful;
                    self.said.push(Event::DoubtfulDropped { generation: sent.generation });
                } else {
                    self.said.push(Event::Throttled { generation: sent.generation });
                }
            }
            return false;
        }
        if self.refused != Some(sent.generation) {
            return false;
        }
        caller.broke_off = None;
        let outcome =
            if self.held.is_some() { Challenge::NewerHeld } else { Challenge::NothingHeld };
        self.is_sent_again(caller, sent, outcome, true)
    }

    /// Rule 24: how a call sends its body now.
    pub(crate) fn upload(&self, caller: &mut Caller) -> Upload {
        let was_refused = caller.broke_off.is_some() && caller.broke_off == self.refused;
        if was_refused && !caller.one_shot {
            // It spends one of the two resends that is left.
            for spent in [&mut caller.sent_for_newer, &mut caller.sent_after_login] {
                if !std::mem::replace(spent, true) {
                    caller.broke_off = None;
                    break;
                }
            }
        }
        match (caller.broke_off, &self.held) {
            (Some(_), _) => Upload::HeadOnly,
            (None, Some(held)) if held.doubtful => Upload::ExpectContinue,
            (None, _) => Upload::Send,
        }
    }

    /// Rules 16, 24: what a success shows of the held token.
    pub(crate) fn succeed(&mut self, sent: &Held, renewals: &[Renewal]) {
        let repeats = |renewal: &Renewal| matches!(renewal, Renewal::Token(token) if self.given_up.contains(&token.text));
        if sent.epoch != self.epoch || renewals.iter().any(repeats) {
            return;
        }
        let before = (self.accepted, self.refused_since);
        self.accepted = true;
        if !self.renewed {
            self.refused_since = None;
        }
        let doubtful =
            self.held.as_mut().filter(|held| held.doubtful && held.generation == sent.generation);
        let ends_doubt = doubtful.map(|held| held.doubtful = false).is_some();
        if ends_doubt || before != (self.accepted, self.refused_since) {
            self.said.push(Event::Accepted { generation: sent.generation });
        }
    }

    /// Takes a permit, if there is one; `keeps_half` if half of the budget is to stay.
    fn pay(&mut self, keeps_half: bool, now: Time) -> bool {
        let (burst, every) = self.limits.drops;
        self.earned = (self.earned + now.mono - self.counted).min(every * Nanos::from(burst));
        self.counted = now.mono;
        let stays = if keeps_half { burst / 2 } else { 0 };
        let there_is_one = burst > 0 && self.earned >= every * Nanos::from(stays + 1);
        if there_is_one {
            self.earned -= every;
        }
        there_is_one
    }

    fn refused_for(&self, now: Time) -> Nanos {
        self.refused_since.map_or(0, |since| now.mono - since)
    }

    /// Rule 16: how long the session keeps a token that no response has accepted.
    fn grace(&self) -> Nanos {
        (0..self.unaccepted).fold(1500 * MILLI, |grace, _| (2 * grace).min(30 * SECOND))
    }

    fn give_up(&mut self) {
        self.given_up.extend(self.held.take().map(|held| held.token.text));
        while self.given_up.len() > 16 {
            self.given_up.remove(0);
        }
    }

    /// Rule 16: an answer that is no refusal and no failure of the server's shows that it knows the
    /// login.
    pub(crate) fn answer(&mut self, sent: &Held) {
        if sent.epoch == self.epoch && !self.accepted {
            self.accepted = true;
            self.said.push(Event::Accepted { generation: sent.generation });
        }
    }

    /// Rules 4, 5, 6: what becomes of the header of a successful response to a request that was
    /// sent at `at`.
    pub(crate) fn renew(&mut self, sent: &Held, at: Time, renewal: &Renewal, date: Option<i64>) {
        let ignored = match (&self.held, renewal) {
            _ if sent.epoch != self.epoch => Ignored::EarlierEpoch,
            (None, _) => Ignored::NothingHeld,
            (Some(_), Renewal::Malformed(why)) => *why,
            (Some(held), Renewal::Token(token)) if token.text == held.token.text => return,
            (Some(_), Renewal::Token(token)) if self.given_up.contains(&token.text) => {
                Ignored::GivenUp
            }
            (Some(held), Renewal::Token(token)) => {
                if sent.generation == held.generation || token.exp > held.latest_exp {
                    let lifetime = self.lifetime(token, date, at);
                    let generation = self.hold(token, lifetime, Source::Renewal);
                    (self.accepted, self.renewed, self.refused_since) = (true, true, None);
                    return self
                        .said
                        .push(Event::Renewed { generation, lifetime: duration(lifetime.span) });
                }
                Ignored::NotLater
            }
        };
        self.ignore(ignored);
    }

    pub(crate) fn ignore(&mut self, why: Ignored) {
        self.said.push(Event::Ignored { why });
    }

    /// Rule 10.
    pub(crate) fn lifetime(&self, token: &Minted, date: Option<i64>, sent: Time) -> Lifetime {
        let since =
            |from: i64| Some(Nanos::from(token.exp? - from) * MILLI).filter(|span| *span > 0);
        let by_server = [date, token.iat].into_iter().flatten().filter_map(since).min();
        // Unix times are read down to the millisecond.
        let local = sent.wall.div_euclid(MILLI) * MILLI;
        let by_local = token.exp.map(|exp| Nanos::from(exp) * MILLI - local);
        let is_timed = date.is_some() || token.iat.is_some();
        let by_local = by_local.filter(|span| !is_timed && *span > 0 && *span <= 24 * HOUR);
        Lifetime {
            from: sent,
            span: by_server.or(by_local).unwrap_or(self.limits.assumed_lifetime),
            over: 0,
        }
    }

    pub(crate) fn hold(&mut self, token: &Minted, lifetime: Lifetime, source: Source) -> u64 {
        self.generation += 1;
        let before = self.held.as_ref().filter(|held| held.epoch == self.epoch);
        let latest_exp = token.exp.max(before.and_then(|held| held.latest_exp));
        let (token, generation, epoch) = (token.clone(), self.generation, self.epoch);
        self.held =
            Some(Held { token, generation, lifetime, epoch, source, latest_exp, doubtful: false });
        self.generation
    }

    /// Rules 13 to 15.
    pub(crate) fn settle(&mut self, login: &Leading, ending: Ending, now: Time) {
        let number = login.number;
        let late = match self.lease.take_if(|lease| lease.number == number) {
            Some(_) => Late::No,
            None if number == self.logins => Late::LeaseExpired,
            None => Late::Overtaken,
        };
        let newer_held = self.held.as_ref().is_some_and(|held| held.generation > login.generation);
        if late != Late::No && (login.epoch != self.epoch || newer_held) {
            return self.ignore(Ignored::LateLogin);
        }
        match ending {
            Ending::Granted(token, date) => {
                let lifetime = self.lifetime(&token, date, login.sent);
                if lifetime.left(now) <= lifetime.reserve(self.limits.leeway) {
                    return self.fail(number, Reason::DeadOnArrival, None, late, now);
                }
                self.unaccepted =
                    match (self.held.is_none() && self.no_token == NoToken::Refused, self.accepted)
                    {
                        (false, _) => 1,
                        (true, true) => 0,
                        (true, false) => self.unaccepted + 1,
                    };
                (self.accepted, self.refused_since) = (false, None);
                self.epoch += 1;
                self.open();
                let generation = self.hold(&token, lifetime, Source::Login);
                self.said.push(Event::LoginGranted {
                    login: number,
                    generation,
                    lifetime: duration(lifetime.span),
                });
            }
            Ending::Unavailable(reason, asked) => self.fail(number, reason, asked, late, now),
            Ending::Rejected(..) | Ending::Abandoned if late == Late::Overtaken => {
                self.ignore(Ignored::LateLogin);
            }
            Ending::Rejected(status, code) => {
                self.streak = if self.cause == Some(Cause::Rejected) { self.streak + 1 } else { 1 };
                self.cause = Some(Cause::Rejected);
                let wait = doubled(self.limits.probe, self.streak);
                self.shut_until = now.mono + wait;
                let status = StatusCode::from_u16(status).unwrap();
                self.said.push(Event::LoginRejected { login: number, status, code });
                self.said.push(Event::CircuitOpened { wait: duration(wait) });
            }
            Ending::Abandoned if newer_held => {
                self.said.push(Event::LoginSpared { login: number });
            }
            Ending::Abandoned => {
                self.said.push(Event::LoginAbandoned { login: number });
                self.failover(login.expires_at, now);
            }
        }
    }

    /// Rule 14: one backoff for all, drawn below a limit that doubles; and the server's own wish
    /// where that is longer.
    fn fail(&mut self, login: u64, reason: Reason, asked: Option<Nanos>, late: Late, now: Time) {
        // Rule 13: an expired lease has failed its waiters already.
        self.failures += u64::from(late == Late::No);
        self.said.push(Event::LoginUnavailable { login, reason });
        if late == Late::Overtaken {
            return;
        }
        let own = if self.blame() {
            self.draw_below(doubled(self.limits.backoff, self.streak))
        } else {
            doubled(self.limits.probe, self.streak)
        };
        let asked = asked.unwrap_or(0).min(self.limits.retry_after_cap);
        self.shut_until = now.mono + own.max(asked);
    }

    /// A login has failed, which takes no rejection back.
    fn blame(&mut self) -> bool {
        if self.cause == Some(Cause::Rejected) {
            return false;
        }
        self.streak = if self.cause == Some(Cause::Unavailable) { self.streak + 1 } else { 1 };
        self.cause = Some(Cause::Unavailable);
        true
    }

    /// Rule 14: a leader gives up. Five failovers come at once. Each further one comes when the
    /// first of them is made up for, which takes the base of a backoff. No failover takes longer
    /// than its lease.
    fn failover(&mut self, expires_at: Nanos, now: Time) {
        if self.cause == Some(Cause::Rejected) {
            self.shut_until = expires_at;
            return;
        }
        let base = self.limits.backoff.0;
        let owed = (self.handed_over - (now.mono - self.forgiven)).max(0);
        (self.handed_over, self.forgiven) = (owed + base, now.mono);
        self.shut_until = (now.mono + (owed + base - 5 * base).max(0)).min(expires_at);
    }

    /// The seed decides: `SplitMix64`, as its authors have published it.
    fn draw_below(&mut self, limit: Nanos) -> Nanos {
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (Nanos::from(z ^ (z >> 31)) * limit) >> 64
    }

    fn open(&mut self) {
        (self.shut_until, self.cause, self.streak) = (0, None, 0);
        (self.handed_over, self.forgiven) = (0, 0);
    }

    pub(crate) fn reset(&mut self, pair: u8, key: u8) {
        let is_other = std::mem::replace(&mut self.pair, pair) != pair;
        self.key = key;
        if is_other || self.cause == Some(Cause::Rejected) {
            self.open();
        }
        if is_other {
            self.forget(NoToken::Reset);
        }
        self.said.push(Event::Reset);
    }

    /// Gives up the held token, as after a response to it.
    pub(crate) fn invalidate(&mut self, now: Time) {
        let leads = self.lease.as_ref().is_some_and(|lease| now.mono < lease.expires_at);
        let Some(held) =
            self.held.as_ref().filter(|_| !leads && self.cause != Some(Cause::Rejected))
        else {
            return;
        };
        let generation = held.generation;
        if self.pay(false, now) {
            self.forget(NoToken::Invalidated);
            self.said.push(Event::Invalidated);
        } else {
            self.said.push(Event::Throttled { generation });
        }
    }

    pub(crate) fn forget(&mut self, why: NoToken) {
        self.give_up();
        self.no_token = why;
        self.epoch += 1;
        self.lease = None;
    }

    pub(crate) fn store(&self, now: Time) -> Option<Stored> {
        let held = self.held.as_ref()?;
        let (span, left) = (held.lifetime.span, held.lifetime.left(now));
        Some(Stored {
            token: held.token.clone(),
            key: self.key,
            began: now.wall - (span - left),
            span,
        })
    }

    pub(crate) fn resume(&mut self, stored: &Stored, now: Time) -> Result<(), NotResumed> {
        let lifetime =
            Lifetime { from: now, span: stored.span, over: (now.wall - stored.began).max(0) };
        let (left, text) = (lifetime.left(now), &stored.token.text);
        if stored.key != self.key {
            return Err(NotResumed::Foreign);
        }
        if stored.began - now.wall > MINUTE {
            return Err(NotResumed::FromTheFuture);
        }
        if left <= lifetime.reserve(self.limits.leeway) {
            return Err(NotResumed::Expired);
        }
        if self
            .held
            .as_ref()
            .is_some_and(|held| held.lifetime.left(now) >= left || held.token.text == *text)
        {
            return Err(NotResumed::HeldLastsLonger);
        }
        if self.given_up.contains(text) {
            return Err(NotResumed::Refused);
        }
        (self.accepted, self.renewed, self.refused_since, self.unaccepted) = (true, false, None, 1);
        self.epoch += 1;
        let generation = self.hold(&stored.token, lifetime, Source::Store);
        self.said.push(Event::Resumed { generation, left: duration(left) });
        Ok(())
    }

    /// How far ahead a landmark lies, if it does.
    pub(crate) fn ahead(&self, landmark: Landmark, now: Time) -> Option<Nanos> {
        let before_end = |reserve: &dyn Fn(&Lifetime) -> Nanos| {
            self.held.as_ref().map(|held| held.lifetime.left(now) - reserve(&held.lifetime))
        };
        let ahead = match landmark {
            Landmark::LoginMayStart => Some(self.shut_until - now.mono),
            Landmark::LeaseLapses => self.lease.as_ref().map(|lease| lease.expires_at - now.mono),
            Landmark::MarginBegins => before_end(&|lifetime| lifetime.reserve(self.limits.leeway)),
            Landmark::OneShotMarginBegins => {
                before_end(&|lifetime| lifetime.reserve(self.limits.one_shot_leeway))
            }
            Landmark::TwilightBegins => before_end(&Lifetime::twilight),
            Landmark::LifeEnds => before_end(&|_| 0),
            Landmark::GraceEnds => self.refused_since.map(|since| since + self.grace() - now.mono),
            Landmark::ReserveOpens => self.refused_since.map(|since| since + SECOND - now.mono),
            Landmark::CoinComes => {
                Some(self.limits.drops.1 - self.earned - (now.mono - self.counted))
            }
        };
        ahead.filter(|ahead| *ahead > 0)
    }
}
