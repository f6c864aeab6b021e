//! One process of a fleet: it does what the session, the claim and the report say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, Response, Uri};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Event, Head, Instant, Login, Now, Outcome, Reason, Session,
    Step, Unavailable, Verdict,
};
use waldo_store::{Ask, Claim, Member, Replacement, Report, Tell};
use waldo_test_driver::server::Server;

use super::defect::Defect;
use super::setup::Fault;
use super::site::{CLOSED_PATH, Site, bearer, digest, token_in};
use super::store::{VirtualStore, Written, shifted};
use super::watch::{Operation, Sight, What};
use crate::transcript::Transcript;

/// How long a login takes at most: the lease of the session and one second.
pub(super) const SPAN: Duration = Duration::from_secs(31);

/// The true time at the start of a run, since 1970.
pub(super) const START: Duration = Duration::from_secs(1_800_000_000);

const ORIGIN: &str = "https://api.waldo.example";
const PATH: &str = "/customer?field=id";

/// The clocks of processes differ by so many seconds from the true time.
const OFFSETS: [i64; 3] = [0, 60 * 60, -60 * 60];

/// A process with its session, its part in the fleet, and its calls.
#[derive(Debug)]
pub(super) struct Process {
    session: Session,
    member: Option<Member>,
    /// How far the wall clock is ahead, in seconds.
    ahead: i64,
    pub(super) slots: Vec<Slot>,
    /// A hash of all that the process has seen, which decides what it does next.
    pub(super) history: u64,
    /// The last entry of the journal that was read.
    read: u64,
    defect: Option<Defect>,
}

/// A place for calls that follow each other.
#[derive(Debug)]
pub(super) struct Slot {
    /// How many calls are still to come.
    pub(super) left: u32,
    pub(super) state: State,
    /// Whether the next calls go to the route that always answers 401.
    pub(super) is_to_closed_route: bool,
}

/// What a call does next.
#[derive(Debug)]
pub(super) enum State {
    /// The next call has not come in.
    Away,
    Ready(Call),
    Waiting(Call, Instant),
    /// The next step is an operation of the store, before a login.
    Asking(Box<Asking>, Op),
    Pausing(Box<Asking>, Instant),
    LoginSent(Login, Call, Option<Box<Claim>>),
    LoginHandled(Login, Call, Option<Box<Claim>>, Response<Vec<u8>>),
    /// The next step is an operation of the store, after a login or a response.
    Telling(Box<Report>, Op, Then),
    CallSent(Attempt, Request<Vec<u8>>),
    CallHandled(Attempt, Request<Vec<u8>>, Response<Vec<u8>>),
    /// All calls have ended.
    Done,
    /// A defect has lost the call.
    Lost,
}

#[derive(Debug)]
pub(super) struct Asking {
    claim: Claim,
    login: Login,
    call: Call,
}

#[derive(Debug)]
pub(super) enum Op {
    Read,
    Replace(Replacement),
}

/// What follows a report.
#[derive(Debug)]
pub(super) enum Then {
    Admit(Call),
    End(u16),
}

/// All that a process touches in a step.
pub(super) struct Around<'a> {
    pub(super) store: &'a mut VirtualStore,
    pub(super) site: &'a mut Site,
    pub(super) elapsed: Duration,
    pub(super) sights: &'a mut Vec<Sight>,
    pub(super) transcript: &'a mut Transcript,
    /// The process, from 0.
    pub(super) process: usize,
    pub(super) slot: usize,
}

impl Around<'_> {
    fn see(&mut self, what: What) {
        let (process, slot, at) = (self.process, self.slot, self.elapsed);
        self.sights.push(Sight { process, slot, at, what });
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        let who = format!("process {}", self.process + 1);
        self.transcript.record(self.elapsed, &who, what);
    }

    fn truth(&self) -> Duration {
        START.saturating_add(self.elapsed)
    }
}

fn config(seed: u64, secret: &str) -> Config {
    Credentials::new(Server::KEY_ID, secret)
        .map_err(|error| error.to_string())
        .and_then(|credentials| {
            let builder = Config::builder(ORIGIN, credentials).jitter_seed(seed);
            builder.build().map_err(|error| error.to_string())
        })
        .unwrap_or_else(|error| unreachable!("the model's own key pair is a good one: {error}"))
}

