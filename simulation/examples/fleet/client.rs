//! A client: a state machine under test, and the one call that it has under way.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use waldo_auth_core::{Config, Head};
use waldo_simulation::machine::{LoginEnd, Machine, Step};

use crate::network::{Way, Ways};
use crate::site::{self, Site};

/// How often somebody who finds the store locked tries again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What became of a call, and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) logins: u32,
    /// How many 401s it met.
    pub(crate) refused: u32,
    /// The user was handed a 401.
    pub(crate) delivered: bool,
    /// It was not sent at all.
    pub(crate) given_up: bool,
    /// How much longer it took than with a token that is good.
    pub(crate) extra: Duration,
    /// How much of that were logins.
    pub(crate) in_logins: Duration,
}

/// What a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing before then.
    At(Duration),
    /// Nothing more: its call has ended.
    Ended(Ending),
}

/// One process's client.
pub(crate) struct Client<M: Machine> {
    machine: M,
    state: State<M>,
    ways: Ways,
    /// What the next request takes before it leaves.
    connect: Duration,
    began: Duration,
    attempts: u32,
    ending: Ending,
}

/// Where its call is.
enum State<M: Machine> {
    Idle,
    Ready(M::Call),
    AtStore(M::Login, M::Call),
    /// With when it left.
    LoginSent(Request<Vec<u8>>, Duration, M::Login, M::Call),
    LoginAnswered(Response<Vec<u8>>, Duration, M::Login, M::Call),
    Sent(Request<Vec<u8>>, Way, M::Attempt),
    Answered(Response<Vec<u8>>, M::Attempt),
}

impl<M: Machine> Client<M> {
    /// A client as a process has it that has just started: it takes what is in the store.
    pub(crate) fn start(config: Config, site: &Site, now: Duration) -> Self {
        let mut machine = M::begin(config);
        if let Some(stored) = site.store.as_ref().and_then(|store| store.token.as_ref()) {
            // What cannot be resumed is not used: the first call logs in.
            let _ = machine.resume(stored, site::clocks(now));
        }
        let (ways, connect, ending) = (Ways::default(), Duration::ZERO, Ending::default());
        Self { machine, state: State::Idle, ways, connect, began: now, attempts: 0, ending }
    }

    /// A call comes in.
    pub(crate) fn call(&mut self, one_shot: bool, ways: Ways, now: Duration) {
        self.state = State::Ready(M::call(one_shot, None));
        (self.ways, self.connect, self.began) = (ways, ways.connect, now);
        (self.attempts, self.ending) = (0, Ending::default());
    }

    /// Does all that can be done now.
    pub(crate) fn proceed(&mut self, site: &mut Site, now: Duration) -> Next {
        loop {
            let next = match std::mem::replace(&mut self.state, State::Idle) {
                State::Idle => Some(Next::Ended(self.ending)),
                State::Ready(call) => self.ask(call, now),
                State::AtStore(login, call) => self.look(login, call, site, now),
                State::LoginSent(request, left, login, call) => {
                    let response = site.answer(&request, self.ways.login, now);
                    self.state = State::LoginAnswered(response, left, login, call);
                    Some(Next::At(now + self.ways.login.back))
                }
                State::LoginAnswered(response, left, login, call) => {
                    let end = LoginEnd::Answer(Head::from(&response), response.body());
                    self.machine.settle(login, end, site::clocks(now));
                    self.ending.in_logins += now.saturating_sub(left);
                    if let Some(store) = &mut site.store {
                        store.locked = false;
                    }
                    self.store(site, now);
                    self.state = State::Ready(call);
                    None
                }
                State::Sent(request, way, attempt) => {
                    let response = site.answer(&request, way, now);
                    self.state = State::Answered(response, attempt);
                    Some(Next::At(now + way.back))
                }
                State::Answered(response, attempt) => self.conclude(attempt, &response, site, now),
            };
            if let Some(next) = next {
                return next;
            }
        }
    }

    /// One call from its coming in to its end, with nobody else at the site.
    pub(crate) fn alone(
        &mut self,
        one_shot: bool,
        ways: Ways,
        site: &mut Site,
        now: Duration,
    ) -> (Ending, Duration) {
        self.call(one_shot, ways, now);
        let mut at = now;
        loop {
            match self.proceed(site, at) {
                Next::At(then) => at = then,
                Next::Ended(ending) => return (ending, at),
            }
        }
    }

