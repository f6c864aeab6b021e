//! The embedding that [the guide](../docs/embedding.md) quotes, over a bare agent of ureq, and its
//! certificate.
//!
//!     cargo run --example guide

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error;
use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

use http::header::EXPECT;
use http::{HeaderValue, Request, Response, StatusCode};
use ureq::{Agent, AsSendBody, Body, SendBody};
use waldo_auth_client::{Admission, Lead, SharedSession};
use waldo_auth_client::{Call, Head, Login, Upload, Verdict};

use waldo_auth_client::Refused;
use waldo_auth_client::{AdmitError, Credentials, Snapshot};
use waldo_conformance::{
    self as conformance, Adapter, Ask, BodyKind, Client, Ending, KeyPair, Lacking, Need, Setup,
};
use waldo_emulator::Emulator;
use waldo_emulator::model::Server;

/// One session for the whole program, and the stack to send with. Its clones share both.
#[derive(Clone)]
struct Api {
    session: SharedSession,
    agent: Agent,
}

/// How long a call without a deadline may take.
const A_MINUTE: Duration = Duration::from_secs(60);

impl Api {
    fn new(session: SharedSession) -> Self {
        // No proxy at all: the simplest way to send nothing in clear text to a proxy.
        let agent =
            Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None);
        Self { session, agent: agent.build().into() }
    }

    /// One exchange of the stack, up to the head of the response.
    fn exchange(
        &self,
        request: Request<impl AsSendBody>,
        within: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        self.agent.run(self.agent.configure_request(request).timeout_global(Some(within)).build())
    }

    /// One exchange whose body waits until the server asks for it, or is never sent.
    fn upload(
        &self,
        mut request: Request<Vec<u8>>,
        upload: Upload,
        within: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        if upload != Upload::Send {
            // With this header, ureq waits a second for the server before it reads the body.
            request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
        if upload != Upload::HeadOnly {
            return self.exchange(request, within);
        }
        let never_sent = io::Error::other("the server did not refuse the token on the head");
        let probe =
            request.map(|_| SendBody::from_owned_reader(Unreadable(never_sent.to_string())));
        self.exchange(probe, within).and_then(|response| match response.status() {
            StatusCode::EXPECTATION_FAILED => Err(never_sent.into()),
            _ => Ok(response),
        })
    }

    /// Logs in for everyone.
    fn log_in(&self, lead: Lead) {
        // No `?` in here: a failure that is not given to `fail` causes no backoff.
        let answer = self.exchange(lead.request(), lead.timeout());
        match answer.and_then(|answer| read(answer, |status| lead.body_timeout(status))) {
            Ok((answer, body)) => lead.answer(Head::from(&answer), &body),
            Err(error @ ureq::Error::Timeout(_)) => lead.time_out(error),
            Err(error) => lead.fail(error),
        }
    }

    /// Makes one call.
    fn send(
        &self,
        mut call: Call,
        mut request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
        let mut broke_off = None;
        loop {
            call = match self.session.admit(call, &mut request)? {
                Admission::Send(attempt) => {
                    let left = self.session.left(&attempt).unwrap_or(A_MINUTE);
                    let is_upload = request.body().len() > 64 * 1024;
                    let sent = if is_upload {
                        self.upload(request.clone(), attempt.upload(), left)
                    } else {
                        self.exchange(request.clone(), left)
                    };
                    match sent {
                        Ok(mut response) => match self.session.conclude(attempt, &mut response) {
                            Verdict::Deliver => return Ok(response),
                            Verdict::Retry(again) => again,
                        },
                        // Perhaps the server has refused the token on the head, and closed the
                        // connection.
                        Err(error) if is_upload => {
                            let first = broke_off.take().unwrap_or(error);
                            match self.session.break_off(attempt) {
                                Verdict::Deliver => return Err(first.into()),
                                Verdict::Retry(again) => {
                                    broke_off = Some(first);
                                    again
                                }
                            }
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Admission::Authenticate(lead, wait) => {
                    // The login is everyone's, so it does not end with this call.
                    let api = self.clone();
                    thread::spawn(move || api.log_in(lead));
                    wait.block()
                }
                Admission::Wait(wait) => wait.block(),
                Admission::Refuse(refused) => return Err(refused.into()),
            };
        }
    }
}

/// A body that fails as soon as the stack reads it.
struct Unreadable(String);

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0.clone()))
    }
}

