//! waldo-ureq passes the conformance suite on real sockets.

#![expect(clippy::unwrap_used, reason = "what cannot be built fails the test")]

#[cfg(test)]
#[path = "../../../examples/tests/conformance/row.rs"]
mod row;

use std::error::Error as StdError;
use std::io::Cursor;
use std::time::Duration;

use waldo_conformance::{
    self as conformance, Adapter, Ask, BodyKind, Client as Certifiable, Ending, KeyPair, Lacking,
    Need, Setup,
};
use waldo_ureq::ureq::Agent;
use waldo_ureq::{Client, Credentials, Error, OneShot, Refused, Snapshot, ureq};

use crate::row::Row;

/// The adapter as its users have it, but that nothing hangs for ever and that a status is an
/// answer.
struct Ureq;

impl Adapter for Ureq {
    type Client = UreqClient;

    fn lacks(&self) -> &[Need] {
        // A thread that blocks cannot be cancelled, and a login goes on behind its call.
        &[Need::Cancellation, Need::TiedLogins]
    }

    fn client(&self, setup: &Setup) -> Result<UreqClient, Box<dyn StdError>> {
        let agent = Agent::config_builder().http_status_as_error(false).proxy(None).build();
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let client = Client::builder(credentials)
            .origin(&setup.origin)
            .agent(agent)
            .limits(|limits| setup.settings.apply(limits))
            .build()?;
        Ok(UreqClient(client))
    }
}

struct UreqClient(Client);

impl UreqClient {
    fn call(&self, ask: &Ask) -> Result<Ending, Error> {
        let (client, uri) = (&self.0, ask.uri().to_string());
        let mut request = match ask.method().as_str() {
            "GET" => client.get(uri),
            "HEAD" => client.head(uri),
            "POST" => client.post(uri),
            "PUT" => client.put(uri),
            "PATCH" => client.patch(uri),
            "DELETE" => client.delete(uri),
            other => return Ok(Ending::Other(format!("no function makes a request with {other}"))),
        };
        for (name, value) in ask.headers() {
            request = request.header(name, value);
        }
        let request = request.timeout(ask.deadline().unwrap_or(Duration::from_secs(20)));
        let mut response = match ask.body() {
            BodyKind::None => request.call()?,
            BodyKind::Replayable => request.send(ask.bytes())?,
            BodyKind::OneShot => request.send(OneShot::new(Cursor::new(ask.bytes())))?,
        };
        let body = response.body_mut().read_to_vec()?;
        Ok(Ending::Answered { status: response.status().as_u16(), body })
    }
}

impl Certifiable for UreqClient {
    fn send(&self, ask: &Ask) -> Ending {
        match self.call(ask) {
            Ok(ending) => ending,
            Err(Error::Refused(Refused { refusal, retry_in, .. })) => {
                Ending::refused(&refusal, retry_in)
            }
            Err(Error::ForeignOrigin(_)) => Ending::ForeignOrigin,
            Err(Error::Ureq(ureq::Error::Timeout(_))) => Ending::TimedOut,
            Err(Error::Ureq(_) | Error::BrokeOff(_)) => Ending::Failed,
            Err(other) => Ending::Other(other.to_string()),
        }
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        self.0.reset(Credentials::new(&key.id, &key.secret).unwrap());
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        self.0.invalidate(self.0.generation());
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.0.snapshot().map(|snapshot| snapshot.to_json()))
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        let snapshot = Snapshot::from_json(stored.as_bytes()).unwrap();
        Ok(self.0.resume(&snapshot).is_ok())
    }
}

#[test]
fn waldo_ureq_passes_every_scenario_that_sockets_can_do() {
    let report = conformance::certify(&Ureq);
    println!("{report}");
    assert!(report.is_certified());
    Row::keep_results("ureq", &report);
}