    fn ask(&mut self, call: M::Call, now: Duration) -> Option<Next> {
        let mut request = site::call();
        match self.machine.admit(call, &mut request, site::clocks(now)) {
            Step::Send(attempt) => {
                let way = if self.attempts == 0 { self.ways.first } else { self.ways.again };
                self.attempts += 1;
                self.state = State::Sent(request, way, attempt);
                Some(Next::At(now + std::mem::take(&mut self.connect) + way.forth))
            }
            Step::Authenticate(login, call) => {
                self.state = State::AtStore(login, call);
                None
            }
            Step::Wait(call, until) => {
                self.state = State::Ready(call);
                Some(Next::At(site::time_of(until)))
            }
            Step::Refuse(_) => {
                self.ending.given_up = true;
                Some(self.end(now))
            }
        }
    }

    /// A leader reads the store again, if there is one, before it logs in.
    fn look(
        &mut self,
        login: M::Login,
        call: M::Call,
        site: &mut Site,
        now: Duration,
    ) -> Option<Next> {
        if let Some(store) = &mut site.store {
            if store.locked {
                self.state = State::AtStore(login, call);
                return Some(Next::At(now + LOOK_AGAIN));
            }
            let clocks = site::clocks(now);
            let stored = store.token.as_ref();
            if stored.is_some_and(|stored| self.machine.resume(stored, clocks).is_ok()) {
                self.machine.settle(login, LoginEnd::Abandoned, clocks);
                self.state = State::Ready(call);
                return None;
            }
            store.locked = true;
        }
        self.ending.logins += 1;
        let leaves = now + std::mem::take(&mut self.connect);
        self.state = State::LoginSent(M::request(&login), leaves, login, call);
        Some(Next::At(leaves + self.ways.login.forth))
    }

    fn conclude(
        &mut self,
        attempt: M::Attempt,
        response: &Response<Vec<u8>>,
        site: &mut Site,
        now: Duration,
    ) -> Option<Next> {
        let refused = response.status() == StatusCode::UNAUTHORIZED;
        self.ending.refused += u32::from(refused);
        if let Some(call) = self.machine.conclude(attempt, Head::from(response), site::clocks(now))
        {
            self.state = State::Ready(call);
            return None;
        }
        self.ending.delivered = refused;
        if !refused {
            self.store(site, now);
        }
        Some(self.end(now))
    }

    /// Leaves what is held for the others.
    fn store(&self, site: &mut Site, now: Duration) {
        if let Some(store) = &mut site.store {
            store.token = self.machine.snapshot(site::clocks(now)).or(store.token.take());
        }
    }

    fn end(&mut self, now: Duration) -> Next {
        let least = self.ways.connect + self.ways.first.whole();
        self.ending.extra = now.saturating_sub(self.began + least);
        Next::Ended(self.ending)
    }
}

#[cfg(test)]
mod tests {
    use waldo_auth_core::Session;
    use waldo_test_driver::server::{DateStyle, Policy};

    use super::*;
    use crate::sweep::Leeway;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn way(forth: u64, back: u64) -> Way {
        Way { forth: ms(forth), back: ms(back), ..Way::default() }
    }

    /// The call that comes in so long after the one before it was sent, on a server that tells its
    /// tokens' end exactly.
    fn after(gap: Duration, config: Config, one_shot: bool) -> Ending {
        let policy = Policy { dates: DateStyle::Fractional, ..Policy::default() };
        let mut site = Site::new(policy, None);
        let mut client = Client::<Session>::start(config, &site, Duration::ZERO);
        let at_once = Ways::default();
        let (first, sent) = client.alone(false, at_once, &mut site, ms(1000));
        assert_eq!(first, Ending { logins: 1, ..Ending::default() });
        let ways =
            Ways { connect: ms(20), first: way(30, 1), login: way(2, 400), again: way(5, 600) };
        client.alone(one_shot, ways, &mut site, sent + gap).0
    }

    const HOUR: Duration = ms(3_600_000);

    #[test]
    fn expired_token_costs_one_login_and_valid_none() {
        let good = after(ms(3_599_949), Leeway::NONE.config(), false);
        assert_eq!(good, Ending::default());
        let login = Ending { logins: 1, extra: ms(402), in_logins: ms(402), ..Ending::default() };
        assert_eq!(after(HOUR, Leeway::NONE.config(), false), login);
        let leeway = Leeway::half(ms(3000)).config();
        assert_eq!(after(ms(3_597_000), leeway.clone(), false), login);
        assert_eq!(after(ms(3_596_999), leeway, false), Ending::default());
    }

    #[test]
    fn token_expiring_in_flight_costs_resend_or_call() {
        let died = Ending {
            logins: 1,
            refused: 1,
            extra: ms(402 + 605),
            in_logins: ms(402),
            ..Ending::default()
        };
        assert_eq!(after(ms(3_599_950), Leeway::NONE.config(), false), died);
        let delivered = Ending { refused: 1, delivered: true, ..Ending::default() };
        assert_eq!(after(ms(3_599_950), Leeway::NONE.one_shot_config(), true), delivered);
    }
}
