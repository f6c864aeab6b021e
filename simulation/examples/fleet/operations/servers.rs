//! The servers behind one name, and what is wrong with them.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use serde_json::Value;
use waldo_auth_core::{Instant, Now};
use waldo_test_driver::server::{Answer, Fault};

use super::simulation::{Route, Simulation, Takes};
use crate::network::Way;
use crate::site::{self, Site};

/// When a run starts, so that there is a time before it.
const START: Duration = Duration::from_secs(600);

const OLD_KEY: &str = "the signing key of before";
const NEW_KEY: &str = "the signing key of today";

/// What the clocks of the session show.
pub(super) fn clocks(at: Duration) -> Now {
    site::clocks(START + at)
}

/// When the session's monotonic clock shows this instant.
pub(super) fn time_of(instant: Instant) -> Duration {
    site::time_of(instant).saturating_sub(START)
}

/// The servers behind one name.
pub(super) struct Servers<'a> {
    simulation: &'a Simulation,
    site: Site,
    /// The tokens that may still be refused for their youth, with their age.
    young: VecDeque<(HeaderValue, Duration)>,
    used: HashSet<HeaderValue>,
    cache: Vec<Response<Vec<u8>>>,
    /// How many revocations there have been.
    revocations: usize,
}

impl<'a> Servers<'a> {
    pub(super) fn new(simulation: &'a Simulation) -> Self {
        let site = Site::new(simulation.policy.clone(), None);
        let (young, used, cache) = (VecDeque::new(), HashSet::new(), Vec::new());
        let mut servers = Self { simulation, site, young, used, cache, revocations: 0 };
        servers.fill_cache();
        servers
    }

    /// Fills the cache with the responses of another day, whose tokens have been revoked since.
    fn fill_cache(&mut self) {
        for day in 0..self.simulation.cached {
            let at = Duration::from_secs(u64::from(day));
            let login = self.site.answer(&site::login(), Way::default(), at);
            let mut call = site::call();
            if let Some(token) = token_of_login(&login) {
                call.headers_mut().insert(AUTHORIZATION, token);
            }
            self.cache.push(self.site.answer(&call, Way::default(), at));
        }
        self.site.server().expire_all();
    }

    /// Answers a login.
    pub(super) fn log_in(
        &mut self,
        request: &Request<Vec<u8>>,
        fails: bool,
        at: Duration,
        rng: &mut Rng,
    ) -> Response<Vec<u8>> {
        self.pass(at, rng);
        if fails {
            self.site.server().push_fault(Fault::login(Answer::status(503)));
        }
        let response = self.answer(request, at);
        if let Some(token) = token_of_login(&response).filter(|_| self.simulation.lag.is_some()) {
            self.young.push_back((token, at));
        }
        response
    }

    /// Answers a call.
    pub(super) fn call(
        &mut self,
        request: &Request<Vec<u8>>,
        route: Route,
        at: Duration,
        rng: &mut Rng,
    ) -> Response<Vec<u8>> {
        self.pass(at, rng);
        let answer = match route {
            Route::Cached => {
                let index = rng.usize(..self.cache.len().max(1));
                return self.cache.get(index).cloned().unwrap_or_default();
            }
            Route::Public => Some(Answer::status(200)),
            Route::Refusing => Some(Answer::Unauthorized),
            Route::Usual => (!self.takes(request)).then_some(Answer::Unauthorized),
        };
        if let Some(answer) = answer {
            self.site.server().push_fault(Fault::call(answer));
        }
        let response = self.answer(request, at);
        if self.simulation.lag.is_some_and(|lag| lag.of_renewals)
            && let Some(renewed) = response.headers().get(AUTHORIZATION)
        {
            self.young.push_back((renewed.clone(), at));
        }
        response
    }

    fn answer(&mut self, request: &Request<Vec<u8>>, at: Duration) -> Response<Vec<u8>> {
        self.site.answer(request, Way::default(), START + at)
    }

    /// Does what has happened until now, and picks the server that answers.
    fn pass(&mut self, at: Duration, rng: &mut Rng) {
        while self.simulation.revoked.get(self.revocations).is_some_and(|revoked| *revoked <= at) {
            self.revocations += 1;
            self.site.server().expire_all();
        }
        if let Some(overlap) = &self.simulation.overlap {
            let is_new = at >= overlap.end || (at >= overlap.start && rng.bool());
            self.site.server().set_signing_key(Some(if is_new { NEW_KEY } else { OLD_KEY }));
        }
        if let Some(lag) = self.simulation.lag {
            while self.young.front().is_some_and(|(_, issued)| *issued + lag.span <= at) {
                self.young.pop_front();
            }
        }
    }

    /// Whether the token is taken, if it is valid.
    fn takes(&mut self, request: &Request<Vec<u8>>) -> bool {
        let Some(token) = request.headers().get(AUTHORIZATION) else { return true };
        let is_young = self.young.iter().any(|(young, _)| young == token);
        match self.simulation.takes {
            _ if is_young => false,
            Takes::Good => true,
            Takes::Once => self.used.insert(token.clone()),
            Takes::Nothing => false,
        }
    }
}

