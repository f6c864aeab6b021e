//! The core: every state, every answer and every error.

use std::time::{Duration, UNIX_EPOCH};

use waldo_auth_core::{
    ApiError, Attempt, Call, Config, Credentials, Event, Explanation, Head, Instant, Login, Now,
    Origin, Outcome, Reason, Refusal, Rejection, Session, Snapshot, Step, Unavailable, Verdict,
};
use waldo_ureq::http::{HeaderMap, Request, Response, StatusCode, header::AUTHORIZATION};

use crate::canaries::{KEY, OTHER_KEY, OTHER_SECRET, SECRET, plant};
use crate::ears::EARS;

const ORIGIN: &str = "https://api.waldo.ai";

/// A session under virtual time.
struct Play {
    session: Session,
    clock: Duration,
    minted: u32,
}

pub(crate) fn plays() {
    let mut play =
        Play { session: Session::new(config()), clock: Duration::from_secs(1000), minted: 0 };
    errors_before_there_is_a_session();
    answers_that_echo_a_token();
    for scene in [
        Play::logs_in,
        Play::renewals,
        Play::is_refused,
        Play::is_rejected,
        Play::fails_and_expires,
        Play::stores_and_resumes,
    ] {
        scene(&mut play);
        play.collects_its_journal();
    }
}

fn config() -> Config {
    let credentials = Credentials::new(KEY, SECRET).unwrap();
    EARS.hear(&credentials);
    let builder =
        Config::builder(ORIGIN, credentials).invalidation_budget(1, Duration::from_secs(30));
    EARS.hear(&builder);
    let config = builder.build().unwrap();
    EARS.hear(&config);
    EARS.hear(config.origin());
    config
}

fn answers_that_echo_a_token() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJlY2hvIn0.ZWNob2VkLXRva2Vu";
    plant(token);
    let response = Response::builder().status(400).header(AUTHORIZATION, token).body(()).unwrap();
    for echo in [token, KEY, SECRET] {
        let body = serde_json::json!({ "code": echo, "message": format!("unknown: {echo}") });
        let error = ApiError::new(Head::from(&response), response.extensions(), UNIX_EPOCH)
            .with_body(body.to_string().as_bytes());
        assert_eq!(error.code(), Some(echo));
        EARS.hear_error(&error);
    }
}

fn errors_before_there_is_a_session() {
    for (key, secret) in [(KEY, ""), ("", SECRET), (" ", SECRET)] {
        EARS.hear_error(&Credentials::new(format!("{key} "), secret).unwrap_err());
        EARS.hear_error(&Credentials::new(key, format!("{secret}\n")).unwrap_err());
    }
    let builder = |origin: &str| Config::builder(origin, Credentials::new(KEY, SECRET).unwrap());
    EARS.hear_error(&builder(ORIGIN).login_path(SECRET).build().unwrap_err());
    EARS.hear_error(&builder(SECRET).build().unwrap_err());
    EARS.hear_error(&format!("https://{OTHER_KEY}@api.waldo.ai/").parse::<Origin>().unwrap_err());
}

impl Play {
    fn now(&self) -> Now {
        Now::new(self.clock, UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.clock)
    }

    fn pass(&mut self, seconds: u64) {
        self.clock += Duration::from_secs(seconds);
    }

    fn mint(&mut self) -> String {
        self.minted += 1;
        let claims =
            ["eyJleHAiOjE4MDAwMDk5OTl9", "eyJleHAiOjE4MDAwMTk5OTl9", "eyJleHAiOjE4MDAwMjk5OTl9"];
        let payload = claims[self.minted as usize % claims.len()];
        let token = format!("eyJhbGciOiJIUzI1NiJ9.{payload}.Gm7Xw2{:08}Qz5Rb9", self.minted);
        plant(&token);
        token
    }

    fn collects_its_journal(&self) {
        EARS.hear(self.session.journal());
        EARS.hear(self.session.counters());
        self.session.counters().data_points().for_each(|point| EARS.hear(&point));
        for entry in self.session.journal().since(0) {
            EARS.hear(entry);
            EARS.hear(&entry.event);
            EARS.read(entry.event);
            EARS.note_event(entry.event.name());
            if let Event::Challenged { outcome, .. } = &entry.event {
                EARS.hear(outcome);
            }
            if let Event::Ignored { why } = &entry.event {
                EARS.hear(why);
            }
        }
    }

