//! Programs that share one store.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use waldo_auth_core::{
    Attempt, Call, Config, ConfigBuilder, Credentials, Head, Login, Outcome, Step, StoreProblem,
};

use super::*;
use crate::claim::Ask;

const ORIGIN: &str = "https://api.waldo.ai";

/// The status and the body of the answer to a login.
type Answer<'a> = (StatusCode, &'a str);

const REVOKED: Answer<'_> = (StatusCode::UNAUTHORIZED, r#"{"code":"API_KEY_REVOKED"}"#);
const DOWN: Answer<'_> = (StatusCode::SERVICE_UNAVAILABLE, "");

/// A store whose clock is that of the programs, unless the clock is ahead.
#[derive(Default)]
struct Shelf {
    document: RefCell<Option<Vec<u8>>>,
    ahead: Cell<Duration>,
    is_away: Cell<bool>,
    is_full: Cell<bool>,
}

impl Shelf {
    fn answer(&self) -> Result<(), StoreError> {
        let away = || StoreError::new(StoreProblem::Unreachable, "the store is away");
        if self.is_away.get() { Err(away()) } else { Ok(()) }
    }

    fn read(&self, now: Now) -> Result<Stored, StoreError> {
        self.answer()?;
        let document = self.document.borrow().clone();
        Ok(Stored { document, now: now.monotonic.since_start() + self.ahead.get() })
    }

    fn replace(&self, new: Replacement) -> Result<bool, StoreError> {
        self.answer()?;
        if self.is_full.get() {
            return Err(StoreError::new(StoreProblem::Full, "the store is full"));
        }
        let is_seen = *self.document.borrow() == new.seen;
        if is_seen {
            self.document.replace(Some(new.document));
        }
        Ok(is_seen)
    }
}

/// One program of a fleet, by a clock that the test sets.
struct Program {
    session: Session,
    member: Member,
}

fn at(secs: u64) -> Now {
    let since = Duration::from_secs(secs);
    Now::new(since, SystemTime::UNIX_EPOCH + since)
}

fn token(number: u32) -> String {
    format!("e30.e30.{number:08}")
}

impl Program {
    fn new(seed: u64) -> Self {
        Self::with(seed, |config| config)
    }

    fn with(seed: u64, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let credentials = Credentials::new("k", "s").unwrap();
        let config = set(Config::builder(ORIGIN, credentials));
        let session = Session::new(config.build().unwrap());
        let member = Member::of(&session, seed);
        Self { session, member }
    }

    fn admit(&mut self, now: Now) -> Step {
        let mut request = Request::get(format!("{ORIGIN}/customer")).body(()).unwrap();
        self.session.admit(Call::replayable(), &mut request, now).unwrap()
    }

    fn lead(&mut self, now: Now) -> Login {
        let Step::Authenticate(login, _) = self.admit(now) else { panic!("a token is held") };
        login
    }

    fn send(&mut self, now: Now) -> Attempt {
        let Step::Send(attempt) = self.admit(now) else { panic!("no token is held") };
        attempt
    }

    /// A call whose response brings this token.
    fn renew(&mut self, number: u32, now: Now) {
        let attempt = self.send(now);
        let mut headers = HeaderMap::new();
        let token = HeaderValue::try_from(format!("Bearer {}", token(number))).unwrap();
        headers.insert(AUTHORIZATION, token);
        drop(self.session.conclude(attempt, Head::new(StatusCode::OK, &headers), now));
    }

    /// Asks the store until the store says what to do.
    fn ask(&mut self, store: &Shelf, now: Now) -> (Ask, Claim) {
        let Self { session, member } = self;
        let (mut claim, mut ask) = Claim::begin(member, session, Duration::from_secs(30), now);
        loop {
            ask = match ask {
                Ask::Read => claim.read(member, session, store.read(now), now),
                Ask::Replace(new) => claim.replaced(member, session, store.replace(new), now),
                Ask::Wait(_) | Ask::LogIn | Ask::Resumed | Ask::Failed(_) => {
                    return (ask, claim);
                }
            };
        }
    }

