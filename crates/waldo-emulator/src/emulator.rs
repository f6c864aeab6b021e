//! The emulator as a value. It listens from `start` until `stop` or its drop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::uri::Authority;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use waldo_test_driver::scenario::Sighting;
use waldo_test_driver::server::{Fault, Hold, Policy, Server, Stub, Target};

use crate::connection;
use crate::control;
use crate::site::Site;
use crate::stats::Stats;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long `accept` pauses after an error, such as too many open files.
const REST: Duration = Duration::from_millis(20);

/// A running emulator. Dropping it ends its thread and its connections, and closes its port.
///
/// ```
/// use waldo_emulator::Emulator;
/// use waldo_emulator::model::Server;
///
/// let emulator = Emulator::start(Server::default())?;
/// assert!(emulator.origin().starts_with("http://127.0.0.1:"));
/// // … a client calls `emulator.origin()` with Server::KEY_ID and Server::KEY_SECRET …
/// emulator.expire_all();
/// assert_eq!(emulator.stats().server.logins_granted, 0);
/// emulator.stop();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Emulator {
    addr: SocketAddr,
    site: Arc<Site>,
    /// Dropping this sender ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// A port cannot be opened, or a thread cannot be started.
    pub fn start(server: Server) -> io::Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), server)
    }

    /// Starts on this address. Port 0 means any free port.
    ///
    /// # Errors
    ///
    /// The address cannot be opened, or a thread cannot be started.
    pub fn listen(addr: SocketAddr, server: Server) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = open(&runtime, addr)?;
        let addr = listener.local_addr()?;
        let site = Arc::new(Site::new(server));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&site);
        let thread = std::thread::Builder::new()
            .name("waldo-emulator".to_owned())
            .spawn(move || runtime.block_on(accept(listener, shared, stopped)))?;
        Ok(Self { addr, site, stop: Some(stop), thread: Some(thread) })
    }

    /// The address that the emulator listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The emulator's origin for a client on this machine, such as `http://127.0.0.1:40123`.
    ///
    /// If the emulator listens on all addresses (`0.0.0.0` or `[::]`), the origin has the loopback
    /// address.
    pub fn origin(&self) -> String {
        format!("http://{}", named(self.addr))
    }

    /// Lets the control endpoints answer to one more `Host`, such as `emulator:8787`.
    ///
    /// By default, they answer to the addresses of this machine only, because after DNS rebinding
    /// a web page could use them under a name of its own. Allow only names that no web page can
    /// have.
    ///
    /// ```
    /// use waldo_emulator::Emulator;
    /// use waldo_emulator::model::Server;
    ///
    /// let emulator = Emulator::start(Server::default())?;
    /// emulator.allow_control_host("emulator:8787".parse()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_control_host(&self, host: Authority) {
        self.site.control_hosts().push(host);
    }

    /// Whether a path belongs to a control endpoint. A request to such a path does not reach the
    /// model.
    ///
    /// ```
    /// use waldo_emulator::Emulator;
    ///
    /// assert!(Emulator::is_control("/_emulator/stats"));
    /// assert!(!Emulator::is_control("/customer"));
    /// ```
    pub fn is_control(path: &str) -> bool {
        control::is_meant(path)
    }

    /// Makes all tokens that were issued so far invalid, as if their lifetimes had ended.
    ///
    /// Let one call succeed first: after a 401, a client may keep a token that no response has
    /// accepted yet.
    pub fn expire_all(&self) {
        self.site.server().expire_all();
    }

    /// Deactivates a key; false if the key is unknown.
    pub fn revoke_key(&self, id: &str) -> bool {
        self.site.server().revoke_key(id)
    }

    /// Activates a key again; false if the key is unknown.
    pub fn restore_key(&self, id: &str) -> bool {
        self.site.server().restore_key(id)
    }

    /// Adds a key pair, or replaces the secret of a known id.
    pub fn add_key(&self, id: &str, secret: &str) {
        self.site.server().add_key(id, secret);
    }

    /// Signs with another key from now on, as after a restart. All older tokens are invalid.
    pub fn rotate_signing_key(&self) {
        self.site.server().rotate_signing_key();
    }

    /// Replaces the policy.
    pub fn set_policy(&self, policy: Policy) {
        self.site.server().set_policy(policy);
    }

    /// The policy.
    pub fn policy(&self) -> Policy {
        self.site.server().policy().clone()
    }

    /// Adds a fault.
    pub fn push_fault(&self, fault: Fault) {
        self.site.server().push_fault(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.site.server().clear_faults();
    }

    /// Adds a stub: an answer of your own to the calls of one method and one path.
    ///
    /// ```
    /// use serde_json::json;
    /// use waldo_emulator::Emulator;
    /// use waldo_emulator::model::{Method, Server, Stub};
    ///
    /// let emulator = Emulator::start(Server::default())?;
    /// let stub = Stub::path(Method::GET, "/customer").json(200, &json!({"customerId": "c-1"}));
    /// emulator.push_stub(stub);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn push_stub(&self, stub: Stub) {
        self.site.server().push_stub(stub);
    }

    /// Removes all stubs.
    pub fn clear_stubs(&self) {
        self.site.server().clear_stubs();
    }

    /// Calls `run` with the model. Requests wait meanwhile.
    pub fn with_server<R>(&self, run: impl FnOnce(&mut Server) -> R) -> R {
        run(&mut self.site.server())
    }

    /// Sets how long each login or each call waits before the server sees it. Default: zero.
    pub fn set_latency(&self, of: Target, span: Duration) {
        self.site.set_latency(of, span);
    }

    /// Closes a gate: the requests that `hold` covers wait until they are released.
    pub fn hold(&self, hold: Hold) {
        self.site.gates.hold(hold);
    }

    /// Opens all gates for logins, or for calls.
    pub fn release(&self, of: Target) {
        self.site.gates.release(Some(of));
    }

    /// Opens only the gates that were closed with exactly this hold.
    pub fn take_back(&self, hold: &Hold) {
        self.site.gates.take_back(hold);
    }

    /// Opens all gates.
    pub fn release_all(&self) {
        self.site.gates.release(None);
    }

    /// Waits until at least `count` requests wait at gates; false if `timeout` passes first.
    #[must_use]
    pub fn wait_until_held(&self, count: usize, timeout: Duration) -> bool {
        self.site.gates.wait_until_held(count, timeout)
    }

    /// The counts of the emulator so far.
    pub fn stats(&self) -> Stats {
        self.site.stats()
    }

    /// Sets every count to zero.
    pub fn reset_stats(&self) {
        self.site.reset_stats();
    }

    /// Records all requests from now on. Instants count from now.
    ///
    /// The record holds every request and every answer, so use it in tests of bounded length only.
    pub fn watch(&self) {
        self.site.watch(self.addr.to_string());
    }

    /// The records since [`watch`](Self::watch), in the order of the server. Empty if `watch` was
    /// not called.
    pub fn sightings(&self) -> Vec<Sighting> {
        self.site.sightings()
    }

    /// Waits until at least `count` requests have left a gate because their client went away; false
    /// if `timeout` passes first.
    #[must_use]
    pub fn wait_until_abandoned(&self, count: usize, timeout: Duration) -> bool {
        self.site.gates.wait_until_abandoned(count, timeout)
    }

    /// How many requests have left a gate because their client went away.
    pub fn abandoned(&self) -> usize {
        self.site.gates.abandoned()
    }

    /// Stops the emulator. When this method returns, the connections are cut, the port is closed,
    /// and the thread has ended.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread has already reported its own panic.
            drop(thread.join());
        }
    }
}

/// The address that a client on this machine names.
fn named(addr: SocketAddr) -> SocketAddr {
    let loopback = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => return addr,
    };
    SocketAddr::new(loopback, addr.port())
}

fn open(runtime: &Runtime, addr: SocketAddr) -> io::Result<TcpListener> {
    let _context = runtime.enter();
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // On Unix, a port in use is still refused. On Windows, this option would allow it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, site: Arc<Site>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    site.count_connection();
                    connections.spawn(connection::serve(stream, Arc::clone(&site)));
                }
                Err(_) => tokio::time::sleep(REST).await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_of_all_addresses_is_the_loopback_address() {
        for (addr, client) in [
            ("0.0.0.0:8787", "127.0.0.1:8787"),
            ("[::]:8787", "[::1]:8787"),
            ("127.0.0.2:1", "127.0.0.2:1"),
            ("192.0.2.1:8787", "192.0.2.1:8787"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ] {
            assert_eq!(named(addr.parse().unwrap()).to_string(), client);
        }
    }
}
