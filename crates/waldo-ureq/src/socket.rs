//! A TCP connection whose writes do not block for long.
//!
//! A server may answer before it has read the request, and then stop reading. So the connection
//! keeps the bytes that it cannot send, and its owner looks for an answer before it sends the rest.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Error, Timeout};
use zeroize::Zeroizing;

/// How long a write may make no progress before the owner looks for an answer.
const PAUSE: Duration = Duration::from_millis(100);

/// The shortest time for one of several addresses.
const MIN_CONNECT: Duration = Duration::from_millis(10);

/// When a write must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    ends: Option<Instant>,
    reason: Timeout,
    per_write: Option<Duration>,
    /// When bytes were sent last.
    moved: Instant,
}

impl Limit {
    /// The limit, from now on.
    pub(crate) fn new(timeout: NextTimeout) -> Self {
        let now = Instant::now();
        let exact = |limit: ureq::unversioned::transport::time::Duration| {
            (!limit.is_not_happening()).then_some(*limit)
        };
        Self {
            // A limit beyond the range of the clock is no limit.
            ends: exact(timeout.after).and_then(|after| now.checked_add(after)),
            reason: timeout.reason,
            per_write: timeout.per_write.and_then(exact),
            moved: now,
        }
    }

    /// The same limit after progress: bytes were sent now.
    pub(crate) fn moved(self) -> Self {
        Self { moved: Instant::now(), ..self }
    }

    /// The rest of the time for the whole write.
    pub(crate) fn left(self) -> Option<Duration> {
        self.ends.map(|ends| ends.saturating_duration_since(Instant::now()))
    }

    fn check(self) -> Result<(), Error> {
        if self.left().is_some_and(|left| left.is_zero()) {
            return Err(Error::Timeout(self.reason));
        }
        if self.per_write.is_some_and(|limit| self.moved.elapsed() >= limit) {
            return Err(Error::Timeout(Timeout::PerWrite));
        }
        Ok(())
    }
}

/// The connection, which its [`Tcp`] and its owner share.
pub(crate) struct Socket {
    stream: TcpStream,
    deferred: Mutex<Deferred>,
}

/// The bytes and the error that a write has left to the owner.
#[derive(Default)]
struct Deferred {
    /// Whether the connection has an owner.
    is_owned: bool,
    unsent: Zeroizing<Vec<u8>>,
    failure: Option<Error>,
}

impl Socket {
    /// From now on, writes never fail and never block for long. The caller must call
    /// [`flush`](Self::flush) after each write.
    ///
    /// TLS cannot read after a failed write, so a failed write would hide the answer.
    pub(crate) fn own(&self) {
        self.deferred().is_owned = true;
    }

    /// Tries to send the deferred bytes. Returns whether all bytes are sent.
    ///
    /// # Errors
    /// The error of this write, or of an earlier write.
    pub(crate) fn flush(&self, limit: &mut Limit) -> Result<bool, Error> {
        let mut deferred = self.deferred();
        if let Some(failure) = deferred.failure.take() {
            return Err(failure);
        }
        if deferred.unsent.is_empty() {
            return Ok(true);
        }
        let sent = self.write(&deferred.unsent, limit)?;
        deferred.unsent.drain(..sent);
        Ok(deferred.unsent.is_empty())
    }

    /// Whether a read would not block.
    pub(crate) fn has_input(&self) -> bool {
        let peeked = self.without_blocking(|stream| stream.peek(&mut [0]));
        !peeked.is_err_and(|error| is_pending(&error))
    }

