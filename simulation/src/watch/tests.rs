//! The conclusions of an observer from its sights.

use std::time::UNIX_EPOCH;

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How long each lease is, in seconds.
const LEASE: u64 = 30;

fn at(seconds: u64) -> Now {
    let since = Duration::from_secs(seconds);
    Now::new(since, UNIX_EPOCH + since)
}

/// An observer with a clock.
struct Observer {
    watch: Watch,
    tokens: Tokens,
    seconds: u64,
}

impl Observer {
    /// An observer of a client that holds this token, which no response has accepted yet.
    fn holding(token: u64) -> Self {
        let mut observer = Self { watch: Watch::default(), tokens: Tokens::default(), seconds: 10 };
        observer.is_granted(token);
        observer
    }

    fn now(&self) -> Now {
        at(self.seconds)
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime { sent: self.now(), span: HOUR, spent: Duration::ZERO }
    }

    fn sees(&mut self, what: What) {
        self.watch.take_in(&Sight { now: self.now(), what }, &self.tokens);
    }

    /// A login starts now, and ends with this token.
    fn is_granted(&mut self, token: u64) {
        let login = self.watch.logins + 1;
        self.logs_in(login);
        self.ends(login, End::Granted(TokenId(token), self.lifetime()));
    }

    fn logs_in(&mut self, login: u64) {
        let expires_at = at(self.seconds + LEASE).monotonic;
        self.sees(What::LoggedIn { call: Caller::default(), login, expires_at, flaw: None });
    }

    fn ends(&mut self, login: u64, end: End) {
        self.sees(What::Settled { login, end });
    }

    /// An answer to a request that carried this token, and whether a token is held afterwards.
    fn is_answered(
        &mut self,
        status: u16,
        sent: u64,
        epoch: u64,
        renewal: Option<u64>,
        holds: bool,
    ) {
        let renewal = renewal.map(|token| (TokenId(token), self.lifetime()));
        let (call, sent) = (Caller::default(), TokenId(sent));
        let retried = false;
        self.sees(What::Answered {
            call,
            sent,
            epoch,
            status,
            own_origin: true,
            renewal,
            retried,
            holds,
        });
    }

    /// The held token is refused, and is kept or dropped.
    fn is_refused(&mut self, sent: u64, holds: bool) {
        self.is_answered(401, sent, self.watch.epoch, None, holds);
    }

    fn succeeds(&mut self, sent: u64, renewal: Option<u64>) {
        self.is_answered(200, sent, self.watch.epoch, renewal, true);
    }

    /// The token that should be held.
    fn held(&self) -> Option<u64> {
        self.watch.held.map(|held| held.token.0)
    }

    /// How long no login may start, and why.
    fn blocked(&self) -> Option<(By, Duration)> {
        let now = self.now().monotonic;
        self.watch
            .blocked
            .map(|blocked| (blocked.by, blocked.at_least_until.saturating_duration_since(now)))
    }
}

#[test]
fn last_sixteen_dropped_tokens_are_remembered() {
    let mut observer = Observer::holding(1);
    for token in 1..=17 {
        observer.is_refused(token, false);
        observer.is_granted(token + 1);
    }
    let kept: Vec<TokenId> = (2..=17).map(TokenId).collect();
    assert_eq!((&observer.watch.given_up, &observer.watch.refused), (&kept, &kept));
    observer.is_refused(18, false);
    observer.is_granted(9);
    let kept: Vec<TokenId> = (3..=18).filter(|token| *token != 9).map(TokenId).collect();
    assert_eq!((&observer.watch.given_up, &observer.watch.refused), (&kept, &kept));
}

/// Tokens that have ended cost no permit. The observer does not count on refilled permits.
#[test]
fn the_first_five_paid_drops_must_happen() {
    let mut observer = Observer::holding(1);
    for token in 1..=5 {
        assert!(!observer.watch.must_drop(), "nothing has accepted token {token}");
        observer.is_answered(404, token, observer.watch.epoch, None, true);
        assert!(observer.watch.must_drop(), "token {token}");
        observer.seconds += if token == 3 { 60 * 60 - 2 } else { 60 };
        observer.is_refused(token, false);
        observer.is_granted(token + 1);
    }
    observer.succeeds(6, None);
    assert!(observer.watch.must_drop(), "the drop of token 3 was free");
    observer.is_refused(6, false);
    observer.is_granted(7);
    observer.succeeds(7, None);
    assert!(!observer.watch.must_drop());
}

