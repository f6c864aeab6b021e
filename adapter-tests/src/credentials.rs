//! The key pair is replaced while a client runs, at the server and in its source.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use waldo_auth_client::{CredentialSource, Refusal};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server};

use crate::adapter::{Adapter, Failure, Kind, Setup};
use crate::listener::Listener;
use crate::site::{on_threads, with_one_login_for_all};

const CROWD: usize = 16;

/// A folder with the two files of a key pair.
struct Files(TempDir);

impl Files {
    fn new(name: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(name);
        files
    }

    fn path(&self, half: &str) -> PathBuf {
        self.0.path().join(half)
    }

    /// Writes the pair of this name, with a line end as an editor does.
    fn write(&self, name: &str) {
        for half in ["wk", "ws"] {
            fs::write(self.path(half), format!("{half}.{name}\n")).unwrap();
        }
    }

    fn source(&self) -> CredentialSource {
        CredentialSource::files(self.path("wk"), self.path("ws"))
    }
}

/// A server that knows the old key pair, and a client with its files and a token.
fn started<A: Adapter>() -> (Emulator, Files, A) {
    let server = Server::new(Policy::default()).with_key("wk.old", "ws.old");
    let (emulator, files) = (Emulator::start(server).unwrap(), Files::new("old"));
    let limits = |limits: waldo_auth_client::ConfigBuilder| {
        // Long enough that no busy machine makes the probe in the first call.
        limits.probe(Duration::from_secs(2), Duration::from_secs(10))
    };
    let client = A::from_source(Setup::new(emulator.origin()).limits(limits), files.source());
    assert_eq!(client.status(), 200);
    (emulator, files, client)
}

/// The granted and the rejected logins.
fn logins(emulator: &Emulator) -> (u64, u64) {
    let stats = emulator.stats().server;
    (stats.logins_granted, stats.logins_refused.values().sum())
}

/// Drops the token of the revoked key, as a program does after this 403.
fn drop_token<A: Adapter>(client: &A) {
    let answer = client.call().unwrap();
    assert_eq!(answer.status, 403);
    assert!(client.invalidate(answer.generation));
}

pub fn rule_15_a_replaced_key_pair_costs_one_rejection_and_one_login<A: Adapter>() {
    let (emulator, files, client) = started::<A>();
    emulator.add_key("wk.new", "ws.new");
    files.write("new");
    emulator.revoke_key("wk.old");
    drop_token(&client);
    let call = || client.call().map(|answer| answer.status);
    for result in with_one_login_for_all(CROWD, &emulator, &Listener::new(), call) {
        assert_eq!(result.unwrap(), 200);
    }
    assert_eq!(logins(&emulator), (2, 1));
}

pub fn rule_15_a_probe_uses_the_key_pair_of_the_source<A: Adapter>() {
    let (emulator, files, client) = started::<A>();
    emulator.revoke_key("wk.old");
    drop_token(&client);
    let retry_in = |failure: Failure| {
        assert!(matches!(failure.kind, Kind::Refused(Refusal::Rejected { .. })), "{failure:?}");
        failure.retry_in.unwrap()
    };
    let mut left = retry_in(client.call().unwrap_err());
    assert_eq!(logins(&emulator), (1, 1));
    emulator.add_key("wk.new", "ws.new");
    files.write("new");
    let status = loop {
        thread::sleep(left);
        match client.call() {
            Ok(answer) => break answer.status,
            Err(failure) => left = retry_in(failure),
        }
    };
    assert_eq!((status, logins(&emulator)), (200, (2, 1)));
}

pub fn rule_25_replaced_pair_costs_fleet_one_rejection<A: Adapter>() {
    let server = Server::new(Policy::default()).with_key("wk.old", "ws.old");
    let (emulator, files) = (Emulator::start(server).unwrap(), Files::new("old"));
    let store = Arc::default();
    let program = || A::from_source(Setup::new(emulator.origin()).store(&store), files.source());
    let fleet: Vec<A> = (0..CROWD).map(|_| program()).collect();
    assert!(fleet.iter().all(|client| client.status() == 200));
    assert_eq!(logins(&emulator), (1, 0));
    emulator.add_key("wk.new", "ws.new");
    files.write("new");
    emulator.revoke_key("wk.old");
    fleet.iter().for_each(drop_token);
    let call = |number: usize| fleet.get(number).map(Adapter::status);
    let statuses = on_threads(CROWD, &Listener::new(), call, || ());
    assert_eq!(statuses, [Some(200); CROWD]);
    assert_eq!(logins(&emulator), (2, 1));
}
