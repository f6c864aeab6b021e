//! The subjects of the measurements. Only this file calls the core and the adapter, so a change of
//! their API changes only this file.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Request, Response, StatusCode};
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use waldo_auth_client::{Admission, Lead, SharedSession, Sharing};
use waldo_auth_core::{
    Attempt, Call, Config, Credentials, Explanation, Head, Now, Session, Step, Verdict,
};
use waldo_store::{MemoryStore, Store};
use waldo_ureq::Client;

use crate::jwt::SECRET;

/// The origin of requests that are never sent.
pub(crate) const ORIGIN: &str = "https://api.waldo.ai";

/// A session that is not shared, and gets the time as an argument.
#[derive(Debug)]
pub(crate) struct Core {
    session: Session,
    now: Now,
}

impl Core {
    pub(crate) fn holding(token: &str) -> Self {
        Self::with(config(ORIGIN), token)
    }

    /// A session that also checks signatures.
    pub(crate) fn verifying(token: &str) -> Self {
        let config =
            Config::builder(ORIGIN, credentials()).verify_signatures(true).build().unwrap();
        Self::with(config, token)
    }

    fn with(config: Config, token: &str) -> Self {
        let now = Now::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let mut core = Self { session: session(config, token, now), now };
        // Let the server accept the token, which is the usual state.
        let attempt = core.attach(&mut Request::get(ORIGIN).body(()).unwrap());
        core.conclude(attempt, &HeaderMap::new());
        core
    }

    pub(crate) fn attach(&mut self, request: &mut Request<()>) -> Attempt {
        match self.session.admit(Call::replayable(), request, self.now) {
            Ok(Step::Send(attempt)) => attempt,
            other => panic!("expected to send, got {other:?}"),
        }
    }

    pub(crate) fn conclude(&mut self, attempt: Attempt, headers: &HeaderMap) {
        match self.session.conclude(attempt, Head::new(StatusCode::OK, headers), self.now) {
            Verdict::Deliver => {}
            Verdict::Retry(_) => panic!("expected the delivery of a success"),
        }
    }

    /// The number of tokens that the session has held.
    pub(crate) fn generation(&self) -> u64 {
        generation(&self.session.explain(self.now))
    }
}

/// A session that threads share.
#[derive(Debug)]
pub(crate) struct Shared(SharedSession);

impl Shared {
    pub(crate) fn new() -> Self {
        Self(SharedSession::new(config(ORIGIN)))
    }

    pub(crate) fn holding(token: &str) -> Self {
        let shared = Self::new();
        let mut request = Request::get(ORIGIN).body(()).unwrap();
        let attempt = shared.log_in(&mut request, |lead| grant(lead, token));
        // Let the server accept the token, which is the usual state.
        drop(shared.0.conclude(attempt, &mut Response::new(())));
        shared
    }

    pub(crate) fn conclude(&self, attempt: Attempt, response: &mut Response<()>) {
        match self.0.conclude(attempt, response) {
            Verdict::Deliver => {}
            Verdict::Retry(_) => panic!("expected the delivery of a success"),
        }
    }

    pub(crate) fn attach(&self, request: &mut Request<()>) -> Attempt {
        self.log_in(request, |_| panic!("expected to send"))
    }

    /// The number of journal entries: the start of the login, and one for each call that waits for
    /// it.
    pub(crate) fn written(&self) -> u64 {
        self.0.inspect(|session, _| session.journal().written())
    }

    /// Attaches a token, after waiting or logging in if necessary.
    pub(crate) fn log_in(&self, request: &mut Request<()>, authenticate: impl Fn(Lead)) -> Attempt {
        let mut call = Call::replayable();
        loop {
            call = match self.0.admit(call, request).unwrap() {
                Admission::Send(attempt) => return attempt,
                Admission::Authenticate(lead, wait) => {
                    authenticate(lead);
                    wait.into_call()
                }
                Admission::Wait(wait) => wait.block(),
                Admission::Refuse(refused) => panic!("{refused}"),
            };
        }
    }
}

/// A session that threads share, and the store through which it shares its token.
pub(crate) struct Stored {
    shared: Shared,
    sharing: Sharing<dyn Store>,
}

impl Stored {
    /// A session that has logged in, and has told the store its token.
    pub(crate) fn holding(token: &str) -> Self {
        let shared = Shared::new();
        let sharing =
            Sharing::new(shared.0.clone(), Arc::new(MemoryStore::new()) as Arc<dyn Store>);
        let mut request = Request::get(ORIGIN).body(()).unwrap();
        let attempt = shared.log_in(&mut request, |lead| {
            let (lead, reporter) = sharing.claim(lead).unwrap();
            grant(lead, token);
            reporter.report();
        });
        let stored = Self { shared, sharing };
        stored.conclude(attempt, &mut Response::new(()));
        stored
    }

    pub(crate) fn attach(&self, request: &mut Request<()>) -> Attempt {
        self.shared.attach(request)
    }

    /// Concludes, and asks whether there is something to report, as an adapter does.
    pub(crate) fn conclude(&self, attempt: Attempt, response: &mut Response<()>) {
        self.shared.conclude(attempt, response);
        self.sharing.report(false, None);
    }
}

/// A session that has logged in and holds this token.
fn session(config: Config, token: &str, now: Now) -> Session {
    let mut request = Request::get(config.origin().to_string()).body(()).unwrap();
    let mut session = Session::new(config);
    let Ok(Step::Authenticate(login, _)) = session.admit(Call::replayable(), &mut request, now)
    else {
        panic!("expected a login")
    };
    let outcome =
        login.read(Head::new(StatusCode::OK, &HeaderMap::new()), granting(token).as_bytes());
    session.settle(login, outcome, now);
    session
}

/// Grants a login this token.
pub(crate) fn grant(lead: Lead, token: &str) {
    lead.answer(Head::new(StatusCode::OK, &HeaderMap::new()), granting(token).as_bytes());
}

fn granting(token: &str) -> String {
    format!(r#"{{"token":"{token}"}}"#)
}

/// A client that holds this token without a login, over the given agent or its own.
///
/// Without a timeout, the client costs what this project adds to ureq. With a timeout, ureq itself
/// costs more.
pub(crate) fn client(
    origin: &str,
    token: &str,
    agent: Option<Agent>,
    timeout: Option<Duration>,
) -> Client {
    let now = Now::new(Duration::ZERO, SystemTime::now());
    let session = session(config(origin), token, now);
    let builder = Client::builder(credentials()).origin(origin).timeout(timeout);
    let client =
        if let Some(agent) = agent { builder.agent(agent) } else { builder }.build().unwrap();
    client.resume(&session.snapshot(now).unwrap()).unwrap();
    client
}

/// The number of tokens that a client has held.
pub(crate) fn generations(client: &Client) -> u64 {
    generation(&client.explain())
}

fn generation(explanation: &Explanation) -> u64 {
    let Explanation::Send { generation, .. } = explanation else {
        panic!("expected a held token: {explanation}")
    };
    *generation
}

/// ureq's default settings, without a proxy from the environment.
pub(crate) fn settings() -> ConfigBuilder<AgentScope> {
    Agent::config_builder().user_agent("waldo-bench").proxy(None)
}

fn config(origin: &str) -> Config {
    Config::builder(origin, credentials()).build().unwrap()
}

fn credentials() -> Credentials {
    Credentials::new("wk.bench", SECRET).unwrap()
}
