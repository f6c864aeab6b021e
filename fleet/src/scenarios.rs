//! What happens to a fleet, and what it costs.

use waldo_emulator::model::{Answer, Fault, Server};
use waldo_emulator::{Emulator, Hold};

use crate::fleet::{Fleet, PATH, PATIENCE};
use crate::line::{Answers, Stage};

/// What a scenario has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Granted logins.
    pub logins: u64,
    /// Logins that the server rejected.
    pub rejected: u64,
    /// The largest number of logins that were under way at once.
    pub at_once: usize,
    /// Calls that were answered 401 on the wire.
    pub unauthorized: u64,
    /// The results of the calls.
    pub answers: Answers,
}

impl Outcome {
    /// Runs a scenario and counts.
    pub fn of(emulator: &Emulator, run: impl FnOnce() -> Answers) -> Self {
        emulator.reset_stats();
        let answers = run();
        let stats = emulator.stats();
        Self {
            logins: stats.server.logins_granted,
            rejected: stats.server.logins_refused.values().sum(),
            at_once: stats.most_logins_at_once,
            unauthorized: stats.server.calls_unauthorized,
            answers,
        }
    }
}

/// The first call of each member, all at once.
pub fn cold_start(fleet: &mut Fleet, emulator: &Emulator) -> Outcome {
    Outcome::of(emulator, || fleet.call())
}

/// All tokens end while a call of each member is under way.
pub fn revocation(fleet: &mut Fleet, emulator: &Emulator) -> Outcome {
    Outcome::of(emulator, || fleet.call_during(emulator, || emulator.expire_all()))
}

/// The key is revoked, and all its tokens end, while a call of each member is under way.
pub fn revoked_key(fleet: &mut Fleet, emulator: &Emulator) -> Outcome {
    Outcome::of(emulator, || {
        fleet.call_during(emulator, || {
            emulator.expire_all();
            emulator.revoke_key(Server::KEY_ID);
        })
    })
}

/// Processes that start, make one call and end, one after the other.
pub fn short_runs(fleet: &mut Fleet, emulator: &Emulator, runs: u32) -> Outcome {
    Outcome::of(emulator, || {
        let mut all = Answers::default();
        (0..runs).for_each(|_| all.add(fleet.run_once()));
        all
    })
}

/// Each member calls a route that always answers 401, again and again.
pub fn always_unauthorized(fleet: &mut Fleet, emulator: &Emulator, rounds: u32) -> Outcome {
    const ROUTE: &str = "/customer/forbidden";
    emulator.push_fault(Fault::call(Answer::status(401)).on_path(ROUTE).forever());
    let outcome = Outcome::of(emulator, || {
        let mut all = Answers::default();
        (0..rounds).for_each(|_| all.add(fleet.call_to(ROUTE)));
        all
    });
    emulator.clear_faults();
    outcome
}

/// When the leader of a login is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The leader has the lease, and has not sent its login.
    Leased,
    /// The server has not read the login.
    Sent,
    /// The server has granted the login, and the answer has not arrived.
    Answered,
    /// The leader has the token, and has not told the store.
    Granted,
    /// The leader has told the store.
    Told,
}

impl Death {
    /// All of them, in their order.
    pub const ALL: [Self; 5] =
        [Self::Leased, Self::Sent, Self::Answered, Self::Granted, Self::Told];

    /// The logins that the fleet makes, with that of the killed leader.
    pub fn logins(self) -> u64 {
        match self {
            Self::Leased | Self::Sent | Self::Told => 1,
            Self::Answered | Self::Granted => 2,
        }
    }

    fn stage(self) -> Option<Stage> {
        match self {
            Self::Leased => Some(Stage::Leased),
            Self::Sent | Self::Answered => None,
            Self::Granted => Some(Stage::Granted),
            Self::Told => Some(Stage::Told),
        }
    }

    fn hold(self) -> Option<Hold> {
        match self {
            Self::Sent => Some(Hold::logins()),
            Self::Answered => Some(Hold::logins().after_handling()),
            Self::Leased | Self::Granted | Self::Told => None,
        }
    }
}

/// All tokens end, and the member that logs in is killed.
pub fn killed_leader(fleet: &mut Fleet, emulator: &Emulator, death: Death) -> Outcome {
    let mut leader = fleet.new_member(death.stage());
    leader.ready();
    leader.call(PATH, 1);
    assert_eq!(leader.answers().failed(), 0);
    Outcome::of(emulator, || {
        emulator.expire_all();
        if let Some(hold) = death.hold() {
            emulator.hold(hold);
        }
        leader.call(PATH, 1);
        if death.hold().is_some() {
            assert!(emulator.wait_until_held(1, PATIENCE), "{:?}", emulator.stats());
        } else {
            leader.wait_until_stopped();
        }
        if death != Death::Told {
            // One member waits for this leader already.
            let first = fleet.members().first_mut().expect("a fleet has members");
            first.call(PATH, 1);
            first.wait_for_event("login_postponed");
        }
        let abandoned = emulator.abandoned();
        fleet.bury(leader.kill());
        if let Some(hold) = death.hold() {
            assert!(emulator.wait_until_abandoned(abandoned + 1, PATIENCE));
            emulator.take_back(&hold);
        }
        let waiting = usize::from(death != Death::Told);
        fleet.members().iter_mut().skip(waiting).for_each(|member| member.call(PATH, 1));
        fleet.answers()
    })
}
