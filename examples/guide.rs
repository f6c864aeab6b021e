//! The embedding that [the guide](../docs/embedding.md) quotes, over a bare agent of ureq, and its certificate.
//!
//!     cargo run --example guide

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error;
use std::io::Read;
use std::time::Duration;

use http::{Request, Response};
use ureq::{Agent, Body};
use waldo_auth_shared::core::{Call, Credentials, ForeignOrigin, Head, Login, Snapshot, Verdict};
use waldo_auth_shared::{Admission, Refused, SharedSession};
use waldo_emulator::conformance::{
    self, Adapter, Ask, BodyKind, Client, Ending, KeyPair, Lacking, Need, Setup,
};

/// One session for the whole program, and the stack to send with. Threads share it by reference, or in an `Arc`.
struct Api {
    session: SharedSession,
    agent: Agent,
}

/// How long a call without a deadline may take.
const A_MINUTE: Duration = Duration::from_secs(60);

impl Api {
    fn new(session: SharedSession) -> Self {
        // No proxy at all, as the simplest way to have none for what goes out in clear.
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
        Self { session, agent: agent.build().into() }
    }

    /// One exchange of the stack, up to the head of the response.
    fn exchange(&self, request: Request<Vec<u8>>, within: Duration) -> Result<Response<Body>, ureq::Error> {
        self.agent.run(self.agent.configure_request(request).timeout_global(Some(within)).build())
    }

    /// Makes one call.
    fn send(
        &self,
        mut call: Call,
        mut request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
        loop {
            call = match self.session.admit(call, &mut request)? {
                Admission::Send(attempt) => {
                    let left = self.session.left(&attempt).unwrap_or(A_MINUTE);
                    let mut response = self.exchange(request.clone(), left)?;
                    match self.session.conclude(attempt, &mut response) {
                        Verdict::Deliver => return Ok(response),
                        Verdict::Retry(again) => again,
                    }
                }
                Admission::Authenticate(lead) => {
                    // No `?` in here: a failure that nobody is told of backs nobody off.
                    match self.exchange(lead.request(), lead.patience()).and_then(read) {
                        Ok((answer, body)) => lead.answer(Head::from(&answer), &body),
                        Err(error @ ureq::Error::Timeout(_)) => lead.time_out(error),
                        Err(error) => lead.fail(error),
                    }
                }
                Admission::Wait(wait) => wait.block(),
                Admission::Refuse(refused) => return Err(refused.into()),
            };
        }
    }
}

/// The body of a login's answer, or as much of it as tells that it is too large.
fn read(mut answer: Response<Body>) -> Result<(Response<Body>, Vec<u8>), ureq::Error> {
    let mut body = Vec::new();
    let ended = answer.body_mut().as_reader().take(Login::MAX_BODY as u64 + 1).read_to_end(&mut body);
    // A status that is no success says enough, however its body ends.
    if answer.status().is_success() {
        ended?;
    }
    Ok((answer, body))
}

// Here ends the embedding.

/// What makes the clients that are to be certified.
struct Mine;

impl Adapter for Mine {
    type Client = Api;

    // What they cannot do, honestly: it is skipped, and the report says so.
    fn lacks(&self) -> &[Need] {
        &[Need::Cancellation]
    }

    fn client(&self, setup: &Setup) -> Result<Api, Box<dyn Error>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let config = waldo_auth_shared::config(credentials).origin(&setup.origin);
        Ok(Api::new(SharedSession::new(setup.settings.apply(config).build()?)))
    }
}

impl Client for Api {
    fn send(&self, ask: &Ask) -> Ending {
        let mut request = Request::new(ask.body().bytes().to_vec());
        (*request.method_mut(), *request.uri_mut()) = (ask.method().clone(), ask.uri().clone());
        let call = match ask.body() {
            BodyKind::OneShot => Call::one_shot(),
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
        };
        let deadline = self.session.now().saturating_add(ask.deadline().unwrap_or(A_MINUTE));
        let ended = self.send(call.with_deadline(deadline), request).and_then(|mut response| {
            let body = response.body_mut().read_to_vec()?;
            Ok(Ending::Answered { status: response.status().as_u16(), body })
        });
        ended.unwrap_or_else(|error| match error.downcast_ref() {
            Some(Refused { refusal, retry_in, .. }) => Ending::refused(refusal, *retry_in),
            None if error.is::<ForeignOrigin>() => Ending::ForeignOrigin,
            None if matches!(error.downcast_ref(), Some(ureq::Error::Timeout(_))) => Ending::TimedOut,
            None => Ending::Failed,
        })
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        self.session.reset(Credentials::new(&key.id, &key.secret).map_err(|_| Lacking(Need::Reset))?);
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        self.session.invalidate();
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.session.snapshot().map(|snapshot| snapshot.to_json()))
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        let snapshot = Snapshot::from_json(stored.as_bytes()).map_err(|_| Lacking(Need::Storage))?;
        Ok(self.session.resume(&snapshot).is_ok())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let report = conformance::certify(&Mine);
    println!("{report}");
    if report.is_certified() { Ok(()) } else { Err("the embedding is not certified".into()) }
}