#[test]
fn answers_to_earlier_logins_accept_nothing() {
    for status in [200, 404] {
        let mut observer = Observer::holding(1);
        observer.is_answered(status, 1, observer.watch.epoch - 1, None, true);
        assert!(!observer.watch.accepted, "{status}");
        observer.is_answered(status, 1, observer.watch.epoch, None, true);
        assert!(observer.watch.accepted, "{status}");
    }
}

/// After the server has renewed a token once, only another renewal shows that it checks tokens.
#[test]
fn a_success_ends_refusals_until_tokens_are_renewed() {
    let mut observer = Observer::holding(1);
    let mut after = |sent, renewal| {
        observer.is_refused(observer.held().unwrap(), true);
        observer.seconds += 1;
        observer.succeeds(sent, renewal);
        observer.watch.refused_for(observer.now()).as_secs()
    };
    assert_eq!(after(1, None), 0);
    assert_eq!(after(1, Some(2)), 0);
    assert_eq!(after(2, None), 1);
    assert_eq!(after(2, None), 2, "the first refusal counts");
    assert_eq!(after(2, Some(3)), 0);
    assert_eq!(after(3, None), 1);
}

#[test]
fn a_renewal_is_taken_from_this_login_only() {
    let mut observer = Observer::holding(1);
    observer.is_answered(200, 1, observer.watch.epoch - 1, Some(2), true);
    assert_eq!(observer.held(), Some(1), "of an earlier login");
    observer.seconds += 1;
    let before = observer.watch.held;
    observer.succeeds(1, Some(1));
    assert_eq!(observer.watch.held, before, "the held token again");
    observer.succeeds(1, Some(2));
    assert_eq!(observer.held(), Some(2));
}

#[test]
fn invalidation_drops_token_only_if_login_is_possible() {
    let invalidated = |prepare: &dyn Fn(&mut Observer)| {
        let mut observer = Observer::holding(1);
        prepare(&mut observer);
        let drops = observer.watch.drops.len();
        observer.sees(What::Invalidated { holds: false });
        (observer.held().is_none(), observer.watch.drops.len() - drops)
    };
    let leads = |observer: &mut Observer, seconds| {
        observer.logs_in(2);
        observer.seconds += seconds;
    };
    let ends = |observer: &mut Observer, end| {
        observer.logs_in(2);
        observer.ends(2, end);
    };
    assert_eq!(invalidated(&|_| ()), (true, 1));
    assert_eq!(invalidated(&|observer| leads(observer, LEASE - 1)), (false, 0));
    assert_eq!(invalidated(&|observer| leads(observer, LEASE)), (true, 1));
    assert_eq!(
        invalidated(&|observer| ends(observer, End::Failed { retry_after: None })),
        (true, 1)
    );
    assert_eq!(invalidated(&|observer| ends(observer, End::Rejected)), (false, 0));
    assert_eq!(
        invalidated(&|observer| observer.is_refused(1, false)),
        (true, 0),
        "nothing is held"
    );
}

#[test]
fn rejection_delays_logins_1_to_15_minutes() {
    let mut observer = Observer::holding(1);
    for (login, minutes) in (2..).zip([1, 2, 4, 8, 15, 15]) {
        observer.logs_in(login);
        observer.ends(login, End::Rejected);
        let until = Duration::from_secs(60 * minutes);
        assert_eq!(observer.blocked(), Some((By::Rejection, until)), "login {login}");
        observer.seconds += 60 * minutes;
    }
    // A failure does not end a rejection, and a longer `Retry-After` counts.
    for (login, asked, until) in
        [(8, 60, 15 * 60), (9, 20 * 60, 20 * 60), (10, 3 * 60 * 60, 60 * 60)]
    {
        observer.logs_in(login);
        observer.ends(login, End::Failed { retry_after: Some(Duration::from_secs(asked)) });
        assert_eq!(
            observer.blocked(),
            Some((By::Rejection, Duration::from_secs(until))),
            "login {login}"
        );
    }
}

