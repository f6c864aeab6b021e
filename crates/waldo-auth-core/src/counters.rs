//! The numbers of a session: how often each event has happened.

use crate::failure::Refusal;
use crate::journal::{Challenge, Event};
use crate::store::StoreAnswer;

/// How often each event of a session has happened, since the session was made.
///
/// The journal forgets old entries, and the counters do not. A counter never decreases, and stays
/// at `u64::MAX` instead of an overflow. [`reset`](crate::Session::reset) does not change the
/// earlier counts.
///
/// The usual call is not counted: it is sent with the held token, and its response repeats that
/// token. So the counters cost the usual call nothing.
///
/// ```
/// # use waldo_auth_core::{Config, Credentials, Session};
/// # let config = Config::builder("https://api.waldo.ai", Credentials::new("k", "s")?).build()?;
/// let session = Session::new(config);
/// assert_eq!(session.counters().logins_granted, 0);
/// for point in session.counters().data_points() {
///     println!("{} {:?} {}", point.name, point.attribute, point.value);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Logins that have started.
    pub logins_started: u64,
    /// Logins whose token is held.
    pub logins_granted: u64,
    /// Logins that the server rejected. Each of them has opened the circuit.
    pub logins_rejected: u64,
    /// Logins that brought no usable token, for example because the server did not answer.
    pub logins_unavailable: u64,
    /// Logins that their leader abandoned before the answer came.
    pub logins_abandoned: u64,
    /// Logins that were not needed, because a stored token came first.
    pub logins_spared: u64,
    /// Logins whose lease has expired. If the answer comes later, the login may count as granted or
    /// unavailable too.
    pub logins_expired: u64,
    /// Logins that were not sent, because another session of the fleet had failed to log in.
    pub logins_failed_elsewhere: u64,
    /// Renewed tokens that were held.
    pub renewals: u64,
    /// Stored tokens that were held.
    pub resumptions: u64,
    /// 401s that dropped the held token.
    pub challenges_dropped: u64,
    /// 401s to a token that a newer token had replaced.
    pub challenges_newer_held: u64,
    /// 401s to a token that had come straight from a login. The route is at fault, and the token
    /// stays.
    pub challenges_fresh_from_login: u64,
    /// 401s that came while no token was held.
    pub challenges_nothing_held: u64,
    /// 401s to a token that the server has never accepted, and that stays for now.
    pub challenges_not_accepted: u64,
    /// Drops for which the invalidation budget had no permit: after a 401, after a second upload
    /// that broke off, or by [`invalidate`](crate::Session::invalidate). The token stays.
    pub drops_throttled: u64,
    /// Uploads that broke off without a response.
    pub uploads_broken_off: u64,
    /// Doubtful tokens that were dropped after a second upload had broken off.
    pub doubtful_dropped: u64,
    /// Tokens that were given up by [`invalidate`](crate::Session::invalidate).
    pub invalidations: u64,
    /// Calls of [`reset`](crate::Session::reset).
    pub resets: u64,
    /// Tokens, responses and outcomes that were ignored.
    pub ignored: u64,
    /// Calls that have waited for a login of another call. A call that waits for two logins counts
    /// twice.
    pub waits_for_login: u64,
    /// Answers of [`admit`](crate::Session::admit) that let a call wait for the end of a backoff. A
    /// call that is woken earlier and waits again counts again.
    pub waits_for_backoff: u64,
    /// Calls that were refused because the server had rejected the key pair.
    pub refusals_rejected: u64,
    /// Calls that were refused because they had waited for the maximum number of failed logins.
    pub refusals_unavailable: u64,
    /// Calls that were refused because their deadline came before a login could bring a token.
    pub refusals_deadline: u64,
    /// Questions to the store before a login that were answered with a token.
    pub store_asks_token: u64,
    /// Questions to the store that were answered with the lease: this session logs in for all.
    pub store_asks_lease: u64,
    /// Questions to the store that found the lease of another session. A login that asks several
    /// times counts each time.
    pub store_asks_busy: u64,
    /// Questions to the store that found a failed login, whose delay has not ended.
    pub store_asks_failure: u64,
    /// Questions to the store while sharing does harm.
    pub store_asks_private: u64,
    /// Documents that were written to the store after a login or a renewal.
    pub store_writes: u64,
    /// Documents that another program had replaced first. The session has then read the new one.
    pub store_conflicts: u64,
    /// Requests to the store that failed.
    pub store_errors: u64,
}