fn uri(path: &str) -> Uri {
    format!("{ORIGIN}{path}")
        .parse()
        .unwrap_or_else(|_| unreachable!("the paths of the simulation are good ones"))
}

impl Process {
    /// A process that has just started. `life` counts how often it has started before.
    pub(super) fn start(
        index: usize,
        life: u32,
        slots: Vec<Slot>,
        has_store: bool,
        defect: Option<Defect>,
    ) -> Self {
        let seed = (index as u64) << 32 | u64::from(life);
        let session = Session::new(config(seed, Server::KEY_SECRET));
        let member = has_store.then(|| Member::of(&session, seed));
        let ahead = OFFSETS.get(index % OFFSETS.len()).copied().unwrap_or_default();
        Self { session, member, ahead, slots, history: seed, read: 0, defect }
    }

    fn now(&self, elapsed: Duration) -> Now {
        let wall: SystemTime = UNIX_EPOCH + shifted(START.saturating_add(elapsed), self.ahead);
        Now::new(elapsed.saturating_add(Duration::from_secs(60)), wall)
    }

    /// The true time at which a wait ends, since the start of the run.
    pub(super) fn elapsed_at(until: Instant) -> Duration {
        until.since_start().saturating_sub(Duration::from_secs(60))
    }

    /// The instant at which a slot goes on by itself; `None` if it needs a step.
    pub(super) fn until(&self, slot: usize) -> Option<Duration> {
        match &self.slots.get(slot)?.state {
            State::Waiting(_, until) | State::Pausing(_, until) => Some(Self::elapsed_at(*until)),
            _ => None,
        }
    }

    /// What goes into the hash of the state, besides the history.
    pub(super) fn left(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().map(|slot| slot.left)
    }

    fn learn(&mut self, what: impl std::hash::Hash) {
        self.history = digest(&(self.history, what));
    }

    /// Makes the next step of a slot.
    pub(super) fn step(&mut self, fault: Option<Fault>, around: &mut Around<'_>) {
        let now = self.now(around.elapsed);
        self.learn((around.slot, around.elapsed, fault));
        let Some(slot) = self.slots.get_mut(around.slot) else { return };
        let next = match std::mem::replace(&mut slot.state, State::Done) {
            State::Away => {
                slot.left = slot.left.saturating_sub(1);
                around.see(What::Arrived);
                around.tell(|| "has a call".to_owned());
                self.admit(Call::replayable(), now, around)
            }
            State::Ready(call) | State::Waiting(call, _) => self.admit(call, now, around),
            State::Asking(asking, op) => self.ask(*asking, op, fault, now, around),
            State::Pausing(mut asking, _) => {
                self.session.restart(&mut asking.login, now);
                let ask = asking.claim.waited();
                self.follow(*asking, ask, now, around)
            }
            State::LoginSent(login, call, claim) => {
                let granted = around.site.logins_granted();
                let truth = around.truth();
                let response = around.site.handle(&login.request(), fault, truth);
                if around.site.logins_granted() > granted {
                    around.see(What::Granted);
                }
                self.issued(&response, around);
                around.tell(|| format!("is answered {} to its login", response.status().as_u16()));
                State::LoginHandled(login, call, claim, response)
            }
            State::LoginHandled(login, call, claim, response) => {
                self.settle(login, call, claim.as_deref(), &response, now, around)
            }
            State::Telling(report, op, then) => self.report(*report, op, then, fault, now, around),
            State::CallSent(attempt, request) => {
                let truth = around.truth();
                let response = around.site.handle(&request, None, truth);
                self.issued(&response, around);
                around.tell(|| format!("is answered {}", response.status().as_u16()));
                State::CallHandled(attempt, request, response)
            }
            State::CallHandled(attempt, request, response) => {
                self.conclude(attempt, &request, &response, now, around)
            }
            state @ (State::Done | State::Lost) => state,
        };
        if let Some(slot) = self.slots.get_mut(around.slot) {
            slot.state = next;
        }
        self.read_journal(around);
    }

    fn issued(&mut self, response: &Response<Vec<u8>>, around: &mut Around<'_>) {
        let token = token_in(response).map(|text| digest(&text));
        self.learn((response.status().as_u16(), token));
        if let Some(token) = token {
            around.see(What::Issued { token });
        }
    }

