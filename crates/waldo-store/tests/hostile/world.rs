//! Programs that share a token through a store which belongs to an attacker.
//!
//! The attacker has no client secret. They keep every document that was ever written, and decide
//! what the store answers. Two more programs use the store: one with another secret for the same
//! API key, and one with another API key.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a property fails by a panic"
)]

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Head, Login, Now, Outcome, Session, Step, Verdict,
};
use waldo_store::{
    Ask, Claim, Key, MAX_DOCUMENT, Member, Replacement, Report, StoreError, StoreProblem, Stored,
    Tell,
};

/// The start of each run on the wall clock, in seconds of Unix time.
const UNIX: u64 = 1_800_000_000;
const LIFETIME: u64 = 3600;

/// The time of a login and one second more, as an adapter claims.
const SPAN: Duration = Duration::from_secs(31);

/// More steps than a call or a claim may have.
const ENDLESS: usize = 1000;

/// What the attacker has. Each one also has what the ones before have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attacker {
    /// The documents, and what the store answers.
    Documents,
    /// The clock of the store, too. Then an old document looks new, and calls can be lost.
    Clock,
    /// The client secret, too. No promise holds then, so the properties can fail.
    Secret,
}

/// Runs the programs. The bytes choose what the programs and the attacker do.
///
/// It panics if a program sends a token that the server did not issue to its account. It panics also
/// if a call fails that would succeed without a store, unless the attacker has the clock.
pub(crate) fn run(bytes: &[u8], attacker: Attacker) {
    let mut world = World::new(bytes, attacker);
    while !world.choices.0.as_slice().is_empty() {
        world.act();
    }
    // After the attacks, each program can still make a call.
    for program in 0..world.programs.len() {
        world.call(program);
    }
}

/// Makes a call whose token is dead, and whose program then reads two older documents with dead
/// tokens. A call is sent three times at most, so it must not meet the second of these tokens.
pub(crate) fn replay_two_dead_tokens() {
    let mut world = World::new(&[], Attacker::Documents);
    let mut older = VecDeque::new();
    world.call(0);
    for _ in 0..2 {
        world.revoke();
        world.call(1);
        older.extend(world.store.recorded.last().cloned());
    }
    world.revoke();
    world.store.scripted = older;
    world.call(0);
    assert!(world.store.scripted.is_empty(), "both documents were read");
}

/// The bytes of a run, one after the other. After the last one, all are 0.
struct Choices<'b>(std::slice::Iter<'b, u8>);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.next()) % end.max(1)
    }
}

struct World<'b> {
    attacker: Attacker,
    choices: Choices<'b>,
    time: Duration,
    programs: Vec<Program>,
    server: Server,
    store: Hostile,
}

struct Program {
    account: Account,
    session: Session,
    member: Member,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Account {
    Ours,
    /// Our API key with a wrong secret, which the server rejects.
    Rejected,
    Another,
}

impl Account {
    fn session(self) -> Session {
        let (key, secret) = match self {
            Self::Ours => ("wk.ours", "ws.ours"),
            Self::Rejected => ("wk.ours", "ws.wrong"),
            Self::Another => ("wk.another", "ws.another"),
        };
        let credentials = Credentials::new(key, secret).unwrap();
        Session::new(Config::builder("https://api.waldo.ai", credentials).build().unwrap())
    }
}

/// The API. It knows which token it has issued to which account.
#[derive(Default)]
struct Server {
    issued: HashMap<String, Account>,
    valid: HashSet<String>,
}

impl Server {
    fn issue(&mut self, account: Account, now: u64) -> String {
        let (number, exp) = (self.issued.len(), now + LIFETIME);
        let payload = format!(r#"{{"exp":{exp},"iat":{now},"number":{number}}}"#);
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        self.issued.insert(token.clone(), account);
        self.valid.insert(token.clone());
        token
    }
}

/// The store, as the attacker wants it.
#[derive(Default)]
struct Hostile {
    documents: HashMap<Key, Vec<u8>>,
    /// Each document that was ever written, under any key.
    recorded: Vec<Vec<u8>>,
    /// The documents that the next reads find.
    scripted: VecDeque<Vec<u8>>,
    clock: Clock,
    next: Answer,
}

#[derive(Clone, Copy, Default)]
enum Clock {
    #[default]
    Right,
    Ahead,
    Behind,
    First,
    Last,
}

/// The answer to the next operation.
#[derive(Clone, Copy, Default)]
enum Answer {
    #[default]
    Honest,
    Error,
    /// Says that a document was replaced if it was not, and the reverse.
    Lie,
}

impl Hostile {
    fn read(&mut self, key: &Key, now: Duration) -> Result<Stored, StoreError> {
        if let Some(document) = self.scripted.pop_front() {
            self.documents.insert(key.clone(), document);
        }
        let hour = Duration::from_secs(3600);
        let now = match self.clock {
            Clock::Right => now,
            Clock::Ahead => now + hour,
            Clock::Behind => now.saturating_sub(hour),
            Clock::First => Duration::ZERO,
            Clock::Last => Duration::MAX,
        };
        match std::mem::take(&mut self.next) {
            Answer::Error => Err(StoreError::new(StoreProblem::Other, "the attacker says no")),
            Answer::Lie => Ok(Stored { document: None, now }),
            Answer::Honest => Ok(Stored { document: self.documents.get(key).cloned(), now }),
        }
    }