    /// Asks the session, and formats its answer and its explanation.
    fn admit(&mut self, call: Call) -> Step {
        self.admit_with(call, &mut request())
    }

    fn admit_with(&mut self, call: Call, request: &mut Request<()>) -> Step {
        let explanation = self.session.explain(self.now());
        if let Explanation::Authenticate { why, .. } = explanation {
            EARS.hear(&why);
        }
        EARS.hear(&explanation);
        EARS.read(&explanation);
        EARS.hear(&call);
        let step = self.session.admit(call, request, self.now()).unwrap();
        EARS.hear(&step);
        EARS.hear(&self.session);
        step
    }

    fn lead(&mut self) -> Login {
        let Step::Authenticate(login, _) = self.admit(Call::replayable()) else {
            panic!("expected a login")
        };
        EARS.hear(&login);
        login
    }

    fn settle(&mut self, login: Login, outcome: Outcome) {
        EARS.hear(&outcome);
        self.session.settle(login, outcome, self.now());
        EARS.hear(&self.session);
    }

    fn grant(&mut self) -> String {
        let (login, token) = (self.lead(), self.mint());
        let outcome = answer(&login, 200, &format!(r#"{{"token":"{token}"}}"#));
        if let Outcome::Granted(grant) = &outcome {
            EARS.hear(grant);
        }
        self.settle(login, outcome);
        token
    }

    fn send(&mut self) -> Attempt {
        let mut request = request();
        let Step::Send(attempt) = self.admit_with(Call::replayable(), &mut request) else {
            panic!("expected to send")
        };
        EARS.hear(&request);
        EARS.hear(&attempt);
        EARS.hear(&attempt.generation());
        attempt
    }

    fn conclude(&mut self, attempt: Attempt, status: u16, token: Option<&str>) {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, format!("Bearer {token}").try_into().unwrap());
        }
        let head = Head::new(StatusCode::from_u16(status).unwrap(), &headers);
        EARS.hear(&head);
        let verdict: Verdict = self.session.conclude(attempt, head, self.now());
        EARS.hear(&verdict);
    }

    fn logs_in(&mut self) {
        self.grant();
        let login = answer_to_nobody(&mut Session::new(config()), self.now());
        self.session.settle(login, Outcome::Abandoned, self.now());
        let mut elsewhere =
            Request::get(format!("https://evil.example/?{SECRET:?}").replace('"', "")).body(());
        if let Ok(request) = &mut elsewhere {
            EARS.hear_error(
                &self.session.admit(Call::one_shot(), request, self.now()).unwrap_err(),
            );
        }
    }

    fn renewals(&mut self) {
        let (one, other) = (self.send(), self.send());
        let (token, malformed) = (self.mint(), format!("{KEY}.{SECRET}").replace('"', ""));
        self.conclude(one, 200, Some(&token));
        self.conclude(other, 200, Some(&malformed));
        let snapshot = self.session.snapshot(self.now()).unwrap();
        EARS.hear(&snapshot);
        EARS.hear(&Instant::from_start(self.clock));
        EARS.hear(&self.now());
    }

