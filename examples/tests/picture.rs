//! The states in ARCHITECTURE.md are drawn from the state machine itself, so the picture is never
//! stale.
//!
//! `UPDATE=1 cargo test -p waldo-examples --test picture` writes the picture.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Explanation, Head, Login, Now, Outcome, Session, Step,
};

const ORIGIN: &str = "https://api.waldo.ai";
const BEGIN: &str = "<!-- states: begin -->\n";
const END: &str = "<!-- states: end -->";

/// A session in one of its states, with its login or attempt in flight.
struct Scene {
    session: Session,
    clock: Duration,
    login: Option<Login>,
    attempt: Option<Attempt>,
}

type Recipe = fn() -> Scene;
type Happening = fn(&mut Scene);

impl Scene {
    fn empty() -> Self {
        let credentials = Credentials::new("key", "secret").unwrap();
        let session = Session::new(Config::builder(ORIGIN, credentials).build().unwrap());
        Self { session, clock: Duration::from_secs(1000), login: None, attempt: None }
    }

    fn logging_in() -> Self {
        let mut scene = Self::empty();
        scene.call();
        scene
    }

    fn held() -> Self {
        let mut scene = Self::logging_in();
        scene.granted();
        // A 401 is final to the call that went through the login, so another call is sent.
        scene.attempt = None;
        scene.call();
        // The server accepts the token, because an unaccepted token would stay after a 401.
        scene.answered(StatusCode::OK, None);
        scene.call();
        scene
    }

    fn backing_off() -> Self {
        let mut scene = Self::logging_in();
        scene.unavailable();
        scene
    }

    fn circuit_open() -> Self {
        let mut scene = Self::logging_in();
        scene.rejected();
        scene
    }

    fn now(&self) -> Now {
        Now::new(self.clock, SystemTime::UNIX_EPOCH + self.clock)
    }

    fn state(&self) -> &'static str {
        match self.session.explain(self.now()) {
            Explanation::Send { .. } => "Held",
            Explanation::Authenticate { .. } => "Empty",
            Explanation::WaitForLogin { .. } => "LoggingIn",
            Explanation::BackOff { .. } => "BackingOff",
            Explanation::Refuse { .. } => "CircuitOpen",
            other => panic!("the picture has no state for {other:?}"),
        }
    }

    fn call(&mut self) {
        let mut request = http::Request::get(format!("{ORIGIN}/customer")).body(()).unwrap();
        match self.session.admit(Call::replayable(), &mut request, self.now()).unwrap() {
            Step::Authenticate(login, _) => self.login = Some(login),
            Step::Send(attempt) => self.attempt = Some(attempt),
            Step::Wait(..) | Step::Refuse(_) => {}
        }
    }

    fn settle(&mut self, outcome: impl FnOnce(&Login) -> Outcome) {
        if let Some(login) = self.login.take() {
            let outcome = outcome(&login);
            self.session.settle(login, outcome, self.now());
        }
    }

    fn granted(&mut self) {
        self.settle(|login| {
            let headers = HeaderMap::new();
            login.read(
                Head::new(StatusCode::OK, &headers),
                br#"{"token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}"#,
            )
        });
    }

    fn rejected(&mut self) {
        self.settle(|login| {
            let headers = HeaderMap::new();
            login.read(Head::new(StatusCode::FORBIDDEN, &headers), br#"{"code":"API_KEY_REVOKED"}"#)
        });
    }

    fn unavailable(&mut self) {
        self.settle(|login| {
            let headers =
                HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("9"))]);
            login.read(Head::new(StatusCode::SERVICE_UNAVAILABLE, &headers), b"")
        });
    }

    fn abandoned(&mut self) {
        self.settle(|_| Outcome::Abandoned);
    }

    fn answered(&mut self, status: StatusCode, renewal: Option<&'static str>) {
        if let Some(attempt) = self.attempt.take() {
            let renewal = renewal
                .map(|renewal| (http::header::AUTHORIZATION, HeaderValue::from_static(renewal)));
            let headers = HeaderMap::from_iter(renewal);
            let _ = self.session.conclude(attempt, Head::new(status, &headers), self.now());
        }
    }

    fn later(&mut self, seconds: u64) {
        self.clock += Duration::from_secs(seconds);
        // The next call notices the expired lease. The picture shows the state before that call.
    }
}

/// The events. The flag says whether the picture shows an arrow from a state to itself.
const HAPPENINGS: [(&str, bool, Happening); 11] = [
    ("a call comes", false, Scene::call),
    ("granted", false, Scene::granted),
    ("rejected", false, Scene::rejected),
    ("unavailable", false, Scene::unavailable),
    ("leader gone", false, Scene::abandoned),
    ("lease expires", false, |scene| {
        if scene.login.is_some() {
            scene.later(30);
        }
    }),
    ("renewed token", true, |scene| {
        scene.answered(StatusCode::OK, Some("Bearer eyJhbGciOiJIUzI1NiJ9.e30.bmV3"));
    }),
    ("401", false, |scene| scene.answered(StatusCode::UNAUTHORIZED, None)),
    ("time", false, |scene| {
        if scene.login.is_none() {
            scene.later(3600);
        }
    }),
    ("invalidate", false, |scene| {
        if let Some(generation) = scene.session.generation() {
            scene.session.invalidate(generation, scene.now());
        }
    }),
    ("reset", false, |scene| {
        scene.session.reset(Credentials::new("key", "another secret").unwrap(), scene.now());
    }),
];

const STATES: [(&str, &str, Recipe); 5] = [
    ("Empty", "no usable token", Scene::empty),
    ("LoggingIn", "one login under way, others wait", Scene::logging_in),
    ("Held", "calls are sent at once", Scene::held),
    ("BackingOff", "everyone waits for one instant", Scene::backing_off),
    ("CircuitOpen", "calls are refused without traffic", Scene::circuit_open),
];

fn picture() -> String {
    let mut arrows: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
    for (from, (name, _, recipe)) in STATES.iter().enumerate() {
        for (happening, loops_matter, happen) in HAPPENINGS {
            let mut scene = recipe();
            assert_eq!(scene.state(), *name, "the recipe must make the state");
            let before = scene.session.journal().written();
            happen(&mut scene);
            let to = STATES.iter().position(|(name, ..)| *name == scene.state()).unwrap();
            let noticed = scene.session.journal().written() > before;
            if from != to || (loops_matter && noticed) {
                arrows.entry((from, to)).or_default().push(happening);
            }
        }
    }
    let mut text = "```mermaid\nstateDiagram-v2\n    [*] --> Empty\n".to_owned();
    for (name, meaning, _) in STATES {
        writeln!(text, "    {name}: {meaning}").unwrap();
    }
    for ((from, to), happenings) in arrows {
        writeln!(text, "    {} --> {}: {}", STATES[from].0, STATES[to].0, happenings.join(", "))
            .unwrap();
    }
    text.push_str("```\n");
    text
}

#[test]
fn the_picture_is_what_the_session_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) =
        readme.split_once(BEGIN).expect("ARCHITECTURE.md marks where the picture begins");
    let (shown, after) =
        rest.split_once(END).expect("ARCHITECTURE.md marks where the picture ends");
    let drawn = picture();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{drawn}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        shown, drawn,
        "the picture is stale: UPDATE=1 cargo test -p waldo-examples --test picture"
    );
}