/// The token of a granted login, as a call carries it.
fn token_of_login(response: &Response<Vec<u8>>) -> Option<HeaderValue> {
    let body: Value = serde_json::from_slice(response.body()).ok()?;
    HeaderValue::try_from(format!("Bearer {}", body.get("token")?.as_str()?)).ok()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::operations::simulation::Lag;

    const LAG: Duration = Duration::from_millis(1500);

    fn secs(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    /// Servers that were just asked for a token, at one second.
    fn logged_in(simulation: &Simulation) -> (Servers<'_>, HeaderValue) {
        let mut servers = Servers::new(simulation);
        let response = servers.log_in(&site::login(), false, secs(1.0), &mut Rng::with_seed(1));
        let token = token_of_login(&response).unwrap();
        (servers, token)
    }

    fn call(
        servers: &mut Servers<'_>,
        token: &HeaderValue,
        route: Route,
        at: f64,
    ) -> Response<Vec<u8>> {
        let mut request = site::call();
        request.headers_mut().insert(AUTHORIZATION, token.clone());
        servers.call(&request, route, secs(at), &mut Rng::with_seed(1))
    }

    fn status(servers: &mut Servers<'_>, token: &HeaderValue, at: f64) -> u16 {
        call(servers, token, Route::Usual, at).status().as_u16()
    }

    #[test]
    fn lagging_servers_refuse_young_tokens() {
        for of_renewals in [false, true] {
            let lag = Some(Lag { span: LAG, of_renewals });
            let simulation = Simulation { lag, ..Simulation::of(secs(60.0)) };
            let (mut servers, token) = logged_in(&simulation);
            assert_eq!(status(&mut servers, &token, 2.499), 401);
            let response = call(&mut servers, &token, Route::Usual, 2.5);
            let renewed = response.headers()[AUTHORIZATION].clone();
            assert_ne!(renewed, token);
            assert_eq!(status(&mut servers, &renewed, 3.999), if of_renewals { 401 } else { 200 });
            assert_eq!(status(&mut servers, &renewed, 4.0), 200);
            assert_eq!(status(&mut servers, &token, 4.0), 200);
        }
    }

    #[test]
    fn a_deployment_ends_the_tokens_of_the_old_key() {
        let simulation =
            Simulation { overlap: Some(secs(3.0)..secs(6.0)), ..Simulation::of(secs(60.0)) };
        let (mut servers, token) = logged_in(&simulation);
        assert_eq!(status(&mut servers, &token, 2.9), 200);
        let mut dice = Rng::with_seed(7);
        let mut request = site::call();
        request.headers_mut().insert(AUTHORIZATION, token.clone());
        let statuses: HashSet<u16> = (0..50)
            .map(|_| servers.call(&request, Route::Usual, secs(4.0), &mut dice).status().as_u16())
            .collect();
        assert_eq!(statuses, HashSet::from([200, 401]));
        assert_eq!(status(&mut servers, &token, 6.0), 401);
    }

    #[test]
    fn cache_repeats_a_refused_token() {
        let simulation = Simulation { cached: 1, ..Simulation::of(secs(60.0)) };
        let (mut servers, token) = logged_in(&simulation);
        let response = call(&mut servers, &token, Route::Cached, 2.0);
        assert_eq!(response.status(), StatusCode::OK);
        let dead = response.headers()[AUTHORIZATION].clone();
        assert_eq!(status(&mut servers, &dead, 2.0), 401);
        assert_eq!(call(&mut servers, &token, Route::Cached, 3.0).headers()[AUTHORIZATION], dead);
        assert_eq!(status(&mut servers, &token, 3.0), 200);
    }

    #[test]
    fn a_revocation_ends_all_tokens() {
        let simulation = Simulation { revoked: vec![secs(4.0)], ..Simulation::of(secs(60.0)) };
        let (mut servers, token) = logged_in(&simulation);
        assert_eq!([3.9, 4.0].map(|at| status(&mut servers, &token, at)), [200, 401]);
    }

    #[test]
    fn each_route_and_each_taste_answers_as_named() {
        let simulation =
            Simulation { takes: Takes::Once, ..Simulation::of(secs(60.0)) }.without_renewals();
        let (mut servers, token) = logged_in(&simulation);
        assert_eq!([2.0, 2.1, 2.2].map(|at| status(&mut servers, &token, at)), [200, 401, 401]);
        let public = call(&mut servers, &token, Route::Public, 2.3);
        assert_eq!((public.status(), public.headers().get(AUTHORIZATION)), (StatusCode::OK, None));

        let simulation = Simulation { takes: Takes::Nothing, ..Simulation::of(secs(60.0)) };
        let (mut servers, token) = logged_in(&simulation);
        assert_eq!(status(&mut servers, &token, 2.0), 401);

        let simulation = Simulation::of(secs(60.0));
        let (mut servers, token) = logged_in(&simulation);
        assert_eq!(
            call(&mut servers, &token, Route::Refusing, 2.0).status(),
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(status(&mut servers, &token, 2.0), 200);
        let failed = servers.log_in(&site::login(), true, secs(3.0), &mut Rng::with_seed(1));
        assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