    fn read_journal(&mut self, around: &mut Around<'_>) {
        let read = self.read;
        for entry in self.session.journal().since(read) {
            around.tell(|| format!("notes: {}", entry.event));
        }
        let harmful = self
            .session
            .journal()
            .since(read)
            .filter(|entry| matches!(entry.event, Event::SharingHarmful))
            .count();
        self.read = self.session.journal().written();
        if harmful > 0 {
            around.tell(|| "stops sharing".to_owned());
            around.see(What::Private);
        }
    }

    fn admit(&mut self, call: Call, now: Now, around: &mut Around<'_>) -> State {
        let closed = self.slots.get(around.slot).is_some_and(|slot| slot.is_to_closed_route);
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = uri(if closed { CLOSED_PATH } else { PATH });
        match self.session.admit(call, &mut request, now) {
            Ok(Step::Send(attempt)) => {
                let text = bearer(request.headers()).unwrap_or_default();
                around.see(What::Sent { token: digest(&text) });
                around.tell(|| "sends its call".to_owned());
                State::CallSent(attempt, request)
            }
            Ok(Step::Authenticate(login, call)) => self.claim(login, call, now, around),
            Ok(Step::Wait(call, until)) => State::Waiting(call, until),
            Ok(Step::Refuse(refusal)) => {
                around.tell(|| format!("refuses its call: {refusal}"));
                self.end(None, around)
            }
            Err(error) => unreachable!("the call goes to the model's own origin: {error}"),
        }
    }

    fn claim(&mut self, login: Login, call: Call, now: Now, around: &mut Around<'_>) -> State {
        let member = self.member.as_mut();
        let begun = member.map(|member| Claim::begin(member, &mut self.session, SPAN, now));
        if begun.is_some() {
            around.see(What::ClaimBegan);
        }
        match begun {
            Some((claim, ask)) if self.defect != Some(Defect::LogsInAlone) => {
                if matches!(ask, Ask::Read) {
                    around.see(What::BeginsToAsk);
                }
                self.follow(Asking { claim, login, call }, ask, now, around)
            }
            begun => {
                around.see(What::LoginBegan);
                around.tell(|| "logs in".to_owned());
                State::LoginSent(login, call, begun.map(|(claim, _)| Box::new(claim)))
            }
        }
    }

    fn follow(&mut self, asking: Asking, ask: Ask, now: Now, around: &mut Around<'_>) -> State {
        let ignores = self.defect == Some(Defect::IgnoresLease);
        match ask {
            Ask::Read => State::Asking(Box::new(asking), Op::Read),
            Ask::Replace(replacement) => State::Asking(Box::new(asking), Op::Replace(replacement)),
            Ask::Wait(_) if self.defect == Some(Defect::LosesClaim) => State::Lost,
            Ask::Wait(pause) if !ignores => {
                let oversleeps = self.defect == Some(Defect::Oversleeps);
                let pause = if oversleeps { pause.saturating_mul(100) } else { pause };
                State::Pausing(Box::new(asking), now.monotonic.saturating_add(pause))
            }
            Ask::LogIn | Ask::Wait(_) => {
                self.read_journal(around);
                around.see(What::LoginBegan);
                around.tell(|| "logs in".to_owned());
                State::LoginSent(asking.login, asking.call, Some(Box::new(asking.claim)))
            }
            Ask::Resumed => {
                around.tell(|| "has a token from the store".to_owned());
                let token = self.held(now).unwrap_or_default();
                around.see(What::Resumed { token });
                self.session.settle(asking.login, Outcome::Abandoned, now);
                self.wake();
                State::Ready(asking.call)
            }
            Ask::Failed(failure) => {
                around.tell(|| "hears that a login has failed elsewhere".to_owned());
                around.see(What::HeardOfFailure);
                self.session.settle(asking.login, Outcome::FailedElsewhere(failure), now);
                self.wake();
                State::Ready(asking.call)
            }
        }
    }

    /// The held token, as a hash.
    fn held(&self, now: Now) -> Option<u64> {
        let snapshot = self.session.snapshot(now)?.to_json();
        let value: serde_json::Value = serde_json::from_str(&snapshot).ok()?;
        value.get("token")?.as_str().map(digest)
    }

