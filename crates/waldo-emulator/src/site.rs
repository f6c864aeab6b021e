//! The state that all connections of one emulator share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::Request;
use http::uri::Authority;
use waldo_test_driver::scenario::{Sighting, Witness};
use waldo_test_driver::server::{Reply, Server, Target};

use crate::Stats;
use crate::gate::Gates;

/// The model, the gates, and the counts of the sockets.
#[derive(Debug)]
pub(crate) struct Site {
    server: Mutex<Server>,
    /// Records the requests that the model handles, after [`watch`](Self::watch).
    witness: Mutex<Option<Witness>>,
    pub(crate) gates: Gates,
    latency: Mutex<Latency>,
    /// Further names of this machine, to which the control endpoints answer.
    control_hosts: Mutex<Vec<Authority>>,
    logins: AtomicUsize,
    most_logins: AtomicUsize,
    connections: AtomicU64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Latency {
    login: Duration,
    calls: Duration,
}

impl Site {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server: Mutex::new(server),
            witness: Mutex::new(None),
            gates: Gates::new(),
            latency: Mutex::default(),
            control_hosts: Mutex::default(),
            logins: AtomicUsize::new(0),
            most_logins: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
        }
    }

    /// Locks the model. Do not hold the lock across an await.
    pub(crate) fn server(&self) -> MutexGuard<'_, Server> {
        // A poisoned lock is safe, because each method leaves the model valid.
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the model handle a request. The body of the request may be unread.
    pub(crate) fn handle(&self, target: Target, request: &Request<Vec<u8>>, unread: bool) -> Reply {
        let mut server = self.server();
        let now = SystemTime::now();
        let reply = server.handle(request, now);
        // Record under the model's lock, so that the record has the model's order.
        if let Some(witness) = self.witness.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            witness.note(target, request, &reply, now);
            if unread {
                witness.leave_body_unread();
            }
        }
        reply
    }

    /// Records the requests from now on, and reports each request with another `Host`.
    pub(crate) fn watch(&self, host: String) {
        let witness = Witness::new(SystemTime::now()).expecting_host(host);
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = Some(witness);
    }

    /// The records so far.
    pub(crate) fn sightings(&self) -> Vec<Sighting> {
        let witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        witness.as_ref().map(|witness| witness.sightings().to_vec()).unwrap_or_default()
    }

    pub(crate) fn latency(&self, of: Target) -> Duration {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        match of {
            Target::Login => latency.login,
            Target::Calls => latency.calls,
        }
    }

    pub(crate) fn set_latency(&self, of: Target, span: Duration) {
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        match of {
            Target::Login => latency.login = span,
            Target::Calls => latency.calls = span,
        }
    }

    pub(crate) fn control_hosts(&self) -> MutexGuard<'_, Vec<Authority>> {
        self.control_hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a login as under way until the returned value is dropped.
    pub(crate) fn begin_login(&self) -> LoginUnderWay<'_> {
        let now = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_logins.fetch_max(now, Ordering::SeqCst);
        LoginUnderWay(self)
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            server: self.server().stats().clone(),
            most_logins_at_once: self.most_logins.load(Ordering::SeqCst),
            logins_under_way: self.logins.load(Ordering::SeqCst),
            held: self.gates.held(),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }

    /// Sets the counts to zero, except the counts of logins under way.
    pub(crate) fn reset_stats(&self) {
        self.server().reset_stats();
        self.most_logins.store(self.logins.load(Ordering::SeqCst), Ordering::SeqCst);
        self.connections.store(0, Ordering::Relaxed);
    }
}

/// One login between its arrival and its answer.
pub(crate) struct LoginUnderWay<'a>(&'a Site);

impl Drop for LoginUnderWay<'_> {
    fn drop(&mut self) {
        self.0.logins.fetch_sub(1, Ordering::SeqCst);
    }
}
