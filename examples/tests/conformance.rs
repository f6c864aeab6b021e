//! Each embedding among the examples passes the conformance suite, from the very file that is shown.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that panics has failed, and says why")]

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use http::{Request, Response};
use waldo_auth_shared::core::{Call, Credentials, ForeignOrigin, Snapshot};
use waldo_auth_shared::{Refused, SharedSession};
use waldo_emulator::conformance::{
    self, Adapter, Ask, BodyKind, Client, Ending, KeyPair, Lacking, Need, Scenario, Setup,
};
use waldo_examples::check::Failure;
use waldo_test_driver::scenario;

#[path = "../attohttpc.rs"]
#[expect(dead_code, reason = "its program is the example's")]
mod over_attohttpc;

#[path = "../curl.rs"]
#[expect(dead_code, reason = "its program is the example's")]
mod over_curl;

#[path = "../minreq.rs"]
#[expect(dead_code, reason = "its program is the example's")]
mod over_minreq;

/// How long a call without a deadline may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes one call, within the deadline that it has.
type MakesCall = fn(&SharedSession, Call, Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure>;

/// What an embedding has to offer to be certified, and what its HTTP stack cannot do.
#[derive(Clone, Copy)]
struct Embedding {
    call: MakesCall,
    is_timeout: fn(&Failure) -> bool,
    lacks: &'static [Need],
}

impl Adapter for Embedding {
    type Client = Embedded;

    fn lacks(&self) -> &[Need] {
        self.lacks
    }

    fn client(&self, setup: &Setup) -> Result<Embedded, Box<dyn Error>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let config = waldo_auth_shared::config(credentials).origin(&setup.origin);
        let session = SharedSession::new(setup.settings.apply(config).build()?);
        Ok(Embedded { embedding: *self, session })
    }
}

/// An embedding with a session of its own.
struct Embedded {
    embedding: Embedding,
    session: SharedSession,
}

impl Client for Embedded {
    fn send(&self, ask: &Ask) -> Ending {
        let call = match ask.body() {
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
            BodyKind::OneShot => Call::one_shot(),
        };
        let deadline = self.session.now().saturating_add(ask.deadline().unwrap_or(PATIENCE));
        let mut request = Request::new(ask.body().bytes().to_vec());
        (*request.method_mut(), *request.uri_mut()) = (ask.method().clone(), ask.uri().clone());
        match (self.embedding.call)(&self.session, call.with_deadline(deadline), request) {
            Ok(response) => {
                Ending::Answered { status: response.status().as_u16(), body: response.into_body() }
            }
            Err(failure) => self.embedding.ending(&failure),
        }
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        self.session.reset(Credentials::new(&key.id, &key.secret).unwrap());
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
        let snapshot = Snapshot::from_json(stored.as_bytes()).unwrap();
        Ok(self.session.resume(&snapshot).is_ok())
    }
}

impl Embedding {
    fn ending(&self, failure: &Failure) -> Ending {
        if let Some(Refused { refusal, retry_in, .. }) = failure.downcast_ref() {
            return Ending::refused(refusal, *retry_in);
        }
        if failure.is::<ForeignOrigin>() {
            return Ending::ForeignOrigin;
        }
        if (self.is_timeout)(failure) { Ending::TimedOut } else { Ending::Failed }
    }
}

fn certify(embedding: Embedding) {
    let report = conformance::certify(&embedding);
    println!("{report}");
    assert!(report.is_certified());
}

#[test]
fn the_session_in_attohttpc_passes_every_scenario_that_a_thread_which_blocks_can_do() {
    certify(Embedding {
        call: over_attohttpc::call,
        is_timeout: |failure| failure.downcast_ref().is_some_and(over_attohttpc::timed_out),
        lacks: &[Need::Cancellation],
    });
}

#[test]
fn the_session_in_curl_passes_every_scenario_that_a_thread_which_blocks_can_do() {
    certify(Embedding {
        call: over_curl::call,
        is_timeout: |failure| failure.downcast_ref().is_some_and(curl::Error::is_operation_timedout),
        lacks: &[Need::Cancellation],
    });
}

/// Its timeouts are whole seconds, where the deadlines of the suite, and the lease in one of its settings, are fractions of one.
const MINREQ: Embedding = Embedding {
    call: over_minreq::call,
    is_timeout: |failure| {
        let Some(minreq::Error::IoError(error)) = failure.downcast_ref() else { return false };
        error.kind() == ErrorKind::TimedOut
    },
    lacks: &[Need::Cancellation, Need::Deadlines, Need::Settings],
};

#[test]
fn the_session_in_minreq_passes_every_scenario_that_timeouts_of_whole_seconds_can_do() {
    certify(MINREQ);
}

#[test]
fn the_session_in_minreq_keeps_every_setting_but_a_lease_of_a_fraction_of_a_second() {
    let embedding = Embedding { lacks: &[Need::Cancellation, Need::Deadlines], ..MINREQ };
    let kept = |scenario: &Scenario| {
        scenario.needs().contains(&Need::Settings) && scenario.settings().lease.is_none()
    };
    let report = conformance::certify_all(&embedding, scenario::all().filter(kept));
    println!("{report}");
    assert!(report.is_certified());
}
