//! How sockets are made and used.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use crate::deadline::Deadline;

/// Makes sockets: those that block the thread, or those of a runtime.
pub(crate) trait Network: Default + Send + Sync {
    /// A connected socket.
    type Socket: Socket;

    /// The addresses of a host.
    fn look_up(
        &self,
        host: &str,
        port: u16,
        deadline: Deadline,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to an address within a time limit.
    fn connect(
        &self,
        address: SocketAddr,
        limit: Duration,
    ) -> impl Future<Output = io::Result<Self::Socket>> + Send;

    /// Connects to a Unix socket within a time limit.
    #[cfg(unix)]
    fn connect_unix(
        &self,
        path: &Path,
        limit: Duration,
    ) -> impl Future<Output = io::Result<Self::Socket>> + Send;
}

/// A connected socket. Each method ends at the deadline at the latest.
pub(crate) trait Socket: Send {
    /// Reads at least one byte, or returns zero at the end of the stream.
    fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all bytes.
    fn write_all(
        &mut self,
        bytes: &[u8],
        deadline: Deadline,
    ) -> impl Future<Output = io::Result<()>> + Send;
}