    fn is_refused(&mut self) {
        for _ in 0..2 {
            let attempt = self.send();
            self.conclude(attempt, 401, None);
            let (login, token) = match self.admit(Call::replayable()) {
                Step::Authenticate(login, _) => (login, self.mint()),
                // The invalidation budget is used up.
                Step::Send(_) | Step::Wait(..) | Step::Refuse(_) => return,
            };
            drop(self.admit(Call::replayable()));
            let granted = answer(&login, 200, &format!(r#"{{"token":"{token}"}}"#));
            self.settle(login, granted);
        }
    }

    fn is_rejected(&mut self) {
        for body in [
            format!(r#"{{"code":"{OTHER_KEY}","message":"{KEY}"}}"#),
            format!(r#"{{"code":{KEY:?},"message":{SECRET:?}}}"#),
            format!(r#"{{"code":{:?},"message":"no"}}"#, format!("no such pair: {KEY}, {SECRET}")),
            format!(r#"{{"token":{SECRET:?}}}"#),
            KEY.to_owned(),
        ]
        .map(|body| body.replace(OTHER_KEY, "API_KEY_REVOKED"))
        {
            for status in [200, 302, 401, 429, 503] {
                // Reset to another pair first, because the same pair changes nothing.
                for (key, secret) in [(OTHER_KEY, OTHER_SECRET), (KEY, SECRET)] {
                    self.session.reset(Credentials::new(key, secret).unwrap(), self.now());
                }
                let login = self.lead();
                let outcome = answer(&login, status, &body);
                failure(&outcome);
                self.settle(login, outcome);
                if let Step::Refuse(refusal) = self.admit(Call::replayable()) {
                    EARS.hear_error(&refusal);
                }
                let hasty = Call::replayable().with_deadline(Instant::from_start(self.clock));
                if let Step::Refuse(refusal) = self.admit(hasty) {
                    let refusal: Refusal = refusal;
                    EARS.hear_error(&refusal);
                }
            }
        }
    }

    fn fails_and_expires(&mut self) {
        self.session.reset(Credentials::new(OTHER_KEY, OTHER_SECRET).unwrap(), self.now());
        let login = self.lead();
        self.pass(30);
        let next = self.lead();
        self.settle(login, Outcome::Abandoned);
        let source = std::io::Error::other("connection refused");
        self.settle(
            next,
            Outcome::Unavailable(Unavailable::new(Reason::Transport).with_source(source)),
        );
        drop(self.admit(Call::replayable()));
        self.pass(30);
        let login = self.lead();
        self.settle(login, Outcome::Abandoned);
        drop(self.admit(Call::replayable()));
    }

    fn stores_and_resumes(&mut self) {
        self.session.reset(Credentials::new(KEY, SECRET).unwrap(), self.now());
        self.grant();
        let snapshot = self.session.snapshot(self.now()).unwrap();
        let stored = snapshot.to_json();
        let generation = self.session.generation().unwrap();
        self.session.invalidate(generation, self.now());
        EARS.hear_error(&self.session.resume(&snapshot, self.now()).unwrap_err());
        for (field, text) in [
            ("\"version\":1", KEY.to_owned()),
            ("\"token\"", stored.clone()),
            (ORIGIN, self.mint()),
        ] {
            let spoilt = stored.replace(field, &text);
            EARS.hear_error(&Snapshot::from_json(spoilt.as_bytes()).unwrap_err());
        }
        let mut other = Session::new(config());
        other.resume(&snapshot, self.now()).unwrap();
        EARS.hear(&other);
    }
}

fn request() -> Request<()> {
    Request::get("https://api.waldo.ai/customer").body(()).unwrap()
}

fn answer(login: &Login, status: u16, body: &str) -> Outcome {
    let headers = HeaderMap::new();
    login.read(Head::new(StatusCode::from_u16(status).unwrap(), &headers), body.as_bytes())
}

fn answer_to_nobody(session: &mut Session, now: Now) -> Login {
    match session.admit(Call::replayable(), &mut request(), now).unwrap() {
        Step::Authenticate(login, _) => login,
        step @ (Step::Send(_) | Step::Wait(..) | Step::Refuse(_)) => {
            panic!("expected a login, got {step:?}")
        }
    }
}

/// Formats the parts of a failed login.
fn failure(outcome: &Outcome) {
    match outcome {
        Outcome::Rejected(rejection) => {
            let rejection: &Rejection = rejection;
            EARS.hear_error(rejection);
            EARS.hear(rejection.code());
            EARS.read(rejection.code());
        }
        Outcome::Unavailable(failure) => {
            EARS.hear_error(failure);
            EARS.hear(&failure.reason());
            EARS.read(failure.reason());
        }
        Outcome::Granted(_) | Outcome::FailedElsewhere(_) | Outcome::Abandoned => {}
    }
}