    fn replace(&mut self, key: &Key, new: Replacement) -> Result<bool, StoreError> {
        let Replacement { seen, document, keep } = new;
        assert!(document.len() <= MAX_DOCUMENT && !keep.is_zero());
        self.recorded.push(document.clone());
        let is_seen = self.documents.get(key) == seen.as_ref();
        match std::mem::take(&mut self.next) {
            Answer::Error => Err(StoreError::new(StoreProblem::Other, "the attacker says no")),
            Answer::Lie => Ok(!is_seen),
            Answer::Honest => {
                if is_seen {
                    self.documents.insert(key.clone(), document);
                }
                Ok(is_seen)
            }
        }
    }

    /// Changes the store before the next operation.
    fn attack(&mut self, attacker: Attacker, choices: &mut Choices<'_>) {
        let mut keys: Vec<Key> = self.documents.keys().cloned().collect();
        keys.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        let kind = choices.below(8);
        match kind {
            0 => self.next = Answer::Error,
            1 => self.next = Answer::Lie,
            2 if attacker != Attacker::Documents => {
                let clocks = [Clock::Right, Clock::Ahead, Clock::Behind, Clock::First, Clock::Last];
                self.clock = clocks[choices.below(5)];
            }
            _ => {}
        }
        let Some(key) = keys.get(choices.below(keys.len())).cloned() else { return };
        let document = self.documents.get_mut(&key).unwrap();
        match kind {
            3 => drop(self.documents.remove(&key)),
            4 => *document = vec![choices.next(); choices.below(200)],
            5 => *document = vec![0; MAX_DOCUMENT + 1],
            6 => {
                let place = choices.below(document.len());
                if let Some(byte) = document.get_mut(place) {
                    *byte ^= choices.next().max(1);
                }
                document.truncate(document.len().saturating_sub(choices.below(8)));
            }
            7 => document.clone_from(&self.recorded[choices.below(self.recorded.len())]),
            _ => {}
        }
    }
}

/// The last events of a program, for the message of a failure.
fn story(session: &Session) -> String {
    let lines = session.journal().since(0).map(|entry| entry.event.to_string() + "\n");
    lines.collect()
}

impl<'b> World<'b> {
    fn new(bytes: &'b [u8], attacker: Attacker) -> Self {
        // The session of each program, and the account for which its server issues tokens.
        let accounts = [Account::Ours, Account::Ours, Account::Ours, Account::Rejected];
        let mut pairs: Vec<_> = accounts.map(|account| (account, account)).to_vec();
        pairs.push(match attacker {
            Attacker::Documents | Attacker::Clock => (Account::Another, Account::Another),
            // The attacker seals a token of their own account with our secret.
            Attacker::Secret => (Account::Ours, Account::Another),
        });
        let programs = pairs.into_iter().zip(0..).map(|((credentials, account), seed)| {
            let session = credentials.session();
            let member = Member::of(&session, seed);
            Program { account, session, member }
        });
        Self {
            attacker,
            choices: Choices(bytes.iter()),
            time: Duration::from_secs(10_000),
            programs: programs.collect(),
            server: Server::default(),
            store: Hostile::default(),
        }
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(UNIX) + self.time
    }

    fn now(&self) -> Now {
        Now::new(self.time, UNIX_EPOCH + self.wall())
    }

    fn act(&mut self) {
        match self.choices.below(8) {
            0..=2 => {
                let program = self.choices.below(self.programs.len());
                self.call(program);
            }
            3 => self.revoke(),
            4 => self.time += Duration::from_secs(30 * u64::from(self.choices.next())),
            _ => self.store.attack(self.attacker, &mut self.choices),
        }
    }

    /// Makes all tokens invalid, at a time when the invalidation budget is full again.
    fn revoke(&mut self) {
        self.server.valid.clear();
        self.time += Duration::from_secs(600);
    }

    /// Lets the attacker act before an operation of the store, in one of four cases.
    fn maybe_attack(&mut self) {
        if self.choices.next() % 4 == 3 {
            self.store.attack(self.attacker, &mut self.choices);
        }
    }