/// The body of a login's answer, within the limits of size and time.
fn read(
    mut answer: Response<Body>,
    body_timeout: impl Fn(StatusCode) -> Option<Duration>,
) -> Result<(Response<Body>, Vec<u8>), ureq::Error> {
    let mut body = Vec::new();
    let Some(body_timeout) = body_timeout(answer.status()) else { return Ok((answer, body)) };
    let (began, mut reader) = (Instant::now(), answer.body_mut().as_reader());
    let mut chunk = [0; 8192];
    let ended = loop {
        match reader.read(&mut chunk) {
            Ok(0) => break Ok(()),
            Ok(length) => body.extend(chunk.iter().take(length)),
            Err(error) => break Err(error),
        }
        if body.len() > Login::MAX_BODY {
            break Ok(());
        }
        if began.elapsed() > body_timeout {
            break Err(io::ErrorKind::TimedOut.into());
        }
    };
    match ended {
        Err(error) if answer.status().is_success() => Err(error.into()),
        // If the status is not a success, it says enough, even if the body breaks off.
        Err(_) => Ok((answer, Vec::new())),
        Ok(()) => Ok((answer, body)),
    }
}

// Here ends the embedding.

/// Makes the clients to certify.
struct Mine;

impl Adapter for Mine {
    type Client = Api;

    // What these clients cannot do. The suite skips its scenarios, and the report lists them.
    fn lacks(&self) -> &[Need] {
        // Here: a thread that blocks is not cancelled, a login goes on behind its call, and ureq
        // hands out a 401 to a held-back body only once the server closes.
        &[Need::Cancellation, Need::TiedLogins, Need::StalledUploads]
    }

    fn client(&self, setup: &Setup) -> Result<Api, Box<dyn Error>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let config = waldo_auth_client::config(credentials).origin(&setup.origin);
        Ok(Api::new(SharedSession::new(setup.settings.apply(config).build()?)))
    }
}

impl Client for Api {
    fn send(&self, ask: &Ask) -> Ending {
        let call = match ask.body() {
            BodyKind::OneShot => Call::one_shot(),
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
        };
        let deadline = self.session.now().saturating_add(ask.deadline().unwrap_or(A_MINUTE));
        let ended = self.send(call.with_deadline(deadline), ask.request().clone()).and_then(
            |mut response| {
                let body = response.body_mut().read_to_vec()?;
                Ok(Ending::Answered { status: response.status().as_u16(), body })
            },
        );
        ended.unwrap_or_else(|error| match error.downcast_ref() {
            Some(Refused { refusal, retry_in, .. }) => Ending::refused(refusal, *retry_in),
            None if matches!(error.downcast_ref(), Some(AdmitError::ForeignOrigin(_))) => {
                Ending::ForeignOrigin
            }
            None if matches!(error.downcast_ref(), Some(ureq::Error::Timeout(_))) => {
                Ending::TimedOut
            }
            None => Ending::Failed,
        })
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        self.session
            .reset(Credentials::new(&key.id, &key.secret).map_err(|_| Lacking(Need::Reset))?);
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        self.session.invalidate(self.session.generation());
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.session.snapshot().map(|snapshot| snapshot.to_json()))
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        let snapshot =
            Snapshot::from_json(stored.as_bytes()).map_err(|_| Lacking(Need::Storage))?;
        Ok(self.session.resume(&snapshot).is_ok())
    }
}

/// A program's first call. The origin is that of the API, or of an emulator.
fn first_call(
    credentials: Credentials,
    origin: &str,
) -> Result<StatusCode, Box<dyn Error + Send + Sync>> {
    let config = waldo_auth_client::config(credentials).origin(origin).build()?;
    let api = Api::new(SharedSession::new(config));
    let request = Request::get(format!("{origin}/customer?field=id")).body(Vec::new())?;
    let call = Call::replayable().with_deadline(api.session.now().saturating_add(A_MINUTE));
    Ok(api.send(call, request)?.status())
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let emulator = Emulator::start(Server::default())?;
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
    println!("the first call was answered {}", first_call(credentials, &emulator.origin())?);
    let report = conformance::certify(&Mine);
    println!("{report}");
    if report.is_certified() { Ok(()) } else { Err("the embedding is not certified".into()) }
}
