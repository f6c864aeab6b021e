//! What may happen to a session: calls, responses, outcomes of logins, and orders of the user.
//!
//! A permit (`Call`, `Attempt`, `Login`) is possible in a state if the session may have given it
//! out. The session keeps no list of permits, so each step takes one permit. A permit stays
//! possible while other permits are used, because the counters of a session never fall.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::state::{Gate, LOGINS, State, at, date, failed_logins_before, rejection, wall};
use super::tokens::{Offer, Tokens};
use crate::call::{Arrival, Attempt, Body, Call, Upload};
use crate::failure::{Reason, Unavailable};
use crate::login::{Grant, Login, Outcome};
use crate::session::Session;
use crate::shared_failure::{Cause, SharedFailure};
use crate::snapshot::Snapshot;
use crate::time::Now;
use crate::wire::Claims;

/// A call, in the words of the rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) one_shot: bool,
    /// In how many milliseconds its deadline is.
    pub(super) deadline: Option<i64>,
    pub(super) arrival: Option<Came>,
    pub(super) resent_with_newer: bool,
    pub(super) resent_after_login: bool,
    /// How many generations ago its upload broke off.
    pub(super) broke_off: Option<u64>,
}

/// When a call came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    /// How many epochs ago.
    pub(super) epochs: u64,
    /// How many failed logins ago.
    pub(super) failures: usize,
}

impl Caller {
    /// A call that has just come in.
    pub(super) const FRESH: Self = Self {
        one_shot: false,
        deadline: None,
        arrival: None,
        resent_with_newer: false,
        resent_after_login: false,
        broke_off: None,
    };

    /// Every call that may ask what to do.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for one_shot in [false, true] {
            for deadline in [None, Some(-1), Some(0), Some(200), Some(100_000)] {
                all.push(Self { one_shot, deadline, ..Self::FRESH });
                for (epochs, failures) in [(0, 0), (0, 1), (0, 3), (1, 0), (1, 2), (1, 3)] {
                    let arrival = Some(Came { epochs, failures });
                    let came = Self { one_shot, deadline, arrival, ..Self::FRESH };
                    all.push(came);
                    // Only a broken upload asks which resends are left.
                    for broke_off in [Some(0), Some(1)] {
                        all.extend(RESENDS.map(|(resent_with_newer, resent_after_login)| Self {
                            resent_with_newer,
                            resent_after_login,
                            broke_off,
                            ..came
                        }));
                    }
                }
            }
        }
        all
    }

    pub(super) fn is_possible(self, state: &State) -> bool {
        let (generation, epoch) = (state.past.generation, state.past.epoch);
        self.arrival.is_none_or(|came| came.epochs <= epoch)
            && self.broke_off.is_none_or(|ago| ago < generation)
    }

    /// The generation with which its upload broke off; 0 if no upload broke off.
    pub(super) fn broke_off_with(self, state: &State) -> u64 {
        self.broke_off.map_or(0, |ago| state.past.generation - ago)
    }

    pub(super) fn call(self, state: &State) -> Call {
        Call {
            body: if self.one_shot { Body::OneShot } else { Body::Replayable },
            deadline: self.deadline.map(at),
            arrival: self.arrival.map(|came| Arrival {
                epoch: state.past.epoch - came.epochs,
                failed_logins: failed_logins_before(came.failures),
            }),
            resent_with_newer: self.resent_with_newer,
            resent_after_login: self.resent_after_login,
            waited_for: self.arrival.map_or(0, |came| came.failures as u64),
            broke_off: self.broke_off_with(state),
        }
    }
}

const RESENDS: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

/// An attempt, in the words of the rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// How many generations and epochs ago its token was new.
    pub(super) generations: u64,
    pub(super) epochs: u64,
    pub(super) caller: Caller,
    pub(super) untouched: bool,
    pub(super) upload: Upload,
}

impl Sent {
    /// The tokens that an attempt may carry: the newest one, an earlier one of this epoch, one of
    /// an earlier epoch, and the newest one after the epoch has ended.
    pub(super) const TOKENS: [(u64, u64); 4] = [(0, 0), (1, 0), (1, 1), (0, 1)];