    /// Asks the store before a login. Returns the login if the program has to make it.
    fn claim(&mut self, store: &Shelf, now: Now) -> Option<(Login, Claim)> {
        let login = self.lead(now);
        let (ask, claim) = self.ask(store, now);
        let outcome = match ask {
            Ask::LogIn => return Some((login, claim)),
            Ask::Resumed => Outcome::Abandoned,
            Ask::Failed(failure) => Outcome::FailedElsewhere(failure),
            Ask::Read | Ask::Replace(_) | Ask::Wait(_) => panic!("nobody else logs in"),
        };
        self.session.settle(login, outcome, now);
        None
    }

    /// Asks the store, and logs in if the store says so. Returns whether it did.
    fn log_in(&mut self, store: &Shelf, now: Now) -> bool {
        let answer = format!(r#"{{"token":"{}"}}"#, token(0));
        self.log_in_with((StatusCode::OK, &answer), store, now)
    }

    /// As `log_in`, with this answer of the server.
    fn log_in_with(&mut self, answer: Answer<'_>, store: &Shelf, now: Now) -> bool {
        let Some(led) = self.claim(store, now) else { return false };
        self.end(led, answer, &HeaderMap::new(), store, now);
        true
    }

    /// Logs in for the fleet, and the server is away for a minute.
    fn fail_to_log_in(&mut self, store: &Shelf, now: Now) {
        let led = self.claim(store, now).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        let told = self.end(led, DOWN, &headers, store, now);
        assert_eq!(told, (1, 1));
    }

    /// Ends a login with this answer of the server, and tells the store. Returns how often the
    /// store was read and replaced.
    fn end(
        &mut self,
        (login, claim): (Login, Claim),
        (status, body): Answer<'_>,
        headers: &HeaderMap,
        store: &Shelf,
        now: Now,
    ) -> (u32, u32) {
        let outcome = login.read(Head::new(status, headers), body.as_bytes());
        self.session.settle(login, outcome, now);
        let report = Report::of_login(&claim, &mut self.member, &self.session, now);
        self.tell(report, store, now)
    }

    /// Drops a login, and tells the store nothing.
    fn drop_login(&mut self, (login, claim): (Login, Claim), now: Now) {
        self.session.settle(login, Outcome::Abandoned, now);
        assert!(Report::of_login(&claim, &mut self.member, &self.session, now).is_none());
    }

    /// Tells the store of a response. Returns how often it was read and replaced.
    fn report(&mut self, store: &Shelf, now: Now) -> (u32, u32) {
        let report = Report::of_response(&mut self.member, &self.session, false, now);
        self.tell(report, store, now)
    }

    fn tell(&mut self, report: Option<Report>, store: &Shelf, now: Now) -> (u32, u32) {
        let (mut reads, mut replaces) = (0, 0);
        let Some(mut report) = report else { return (reads, replaces) };
        let Self { session, member } = self;
        let mut tell = Some(Tell::Read);
        while let Some(next) = tell {
            tell = match next {
                Tell::Read => {
                    reads += 1;
                    report.read(member, session, store.read(now), now)
                }
                Tell::Replace(new) => {
                    replaces += 1;
                    report.replaced(member, session, store.replace(new), now)
                }
            };
        }
        (reads, replaces)
    }
}

#[test]
fn rule_25_renewed_token_is_written_by_one_session_of_fleet() {
    let (store, mut fleet) = (Shelf::default(), [1, 2, 3].map(Program::new));
    let logins = fleet.each_mut().map(|program| program.log_in(&store, at(0)));
    assert_eq!(logins, [true, false, false]);
    let told = |fleet: &mut [Program; 3], secs: u64, first: u32| {
        let mut number = first;
        fleet.each_mut().map(|program| {
            number += 1;
            let now = at(secs + u64::from(number - first));
            program.renew(number, now);
            program.report(&store, now)
        })
    };
    // Before a quarter of the hour has passed, nobody asks.
    assert_eq!(told(&mut fleet, 800, 10), [(0, 0); 3]);
    // Later each session looks, and only the first one writes.
    assert_eq!(told(&mut fleet, 920, 20), [(1, 1), (1, 0), (1, 0)]);
    assert_eq!(told(&mut fleet, 930, 30), [(0, 0); 3]);
}

/// The program has logged in alone, so what it knew of the store says nothing any more.
#[test]
fn rule_26_store_that_is_back_is_asked_after_a_second() {
    let (store, mut program) = (Shelf::default(), Program::new(1));
    assert!(program.log_in(&store, at(0)));
    program.renew(1, at(1));
    let generation = program.session.generation().unwrap();
    assert!(program.session.invalidate(generation, at(10)));
    store.is_away.set(true);
    assert!(program.log_in(&store, at(10)));
    store.is_away.set(false);
    program.renew(2, at(10));
    assert_eq!(program.report(&store, at(10)), (0, 0));
    assert_eq!(program.report(&store, at(11)), (1, 0));
}

/// The second program has nothing to write, because the first one has written.
#[test]
fn rule_26_full_store_is_back_when_another_session_has_written() {
    let (store, mut fleet) = (Shelf::default(), [1, 2].map(Program::new));
    store.is_full.set(true);
    assert_eq!(fleet.each_mut().map(|program| program.log_in(&store, at(0))), [true; 2]);
    store.is_full.set(false);
    let told = fleet.each_mut().map(|program| program.report(&store, at(2)));
    assert_eq!(told, [(1, 1), (1, 0)]);
    for program in &fleet {
        let events = program.session.journal().since(0).map(|entry| entry.event.name());
        let events = events.filter(|name| name.starts_with("store"));
        assert_eq!(events.collect::<Vec<_>>(), ["store_away", "store_back"]);
    }
}

/// A machine starts with a wrong clock, and somebody sets the clock right.
#[test]
fn rule_26_failure_ends_in_its_time_after_clock_was_set_back() {
    let (store, mut fleet) = (Shelf::default(), [1, 2, 3].map(Program::new));
    let [first, second, third] = &mut fleet;
    store.ahead.set(Duration::from_secs(10_000));
    first.fail_to_log_in(&store, at(0));
    store.ahead.set(Duration::from_secs(6400));
    let Ask::Failed(failure) = second.ask(&store, at(1)).0 else { panic!("it is too early") };
    assert!(failure.wait() >= Duration::from_secs(59));
    let after = at(2 + failure.wait().as_secs());
    assert!(matches!(third.ask(&store, after).0, Ask::LogIn));
    assert!(matches!(second.ask(&store, after).0, Ask::Wait(_)));
}

/// A program that has logged in without the store has a token that the store does not take.
#[test]
fn rule_25_session_whose_token_is_not_taken_looks_every_ten_seconds() {
    let (store, mut fleet) = (Shelf::default(), [1, 2].map(Program::new));
    let [first, second] = &mut fleet;
    assert!(first.log_in(&store, at(0)));
    store.is_away.set(true);
    assert!(second.log_in(&store, at(10)));
    store.is_away.set(false);
    let told = [1000, 1001, 1009, 1010, 1011].map(|secs| {
        second.renew(1, at(secs));
        second.report(&store, at(secs))
    });
    assert_eq!(told, [(1, 0), (0, 0), (0, 0), (1, 0), (0, 0)]);
    assert_eq!(second.member.report_at(), at(1020).monotonic);
}

#[test]
fn rule_25_renewed_token_is_told_by_one_of_many_responses() {
    let (store, mut program) = (Shelf::default(), Program::new(1));
    assert!(program.log_in(&store, at(0)));
    program.renew(1, at(1000));
    let Program { session, member } = &mut program;
    let reports = [(); 3].map(|()| Report::of_response(member, session, false, at(1000)));
    assert_eq!(reports.each_ref().map(Option::is_some), [true, false, false]);
}

/// A report that fails is repeated when the store may be asked again.
#[test]
fn rule_26_report_that_failed_is_repeated_after_a_second() {
    let (store, mut program) = (Shelf::default(), Program::new(1));
    assert!(program.log_in(&store, at(0)));
    program.renew(1, at(1000));
    store.is_away.set(true);
    assert_eq!(program.report(&store, at(1000)), (1, 0));
    store.is_away.set(false);
    assert_eq!(program.report(&store, at(1000)), (0, 0));
    assert_eq!(program.report(&store, at(1001)), (1, 1));
}

/// Other sessions may wait for the result of the login.
#[test]
fn rule_25_token_of_new_login_is_told_at_once() {
    let (store, mut program) = (Shelf::default(), Program::new(1));
    assert!(program.log_in(&store, at(0)));
    program.renew(1, at(1000));
    assert_eq!(program.report(&store, at(1000)), (1, 1));
    let generation = program.session.generation().unwrap();
    assert!(program.session.invalidate(generation, at(1001)));
    store.is_away.set(true);
    assert!(program.log_in(&store, at(1001)));
    store.is_away.set(false);
    program.renew(2, at(1002));
    assert_eq!(program.report(&store, at(1002)).0, 1);
}

#[test]
fn rule_25_token_of_later_login_ends_failures() {
    for answer in [REVOKED, DOWN] {
        let (store, [mut first, mut second]) = (Shelf::default(), [1, 2].map(Program::new));
        assert!(first.log_in_with(answer, &store, at(0)));
        assert!(!second.log_in(&store, at(0)));
        assert!(second.session.failure(at(0)).is_some(), "{answer:?}");
        assert!(first.log_in(&store, at(60)));
        assert!(!second.log_in(&store, at(60)));
        assert_eq!(second.session.failure(at(60)), None, "{answer:?}");
        let generation = second.session.generation().unwrap();
        assert!(second.session.invalidate(generation, at(61)), "{answer:?}");
        // The next failure is the first one again.
        assert!(second.log_in_with(DOWN, &store, at(61)));
        let failure = second.session.failure(at(61)).unwrap();
        assert!(!failure.is_rejection() && failure.wait() < Duration::from_millis(250));
    }
}

/// A program needs a token that lasts longer, and its login fails. The stored token is older.
#[test]
fn rule_25_token_of_earlier_login_ends_no_failure() {
    let (store, [mut first, mut second]) = (Shelf::default(), [1, 2].map(Program::new));
    store.is_away.set(true);
    assert!(first.log_in_with(DOWN, &store, at(0)));
    store.is_away.set(false);
    assert!(second.log_in(&store, at(1)));
    let half = |config: ConfigBuilder| config.leeway(Duration::from_secs(1800), 2);
    let mut third = Program::with(3, half);
    assert!(third.log_in_with(DOWN, &store, at(2000)));
    assert!(!first.log_in(&store, at(2001)));
    assert!(first.session.failure(at(2001)).is_some());
}

/// The reset counts until a login has ended: a login that is dropped shows nothing.
#[test]
fn rule_15_reset_counts_until_next_login_has_ended() {
    let (store, mut fleet) = (Shelf::default(), [1, 2].map(Program::new));
    let logins = fleet.each_mut().map(|program| program.log_in_with(REVOKED, &store, at(0)));
    assert_eq!(logins, [true, false]);
    for (program, second) in fleet.iter_mut().zip([1, 11]) {
        program.session.reset(Credentials::new("k", "s").unwrap(), at(second));
        let led = program.claim(&store, at(second)).unwrap();
        program.drop_login(led, at(second));
        let now = at(second + 1);
        assert!(program.log_in_with(REVOKED, &store, now));
        let failure = program.session.failure(now).unwrap();
        // This is the first rejection again, as without a store.
        assert_eq!((failure.is_rejection(), failure.wait()), (true, Duration::from_secs(60)));
    }
}

/// The program was not rejected, so its reset changes nothing.
#[test]
fn rule_15_reset_of_closed_circuit_asks_no_server() {
    let (store, [mut first, mut second]) = (Shelf::default(), [1, 2].map(Program::new));
    assert!(first.log_in_with(REVOKED, &store, at(0)));
    second.session.reset(Credentials::new("k", "s").unwrap(), at(1));
    assert!(!second.log_in(&store, at(1)));
    assert!(second.session.is_rejected());
}

/// The reset does not count for ever: the program has had a token since.
#[test]
fn rule_15_reset_does_not_count_after_token() {
    for resumes in [false, true] {
        let (store, [mut first, mut second]) = (Shelf::default(), [1, 2].map(Program::new));
        assert!(first.log_in_with(REVOKED, &store, at(0)));
        if resumes {
            assert!(second.log_in(&store, at(60)));
        }
        first.session.reset(Credentials::new("k", "s").unwrap(), at(60));
        assert_eq!(first.log_in(&store, at(60)), !resumes);
        let later = 60 + 3600;
        assert!(second.log_in_with(REVOKED, &store, at(later)));
        assert!(!first.log_in(&store, at(later)));
        assert!(first.session.is_rejected());
    }
}

/// The task of the login was dropped, so the store still has the lease.
#[test]
fn rule_25_own_lease_of_dropped_login_blocks_no_login() {
    let (store, mut program) = (Shelf::default(), Program::new(1));
    for second in [0, 1] {
        let led = program.claim(&store, at(second)).unwrap();
        program.drop_login(led, at(second));
    }
    assert!(program.log_in(&store, at(2)));
    assert!(!Program::new(2).log_in(&store, at(3)));
}

/// The task was dropped while the store wrote the lease.
#[test]
fn rule_25_own_lease_of_dropped_claim_blocks_no_login() {
    let (store, mut program) = (Shelf::default(), Program::new(1));
    let login = program.lead(at(0));
    let Program { session, member } = &mut program;
    let (mut claim, _) = Claim::begin(member, session, Duration::from_secs(30), at(0));
    let ask = claim.read(member, session, store.read(at(0)), at(0));
    let Ask::Replace(new) = ask else { panic!("{ask:?}") };
    assert_eq!(store.replace(new).ok(), Some(true));
    session.settle(login, Outcome::Abandoned, at(0));
    assert!(program.log_in(&store, at(1)));
}

/// The key pair was replaced during a login, and the next login has a lease of its own.
#[test]
fn rule_25_late_end_of_old_login_does_not_take_newer_lease() {
    let (store, mut program) = (Shelf::default(), Program::new(1));
    let old = program.claim(&store, at(0)).unwrap();
    program.session.reset(Credentials::new("k", "another").unwrap(), at(1));
    let new = program.claim(&store, at(1)).unwrap();
    program.end(old, DOWN, &HeaderMap::new(), &store, at(2));
    program.end(new, DOWN, &HeaderMap::new(), &store, at(3));
    let mut other = Program::new(2);
    other.session.reset(Credentials::new("k", "another").unwrap(), at(3));
    assert!(!other.log_in(&store, at(3)));
    assert!(other.session.failure(at(3)).is_some());
}

/// Both programs read the store at the same time, so both ask for a lease with the same number.
#[test]
fn rule_25_lease_of_faster_session_is_waited_for() {
    let (store, mut fleet) = (Shelf::default(), [1, 2].map(Program::new));
    let mut claims = fleet.each_mut().map(|Program { session, member }| {
        let (mut claim, _) = Claim::begin(member, session, Duration::from_secs(30), at(0));
        let ask = claim.read(member, session, store.read(at(0)), at(0));
        let Ask::Replace(new) = ask else { panic!("{ask:?}") };
        (claim, new)
    });
    let written = claims.each_ref().map(|(_, new)| store.replace(new.clone()).unwrap());
    assert_eq!(written, [true, false]);
    let (Program { session, member }, (claim, _)) = (&mut fleet[1], &mut claims[1]);
    assert!(matches!(claim.replaced(member, session, Ok(false), at(0)), Ask::Read));
    let ask = claim.read(member, session, store.read(at(0)), at(0));
    assert!(matches!(ask, Ask::Wait(_)), "{ask:?}");
}
