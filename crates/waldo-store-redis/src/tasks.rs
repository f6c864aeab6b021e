//! The store for tasks of tokio.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use waldo_store::{AsyncStore, Key, StoreError, StoreFuture, Stored};

use crate::client::Client;
use crate::deadline::Deadline;
use crate::fault::Fault;
use crate::network::{Network, Socket};
use crate::server::UrlError;

/// A store in Redis 6 or newer, or in Valkey, for tasks of tokio.
///
/// The store connects at the first question. So it can be made while the server is away. Each
/// operation takes at most 100 ms, a new connection included.
///
/// The runtime must have its IO and its time enabled. The store spawns no task. It works from any
/// number of tasks of one runtime; give each runtime a store of its own. A dropped future closes
/// its connection.
///
/// ```
/// use waldo_store_redis::AsyncRedisStore;
///
/// let store = AsyncRedisStore::new("redis://user:password@redis.example:6379/0")?;
/// assert_eq!(format!("{store:?}"), "AsyncRedisStore(redis.example:6379)");
/// # Ok::<(), waldo_store_redis::UrlError>(())
/// ```
pub struct AsyncRedisStore(Client<Tokio>);

impl AsyncRedisStore {
    /// A store on the server with this URL, as [`RedisStore::new`](crate::RedisStore::new) takes
    /// it.
    ///
    /// # Errors
    /// As those of [`RedisStore::new`](crate::RedisStore::new).
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

    fn in_runtime(&self) -> Result<(), StoreError> {
        // A timer or a socket would panic.
        let found = Handle::try_current().map(drop);
        found.map_err(|_| self.0.error(Fault::NoRuntime))
    }
}

impl fmt::Debug for AsyncRedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsyncRedisStore({})", self.0.address())
    }
}

impl AsyncStore for AsyncRedisStore {
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        Box::pin(async move {
            self.in_runtime()?;
            self.0.read(key).await
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.in_runtime()?;
            self.0.replace(key, seen, document, keep).await
        })
    }
}

/// Makes sockets of tokio.
#[derive(Default)]
struct Tokio;

impl Network for Tokio {
    type Socket = TokioSocket;

    async fn look_up(
        &self,
        host: &str,
        port: u16,
        deadline: Deadline,
    ) -> io::Result<Vec<SocketAddr>> {
        let lookup = tokio::net::lookup_host((host, port));
        Ok(timeout(deadline.left()?, lookup).await??.collect())
    }

    async fn connect(&self, address: SocketAddr, limit: Duration) -> io::Result<TokioSocket> {
        let socket = timeout(limit, TcpStream::connect(address)).await??;
        socket.set_nodelay(true)?;
        Ok(TokioSocket::Tcp(socket))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path, limit: Duration) -> io::Result<TokioSocket> {
        Ok(TokioSocket::Unix(timeout(limit, UnixStream::connect(path)).await??))
    }
}

enum TokioSocket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket for TokioSocket {
    async fn read(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        let left = deadline.left()?;
        match self {
            Self::Tcp(socket) => timeout(left, socket.read(buffer)).await?,
            #[cfg(unix)]
            Self::Unix(socket) => timeout(left, socket.read(buffer)).await?,
        }
    }

    async fn write_all(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        let left = deadline.left()?;
        match self {
            Self::Tcp(socket) => timeout(left, socket.write_all(bytes)).await?,
            #[cfg(unix)]
            Self::Unix(socket) => timeout(left, socket.write_all(bytes)).await?,
        }
    }
}