    /// One attempt for each token: enough for responses that say nothing about the call.
    pub(super) fn plain() -> Vec<Self> {
        let caller = Caller { arrival: Some(Came { epochs: 1, failures: 0 }), ..Caller::FRESH };
        let upload = Upload::Send;
        Self::TOKENS
            .map(|(generations, epochs)| Self {
                generations,
                epochs,
                caller,
                untouched: false,
                upload,
            })
            .to_vec()
    }

    /// Every attempt that may be refused or break off.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (generations, epochs) in Self::TOKENS {
            for (one_shot, untouched) in [(false, false), (true, false), (true, true)] {
                for ((resent_with_newer, resent_after_login), came) in
                    RESENDS.into_iter().flat_map(|resends| [(resends, 0), (resends, 1)])
                {
                    for (broke_off, upload) in [
                        (None, Upload::Send),
                        (None, Upload::ExpectContinue),
                        (Some(0), Upload::HeadOnly),
                    ] {
                        let arrival = Some(Came { epochs: came, failures: 0 });
                        let caller = Caller {
                            one_shot,
                            deadline: None,
                            arrival,
                            resent_with_newer,
                            resent_after_login,
                            broke_off,
                        };
                        all.push(Self { generations, epochs, caller, untouched, upload });
                    }
                }
            }
        }
        all
    }

    /// Whether a session may have sent this token: its last token is of the present epoch, unless
    /// the epoch has ended.
    pub(super) fn is_possible(self, state: &State) -> bool {
        let (generation, epoch) = (state.past.generation, state.past.epoch);
        let is_of_epoch = if state.has_ended_epoch() {
            self.epochs > 0
        } else {
            self.epochs == 0 || self.generations > 0
        };
        self.generations < generation
            && self.epochs < epoch
            && is_of_epoch
            && self.caller.is_possible(state)
    }

    pub(super) fn generation(self, state: &State) -> u64 {
        state.past.generation - self.generations
    }

    pub(super) fn attempt(self, state: &State, session: &Session) -> Attempt {
        Attempt {
            call: self.caller.call(state),
            session: session.number,
            generation: self.generation(state),
            epoch: state.past.epoch - self.epochs,
            sent: Now { monotonic: at(-5000), wall: wall(-5000) },
            untouched: self.untouched,
            upload: self.upload,
        }
    }
}

/// A login, in the words of the rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Led {
    /// Whether another login has started since.
    pub(super) overtaken: bool,
    /// How many epochs and generations ago it started.
    pub(super) epochs: u64,
    pub(super) generations: u64,
}

impl Led {
    pub(super) fn all() -> Vec<Self> {
        let since = [(0, 0), (0, 1), (1, 0), (1, 1)];
        [false, true]
            .into_iter()
            .flat_map(|overtaken| {
                since.map(|(epochs, generations)| Self { overtaken, epochs, generations })
            })
            .collect()
    }

    pub(super) fn is_possible(self, state: &State) -> bool {
        // The outcome of the last login is what blocks the next one. So nothing blocks the next
        // login while the last one has no outcome.
        let has_no_outcome =
            self.overtaken || state.logins.lease.is_some() || state.logins.gate == Gate::Free;
        self.epochs <= state.past.epoch
            && self.generations <= state.past.generation
            && has_no_outcome
    }

    /// Whether calls wait for this login.
    pub(super) fn is_current(self, state: &State) -> bool {
        !self.overtaken && state.logins.lease.is_some()
    }

    /// Whether a token, a reset, an invalidation or a renewal has come since.
    pub(super) fn is_outdated(self, state: &State) -> bool {
        self.epochs > 0 || (state.held.is_some() && self.generations > 0)
    }

    pub(super) fn login(self, state: &State, session: &Session) -> Login {
        let left = state.logins.lease.filter(|_| !self.overtaken).unwrap_or(-1000);
        let config = &session.config;
        Login {
            number: LOGINS - u64::from(self.overtaken),
            epoch: state.past.epoch - self.epochs,
            generation: state.past.generation - self.generations,
            sent: Now { monotonic: at(left - 30_000), wall: wall(left - 30_000) },
            expires_at: at(left),
            session: session.number,
            uri: config.login_uri.clone(),
            credentials: Arc::clone(&config.credentials),
            retry_after_cap: config.limits.retry_after_cap,
            verify: false,
        }
    }
}

