//! Any sequence of events for the session and for the [reference](crate::reference). After each
//! event, a caller observes the same of both.
//!
//! How a failure is replayed stands in [`properties`](crate::properties).

mod event;

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use waldo_auth_core::{
    Attempt, Call, Credentials, Explanation, Head, Ignored, Login, Outcome, Reason, Refusal,
    Snapshot, Step, Upload, Verdict,
};

use self::event::{Claims, Event, LoginAnswer, Moment, Nudge, Response, Stamp, Value, event};
use crate::fixture::{
    Fixture, KEY, SECRET, down, headers, http_date, jwt, read, request, secs, uri,
};
use crate::properties::cases;
use crate::reference::{
    Answer, Caller, Ending, Held, Leading, Limits, Minted, Reference, Renewal, Stored, Time, Why,
    duration, nanos,
};

/// A call, as the session and as the reference know it, and how often it was sent.
struct Asking {
    call: Call,
    caller: Caller,
    sendings: u32,
}

struct Flight {
    attempt: Attempt,
    caller: Caller,
    /// How often the body was sent; a probe does not count.
    sendings: u32,
    sent: Held,
    at: Time,
}

struct Walk {
    fixture: Fixture,
    reference: Reference,
    calls: Vec<Asking>,
    flights: Vec<Flight>,
    leaders: Vec<(Login, Leading)>,
    issued: Vec<Minted>,
    stored: Vec<(Snapshot, Stored)>,
    /// How far the server's clock is ahead of the wall clock, in seconds.
    server_ahead: i64,
}

/// Takes one out, if there is any.
fn take<T>(from: &mut Vec<T>, index: Index) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(index.index(from.len())))
}

impl Walk {
    fn new(limits: Limits, server_ahead: i64) -> Self {
        Self {
            fixture: Fixture::with(|builder| limits.configure(builder)),
            reference: Reference::new(limits),
            calls: Vec::new(),
            flights: Vec::new(),
            leaders: Vec::new(),
            issued: Vec::new(),
            stored: Vec::new(),
            server_ahead,
        }
    }

    fn now(&self) -> Time {
        self.fixture.now().into()
    }

    fn happens(&mut self, event: Event) {
        let written = self.fixture.session.journal().written();
        self.reference.said.clear();
        match event {
            Event::Call { one_shot, deadline } => self.comes(one_shot, deadline),
            Event::Again(index) => {
                if let Some(asking) = take(&mut self.calls, index) {
                    self.asks(asking);
                }
            }
            Event::Answered(index, response) => {
                if let Some(flight) = take(&mut self.flights, index) {
                    self.answered(flight, &response);
                }
            }
            Event::BrokeOff(index) => {
                if let Some(flight) = take(&mut self.flights, index) {
                    self.broke_off(flight);
                }
            }
            Event::Lost(index) => {
                drop(take(&mut self.flights, index));
                drop(take(&mut self.leaders, index));
            }
            Event::Settled(index, answer) => {
                if let Some((login, leading)) = take(&mut self.leaders, index) {
                    self.settled(login, &leading, &answer);
                }
            }
            Event::Passes(moment) => self.fixture.pass(self.ahead(moment).unwrap_or_default()),
            Event::PassesToDeadline(index, nudge) => self.passes_to_deadline(index, nudge),
            Event::WallMoves { forward: true, by } => self.fixture.set_wall_forward(by),
            Event::WallMoves { forward: false, by } => self.fixture.set_wall_back(by),
            Event::Stored => self.stores(),
            Event::Resumed(index) => self.resumed(index),
            Event::Reset(key) => self.reset(key),
            Event::Invalidated => {
                self.fixture.invalidate();
                let now = self.now();
                self.reference.invalidate(now);
            }
        }
        let said: Vec<_> =
            self.fixture.session.journal().since(written).map(|entry| entry.event).collect();
        assert_eq!(said, self.reference.said, "the journal");
        self.compare();
    }

