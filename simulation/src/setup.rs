//! The setup of a run.

use std::time::Duration;

use crate::choices::Choices;
use waldo_test_driver::server::{
    ClockOffset, DateHeader, Echo, IssuedAt, Policy, RenewalForm, Rotation, Servers,
};

/// A fault that a simulation can inject, besides the order of events.
// Exhaustive on purpose: a simulation must be able to inject each fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InjectedFault {
    /// Time passes until a token's lifetime has ended, or has nearly ended.
    Expiry,
    /// The server forgets all tokens that it has issued.
    RevokedToken,
    /// The key is deactivated. It may be activated again at any later time.
    RevokedKey,
    /// A login gets an answer that says nothing about the key pair.
    LoginUnavailable,
    /// A connection is cut, before or after the server has handled the request.
    CutConnection,
    /// A call is dropped in any state, without a message. If the call leads a login, the login goes
    /// on, or is dropped too.
    CancelledCall,
    /// A login is dropped, for example with its runtime. Its guard abandons the login.
    AbandonedLogin,
    /// The machine sleeps: the monotonic clock stands still.
    Suspend,
    /// The local wall clock is set, forward or back.
    ClockStep,
    /// The user resets the session, to the other key pair or to the same one.
    Reset,
    /// The user invalidates the token.
    Invalidate,
    /// A request reaches the server twice, and the first answer is lost.
    Duplicate,
    /// A route answers a good token with a 401.
    RouteRefuses,
    /// A call is answered 500, with a renewed token.
    ErrorAnswer,
    /// An answer comes from another origin, with that origin's own token.
    ForeignAnswer,
    /// A good answer has a blank or malformed header in place of its renewed token.
    MalformedRenewal,
    /// A process stores its token, or resumes the stored token.
    SharedToken,
    /// Time passes.
    Delay,
    /// The connection breaks off during an upload, before the server has handled the call.
    BrokenUpload,
    /// A cache repeats a response, with a token that the client has given up.
    StaleRenewal,
}

impl InjectedFault {
    /// All faults.
    pub const ALL: &'static [Self] = &[
        Self::Expiry,
        Self::RevokedToken,
        Self::RevokedKey,
        Self::LoginUnavailable,
        Self::CutConnection,
        Self::CancelledCall,
        Self::AbandonedLogin,
        Self::Suspend,
        Self::ClockStep,
        Self::Reset,
        Self::Invalidate,
        Self::Duplicate,
        Self::RouteRefuses,
        Self::ErrorAnswer,
        Self::ForeignAnswer,
        Self::MalformedRenewal,
        Self::SharedToken,
        Self::Delay,
        Self::BrokenUpload,
        Self::StaleRenewal,
    ];

    /// The first ten faults, which every client must handle. The search tries all their
    /// combinations.
    pub const TEN: &'static [Self] = Self::ALL.split_at(10).0;
}

/// The kind of a call in a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kind {
    /// The process that makes the call, from 0.
    pub process: usize,
    /// Whether the body can be produced only once.
    pub one_shot: bool,
    /// The deadline of the call, as a time from its start.
    pub deadline: Option<Duration>,
    /// Whether the call goes to another origin.
    pub abroad: bool,
}

/// The setup of a run: the server, the calls and the faults.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The policy of the server.
    pub policy: Policy,
    /// The calls that come in, at any time and in any order.
    pub calls: Vec<Kind>,
    /// The number of processes. Each process has its own machine, and all processes share one
    /// store.
    pub processes: usize,
    /// The faults that may strike.
    pub faults: Vec<InjectedFault>,
    /// The number of faults that may strike.
    pub budget: u32,
    /// How long the server takes for each request.
    pub pace: Duration,
    /// The number of steps after which no new call comes in, no fault strikes, and the run ends. If
    /// it is more than zero, each ended call comes in again as a new call until then.
    pub steps: u64,
}

impl Setup {
    /// `count` equal calls of one process, without faults.
    pub fn calls(count: usize, rotation: Rotation) -> Self {
        Self {
            policy: Policy { rotation, ..Policy::default() },
            calls: vec![Kind::default(); count],
            processes: 1,
            faults: Vec::new(),
            budget: 0,
            pace: Duration::ZERO,
            steps: 0,
        }
    }

    /// Adds at most `budget` of these faults.
    #[must_use]
    pub fn with(self, budget: u32, faults: &[InjectedFault]) -> Self {
        Self { budget, faults: faults.to_vec(), ..self }
    }