/// How a login ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Granted(Offer),
    /// The token had ended when it came.
    Dead,
    /// The answer belongs to another login.
    MixedUp,
    Rejected,
    /// The server asks for so many seconds.
    Unavailable(Option<u64>),
    /// Another session has failed three times in a row; whether it was rejected.
    FailedElsewhere(bool),
    Abandoned,
}

impl End {
    pub(super) const ALL: [Self; 12] = [
        Self::Granted(Offer::Newer),
        Self::Granted(Offer::Older),
        Self::Granted(Offer::NoExp),
        Self::Granted(Offer::GivenUp),
        Self::Dead,
        Self::MixedUp,
        Self::Rejected,
        Self::Unavailable(None),
        Self::Unavailable(Some(100)),
        Self::FailedElsewhere(false),
        Self::FailedElsewhere(true),
        Self::Abandoned,
    ];

    pub(super) fn outcome(self, login: &Login, header: impl Fn(Offer) -> HeaderValue) -> Outcome {
        let grant = |offer: Offer, number, claims| {
            Outcome::Granted(Grant {
                login: number,
                session: login.session,
                header: header(offer),
                claims,
                date: None,
            })
        };
        let claims = |offer: Offer| {
            let exp = offer.exp(None).map(date);
            Claims { exp, iat: exp.map(|_| date(1)) }
        };
        match self {
            Self::Granted(offer) => grant(offer, login.number, claims(offer)),
            Self::Dead => {
                let claims = Claims { exp: Some(date(1005)), iat: Some(date(1000)) };
                grant(Offer::Newer, login.number, claims)
            }
            Self::MixedUp => grant(Offer::Newer, login.number + 1, claims(Offer::Newer)),
            Self::Rejected => Outcome::Rejected(rejection()),
            Self::Unavailable(asked) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let failure = Unavailable::new(Reason::Status(status));
                Outcome::Unavailable(failure.with_retry_after(asked.map(Duration::from_secs)))
            }
            Self::FailedElsewhere(rejected) => {
                let cause = if rejected {
                    Cause::Rejected(rejection())
                } else {
                    Cause::Unavailable(Reason::Timeout)
                };
                let wait = Duration::from_secs(10);
                Outcome::FailedElsewhere(SharedFailure { cause, in_a_row: 3, wait })
            }
            Self::Abandoned => Outcome::Abandoned,
        }
    }
}

/// A stored token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) offer: Offer,
    /// How much of its hour is left, in milliseconds.
    pub(super) left: i64,
    /// Whether it belongs to this key pair.
    pub(super) own: bool,
}

impl Stored {
    pub(super) fn all() -> Vec<Self> {
        let offers = [Offer::Same, Offer::GivenUp, Offer::Newer];
        // The clock of the machine that stored the last one goes two minutes ahead.
        let left = [3000, 3001, 250_000, 300_001, 300_002, 3_600_000, 3_720_000];
        offers
            .into_iter()
            .flat_map(|offer| left.map(|left| Self { offer, left, own: true }))
            .chain([Self { offer: Offer::Newer, left: 3_600_000, own: false }])
            .collect()
    }

    pub(super) fn snapshot(self, state: &State, session: &Session, tokens: &Tokens) -> Snapshot {
        let header = tokens.offer(state, self.offer).to_str().unwrap();
        let config = &session.config;
        Snapshot {
            origin: config.origin.clone(),
            key: config.credentials.fingerprint() ^ u64::from(!self.own),
            token: header.trim_start_matches("Bearer ").to_owned(),
            began: wall(self.left - 3_600_000),
            lifetime: Duration::from_secs(3600),
        }
    }
}

/// One input.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Call(Caller),
    /// A call whose request goes to another origin.
    ForeignCall(Caller),
    Response(Sent, super::tokens::Response),
    BreakOff(Sent),
    Login(Led, End),
    /// Whether the key pair is another one.
    Reset(bool),
    /// How many generations ago the token was new.
    Invalidate(u64),
    Resume(Stored),
    /// An attempt and a login of another session.
    OtherSession,
}