    fn ask(
        &mut self,
        mut asking: Asking,
        op: Op,
        fault: Option<Fault>,
        now: Now,
        around: &mut Around<'_>,
    ) -> State {
        let answer = match op {
            Op::Read => {
                let (truth, again) = (around.truth(), self.defect == Some(Defect::AsksAgainAtOnce));
                let mut answer = around.store.read(fault, truth);
                around.see(What::Asked(Operation::Read(answer.is_ok())));
                if again && answer.is_err() {
                    around.see(What::BeginsToAsk);
                    answer = around.store.read(None, truth);
                    around.see(What::Asked(Operation::Read(answer.is_ok())));
                }
                let meaning = answer.as_ref().map(|(_, meaning)| *meaning).ok();
                self.learn((meaning, around.store.ahead));
                around.tell(|| format!("reads the store: {}", told(meaning.map(|m| m != 0))));
                answer.map(|(stored, _)| Answer::Stored(stored)).map_err(|error| (true, error))
            }
            Op::Replace(replacement) => {
                self.replace(replacement, fault, around).map(Answer::Replaced)
            }
        };
        if answer.is_err() && self.defect == Some(Defect::StoreFailsCall) {
            let failure = Unavailable::new(Reason::Transport);
            self.session.settle(asking.login, Outcome::Unavailable(failure), now);
            self.wake();
            return self.end(None, around);
        }
        let Some(member) = &mut self.member else { return State::Lost };
        let ask = match answer {
            Ok(Answer::Stored(stored)) => {
                asking.claim.read(member, &mut self.session, Ok(stored), now)
            }
            Ok(Answer::Replaced(replaced)) => {
                asking.claim.replaced(member, &mut self.session, Ok(replaced), now)
            }
            Err((is_read, error)) if is_read => {
                asking.claim.read(member, &mut self.session, Err(error), now)
            }
            Err((_, error)) => asking.claim.replaced(member, &mut self.session, Err(error), now),
        };
        self.follow(asking, ask, now, around)
    }

    fn settle(
        &mut self,
        login: Login,
        call: Call,
        claim: Option<&Claim>,
        response: &Response<Vec<u8>>,
        now: Now,
        around: &mut Around<'_>,
    ) -> State {
        let outcome = login.read(Head::new(response.status(), response.headers()), response.body());
        around.see(What::LoginEnded);
        self.session.settle(login, outcome, now);
        let is_silent = self.defect == Some(Defect::NeverReports);
        let report = self
            .member
            .as_mut()
            .filter(|_| !is_silent)
            .zip(claim)
            .and_then(|(member, claim)| Report::of_login(claim, member, &self.session, now));
        if let Some(report) = report {
            around.see(What::BeginsToAsk);
            return State::Telling(Box::new(report), Op::Read, Then::Admit(call));
        }
        self.wake();
        State::Ready(call)
    }

    fn report(
        &mut self,
        mut report: Report,
        op: Op,
        then: Then,
        fault: Option<Fault>,
        now: Now,
        around: &mut Around<'_>,
    ) -> State {
        let told = match op {
            Op::Read => {
                let truth = around.truth();
                let answer = around.store.read(fault, truth);
                around.see(What::Asked(Operation::Read(answer.is_ok())));
                let meaning = answer.as_ref().map(|(_, meaning)| *meaning).ok();
                self.learn((meaning, around.store.ahead));
                around.tell(|| format!("reads the store: {}", told(meaning.map(|m| m != 0))));
                let answer = answer.map(|(stored, _)| stored);
                let Some(member) = &mut self.member else { return State::Lost };
                report.read(member, &mut self.session, answer, now)
            }
            Op::Replace(replacement) => {
                let answer = self.replace(replacement, fault, around).map_err(|(_, error)| error);
                let Some(member) = &mut self.member else { return State::Lost };
                report.replaced(member, &mut self.session, answer, now)
            }
        };
        match told {
            Some(Tell::Read) => State::Telling(Box::new(report), Op::Read, then),
            Some(Tell::Replace(replacement)) => {
                State::Telling(Box::new(report), Op::Replace(replacement), then)
            }
            None => {
                if self.defect == Some(Defect::ForgetsItsPart) && matches!(then, Then::End(_)) {
                    self.member = Some(Member::of(&self.session, self.history));
                }
                match then {
                    // The calls that wait go on when the store has been told.
                    Then::Admit(call) => {
                        self.wake();
                        State::Ready(call)
                    }
                    Then::End(status) => self.end(Some(status), around),
                }
            }
        }
    }