/// One number of [`Counters`] for an exporter: the value of a counter with a name and an attribute.
///
/// The names and the attributes follow the conventions of OpenTelemetry. They are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataPoint {
    /// The name of the counter, for example `waldo.auth.logins`. Several numbers share one name if
    /// their attributes differ.
    pub name: &'static str,
    /// The key and the value of the attribute, for example `("outcome", "granted")`.
    pub attribute: Option<(&'static str, &'static str)>,
    /// The present value.
    pub value: u64,
}

impl Counters {
    /// All numbers with their names, always in the same order.
    pub fn data_points(&self) -> impl Iterator<Item = DataPoint> + use<> {
        // Name each field, so that the compiler reports a new field that has no name here.
        let Self {
            logins_started,
            logins_granted,
            logins_rejected,
            logins_unavailable,
            logins_abandoned,
            logins_spared,
            logins_expired,
            logins_failed_elsewhere,
            renewals,
            resumptions,
            challenges_dropped,
            challenges_newer_held,
            challenges_fresh_from_login,
            challenges_nothing_held,
            challenges_not_accepted,
            drops_throttled,
            uploads_broken_off,
            doubtful_dropped,
            invalidations,
            resets,
            ignored,
            waits_for_login,
            waits_for_backoff,
            refusals_rejected,
            refusals_unavailable,
            refusals_deadline,
            store_asks_token,
            store_asks_lease,
            store_asks_busy,
            store_asks_failure,
            store_asks_private,
            store_writes,
            store_conflicts,
            store_errors,
        } = *self;
        let plain = |name, value| DataPoint { name, attribute: None, value };
        let with = |name, key, of, value| DataPoint { name, attribute: Some((key, of)), value };
        let login = |outcome, value| with("waldo.auth.logins", "outcome", outcome, value);
        let challenge = |outcome, value| with("waldo.auth.challenges", "outcome", outcome, value);
        let wait = |reason, value| with("waldo.auth.waits", "reason", reason, value);
        let refusal = |reason, value| with("waldo.auth.refusals", "reason", reason, value);
        let store_ask = |result, value| with("waldo.auth.store.asks", "result", result, value);
        [
            plain("waldo.auth.logins_started", logins_started),
            login("granted", logins_granted),
            login("rejected", logins_rejected),
            login("unavailable", logins_unavailable),
            login("abandoned", logins_abandoned),
            login("spared", logins_spared),
            login("expired", logins_expired),
            login("failed_elsewhere", logins_failed_elsewhere),
            plain("waldo.auth.renewals", renewals),
            plain("waldo.auth.resumptions", resumptions),
            challenge("dropped", challenges_dropped),
            challenge("newer_held", challenges_newer_held),
            challenge("fresh_from_login", challenges_fresh_from_login),
            challenge("nothing_held", challenges_nothing_held),
            challenge("not_accepted", challenges_not_accepted),
            plain("waldo.auth.drops_throttled", drops_throttled),
            plain("waldo.auth.uploads_broken_off", uploads_broken_off),
            plain("waldo.auth.doubtful_dropped", doubtful_dropped),
            plain("waldo.auth.invalidations", invalidations),
            plain("waldo.auth.resets", resets),
            plain("waldo.auth.ignored", ignored),
            wait("login", waits_for_login),
            wait("backoff", waits_for_backoff),
            refusal("rejected", refusals_rejected),
            refusal("unavailable", refusals_unavailable),
            refusal("deadline", refusals_deadline),
            store_ask("token", store_asks_token),
            store_ask("lease", store_asks_lease),
            store_ask("busy", store_asks_busy),
            store_ask("failure", store_asks_failure),
            store_ask("private", store_asks_private),
            plain("waldo.auth.store.writes", store_writes),
            plain("waldo.auth.store.conflicts", store_conflicts),
            plain("waldo.auth.store.errors", store_errors),
        ]
        .into_iter()
    }