    /// Sets how long the server takes for each request.
    #[must_use]
    pub fn at_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// A setup from the choices, for a long run in which any fault may strike.
    pub fn drawn(choices: &mut Choices, steps: u64) -> Self {
        let mut one_of = |options: usize| choices.pick(&vec![1; options]);
        let secs = Duration::from_secs;
        let rotation = [
            Rotation::Lenient,
            Rotation::Strict,
            Rotation::Grace(secs(10)),
            Rotation::Batch { window: secs(5), echo: Echo::Restamped },
            Rotation::Batch { window: secs(5), echo: Echo::Sent },
            Rotation::Batch { window: secs(5), echo: Echo::Blank },
        ];
        let lifetime = [secs(60 * 60), secs(20), secs(300), secs(24 * 60 * 60)];
        let offset = [
            ClockOffset::EXACT,
            ClockOffset::Ahead(secs(90)),
            ClockOffset::Behind(secs(90)),
            ClockOffset::Behind(secs(2 * 24 * 60 * 60)),
        ];
        let renewal = [
            RenewalForm::Bearer,
            RenewalForm::Bare,
            RenewalForm::Colon,
            RenewalForm::LowerCase,
            RenewalForm::Doubled,
            RenewalForm::None,
        ];
        let known_after = [0, 0, 0, 0, 0, 300, 1400, 3000].map(Duration::from_millis);
        let date = [DateHeader::Present, DateHeader::Absent, DateHeader::Aged(secs(600))];
        let policy = Policy {
            rotation: of(&rotation, &mut one_of).unwrap_or_default(),
            lifetime: of(&lifetime, &mut one_of).unwrap_or(secs(60)),
            clock_offset: of(&offset, &mut one_of).unwrap_or_default(),
            renewal: of(&renewal, &mut one_of).unwrap_or_default(),
            date: of(&date, &mut one_of).unwrap_or_default(),
            iat: if one_of(4) == 3 { IssuedAt::Login } else { IssuedAt::Minted },
            login_header: one_of(2) == 1,
            known_after: of(&known_after, &mut one_of).unwrap_or_default(),
            servers: if one_of(8) == 7 { Servers::ByTurns } else { Servers::Alike },
            ..Policy::default()
        };
        let processes = 1 + one_of(3);
        let calls = (0..6)
            .map(|call| Kind {
                process: call % processes,
                one_shot: one_of(4) == 3,
                deadline: (one_of(4) == 3).then_some(secs(10)),
                abroad: one_of(8) == 7,
            })
            .collect();
        let pace = [Duration::ZERO, Duration::from_millis(300), secs(1)];
        Self {
            policy,
            calls,
            processes,
            faults: InjectedFault::ALL.to_vec(),
            budget: u32::MAX,
            pace: of(&pace, &mut one_of).unwrap_or_default(),
            steps,
        }
    }
}

/// One of the options.
fn of<T: Copy>(options: &[T], one_of: &mut impl FnMut(usize) -> usize) -> Option<T> {
    options.get(one_of(options.len())).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Debug;

    use super::*;

    #[test]
    fn each_value_of_each_option_is_drawn() {
        let mut drawn = BTreeMap::<&str, BTreeSet<String>>::new();
        for seed in 0..100 {
            let setup = Setup::drawn(&mut Choices::seeded(seed), 7);
            let Policy { rotation, lifetime, clock_offset, renewal, date, iat, .. } = &setup.policy;
            let Policy { login_header, known_after, servers, .. } = &setup.policy;
            let options: [(_, &dyn Debug); 11] = [
                ("rotation", rotation),
                ("lifetime", lifetime),
                ("clock_offset", clock_offset),
                ("renewal", renewal),
                ("date", date),
                ("iat", iat),
                ("login_header", login_header),
                ("known_after", known_after),
                ("servers", servers),
                ("processes", &setup.processes),
                ("pace", &setup.pace),
            ];
            let of_calls =
                setup.calls.iter().flat_map(|Kind { process, one_shot, deadline, abroad }| {
                    let options: [(_, &dyn Debug); 4] = [
                        ("process", process),
                        ("one_shot", one_shot),
                        ("deadline", deadline),
                        ("abroad", abroad),
                    ];
                    options
                });
            for (name, value) in options.into_iter().chain(of_calls) {
                drawn.entry(name).or_default().insert(format!("{value:?}"));
            }
            let called: BTreeSet<_> = setup.calls.iter().map(|call| call.process).collect();
            assert!(called.into_iter().eq(0..setup.processes), "seed {seed}: {:?}", setup.calls);
            assert_eq!((setup.calls.len(), setup.steps, setup.budget), (6, 7, u32::MAX));
            assert_eq!(setup.faults, InjectedFault::ALL);
        }
        let counts: Vec<_> = drawn.iter().map(|(name, values)| (*name, values.len())).collect();
        let expected = [
            ("abroad", 2),
            ("clock_offset", 4),
            ("date", 3),
            ("deadline", 2),
            ("iat", 2),
            ("known_after", 4),
            ("lifetime", 4),
            ("login_header", 2),
            ("one_shot", 2),
            ("pace", 3),
            ("process", 3),
            ("processes", 3),
            ("renewal", 6),
            ("rotation", 6),
            ("servers", 2),
        ];
        assert_eq!(counts, expected, "{drawn:#?}");
    }
}