    /// The observations that change nothing.
    fn compare(&self) {
        let now = self.fixture.now();
        let stored = self.fixture.session.snapshot(now).map(|snapshot| snapshot.to_json());
        match &self.reference.held {
            Some(held) => {
                assert!(stored.unwrap().contains(&held.token.text), "another token is held");
            }
            None => assert_eq!(stored, None),
        }
        let explanation = self.fixture.session.explain(now);
        let ahead = |span| nanos(span) + self.now().mono;
        let explained = match &explanation {
            Explanation::Send { generation, left, doubtful } => {
                assert_eq!(self.reference.held.as_ref().map(|held| held.doubtful), Some(*doubtful));
                Answer::Send { generation: *generation, left: nanos(*left) }
            }
            Explanation::Authenticate { why, .. } => Answer::LogIn { because: *why },
            Explanation::WaitForLogin { login, at_most } => {
                Answer::Wait { until: ahead(*at_most), login: Some(*login) }
            }
            Explanation::BackOff { wait } => Answer::Wait { until: ahead(*wait), login: None },
            Explanation::Refuse { refusal, remaining } => {
                Answer::Refuse { why: why(refusal), retry_at: ahead(*remaining) }
            }
            other => panic!("{other}"),
        };
        assert_eq!(
            explained,
            self.reference.decide(&Caller::default(), self.now()),
            "{explanation}"
        );
    }

    fn comes(&mut self, one_shot: bool, deadline: Option<Moment>) {
        let deadline = deadline.and_then(|moment| Some(self.fixture.after(self.ahead(moment)?)));
        let call = if one_shot { Call::one_shot() } else { Call::replayable() };
        let call = match deadline {
            Some(deadline) => call.with_deadline(deadline),
            None => call,
        };
        let caller = Caller::new(one_shot, deadline.map(|at| nanos(at.since_start())));
        self.asks(Asking { call, caller, sendings: 0 });
    }

    fn asks(&mut self, asking: Asking) {
        let Asking { call, mut caller, sendings } = asking;
        let now = self.now();
        let expected = self.reference.admit(&mut caller, now);
        let mut request = request();
        match self.fixture.admit_with(call, &mut request).unwrap() {
            Step::Send(attempt) => {
                let sent = self.reference.held.clone().unwrap();
                assert_eq!(
                    expected,
                    Answer::Send {
                        generation: attempt.generation().number(),
                        left: sent.lifetime.left(now)
                    }
                );
                let upload = self.reference.upload(&mut caller);
                assert_eq!(attempt.upload(), upload);
                let sendings = sendings + u32::from(upload != Upload::HeadOnly);
                assert!(sendings <= 3, "rule 8: a call is sent three times at most");
                assert_eq!(request.headers()[AUTHORIZATION], format!("Bearer {}", sent.token.text));
                self.flights.push(Flight { attempt, caller, sendings, sent, at: now });
            }
            Step::Authenticate(login, call) => {
                assert!(matches!(expected, Answer::LogIn { .. }), "a login, but {expected:?}");
                let leading = self.reference.lead(now);
                assert_eq!(nanos(login.expires_at().since_start()), leading.expires_at);
                self.leaders.push((login, leading));
                self.calls.push(Asking { call, caller, sendings });
            }
            Step::Wait(call, until) => {
                let told = nanos(until.since_start());
                assert!(
                    matches!(expected, Answer::Wait { until, .. } if until == told),
                    "{told}, but {expected:?}"
                );
                assert!(told > now.mono, "rule 12: a wait lies in the future");
                assert_eq!(call.deadline().map(|at| nanos(at.since_start())), caller.deadline);
                self.calls.push(Asking { call, caller, sendings });
            }
            Step::Refuse(refusal) => {
                let retry_at = nanos(refusal.retry_at().since_start());
                assert_eq!(Answer::Refuse { why: why(&refusal), retry_at }, expected);
            }
        }
    }