    pub(crate) fn count(&mut self, event: &Event) {
        let counter = match event {
            Event::LoginStarted { .. } => &mut self.logins_started,
            Event::LoginGranted { .. } => &mut self.logins_granted,
            Event::LoginRejected { .. } => &mut self.logins_rejected,
            Event::LoginUnavailable { .. } => &mut self.logins_unavailable,
            Event::LoginAbandoned { .. } => &mut self.logins_abandoned,
            Event::LoginSpared { .. } => &mut self.logins_spared,
            Event::LeaseExpired { .. } => &mut self.logins_expired,
            Event::Renewed { .. } => &mut self.renewals,
            Event::Resumed { .. } => &mut self.resumptions,
            Event::Challenged { outcome, .. } => match outcome {
                Challenge::Dropped => &mut self.challenges_dropped,
                Challenge::NewerHeld => &mut self.challenges_newer_held,
                Challenge::FreshFromLogin => &mut self.challenges_fresh_from_login,
                Challenge::NothingHeld => &mut self.challenges_nothing_held,
                Challenge::NotAccepted => &mut self.challenges_not_accepted,
            },
            Event::Throttled { .. } => &mut self.drops_throttled,
            Event::UploadBrokeOff { .. } => &mut self.uploads_broken_off,
            Event::DoubtfulDropped { .. } => &mut self.doubtful_dropped,
            Event::Invalidated => &mut self.invalidations,
            Event::Reset => &mut self.resets,
            Event::Ignored { .. } => &mut self.ignored,
            Event::Coalesced { .. } => &mut self.waits_for_login,
            Event::LoginFailedElsewhere { .. } => &mut self.logins_failed_elsewhere,
            // `CircuitOpened` comes with each rejection. `Accepted` says how the evidence changes.
            // The store has counters of its own.
            Event::CircuitOpened { .. }
            | Event::Accepted { .. }
            | Event::LoginPostponed { .. }
            | Event::FailuresAdopted { .. }
            | Event::BudgetShared { .. }
            | Event::StoreAway { .. }
            | Event::StoreBack
            | Event::StoreUnreadable
            | Event::SharingHarmful
            | Event::SingleSession => return,
        };
        increment(counter);
    }

    pub(crate) fn count_backoff(&mut self) {
        increment(&mut self.waits_for_backoff);
    }

    pub(crate) fn count_refusal(&mut self, refusal: &Refusal) {
        increment(match refusal {
            Refusal::Rejected { .. } => &mut self.refusals_rejected,
            Refusal::Unavailable { .. } => &mut self.refusals_unavailable,
            Refusal::Deadline { .. } => &mut self.refusals_deadline,
        });
    }
}

impl Counters {
    pub(crate) fn count_store(&mut self, answer: StoreAnswer) {
        increment(match answer {
            StoreAnswer::Token => &mut self.store_asks_token,
            StoreAnswer::Lease => &mut self.store_asks_lease,
            StoreAnswer::Busy => &mut self.store_asks_busy,
            StoreAnswer::Failure => &mut self.store_asks_failure,
            StoreAnswer::Private => &mut self.store_asks_private,
            StoreAnswer::Written => &mut self.store_writes,
            StoreAnswer::Conflict => &mut self.store_conflicts,
            StoreAnswer::Error => &mut self.store_errors,
        });
    }
}