    /// Makes a call, which must succeed unless the server rejects the account.
    fn call(&mut self, number: usize) {
        let mut call = Call::replayable();
        for _ in 0..ENDLESS {
            let now = self.now();
            let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
            let program = &mut self.programs[number];
            match program.session.admit(call, &mut request, now).unwrap() {
                Step::Send(attempt) => {
                    let Some(again) = self.send(number, attempt, &request) else { return };
                    call = again;
                }
                Step::Authenticate(login, waiting) => {
                    self.log_in(number, login);
                    call = waiting;
                }
                Step::Wait(waiting, until) => {
                    self.time = self.time.max(until.since_start());
                    call = waiting;
                }
                Step::Refuse(refusal) => {
                    let is_expected =
                        program.account == Account::Rejected || self.attacker == Attacker::Clock;
                    assert!(is_expected, "a call is lost: {refusal}\n{}", story(&program.session));
                    return;
                }
            }
        }
        panic!("a call does not end");
    }

    /// Sends the request of an attempt. Returns the call if it has to be sent again.
    fn send(&mut self, number: usize, attempt: Attempt, request: &Request<()>) -> Option<Call> {
        let program = &mut self.programs[number];
        let token = request.headers()[AUTHORIZATION].to_str().unwrap();
        let token = token.strip_prefix("Bearer ").unwrap();
        let issued = self.server.issued.get(token);
        assert_eq!(issued, Some(&program.account), "the server did not issue this token to them");
        let mut headers = HeaderMap::new();
        let is_valid = self.server.valid.contains(token);
        if is_valid && self.choices.next() % 2 == 1 {
            let renewed = self.server.issue(program.account, UNIX + self.time.as_secs());
            let renewed = HeaderValue::try_from(format!("Bearer {renewed}")).unwrap();
            headers.insert(AUTHORIZATION, renewed);
        }
        let status = if is_valid { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        let resent = attempt.is_resent();
        let now = Now::new(self.time, UNIX_EPOCH + Duration::from_secs(UNIX) + self.time);
        match program.session.conclude(attempt, Head::new(status, &headers), now) {
            Verdict::Retry(call) => Some(call),
            Verdict::Deliver => {
                let may_fail = self.attacker == Attacker::Clock;
                assert!(
                    is_valid || may_fail,
                    "a call is lost: its 401 is delivered\n{}",
                    story(&program.session)
                );
                let Program { session, member, .. } = program;
                let report = Report::of_response(member, session, resent, now);
                self.tell(number, report);
                None
            }
        }
    }

    fn log_in(&mut self, number: usize, mut login: Login) {
        let now = self.now();
        let Program { session, member, .. } = &mut self.programs[number];
        let (mut claim, mut ask) = Claim::begin(member, session, SPAN, now);
        for _ in 0..ENDLESS {
            self.maybe_attack();
            let (now, wall) = (self.now(), self.wall());
            let Program { session, member, account } = &mut self.programs[number];
            ask = match ask {
                Ask::Read => {
                    let answer = self.store.read(claim.key(), wall);
                    claim.read(member, session, answer, now)
                }
                Ask::Replace(new) => {
                    let answer = self.store.replace(claim.key(), new);
                    claim.replaced(member, session, answer, now)
                }
                Ask::Wait(span) => {
                    self.time += span;
                    let now = self.now();
                    self.programs[number].session.restart(&mut login, now);
                    claim.waited()
                }
                Ask::LogIn => {
                    let (status, body) = match account {
                        Account::Rejected => {
                            (StatusCode::UNAUTHORIZED, r#"{"code":"INVALID_API_KEY"}"#.to_owned())
                        }
                        Account::Ours | Account::Another => {
                            let token = self.server.issue(*account, wall.as_secs());
                            (StatusCode::OK, format!(r#"{{"token":"{token}"}}"#))
                        }
                    };
                    let head = HeaderMap::new();
                    let outcome = login.read(Head::new(status, &head), body.as_bytes());
                    session.settle(login, outcome, now);
                    let report = Report::of_login(&claim, member, session, now);
                    return self.tell(number, report);
                }
                Ask::Resumed => return session.settle(login, Outcome::Abandoned, now),
                Ask::Failed(failure) => {
                    return session.settle(login, Outcome::FailedElsewhere(failure), now);
                }
            };
        }
        panic!("a claim does not end");
    }

    fn tell(&mut self, number: usize, report: Option<Report>) {
        let Some(mut report) = report else { return };
        let mut tell = Some(Tell::Read);
        for _ in 0..ENDLESS {
            let Some(next) = tell else { return };
            self.maybe_attack();
            let (now, wall) = (self.now(), self.wall());
            let Program { session, member, .. } = &mut self.programs[number];
            tell = match next {
                Tell::Read => {
                    let answer = self.store.read(report.key(), wall);
                    report.read(member, session, answer, now)
                }
                Tell::Replace(new) => {
                    let answer = self.store.replace(report.key(), new);
                    report.replaced(member, session, answer, now)
                }
            };
        }
        panic!("a report does not end");
    }
}