    /// Writes until all bytes are sent or no progress is made. Returns the number of sent bytes.
    fn write(&self, bytes: &[u8], limit: &mut Limit) -> Result<usize, Error> {
        let (mut sent, began) = (0, Instant::now());
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            limit.check()?;
            match self.write_some(rest) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(count) => {
                    sent += count;
                    limit.moved = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_pending(&error) => {
                    if limit.moved.max(began).elapsed() >= PAUSE {
                        break;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        if cfg!(not(windows)) {
            return (&self.stream).write(bytes);
        }
        // Do not use a write timeout: after it, Windows does not say how many bytes were sent.
        let written = self.without_blocking(|mut stream| stream.write(bytes));
        if written.as_ref().is_err_and(is_pending) {
            thread::sleep(PAUSE / 10);
        }
        written
    }

    fn without_blocking<T>(&self, act: impl FnOnce(&TcpStream) -> io::Result<T>) -> io::Result<T> {
        self.stream.set_nonblocking(true)?;
        let result = act(&self.stream);
        self.stream.set_nonblocking(false)?;
        result
    }

    fn deferred(&self) -> MutexGuard<'_, Deferred> {
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShutdownHandle for Socket {
    fn shutdown(&self) {
        // `shutdown` fails if the connection is already closed.
        drop(self.stream.shutdown(Shutdown::Both));
    }
}

fn is_pending(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A [`Socket`] as ureq's lowest transport.
pub(crate) struct Tcp {
    socket: Arc<Socket>,
    buffers: LazyBuffers,
    read_timeout: Option<Duration>,
}

impl Tcp {
    /// Connects to the first address that answers.
    pub(crate) fn connect(details: &ConnectionDetails<'_>) -> Result<Self, Error> {
        let stream = connect_to(&details.addrs, Limit::new(details.timeout))?;
        if details.config.no_delay() {
            stream.set_nodelay(true)?;
        }
        stream.set_write_timeout(Some(PAUSE))?;
        let socket = Arc::new(Socket { stream, deferred: Mutex::default() });
        let handle: Arc<dyn ShutdownHandle> = Arc::<Socket>::clone(&socket);
        let handle: Weak<dyn ShutdownHandle> = Arc::downgrade(&handle);
        (details.register_shutdown)(handle)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Self { socket, buffers, read_timeout: None })
    }

    pub(crate) fn socket(&self) -> Arc<Socket> {
        Arc::clone(&self.socket)
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if self.read_timeout == timeout {
            return Ok(());
        }
        match self.socket.stream.set_read_timeout(timeout) {
            // macOS returns this error if the server has closed the connection. The read then
            // returns the real error.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            result => result.inspect(|()| self.read_timeout = timeout),
        }
    }
}

/// Each address gets half of the time that is left, and the last address gets the rest.
fn connect_to(addresses: &[SocketAddr], limit: Limit) -> Result<TcpStream, Error> {
    let mut failure = io::Error::from(ErrorKind::ConnectionRefused);
    for (place, address) in addresses.iter().enumerate() {
        let is_last = place + 1 == addresses.len();
        let connected = match limit.left() {
            None => TcpStream::connect(address),
            Some(left) => {
                let share = if is_last { left } else { left / 2 };
                TcpStream::connect_timeout(address, share.max(MIN_CONNECT))
            }
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
        if limit.left().is_some_and(|left| left.is_zero()) {
            return Err(Error::Timeout(limit.reason));
        }
    }
    Err(if is_pending(&failure) { Error::Timeout(Timeout::Connect) } else { failure.into() })
}

impl Transport for Tcp {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let mut rest = self.buffers.output().get(..amount).unwrap_or_default();
        let mut deferred = self.socket.deferred();
        if !deferred.is_owned {
            drop(deferred);
            let mut limit = Limit::new(timeout);
            while !rest.is_empty() {
                let sent = self.socket.write(rest, &mut limit)?;
                rest = rest.get(sent..).unwrap_or_default();
            }
            return Ok(());
        }
        if deferred.failure.is_some() {
            return Ok(());
        }
        if deferred.unsent.is_empty() {
            match self.socket.write(rest, &mut Limit::new(timeout)) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(error) => {
                    deferred.failure = Some(error);
                    return Ok(());
                }
            }
        }
        deferred.unsent.extend_from_slice(rest);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let limit = Limit::new(timeout);
        loop {
            let left = limit.left();
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Error::Timeout(timeout.reason));
            }
            self.set_read_timeout(left)?;
            match (&self.socket.stream).read(self.buffers.input_append_buf()) {
                Ok(count) => {
                    self.buffers.input_appended(count);
                    return Ok(count > 0);
                }
                // Without a limit, a signal ends the read, as in ureq.
                Err(error) if error.kind() == ErrorKind::Interrupted && left.is_some() => {}
                Err(error) if is_pending(&error) => return Err(Error::Timeout(timeout.reason)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the connection can be used again. A server that sends bytes without a request is
    /// about to close.
    fn is_open(&mut self) -> bool {
        let deferred = self.socket.deferred();
        deferred.failure.is_none() && deferred.unsent.is_empty() && !self.socket.has_input()
    }
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tcp")
            .field("address", &self.socket.stream.peer_addr().ok())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ureq::Agent;
    use ureq::unversioned::resolver::DefaultResolver;
    use ureq::unversioned::transport::Connector;

    use super::*;

    /// Notes whether the system sends small writes at once, and closes the connection.
    #[derive(Debug, Default)]
    struct Probe(Arc<Mutex<Vec<bool>>>);

    impl Connector for Probe {
        type Out = Tcp;

        fn connect(
            &self,
            details: &ConnectionDetails<'_>,
            _: Option<()>,
        ) -> Result<Option<Tcp>, Error> {
            let tcp = Tcp::connect(details)?;
            self.0.lock().unwrap().push(tcp.socket.stream.nodelay()?);
            Err(Error::ConnectionFailed)
        }
    }

    #[test]
    fn no_delay_of_the_agent_is_set_on_the_socket() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        for no_delay in [true, false] {
            let config = Agent::config_builder().no_delay(no_delay).proxy(None).build();
            let probe = Probe::default();
            let noted = Arc::clone(&probe.0);
            let agent = Agent::with_parts(config, probe, DefaultResolver::default());
            assert!(agent.get(&uri).call().is_err());
            assert_eq!(*noted.lock().unwrap(), [no_delay]);
        }
    }

    #[test]
    fn an_address_that_refuses_leads_to_the_next() {
        let bind = || TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (nobody, listener) = (bind().local_addr().unwrap(), bind());
        let somebody = listener.local_addr().unwrap();
        let moved = Instant::now();
        for ends in [None, moved.checked_add(Duration::from_secs(60))] {
            let limit = Limit { ends, reason: Timeout::Global, per_write: None, moved };
            let connected = connect_to(&[nobody, somebody], limit).unwrap();
            assert_eq!(connected.peer_addr().unwrap(), somebody);
            let error = connect_to(&[nobody, nobody], limit).unwrap_err();
            let is_refused =
                matches!(&error, Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused);
            assert!(is_refused, "{error:?}");
        }
    }
}
