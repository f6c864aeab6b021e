//! The store for threads.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::Path;
use std::pin::pin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Type};
use waldo_store::{Key, Store, StoreError, StoreProblem, Stored};

use crate::client::Client;
use crate::deadline::Deadline;
use crate::network::{Network, Socket};
use crate::server::UrlError;

/// A store in Redis 6 or newer, or in Valkey, for threads.
///
/// The store connects at the first question. So it can be made while the server is away. Each
/// operation takes at most 100 ms, a new connection included.
///
/// ```
/// use waldo_store_redis::RedisStore;
///
/// let store = RedisStore::new("redis://user:password@redis.example:6379/0")?;
/// assert_eq!(format!("{store:?}"), "RedisStore(redis.example:6379)");
/// # Ok::<(), waldo_store_redis::UrlError>(())
/// ```
pub struct RedisStore(Client<Blocking>);

impl RedisStore {
    /// A store on the server with this URL. It connects later.
    ///
    /// | URL | server |
    /// |---|---|
    /// | `redis://user:password@host:6379/0` | by TCP; all but the host may be left out |
    /// | `rediss://user:password@host:6379/0` | by TLS, with the feature `tls` |
    /// | `redis+unix:///path?user=u&pass=p&db=0` | by a Unix socket |
    ///
    /// `valkey://`, `valkeys://`, `valkey+unix://` and `unix://` work in the same way.
    ///
    /// # Errors
    /// The URL names no server. With `rediss://`, also if the operating system has no root
    /// certificates, or if the feature `tls` is off.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Client::new(url).map(Self)
    }

    /// A store on the server with this URL, which begins with `rediss://`.
    ///
    /// # Errors
    /// The URL names no server, or a server without TLS.
    #[cfg(feature = "tls")]
    pub fn with_tls(url: &str, tls: &crate::Tls) -> Result<Self, UrlError> {
        Client::with_tls(url, tls).map(Self)
    }

    /// The time limit of an operation, which includes a new connection: 100 ms by default, an hour
    /// at most.
    ///
    /// A new connection takes up to five round trips: TCP, TLS, the login, and the operation
    /// itself. So a server that is 20 ms or more away needs a longer limit. A client waits for its
    /// store before it logs in, so a longer limit delays calls while the server is away.
    #[must_use]
    pub fn time_limit(self, limit: Duration) -> Self {
        Self(self.0.with_limit(limit))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({})", self.0.address())
    }
}

impl Store for RedisStore {
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        at_once(self.0.read(key))
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        at_once(self.0.replace(key, seen, document, keep))
    }
}

/// The result of a future that never waits, because its sockets block the thread.
fn at_once<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => {
            Err(StoreError::new(StoreProblem::Other, "a blocking socket did not block"))
        }
    }
}

/// Makes sockets that block the thread.
#[derive(Default)]
struct Blocking {
    /// A lookup of the server's name that took longer than the operation which began it.
    lookup: Mutex<Option<Lookup>>,
}

type Lookup = Receiver<io::Result<Vec<SocketAddr>>>;

impl Network for Blocking {
    type Socket = BlockingSocket;

    /// The operating system has no lookup with a time limit, so a thread makes the lookup. If the
    /// lookup takes too long, the next operation waits for the same one.
    async fn look_up(
        &self,
        host: &str,
        port: u16,
        deadline: Deadline,
    ) -> io::Result<Vec<SocketAddr>> {
        let slot = || self.lookup.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = slot().take();
        let lookup = begun.map_or_else(|| begin_lookup(host.to_owned(), port), Ok)?;
        match lookup.recv_timeout(deadline.left()?) {
            Ok(addresses) => addresses,
            Err(RecvTimeoutError::Timeout) => {
                *slot() = Some(lookup);
                Err(io::ErrorKind::TimedOut.into())
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    async fn connect(&self, address: SocketAddr, limit: Duration) -> io::Result<BlockingSocket> {
        let socket = connected(Domain::for_address(address), &address.into(), limit)?;
        socket.0.set_tcp_nodelay(true)?;
        Ok(socket)
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path, limit: Duration) -> io::Result<BlockingSocket> {
        connected(Domain::UNIX, &SockAddr::unix(path)?, limit)
    }
}

fn begin_lookup(host: String, port: u16) -> io::Result<Lookup> {
    let (sender, lookup) = mpsc::sync_channel(1);
    thread::Builder::new().name("waldo-store-redis lookup".to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        drop(sender.send((host, port).to_socket_addrs().map(Iterator::collect)));
    })?;
    Ok(lookup)
}

fn connected(domain: Domain, address: &SockAddr, limit: Duration) -> io::Result<BlockingSocket> {
    let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
    socket.connect_timeout(address, limit)?;
    Ok(BlockingSocket(socket))
}

struct BlockingSocket(socket2::Socket);

impl Socket for BlockingSocket {
    async fn read(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        again(|| {
            self.0.set_read_timeout(Some(deadline.left()?))?;
            self.0.read(buffer)
        })
    }

    async fn write_all(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = again(|| {
                self.0.set_write_timeout(Some(deadline.left()?))?;
                self.0.write(rest)
            })?;
            rest = rest.get(count..).filter(|_| count > 0).ok_or(io::ErrorKind::WriteZero)?;
        }
        Ok(())
    }
}

/// Repeats a system call that a signal has interrupted. A timeout has one kind on Unix, and another
/// one on Windows.
fn again(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    /// The answers to a read, if there is no document.
    const NOTHING: &[u8] = b"*2\r\n$1\r\n1\r\n$1\r\n1\r\n$0\r\n\r\n";

    /// Answers the first question of each connection, and no other one, as if a firewall had dropped
    /// the connection.
    fn serve(listener: &TcpListener) {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                assert_ne!(socket.read(&mut buffer).unwrap(), 0);
                socket.write_all(NOTHING).unwrap();
                while socket.read(&mut buffer).is_ok_and(|count| count > 0) {}
            });
        }
    }

    #[test]
    fn connection_that_has_rested_is_replaced() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        thread::spawn(move || serve(&listener));
        let client = Client::new(&url).unwrap().with_limit(Duration::from_secs(5));
        let store = RedisStore(client.with_longest_rest(Duration::ZERO));
        for _ in 0..3 {
            assert_eq!(store.read(&Key::of_hash([0; 16])).unwrap().document, None);
        }
    }
}
