//! Starts, commands and ends the members of a fleet.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command as Program, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waldo_emulator::Emulator;
use waldo_emulator::model::Server;

use crate::line::{Adapter, Answers, Command, Entry, Line, Setup, Stage, StoreSetup};

/// The path of a call that succeeds.
pub const PATH: &str = "/customer?field=id";

/// How long a member may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The lease of a login: short, so that a killed leader delays a test by little.
const LEASE: Duration = Duration::from_millis(1500);

/// The longest wait of a call: the lease of a killed leader, twice, and the login of the next one.
pub const BOUND: Duration = Duration::from_secs(20);

/// A process that makes calls. It ends when the value is dropped, also by a panic.
#[derive(Debug)]
pub struct Member {
    number: usize,
    child: Child,
    commands: ChildStdin,
    lines: Receiver<Line>,
    journal: Vec<Entry>,
}

impl Member {
    /// Starts a member, and does not wait until it is ready.
    pub fn start(program: &Path, number: usize, setup: &Setup) -> Self {
        let mut child = Program::new(program)
            .arg("member")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        // The thread ends with the member, whose end closes the pipe.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The last line of a killed member may be cut.
                let Ok(line) = serde_json::from_str(&line) else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut member = Self { number, child, commands, lines, journal: Vec::new() };
        member.write(&serde_json::to_string(setup).unwrap());
        member
    }

    fn write(&mut self, line: &str) {
        writeln!(self.commands, "{line}").unwrap();
    }

    /// Gives the member a command.
    pub fn command(&mut self, command: &Command) {
        self.write(&serde_json::to_string(command).unwrap());
    }

    /// Gives the member the command to make calls.
    pub fn call(&mut self, path: &str, times: u32) {
        self.command(&Command::Call { path: path.to_owned(), times });
    }