#[test]
fn failure_delays_logins_by_retry_after() {
    let mut observer = Observer::holding(1);
    for (login, asked, until) in [(2, None, 0), (3, Some(60), 60), (4, Some(3 * 60 * 60), 60 * 60)]
    {
        observer.logs_in(login);
        observer.ends(login, End::Failed { retry_after: asked.map(Duration::from_secs) });
        assert_eq!(
            observer.blocked(),
            Some((By::Failure, Duration::from_secs(until))),
            "login {login}"
        );
        assert_eq!(observer.watch.blocked.unwrap().failed_at, Some(observer.now().monotonic));
        assert_eq!(observer.watch.failures, login - 1);
    }
    // After an abandoned login, the backoff stays, but no call waits for the login.
    observer.sees(What::Waits { call: Caller::default(), until: at(5000).monotonic });
    assert_eq!(observer.watch.blocked.unwrap().announced, Some(at(5000).monotonic));
    observer.logs_in(5);
    observer.ends(5, End::Abandoned);
    assert_eq!(observer.blocked(), Some((By::Failure, Duration::ZERO)));
    assert_eq!(observer.watch.blocked.unwrap().announced, None);
    assert_eq!(observer.watch.failures, 3);
}

/// The end of a login counts even if its lease has expired.
#[test]
fn late_grant_is_held_without_newer_token() {
    let late = |meanwhile: &dyn Fn(&mut Observer)| {
        let mut observer = Observer::holding(1);
        observer.logs_in(2);
        observer.seconds += LEASE;
        observer.watch.notice(observer.now());
        assert_eq!(observer.watch.failures, 1, "an expired lease is a failure");
        meanwhile(&mut observer);
        observer.ends(2, End::Granted(TokenId(3), observer.lifetime()));
        observer.held()
    };
    assert_eq!(late(&|_| ()), Some(3));
    assert_eq!(late(&|observer| observer.succeeds(1, Some(2))), Some(2));
    let renewed_and_refused = |observer: &mut Observer| {
        observer.succeeds(1, Some(2));
        observer.is_refused(2, false);
    };
    assert_eq!(late(&renewed_and_refused), Some(3));
    assert_eq!(late(&|observer| observer.is_granted(2)), Some(2));
    assert_eq!(late(&|observer| observer.watch.lose(2)), Some(1), "a lost login has no end");
    assert_eq!(late(&|observer| observer.watch.lose(1)), Some(3), "another login was lost");
    assert_eq!(late(&|observer| observer.sees(What::Reset { to_another: true })), None);
}

/// An overtaken login causes no backoff, and fails for no call.
#[test]
fn the_end_of_an_overtaken_login_changes_nothing() {
    for end in [End::Rejected, End::Abandoned, End::Failed { retry_after: None }] {
        let mut observer = Observer::holding(1);
        observer.logs_in(2);
        observer.seconds += LEASE;
        observer.watch.notice(observer.now());
        observer.logs_in(3);
        let (before, failures) = (observer.watch.blocked, observer.watch.failures);
        observer.seconds += 1;
        observer.ends(2, end);
        assert_eq!((observer.watch.blocked, observer.watch.failures), (before, failures), "{end}");
        assert!(observer.watch.lease.is_some(), "{end}");
    }
}

#[test]
fn an_expired_lease_takes_no_rejection_back() {
    for (end, by) in
        [(End::Rejected, By::Rejection), (End::Failed { retry_after: None }, By::Failure)]
    {
        let mut observer = Observer::holding(1);
        observer.logs_in(2);
        observer.ends(2, end);
        observer.logs_in(3);
        observer.seconds += 60;
        observer.watch.notice(observer.now());
        assert_eq!(observer.blocked(), Some((by, Duration::ZERO)));
    }
}

#[test]
fn short_lifetime_may_have_ended_after_half() {
    let lifetime =
        |span| Lifetime { sent: at(10), span: Duration::from_secs(span), spent: Duration::ZERO };
    assert!(!may_have_ended(lifetime(2), at(10)));
    assert!(may_have_ended(lifetime(2), at(11)));
    assert!(!may_have_ended(lifetime(60), at(67)));
    assert!(may_have_ended(lifetime(60), at(68)));
}

#[test]
fn an_expiry_is_read_to_the_millisecond() {
    let mut tokens = Tokens::default();
    let id = tokens.enter("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjg2NDAwLjV9.x"); // {"exp":86400.5}
    assert_eq!(exp(id, &tokens), Some(86_400_500));
}
