//! The events, and how likely they are.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use waldo_auth_core::Ignored;

use crate::fixture::{millis, secs};
use crate::reference::{Landmark, Nanos};

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A call comes in, perhaps with a deadline.
    Call {
        one_shot: bool,
        deadline: Option<Moment>,
    },
    /// A call whose answer was to wait, to log in or to try again asks again.
    Again(Index),
    /// The answer to an attempt comes in.
    Answered(Index, Response),
    /// The upload of an attempt breaks off.
    BrokeOff(Index),
    /// An attempt, or a leader, is never heard of again.
    Lost(Index),
    /// A login ends.
    Settled(Index, LoginAnswer),
    /// Time passes until then.
    Passes(Moment),
    /// Time passes until the deadline of a call, which asks again.
    PassesToDeadline(Index, Nudge),
    /// The wall clock alone is moved: forward when the machine has slept, either way when somebody
    /// sets it.
    WallMoves {
        forward: bool,
        by: Duration,
    },
    Stored,
    Resumed(Index),
    /// The key pair is replaced: by itself, by one with another secret, by another key's.
    Reset(u8),
    Invalidated,
}

/// A moment ahead.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    In(Duration),
    /// Where something changes, if that is ahead.
    Near(Landmark, Nudge),
}

/// A nanosecond before, exactly then, or one after.
#[derive(Clone, Copy, Debug)]
pub(super) enum Nudge {
    JustBefore,
    At,
    JustAfter,
}

impl Nudge {
    pub(super) fn apply(self, ahead: Nanos) -> Nanos {
        match self {
            Self::JustBefore => ahead - 1,
            Self::At => ahead,
            Self::JustAfter => ahead + 1,
        }
    }
}

/// The answer to an attempt.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) renewals: Vec<Value>,
    pub(super) date: Stamp,
    /// It came from another origin.
    pub(super) foreign: bool,
    /// The body of a one-shot call was not touched.
    pub(super) untouched: bool,
}

/// What stands in an `Authorization` header.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Fresh(Claims),
    /// A token that was issued before.
    Old(Index),
    Sent,
    Malformed(&'static str, Ignored),
}

/// The claims of a token: how far its `exp` is ahead of the server's clock, and its `iat` behind,
/// in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claims {
    pub(super) exp: Option<i64>,
    pub(super) iat: Option<i64>,
}

/// How a response tells its time, in seconds after the server's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stamp {
    Absent,
    Date(i64),
    /// As a cache would answer.
    Aged(i64),
}

#[derive(Clone, Debug)]
pub(super) enum LoginAnswer {
    Granted(Claims, Stamp),
    Rejected,
    Busy(u16),
    Down,
    GivenUp,
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let index = any::<Index>;
    let deadline = prop_oneof![3 => Just(None), 1 => moment().prop_map(Some)];
    prop_oneof![
        15 => (prop::bool::weighted(0.3), deadline).prop_map(|(one_shot, deadline)| Event::Call { one_shot, deadline }),
        20 => index().prop_map(Event::Again),
        25 => (index(), response()).prop_map(|(index, response)| Event::Answered(index, response)),
        4 => index().prop_map(Event::BrokeOff),
        2 => index().prop_map(Event::Lost),
        15 => (index(), login_answer()).prop_map(|(index, answer)| Event::Settled(index, answer)),
        18 => moment().prop_map(Event::Passes),
        3 => (index(), nudge()).prop_map(|(index, nudge)| Event::PassesToDeadline(index, nudge)),
        1 => (any::<bool>(), span()).prop_map(|(forward, by)| Event::WallMoves { forward, by }),
        2 => Just(Event::Stored),
        3 => index().prop_map(Event::Resumed),
        1 => select(vec![0, 0, 1, 2]).prop_map(Event::Reset),
        1 => Just(Event::Invalidated),
    ]
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..2000_u64).prop_map(millis),
        (0..90_u64).prop_map(secs),
        (0..8000_u64).prop_map(secs)
    ]
}

fn moment() -> impl Strategy<Value = Moment> {
    let landmark = select(vec![
        Landmark::LoginMayStart,
        Landmark::LoginMayStart,
        Landmark::LeaseLapses,
        Landmark::MarginBegins,
        Landmark::OneShotMarginBegins,
        Landmark::TwilightBegins,
        Landmark::LifeEnds,
        Landmark::CoinComes,
        Landmark::GraceEnds,
        Landmark::ReserveOpens,
    ]);
    prop_oneof![
        1 => span().prop_map(Moment::In),
        2 => (landmark, nudge()).prop_map(|(landmark, nudge)| Moment::Near(landmark, nudge)),
    ]
}

fn nudge() -> impl Strategy<Value = Nudge> {
    select(vec![Nudge::JustBefore, Nudge::At, Nudge::At, Nudge::JustAfter])
}

fn claims() -> impl Strategy<Value = Claims> {
    let exp = prop_oneof![
        6 => select(vec![3600, 3600, 3601, 3599, 7200, 86_400, 300, 60, 30, 5, 3]).prop_map(Some),
        1 => (-10..100_000_i64).prop_map(Some),
        1 => Just(None),
    ];
    let iat = prop_oneof![3 => Just(Some(0)), 1 => (-5..4000_i64).prop_map(Some), 1 => Just(None)];
    (exp, iat).prop_map(|(exp, iat)| Claims { exp, iat })
}

fn stamp() -> impl Strategy<Value = Stamp> {
    prop_oneof![
        3 => Just(Stamp::Date(0)),
        1 => (-60..60_i64).prop_map(Stamp::Date),
        1 => (-60..60_i64).prop_map(Stamp::Aged),
        1 => Just(Stamp::Absent),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    let value = prop_oneof![
        6 => claims().prop_map(Value::Fresh),
        2 => any::<Index>().prop_map(Value::Old),
        1 => Just(Value::Sent),
        1 => select(vec![
            Value::Malformed("", Ignored::Blank),
            Value::Malformed("Bearer", Ignored::Blank),
            Value::Malformed("from scheme response function", Ignored::NotJwt),
        ]),
    ];
    let status = select(vec![200, 200, 200, 200, 201, 299, 302, 400, 401, 401, 401, 403, 503]);
    (status, vec(value, 0..3), stamp(), prop::bool::weighted(0.03), prop::bool::weighted(0.2))
        .prop_map(|(status, renewals, date, foreign, untouched)| Response {
            status,
            renewals,
            date,
            foreign,
            untouched,
        })
}

fn login_answer() -> impl Strategy<Value = LoginAnswer> {
    prop_oneof![
        6 => (claims(), stamp()).prop_map(|(claims, stamp)| LoginAnswer::Granted(claims, stamp)),
        2 => Just(LoginAnswer::Rejected),
        2 => select(vec![0, 1, 5, 20, 40, 3599, 3600, 3601, u16::MAX]).prop_map(LoginAnswer::Busy),
        2 => Just(LoginAnswer::Down),
        2 => Just(LoginAnswer::GivenUp),
    ]
}
