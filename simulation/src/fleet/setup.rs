//! The setup of a run of a fleet.

use std::time::Duration;

use waldo_test_driver::server::{Policy, Rotation};

use super::defect::Defect;

/// What a search can do to a fleet, besides the order of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// Exhaustive on purpose: a run must be able to inject each fault.
pub enum Fault {
    /// The store does not answer a read.
    ReadFails,
    /// The store fails before it has replaced the document.
    ReplaceFails,
    /// The store replaces the document, and its answer is lost.
    AnswerLost,
    /// The store has lost the document.
    DocumentLost,
    /// The document is cut in half.
    Truncated,
    /// A bit of the document is another one.
    Garbled,
    /// The document is replaced by one of another client secret.
    OtherSecret,
    /// An earlier document is back.
    Replayed,
    /// The store's clock is set an hour ahead.
    ClockAhead,
    /// The store's clock is set an hour back.
    ClockBack,
    /// A process is killed, and starts again.
    Killed,
    /// Everything takes half a minute longer, so that a lease ends.
    Delay,
    /// The server revokes all tokens.
    Revoked,
    /// The server gets a new signing key.
    NewSigningKey,
    /// The server rejects the key pair, until it accepts it again.
    KeyRejected,
    /// A login is answered 503.
    Unavailable,
    /// A login is granted, and its answer is lost.
    LoginCut,
}

impl Fault {
    /// The faults of the store.
    pub const STORE: &'static [Self] = &[
        Self::ReadFails,
        Self::ReplaceFails,
        Self::AnswerLost,
        Self::DocumentLost,
        Self::Truncated,
        Self::Garbled,
        Self::OtherSecret,
        Self::Replayed,
        Self::ClockAhead,
        Self::ClockBack,
    ];

    /// All faults.
    pub const ALL: &'static [Self] = &[
        Self::ReadFails,
        Self::ReplaceFails,
        Self::AnswerLost,
        Self::DocumentLost,
        Self::Truncated,
        Self::Garbled,
        Self::OtherSecret,
        Self::Replayed,
        Self::ClockAhead,
        Self::ClockBack,
        Self::Killed,
        Self::Delay,
        Self::Revoked,
        Self::NewSigningKey,
        Self::KeyRejected,
        Self::Unavailable,
        Self::LoginCut,
    ];

    /// The faults after which a fleet must be well again at once. They stand for all others of
    /// their kind in deep searches.
    pub const CORE: &'static [Self] = &[
        Self::ReadFails,
        Self::AnswerLost,
        Self::DocumentLost,
        Self::Replayed,
        Self::ClockBack,
        Self::Killed,
        Self::Delay,
        Self::Revoked,
        Self::Unavailable,
    ];
}

/// What a server does with the other tokens of a key pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Serving {
    /// Every token is good until its end.
    #[default]
    Lenient,
    /// A token is good for one use, because its successor replaces it.
    Strict,
    /// A login ends the tokens of all earlier logins.
    SingleSession,
}

/// The setup of a run: the processes, their calls, the server and the faults.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches, each with its name")]
pub struct Setup {
    /// The number of processes.
    pub processes: usize,
    /// How many calls each process makes at the same time.
    pub at_once: usize,
    /// How many calls follow each other.
    pub in_turn: u32,
    /// What the server does with other tokens.
    pub serving: Serving,
    /// The lifetime of a token.
    pub lifetime: Duration,
    /// Whether the server renews tokens.
    pub renews: bool,
    /// How long after its login a chain of renewals ends.
    pub chain_limit: Option<Duration>,
    /// Whether the processes have a store.
    pub has_store: bool,
    /// Every login is answered 503.
    pub is_down: bool,
    /// The store never answers.
    pub is_away: bool,
    /// The faults that may strike.
    pub faults: Vec<Fault>,
    /// How many faults may strike.
    pub budget: u32,
    /// A defect of the driver or of the store.
    pub defect: Option<Defect>,
}

impl Setup {
    /// Processes without a token, which make one call each.
    pub fn cold(processes: usize) -> Self {
        Self {
            processes,
            at_once: 1,
            in_turn: 1,
            serving: Serving::Lenient,
            lifetime: Duration::from_secs(60 * 60),
            renews: true,
            chain_limit: None,
            has_store: true,
            is_down: false,
            is_away: false,
            faults: Vec::new(),
            budget: 0,
            defect: None,
        }
    }

    /// Adds at most `budget` of these faults.
    #[must_use]
    pub fn with(self, budget: u32, faults: &[Fault]) -> Self {
        Self { budget, faults: faults.to_vec(), ..self }
    }

    /// Makes each process make so many calls in turn.
    #[must_use]
    pub fn in_turn(self, in_turn: u32) -> Self {
        Self { in_turn, ..self }
    }

    /// Changes the server.
    #[must_use]
    pub fn serving(self, serving: Serving) -> Self {
        Self { serving, ..self }
    }

    pub(super) fn policy(&self) -> Policy {
        let rotation = match self.serving {
            Serving::Strict => Rotation::Strict,
            Serving::Lenient | Serving::SingleSession => Rotation::Lenient,
        };
        let renewal = if self.renews {
            waldo_test_driver::server::RenewalForm::Bearer
        } else {
            waldo_test_driver::server::RenewalForm::None
        };
        Policy {
            rotation,
            renewal,
            lifetime: self.lifetime,
            chain_limit: self.chain_limit,
            ..Policy::default()
        }
    }
}