fn increment(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use http::StatusCode;

    use super::*;
    use crate::failure::{Reason, Rejection, RejectionCode, Unavailable};
    use crate::journal::Ignored;
    use crate::time::Instant;

    /// The names and the values of the counters that are not zero.
    fn counted(counters: &Counters) -> Vec<(String, u64)> {
        let points = counters.data_points().filter(|point| point.value > 0);
        let name = |point: DataPoint| match point.attribute {
            Some((key, of)) => format!("{} {key}={of}", point.name),
            None => point.name.to_owned(),
        };
        points.map(|point| (name(point), point.value)).collect()
    }

    #[test]
    fn each_event_increments_the_counter_of_its_name() {
        let (login, generation, lifetime) = (1, 1, Duration::from_secs(1));
        let challenged = |outcome| Event::Challenged { generation, outcome };
        let status = StatusCode::UNAUTHORIZED;
        for (event, name) in [
            (Event::LoginStarted { login }, "waldo.auth.logins_started"),
            (
                Event::LoginGranted { login, generation, lifetime },
                "waldo.auth.logins outcome=granted",
            ),
            (
                Event::LoginRejected { login, status, code: "OTHER" },
                "waldo.auth.logins outcome=rejected",
            ),
            (
                Event::LoginUnavailable { login, reason: Reason::Timeout },
                "waldo.auth.logins outcome=unavailable",
            ),
            (Event::LoginAbandoned { login }, "waldo.auth.logins outcome=abandoned"),
            (Event::LoginSpared { login }, "waldo.auth.logins outcome=spared"),
            (Event::LeaseExpired { login }, "waldo.auth.logins outcome=expired"),
            (
                Event::LoginFailedElsewhere { login, wait: lifetime },
                "waldo.auth.logins outcome=failed_elsewhere",
            ),
            (Event::Renewed { generation, lifetime }, "waldo.auth.renewals"),
            (Event::Resumed { generation, left: lifetime }, "waldo.auth.resumptions"),
            (challenged(Challenge::Dropped), "waldo.auth.challenges outcome=dropped"),
            (challenged(Challenge::NewerHeld), "waldo.auth.challenges outcome=newer_held"),
            (
                challenged(Challenge::FreshFromLogin),
                "waldo.auth.challenges outcome=fresh_from_login",
            ),
            (challenged(Challenge::NothingHeld), "waldo.auth.challenges outcome=nothing_held"),
            (challenged(Challenge::NotAccepted), "waldo.auth.challenges outcome=not_accepted"),
            (Event::Throttled { generation }, "waldo.auth.drops_throttled"),
            (Event::UploadBrokeOff { generation }, "waldo.auth.uploads_broken_off"),
            (Event::DoubtfulDropped { generation }, "waldo.auth.doubtful_dropped"),
            (Event::Invalidated, "waldo.auth.invalidations"),
            (Event::Reset, "waldo.auth.resets"),
            (Event::Ignored { why: Ignored::Blank }, "waldo.auth.ignored"),
            (Event::Coalesced { login }, "waldo.auth.waits reason=login"),
        ] {
            let mut counters = Counters::default();
            counters.count(&event);
            assert_eq!(counted(&counters), [(name.to_owned(), 1)], "{event}");
        }
        let mut counters = Counters::default();
        counters.count(&Event::CircuitOpened { wait: lifetime });
        counters.count(&Event::Accepted { generation });
        counters.count(&Event::LoginPostponed { login });
        counters.count(&Event::StoreBack);
        assert_eq!(counters, Counters::default());
    }

    #[test]
    fn each_answer_of_the_store_increments_its_counter() {
        for (answer, name) in [
            (StoreAnswer::Token, "asks result=token"),
            (StoreAnswer::Lease, "asks result=lease"),
            (StoreAnswer::Busy, "asks result=busy"),
            (StoreAnswer::Failure, "asks result=failure"),
            (StoreAnswer::Private, "asks result=private"),
            (StoreAnswer::Written, "writes"),
            (StoreAnswer::Conflict, "conflicts"),
            (StoreAnswer::Error, "errors"),
        ] {
            let mut counters = Counters::default();
            counters.count_store(answer);
            assert_eq!(counted(&counters), [(format!("waldo.auth.store.{name}"), 1)]);
        }
    }

    #[test]
    fn each_refusal_increments_the_counter_of_its_reason() {
        let retry_at = Instant::from_start(Duration::ZERO);
        let failure = Unavailable::new(Reason::Timeout);
        let rejection =
            Rejection { status: StatusCode::UNAUTHORIZED, code: RejectionCode::InvalidApiKey };
        for (refusal, reason) in [
            (Refusal::Rejected { rejection, retry_at }, "rejected"),
            (Refusal::Unavailable { failure, retry_at }, "unavailable"),
            (Refusal::Deadline { retry_at, failure: None }, "deadline"),
        ] {
            let mut counters = Counters::default();
            counters.count_refusal(&refusal);
            assert_eq!(
                counted(&counters),
                [(format!("waldo.auth.refusals reason={reason}"), 1)],
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_counter_stays_at_its_largest_value() {
        let mut counters = Counters { resets: u64::MAX - 1, ..Counters::default() };
        (0..3).for_each(|_| counters.count(&Event::Reset));
        assert_eq!(counters.resets, u64::MAX);
    }

    #[test]
    fn no_two_data_points_have_one_name_and_attribute() {
        let points: Vec<_> = Counters::default().data_points().collect();
        let names: BTreeSet<_> = points.iter().map(|point| (point.name, point.attribute)).collect();
        assert_eq!(names.len(), points.len());
        let fields = size_of::<Counters>() / size_of::<u64>();
        assert_eq!(points.len(), fields, "each field has one data point");
    }
}