    fn answered(&mut self, flight: Flight, response: &Response) {
        let Flight { mut attempt, mut caller, sendings, sent, at } = flight;
        let (date, mut map) = self.stamped(response.date);
        let mut renewals = Vec::new();
        for value in &response.renewals {
            let (text, renewal) = match value {
                Value::Fresh(claims) => token(self.mint(*claims)),
                Value::Old(index) if self.issued.is_empty() => continue,
                Value::Old(index) => token(index.get(&self.issued).clone()),
                Value::Sent => token(sent.token.clone()),
                Value::Malformed(text, why) => ((*text).to_owned(), Renewal::Malformed(*why)),
            };
            map.append(AUTHORIZATION, HeaderValue::try_from(text).unwrap());
            renewals.push(renewal);
        }
        if response.untouched {
            attempt = attempt.with_untouched_body();
        }
        let elsewhere = uri("https://elsewhere.example/");
        let mut head = Head::new(StatusCode::from_u16(response.status).unwrap(), &map);
        if response.foreign {
            head = head.with_uri(&elsewhere);
        }
        let now = self.now();
        let verdict = self.fixture.conclude_head(attempt, head);
        let again = match response.status {
            _ if response.foreign => {
                self.reference.ignore(Ignored::ForeignOrigin);
                false
            }
            401 => self.reference.challenge(&mut caller, &sent, !response.untouched, date, now),
            200..300 => {
                for renewal in &renewals {
                    self.reference.renew(&sent, at, renewal, date);
                }
                self.reference.succeed(&sent, &renewals);
                false
            }
            500.. => false,
            _ => {
                self.reference.answer(&sent);
                false
            }
        };
        match verdict {
            Verdict::Deliver => assert!(!again, "delivered, and not sent again"),
            Verdict::Retry(call) => {
                assert!(again, "sent again, and not delivered");
                self.calls.push(Asking { call, caller, sendings });
            }
        }
    }

    fn broke_off(&mut self, flight: Flight) {
        let Flight { attempt, mut caller, sendings, sent, .. } = flight;
        let now = self.now();
        let goes_on = self.reference.break_off(&mut caller, &sent, attempt.upload(), now);
        match self.fixture.step(|session, now| session.break_off(attempt, now)) {
            Verdict::Deliver => assert!(!goes_on, "the call has ended, and should go on"),
            Verdict::Retry(call) => {
                assert!(goes_on, "the call goes on, and should have ended");
                self.calls.push(Asking { call, caller, sendings });
            }
        }
    }