    fn replace(
        &mut self,
        replacement: Replacement,
        fault: Option<Fault>,
        around: &mut Around<'_>,
    ) -> Result<bool, (bool, waldo_store::StoreError)> {
        let Replacement { seen, document, .. } = replacement;
        let written = Written { bytes: document, meaning: digest(&(self.history, "writes")) };
        let answer = around.store.replace(seen.as_deref(), written, fault);
        around.see(What::Asked(Operation::Replace(answer.as_ref().ok().copied())));
        let replaced = answer.as_ref().ok().copied();
        self.learn(replaced);
        around.tell(|| {
            let how = match replaced {
                Some(true) => "replaces the document",
                Some(false) => "is too late to replace the document",
                None => "has no answer from the store about its document",
            };
            how.to_owned()
        });
        answer.map_err(|error| (false, error))
    }

    fn conclude(
        &mut self,
        attempt: Attempt,
        request: &Request<Vec<u8>>,
        response: &Response<Vec<u8>>,
        now: Now,
        around: &mut Around<'_>,
    ) -> State {
        let status = response.status();
        let head = Head::new(status, response.headers());
        let resent = status.is_success() && attempt.is_resent();
        let sent = bearer(request.headers()).map(|text| digest(&text)).unwrap_or_default();
        let verdict = self.session.conclude(attempt, head, now);
        if status.is_success() {
            around.see(What::Accepted);
        }
        if status == http::StatusCode::UNAUTHORIZED {
            let dropped = self.held(now) != Some(sent);
            around.see(What::Refused { token: sent, dropped });
        }
        match verdict {
            Verdict::Retry(call) => State::Ready(call),
            Verdict::Deliver => {
                let is_silent = self.defect == Some(Defect::NeverReports);
                let report = self
                    .member
                    .as_mut()
                    .filter(|_| !is_silent)
                    .filter(|member| resent || now.monotonic >= member.report_at())
                    .and_then(|member| Report::of_response(member, &self.session, resent, now));
                match report {
                    Some(report) => {
                        around.see(What::BeginsToAsk);
                        State::Telling(Box::new(report), Op::Read, Then::End(status.as_u16()))
                    }
                    None => self.end(Some(status.as_u16()), around),
                }
            }
        }
    }

    fn end(&mut self, status: Option<u16>, around: &mut Around<'_>) -> State {
        around.see(What::Ended { status });
        around.tell(|| match status {
            Some(status) => format!("has its answer: {status}"),
            None => "has no answer".to_owned(),
        });
        match self.slots.get(around.slot) {
            Some(slot) if slot.left > 0 => State::Away,
            _ => State::Done,
        }
    }

    /// Wakes all waiting calls, because the session has changed.
    fn wake(&mut self) {
        for slot in &mut self.slots {
            slot.state = match std::mem::replace(&mut slot.state, State::Done) {
                State::Waiting(call, _) => State::Ready(call),
                other => other,
            };
        }
    }

    /// Whether all calls have ended.
    pub(super) fn is_ended(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot.state, State::Done))
    }

    /// A document that this process writes, with a token that another server has issued.
    pub(super) fn plants(site: &mut Site, secret: &str, truth: Duration) -> Option<Written> {
        let now = Now::new(Duration::from_secs(60), UNIX_EPOCH + truth);
        let mut session = Session::new(config(0, secret));
        let mut member = Member::of(&session, 0);
        let (claim, _) = Claim::begin(&mut member, &mut session, SPAN, now);
        let mut request = Request::new(Vec::<u8>::new());
        *request.uri_mut() = uri(PATH);
        let Ok(Step::Authenticate(login, _)) = session.admit(Call::replayable(), &mut request, now)
        else {
            return None;
        };
        // Only the key pair of the server is granted a token. The document is good all the same.
        let response = site.handle(&login.request(), None, truth);
        let outcome = login.read(Head::new(response.status(), response.headers()), response.body());
        session.settle(login, outcome, now);
        let mut report = Report::of_login(&claim, &mut member, &session, now)?;
        let empty = waldo_store::Stored { document: None, now: truth };
        match report.read(&mut member, &mut session, Ok(empty), now)? {
            Tell::Replace(Replacement { document, .. }) => {
                Some(Written { bytes: document, meaning: 2 })
            }
            Tell::Read => None,
        }
    }
}

enum Answer {
    Stored(waldo_store::Stored),
    Replaced(bool),
}

fn told(is_there: Option<bool>) -> &'static str {
    match is_there {
        Some(true) => "a document",
        Some(false) => "no document",
        None => "no answer",
    }
}