    /// Waits for a line, and keeps the journal that comes before it.
    pub fn wait_for<T>(&mut self, mut find: impl FnMut(&Line) -> Option<T>) -> T {
        let given_up = Instant::now() + PATIENCE;
        loop {
            let left = given_up.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| {
                panic!("member {} says no more ({error}): {:#?}", self.number, self.journal)
            });
            let found = find(&line);
            if let Line::Journal(entry) = line {
                self.keep(entry);
            }
            if let Some(found) = found {
                return found;
            }
        }
    }

    fn keep(&mut self, entry: Entry) {
        self.journal.push(Entry { member: self.number, ..entry });
    }

    /// Waits until the member is ready.
    pub fn ready(&mut self) {
        self.wait_for(|line| matches!(line, Line::Ready).then_some(()));
    }

    /// Waits for an event of the member's session.
    pub fn wait_for_event(&mut self, name: &str) {
        self.wait_for(|line| {
            let Line::Journal(entry) = line else { return None };
            (entry.event == name).then_some(())
        });
    }

    /// Makes calls, all of which must succeed, until something holds. A pause of a millisecond lies
    /// between two calls, because what is waited for takes a second.
    pub fn call_until(&mut self, mut is_done: impl FnMut(&mut Self) -> bool) {
        let given_up = Instant::now() + PATIENCE;
        while !is_done(self) {
            assert!(Instant::now() < given_up, "member {}: {:#?}", self.number, self.journal);
            thread::sleep(Duration::from_millis(1));
            self.call(PATH, 1);
            let answers = self.answers();
            assert_eq!(answers.failed(), 0, "{answers:?}");
        }
    }

    /// Makes calls until the journal has an event after its last entry of now.
    pub fn call_until_event(&mut self, name: &str) {
        let seen = self.journal.len();
        self.call_until(|member| member.journal.iter().skip(seen).any(|entry| entry.event == name));
    }

    /// Waits until the member has stopped at the stage of its setup.
    pub fn wait_until_stopped(&mut self) {
        self.wait_for(|line| matches!(line, Line::Stopped).then_some(()));
    }

    /// Waits for the results of the last command to call.
    pub fn answers(&mut self) -> Answers {
        self.wait_for(|line| {
            let Line::Answers(answers) = line else { return None };
            Some(answers.clone())
        })
    }

    /// Replaces the key pair.
    pub fn reset(&mut self, pair: &(String, String)) {
        self.command(&Command::Reset { pair: pair.clone() });
        self.wait_for(|line| matches!(line, Line::IsReset).then_some(()));
    }

    /// How often the member has read the store, and tried to replace the document.
    pub fn asked(&mut self) -> (u64, u64) {
        self.command(&Command::Count);
        self.wait_for(|line| {
            let Line::Asked(reads, replaces) = line else { return None };
            Some((*reads, *replaces))
        })
    }

    /// Kills the member by SIGKILL, and returns its journal with an entry of its end.
    pub fn kill(mut self) -> Vec<Entry> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.drain();
        // A thread of the member may have been killed before it wrote its entry.
        let whole = self.whole();
        self.journal.truncate(whole);
        let number = u64::try_from(whole).unwrap_or(u64::MAX) + 1;
        self.journal.push(Entry {
            member: self.number,
            at: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
            number,
            event: "killed".to_owned(),
            message: "the process was killed".to_owned(),
        });
        std::mem::take(&mut self.journal)
    }

    /// Ends the member, and returns its journal.
    pub fn end(mut self) -> Vec<Entry> {
        // Another thread of the member may still have to write an earlier entry.
        while self.whole() < self.journal.len() {
            self.wait_for(|line| matches!(line, Line::Journal(_)).then_some(()));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::take(&mut self.journal)
    }

    /// Sorts the journal, and returns how many of its entries come before the first gap.
    fn whole(&mut self) -> usize {
        self.journal.sort_by_key(|entry| entry.number);
        let numbers = self.journal.iter().map(|entry| entry.number);
        (1..).zip(numbers).take_while(|(expected, number)| expected == number).count()
    }

    /// Keeps the rest of the journal of a member that has ended.
    fn drain(&mut self) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if let Line::Journal(entry) = line {
                self.keep(entry);
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Members with the same store, and the journals of those that have ended.
#[derive(Debug)]
pub struct Fleet {
    program: PathBuf,
    setup: Setup,
    members: Vec<Member>,
    ended: Vec<Entry>,
    started: usize,
}

/// The key pair that the emulator knows.
pub fn pair() -> (String, String) {
    (Server::KEY_ID.to_owned(), Server::KEY_SECRET.to_owned())
}

impl Fleet {
    /// A fleet of this program without members, for the API of an emulator.
    pub fn new(program: &Path, emulator: &Emulator, store: Option<StoreSetup>) -> Self {
        let setup = Setup {
            origin: emulator.origin(),
            pair: pair(),
            files: None,
            adapter: Adapter::Ureq,
            store,
            lease: u64::try_from(LEASE.as_millis()).expect("it is short"),
            budget: 100,
            stops: None,
        };
        let program = program.to_owned();
        Self { program, setup, members: Vec::new(), ended: Vec::new(), started: 0 }
    }

    /// Starts more members, one in eight with `waldo-reqwest`, and waits until all are ready.
    pub fn grow(&mut self, size: usize) {
        let first = self.members.len();
        for _ in 0..size {
            let member = self.new_member(None);
            self.members.push(member);
        }
        self.members.iter_mut().skip(first).for_each(Member::ready);
    }

    /// Starts a member that is not yet a part of the fleet, and that stops at a stage.
    pub fn new_member(&mut self, stops: Option<Stage>) -> Member {
        let number = self.started;
        self.started += 1;
        let adapter = if number % 8 == 7 { Adapter::Reqwest } else { Adapter::Ureq };
        Member::start(&self.program, number, &Setup { adapter, stops, ..self.setup.clone() })
    }

    /// The key pair of the members that start from now on.
    pub fn set_pair(&mut self, pair: &(String, String)) {
        self.setup.pair = pair.clone();
    }

    /// The files of the key pair of the members that start from now on.
    pub fn set_files(&mut self, api_key: PathBuf, client_secret: PathBuf) {
        self.setup.files = Some((api_key, client_secret));
    }

    /// The permits of the invalidation budget of the members that start from now on. The first value
    /// is 100, so that a test can revoke the tokens often.
    pub fn set_budget(&mut self, permits: u32) {
        self.setup.budget = permits;
    }

    /// Runs a new process that makes one call and ends.
    pub fn run_once(&mut self) -> Answers {
        let mut member = self.new_member(None);
        member.call(PATH, 1);
        let answers = member.answers();
        self.ended.extend(member.end());
        answers
    }

    /// The members.
    pub fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// Lets each member make a call, and does not wait for the answers.
    pub fn begin_calls(&mut self, path: &str) {
        self.members.iter_mut().for_each(|member| member.call(path, 1));
    }

    /// Waits for the answers of all members.
    pub fn answers(&mut self) -> Answers {
        let mut all = Answers::default();
        self.members.iter_mut().for_each(|member| all.add(member.answers()));
        all
    }

    /// Lets each member make a call, all at once.
    pub fn call(&mut self) -> Answers {
        self.call_to(PATH)
    }

    /// Lets each member make a call to a path, all at once.
    pub fn call_to(&mut self, path: &str) -> Answers {
        self.begin_calls(path);
        self.answers()
    }

    /// Waits until all members have sent a call, changes something, and waits for the answers. The
    /// members must have a token.
    pub fn call_during(&mut self, emulator: &Emulator, change: impl FnOnce()) -> Answers {
        let hold = waldo_emulator::Hold::calls();
        emulator.hold(hold.clone());
        self.begin_calls(PATH);
        let all_held = emulator.wait_until_held(self.members.len(), PATIENCE);
        assert!(all_held, "{} calls are held", emulator.stats().held);
        change();
        emulator.take_back(&hold);
        self.answers()
    }

    /// Keeps the journal of a member that has ended.
    pub fn bury(&mut self, journal: Vec<Entry>) {
        self.ended.extend(journal);
    }

    /// Ends all members, and returns the journals of all that ever were, in the order of time.
    pub fn end(mut self) -> Vec<Entry> {
        let mut journal = std::mem::take(&mut self.ended);
        for member in self.members.drain(..) {
            journal.extend(member.end());
        }
        journal.sort_by_key(|entry| (entry.at, entry.member, entry.number));
        journal
    }
}