    fn settled(&mut self, login: Login, leading: &Leading, answer: &LoginAnswer) {
        let none = HeaderMap::new();
        let (outcome, ending) = match answer {
            LoginAnswer::Granted(claims, stamp) => {
                let (date, map) = self.stamped(*stamp);
                let token = self.mint(*claims);
                let body = format!(r#"{{"token":"{}"}}"#, token.text);
                (read(&login, 200, &map, &body), Ending::Granted(token, date))
            }
            LoginAnswer::Rejected => {
                let outcome = read(&login, 403, &none, r#"{"code":"API_KEY_REVOKED"}"#);
                (outcome, Ending::Rejected(403, "API_KEY_REVOKED"))
            }
            LoginAnswer::Busy(seconds) => {
                let map = headers(&[("retry-after", &seconds.to_string())]);
                let asked = nanos(secs(u64::from(*seconds)));
                let reason = Reason::Status(StatusCode::SERVICE_UNAVAILABLE);
                (read(&login, 503, &map, ""), Ending::Unavailable(reason, Some(asked)))
            }
            LoginAnswer::Down => (down(), Ending::Unavailable(Reason::Transport, None)),
            LoginAnswer::GivenUp => (Outcome::Abandoned, Ending::Abandoned),
        };
        self.fixture.settle(login, outcome);
        self.reference.settle(leading, ending, self.now());
    }

    /// How far ahead a moment is, if it is.
    fn ahead(&self, moment: Moment) -> Option<Duration> {
        match moment {
            Moment::In(span) => Some(span),
            Moment::Near(landmark, nudge) => {
                let ahead = self.reference.ahead(landmark, self.now())?;
                Some(duration(nudge.apply(ahead)))
            }
        }
    }

    fn passes_to_deadline(&mut self, index: Index, nudge: Nudge) {
        let Some(asking) = take(&mut self.calls, index) else { return };
        let ahead = asking.caller.deadline.map(|deadline| nudge.apply(deadline - self.now().mono));
        if let Some(ahead) = ahead.filter(|ahead| *ahead > 0) {
            self.fixture.pass(duration(ahead));
        }
        self.asks(asking);
    }

    fn stores(&mut self) {
        let snapshot = self.fixture.session.snapshot(self.fixture.now());
        self.stored.extend(snapshot.zip(self.reference.store(self.now())));
    }

    fn resumed(&mut self, index: Index) {
        let Some((snapshot, stored)) = take(&mut self.stored, index) else { return };
        let resumed = self.fixture.resume(&snapshot);
        assert_eq!(resumed, self.reference.resume(&stored, self.now()));
        self.stored.push((snapshot, stored));
    }

    fn reset(&mut self, pair: u8) {
        let (key, secret) = match pair {
            0 => (KEY, SECRET),
            1 => (KEY, "a rotated secret"),
            _ => ("another key", SECRET),
        };
        self.fixture.reset(Credentials::new(key, secret).unwrap());
        self.reference.reset(pair, u8::from(pair == 2));
    }

    fn server_time(&self) -> i64 {
        self.fixture.unix() + self.server_ahead
    }

    fn mint(&mut self, Claims { exp, iat }: Claims) -> Minted {
        let now = self.server_time();
        let (exp, iat) = (exp.map(|ahead| now + ahead), iat.map(|behind| now - behind));
        let dates = [("exp", exp), ("iat", iat)];
        let dates =
            dates.iter().filter_map(|(name, date)| Some(format!(r#""{name}":{},"#, (*date)?)));
        let text = jwt(&format!(r#"{{{}"jti":{}}}"#, dates.collect::<String>(), self.issued.len()));
        let millis = |date: Option<i64>| date.map(|date| date * 1000);
        let token = Minted { text, exp: millis(exp), iat: millis(iat) };
        self.issued.push(token.clone());
        token
    }

    /// The headers that tell a response's time, and the `Date` that counts.
    fn stamped(&self, stamp: Stamp) -> (Option<i64>, HeaderMap) {
        let at = |after| self.server_time() + after;
        match stamp {
            Stamp::Absent => (None, HeaderMap::new()),
            Stamp::Date(after) => {
                (Some(at(after) * 1000), headers(&[("date", &http_date(at(after)))]))
            }
            Stamp::Aged(after) => (None, headers(&[("date", &http_date(at(after))), ("age", "1")])),
        }
    }

    /// Everyone ends once the server answers and time passes.
    fn ends(&mut self) {
        let granted =
            LoginAnswer::Granted(Claims { exp: Some(3600), iat: Some(0) }, Stamp::Date(0));
        let ok = Response {
            status: 200,
            renewals: Vec::new(),
            date: Stamp::Absent,
            foreign: false,
            untouched: false,
        };
        for _ in 0..10 * (self.calls.len() + 1) {
            if self.calls.is_empty() {
                return;
            }
            let asking = self.calls.remove(0);
            let told = self.reference.decide(&asking.caller, self.now());
            self.asks(asking);
            for (login, leading) in std::mem::take(&mut self.leaders) {
                self.settled(login, &leading, &granted);
            }
            for flight in std::mem::take(&mut self.flights) {
                self.answered(flight, &ok);
            }
            if let Answer::Wait { until, .. } = told {
                self.fixture.pass(duration((until - self.now().mono).max(0)));
            }
        }
        panic!("everyone-ends: {} calls never do", self.calls.len());
    }
}

/// A token as a header carries it, and as the reference knows it.
fn token(token: Minted) -> (String, Renewal) {
    (format!("Bearer {}", token.text), Renewal::Token(token))
}

fn why(refusal: &Refusal) -> Why {
    match refusal {
        Refusal::Rejected { .. } => Why::Rejected,
        Refusal::Unavailable { .. } => Why::Unavailable,
        Refusal::Deadline { failure, .. } => Why::Deadline(failure.is_some()),
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn core_and_reference_agree_on_any_events(
        limits in select(vec![Limits::DOCUMENTED, Limits::ODD]),
        server_ahead in select(vec![0, 0, -5000, 1_000_000]),
        events in vec(event(), 1..200),
    ) {
        let mut walk = Walk::new(limits, server_ahead);
        for event in events {
            walk.happens(event);
        }
        walk.ends();
    }
}
