//! The emulator as a value: it listens from `start` to `stop`, or to its end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use waldo_test_driver::scenario::Sighting;
use waldo_test_driver::server::{Fault, Hold, Policy, Server, Target};

use crate::connection;
use crate::control;
use crate::site::Site;
use crate::stats::Stats;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long accepting rests after an error such as too many open files.
const REST: Duration = Duration::from_millis(20);

/// A running emulator; dropping it ends its thread, its connections and its port.
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
    /// Dropping it tells the thread to end.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// When no port can be opened, or no thread started.
    pub fn start(server: Server) -> io::Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), server)
    }

    /// Starts on this address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address cannot be opened, or no thread started.
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

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its origin, such as `http://127.0.0.1:40123`: what a client takes as the API's.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Whether a path is one that controls an emulator, so that no request to it reaches the model.
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

    /// Makes every token issued so far invalid, as if its lifetime had ended.
    pub fn expire_all(&self) {
        self.site.server().expire_all();
    }

    /// Deactivates a key. False if it is unknown.
    pub fn revoke_key(&self, id: &str) -> bool {
        self.site.server().revoke_key(id)
    }

    /// Activates a key again. False if it is unknown.
    pub fn restore_key(&self, id: &str) -> bool {
        self.site.server().restore_key(id)
    }

    /// Adds a key pair, or gives a known id another secret.
    pub fn add_key(&self, id: &str, secret: &str) {
        self.site.server().add_key(id, secret);
    }

    /// Signs with another key from then on, as after a restart: every older token is invalid.
    pub fn rotate_signing_key(&self) {
        self.site.server().rotate_signing_key();
    }

    /// Changes the policy.
    pub fn set_policy(&self, policy: Policy) {
        self.site.server().set_policy(policy);
    }

    /// The policy.
    pub fn policy(&self) -> Policy {
        self.site.server().policy().clone()
    }

    /// Adds a failure.
    pub fn push_fault(&self, fault: Fault) {
        self.site.server().push_fault(fault);
    }

    /// Removes all failures.
    pub fn clear_faults(&self) {
        self.site.server().clear_faults();
    }

    /// Runs something on the model itself; requests wait meanwhile.
    pub fn with_server<R>(&self, run: impl FnOnce(&mut Server) -> R) -> R {
        run(&mut self.site.server())
    }

    /// Lets each login, or each call, wait this long before the server sees it; zero by default.
    pub fn set_latency(&self, of: Target, span: Duration) {
        self.site.set_latency(of, span);
    }

    /// Closes a gate: what it covers stands there until it is released.
    pub fn hold(&self, hold: Hold) {
        self.site.gates.hold(hold);
    }

    /// Opens every gate for logins, or for calls.
    pub fn release(&self, of: Target) {
        self.site.gates.release(Some(of));
    }

    /// Opens the gates that were closed with exactly this hold, and no others.
    pub fn take_back(&self, hold: &Hold) {
        self.site.gates.take_back(hold);
    }

    /// Opens every gate.
    pub fn release_all(&self) {
        self.site.gates.release(None);
    }

    /// Waits until at least `count` requests stand at gates; false when `patience` ends first.
    #[must_use]
    pub fn wait_until_held(&self, count: usize, patience: Duration) -> bool {
        self.site.gates.wait_until_held(count, patience)
    }

    /// What it has seen so far.
    pub fn stats(&self) -> Stats {
        self.site.stats()
    }

    /// Sets every count to zero.
    pub fn reset_stats(&self) {
        self.site.reset_stats();
    }

    /// Writes down every request from now on; instants are counted from now.
    ///
    /// It keeps every request and every answer, so it is for tests of bounded length.
    pub fn watch(&self) {
        self.site.watch(self.addr.to_string());
    }

    /// What was seen since [`watch`](Self::watch), in the order of the server; nothing without
    /// that.
    pub fn sightings(&self) -> Vec<Sighting> {
        self.site.sightings()
    }

    /// Waits until at least `count` requests have left a gate because their client went away; false
    /// when `patience` ends first.
    pub(crate) fn wait_until_deserted(&self, count: usize, patience: Duration) -> bool {
        self.site.gates.wait_until_deserted(count, patience)
    }

    /// How many requests have left a gate because their client went away.
    pub(crate) fn deserted(&self) -> usize {
        self.site.gates.deserted()
    }

    /// Ends it: connections are cut, the port is closed and the thread has ended when this returns.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been reported by its own thread; there is nothing left to end.
            drop(thread.join());
        }
    }
}

fn open(runtime: &Runtime, addr: SocketAddr) -> io::Result<TcpListener> {
    let _context = runtime.enter();
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port in use elsewhere is still refused on Unix; on Windows this option would mean the
    // opposite.
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
