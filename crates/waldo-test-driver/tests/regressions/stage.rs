//! One session, the model of the API, and two clocks: what is sent is handled at once, and
//! delivered when the test says so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Request, Response, StatusCode};
use waldo_auth_core::{
    Attempt, Call, Config, ConfigBuilder, Credentials, Head, Login, Now, Outcome, Session, Step,
    Upload, Verdict,
};
use waldo_test_driver::server::{Policy, Server};

const ORIGIN: &str = "https://api.waldo.ai";

/// The wall clock when every stage is set.
const EPOCH: Duration = Duration::from_secs(1_800_000_000);

pub(crate) struct Stage {
    pub(crate) session: Session,
    pub(crate) server: Server,
    elapsed: Duration,
}

/// An attempt that the server has handled, and whose response is still under way.
pub(crate) struct Handled {
    attempt: Attempt,
    pub(crate) response: Response<Vec<u8>>,
}

impl Handled {
    /// The generation of the token that was sent.
    pub(crate) fn generation(&self) -> u64 {
        self.attempt.generation().number()
    }

    /// How its body is to be sent, if it is an upload.
    pub(crate) fn upload(&self) -> Upload {
        self.attempt.upload()
    }
}

impl Stage {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::with(policy, |limits| limits)
    }

    /// A session whose limits are not the defaults.
    pub(crate) fn with(
        policy: Policy,
        limits: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
    ) -> Self {
        let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET).unwrap();
        let config = limits(Config::builder(ORIGIN, credentials)).build().unwrap();
        let server = Server::new(policy).with_key(Server::KEY_ID, Server::KEY_SECRET);
        Self { session: Session::new(config), server, elapsed: Duration::ZERO }
    }

    pub(crate) fn now(&self) -> Now {
        Now::new(self.elapsed, self.time())
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.elapsed += time;
    }

    fn time(&self) -> SystemTime {
        UNIX_EPOCH + EPOCH + self.elapsed
    }

    /// Makes a call from its beginning to its end, through every wait, and says with which status
    /// it is answered.
    #[track_caller]
    pub(crate) fn call(&mut self, path: &str) -> u16 {
        self.finish(Call::replayable(), path)
    }

    /// The same for a call that has begun.
    #[track_caller]
    pub(crate) fn finish(&mut self, mut call: Call, path: &str) -> u16 {
        loop {
            let handled = self.send(call, path);
            let status = handled.response.status().as_u16();
            match self.deliver(handled) {
                Verdict::Deliver => return status,
                Verdict::Retry(again) => call = again,
            }
        }
    }

    /// Has a call sent, through every login and wait before that, and handled.
    #[track_caller]
    pub(crate) fn send(&mut self, mut call: Call, path: &str) -> Handled {
        let mut request = get(path);
        loop {
            match self.session.admit(call, &mut request, self.now()).unwrap() {
                Step::Send(attempt) => {
                    let response = self.handle(&request);
                    return Handled { attempt, response };
                }
                Step::Authenticate(login, then) => {
                    self.log_in(login);
                    call = then;
                }
                Step::Wait(then, until) => {
                    self.elapsed = until.since_start();
                    call = then;
                }
                Step::Refuse(refusal) => panic!("the call is refused: {refusal}"),
            }
        }
    }

    pub(crate) fn deliver(&mut self, handled: Handled) -> Verdict {
        self.session.conclude(handled.attempt, Head::from(&handled.response), self.now())
    }

    /// Loses the response to an upload, and calls `break_off`.
    pub(crate) fn break_off(&mut self, handled: Handled) -> Verdict {
        self.session.break_off(handled.attempt, self.now())
    }

    /// Delivers a response that must lead to another attempt.
    #[track_caller]
    pub(crate) fn retry(&mut self, handled: Handled) -> Call {
        match self.deliver(handled) {
            Verdict::Retry(call) => call,
            Verdict::Deliver => panic!("the response is delivered"),
        }
    }

    /// Delivers another head than that of the server's response.
    pub(crate) fn deliver_as(
        &mut self,
        handled: Handled,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Verdict {
        self.session.conclude(handled.attempt, Head::new(status, headers), self.now())
    }

    /// Has a call that must log in do so, and says with which permission.
    #[track_caller]
    pub(crate) fn lead(&mut self, call: Call) -> (Login, Call) {
        match self.session.admit(call, &mut get("/"), self.now()).unwrap() {
            Step::Authenticate(login, call) => (login, call),
            step @ (Step::Send(_) | Step::Wait(..) | Step::Refuse(_)) => {
                panic!("it does not lead: {step:?}")
            }
        }
    }

    /// The token that the server grants to a login.
    #[track_caller]
    pub(crate) fn token(&mut self, login: &Login) -> String {
        let response = self.handle(&login.request());
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        body.get("token").and_then(serde_json::Value::as_str).unwrap().to_owned()
    }

    pub(crate) fn settle(&mut self, login: Login, outcome: Outcome) {
        self.session.settle(login, outcome, self.now());
    }

    fn log_in(&mut self, login: Login) {
        let response = self.handle(&login.request());
        let outcome = login.read(Head::from(&response), response.body());
        self.settle(login, outcome);
    }

    #[track_caller]
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.server.handle(request, self.time()).response().unwrap()
    }
}

fn get(path: &str) -> Request<Vec<u8>> {
    Request::get(format!("{ORIGIN}{path}")).body(Vec::new()).unwrap()
}
