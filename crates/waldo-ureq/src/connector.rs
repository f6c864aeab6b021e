//! Connections that show each answer, even if the request was not completely sent.
//!
//! A server may answer before it has read the request, and then close the connection or stop
//! reading. ureq does not look for an answer while it sends or after a failed write. These
//! connections do.
//!
//! ureq may read the whole response while it waits for `100 Continue`. On a new connection, ureq
//! then waits for more input before it looks at the response. If the server keeps the connection
//! open, no more input comes.
//!
//! The buffers of a connection are wiped at its end, because a login leaves the key pair in them.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
#[cfg(feature = "native-tls")]
use ureq::unversioned::transport::NativeTlsConnector;
#[cfg(feature = "rustls-no-provider")]
use ureq::unversioned::transport::RustlsConnector;
#[cfg(feature = "socks-proxy")]
use ureq::unversioned::transport::SocksConnector;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, Transport,
};
use ureq::{Agent, Error, Timeout};
use zeroize::optimization_barrier;

use crate::answer::{EarlyAnswer, MAX_ANSWER};
use crate::error::NotConnected;
use crate::socket::{Limit, Socket, Tcp};

/// How long to wait for an answer after a failed write.
const AWAIT_ANSWER: Duration = Duration::from_secs(1);

/// How long TLS may take to decrypt bytes that have arrived.
const GLANCE: Duration = Duration::from_millis(10);

/// Makes a ureq agent with this connector.
pub(crate) fn agent(config: Config) -> Agent {
    Agent::with_parts(config, Connections::default(), DefaultResolver::default())
}

/// ureq's default chain of connectors, with another TCP connector.
#[derive(Default)]
struct Connections {
    #[cfg(feature = "socks-proxy")]
    socks: SocksConnector,
    connect_proxy: ConnectProxyConnector,
    #[cfg(feature = "rustls-no-provider")]
    rustls: RustlsConnector,
    #[cfg(feature = "native-tls")]
    native_tls: NativeTlsConnector,
}

impl Connector for Connections {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        self.open(details).map_err(NotConnected::mark)
    }
}

impl Connections {
    fn open(&self, details: &ConnectionDetails<'_>) -> Result<Option<Connection>, Error> {
        #[cfg(not(feature = "socks-proxy"))]
        refuse_socks(details)?;
        let proxied: Option<Box<dyn Transport>> = None;
        #[cfg(feature = "socks-proxy")]
        let proxied = self.socks.connect(details, proxied)?;
        let proxied = self.connect_proxy.connect(details, proxied)?;
        let (transport, socket): (Box<dyn Transport>, _) = if let Some(transport) = proxied {
            (Box::new(transport), None)
        } else {
            let tcp = Tcp::connect(details)?;
            let socket = tcp.socket();
            (Box::new(tcp), Some(socket))
        };
        let transport = Some(transport);
        #[cfg(feature = "rustls-no-provider")]
        let transport = self.rustls.connect(details, transport)?;
        #[cfg(feature = "native-tls")]
        let transport = self.native_tls.connect(details, transport)?;
        Ok(transport.map(|transport| {
            if let Some(socket) = &socket {
                socket.own();
            }
            let origin = details.uri.clone();
            Connection { transport: Box::new(transport), socket, origin, has_new_input: false }
        }))
    }
}

/// Without the feature, a request's own SOCKS proxy would be ignored, so refuse it. `NO_PROXY` may
/// name the host of the request.
#[cfg(not(feature = "socks-proxy"))]
fn refuse_socks(details: &ConnectionDetails<'_>) -> Result<(), Error> {
    use ureq::ProxyProtocol::{Http, Https};
    let is_socks = |proxy: &ureq::Proxy| !matches!(proxy.protocol(), Http | Https);
    let is_needed = |proxy: &ureq::Proxy| !proxy.is_no_proxy(details.uri);
    if details.config.proxy().is_some_and(|proxy| is_socks(proxy) && is_needed(proxy)) {
        return Err(Error::InvalidProxyUrl);
    }
    Ok(())
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Connection {
    transport: Box<dyn Transport>,
    /// The TCP connection; `None` if a proxy's connector has opened it.
    socket: Option<Arc<Socket>>,
    /// The URI that the connection was opened for.
    origin: Uri,
    /// Whether the last `await_input` has read new input.
    has_new_input: bool,
}

impl Connection {
    /// Sends the bytes that the socket has deferred, unless the server refuses the request.
    fn flush(&mut self, limit: Limit) -> Result<(), Error> {
        let Some(socket) = self.socket.clone() else { return Ok(()) };
        let mut limit = limit.moved();
        while !socket.flush(&mut limit)? {
            self.look(&socket)?;
        }
        Ok(())
    }

    /// Fails if the server refuses the request, or has closed its side.
    fn look(&mut self, socket: &Socket) -> Result<(), Error> {
        // A read needs room in the buffer.
        if socket.has_input() && !self.buffers().input_append_buf().is_empty() {
            match self.transport.await_input(within(GLANCE)) {
                Ok(true) => self.has_new_input = true,
                Ok(false) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                // The bytes were a message of TLS itself, such as a session ticket.
                Err(Error::Timeout(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match EarlyAnswer::parse(self.buffers().input(), false) {
            Ok(Some(answer)) if answer.refuses() => {
                Err(io::Error::from(ErrorKind::ConnectionAborted).into())
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Adds the answer to the error of a write, if the server has sent an answer.
    fn with_answer(&mut self, error: Error, limit: Limit) -> Error {
        let kind = if let Error::Io(error) = &error {
            error.kind()
        } else if matches!(error, Error::Timeout(Timeout::PerWrite)) {
            ErrorKind::TimedOut
        } else {
            // No time is left, or the server did not cause the error.
            return error;
        };
        // A reset may have cut off the answer too, and the cut end looks like a regular end.
        let ends_well = !matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
        let wait = limit.left().map_or(AWAIT_ANSWER, |left| left.min(AWAIT_ANSWER));
        match self.read_answer(Instant::now() + wait, ends_well) {
            Some(answer) => answer.into_error(self.origin.clone(), kind),
            None => error,
        }
    }

    /// Reads as much of an answer as comes in time. The bytes stay in the buffer, because in a
    /// connection through a proxy they may belong to TLS.
    fn read_answer(&mut self, ends: Instant, ends_well: bool) -> Option<EarlyAnswer> {
        let mut ended = false;
        loop {
            let input = self.buffers().input();
            let (length, answer) =
                (input.len(), EarlyAnswer::parse(input, ended && ends_well).ok()?);
            let left = ends.saturating_duration_since(Instant::now());
            let is_whole = answer.as_ref().is_some_and(EarlyAnswer::is_whole);
            if is_whole || ended || left.is_zero() || length >= MAX_ANSWER {
                return answer;
            }
            match self.transport.await_input(within(left)) {
                Ok(more) => {
                    self.has_new_input = more;
                    ended = !more;
                }
                Err(_) => return answer,
            }
        }
    }
}

fn within(limit: Duration) -> NextTimeout {
    NextTimeout { after: limit.into(), reason: Timeout::RecvResponse, ..NextTimeout::default() }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    /// Fails with the answer in the error, if the server answers and refuses the rest.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let limit = Limit::new(timeout);
        let sent = self.transport.transmit_output(amount, timeout).and_then(|()| self.flush(limit));
        sent.map_err(|error| self.with_answer(error, limit))
    }

    /// Reports each new input twice, because ureq reads it twice. If ureq needs more input, it
    /// calls this method once more.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if std::mem::take(&mut self.has_new_input) && !self.buffers().input().is_empty() {
            return Ok(true);
        }
        self.has_new_input = self.transport.await_input(timeout)?;
        Ok(self.has_new_input)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        wipe(self.buffers());
    }
}

fn wipe(buffers: &mut dyn Buffers) {
    // Consume the unread input first, so that the append buffer is the whole input buffer.
    let unread = buffers.input().len();
    buffers.input_consume(unread);
    zero(buffers.input_append_buf());
    zero(buffers.output());
}

/// `Zeroize` writes a slice byte by byte, which would take far longer for these large buffers.
fn zero(buffer: &mut [u8]) {
    buffer.fill(0);
    optimization_barrier(buffer);
}

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::LazyBuffers;

    use super::*;

    /// A server whose answer has no end, in pieces of 1 KiB.
    #[derive(Debug)]
    struct Endless(LazyBuffers);

    impl Transport for Endless {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Err(io::Error::from(ErrorKind::ConnectionAborted).into())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            const HEAD: &[u8] = b"HTTP/1.1 401 Unauthorized\r\n\r\n";
            let is_first = self.0.input().is_empty();
            let piece = self.0.input_append_buf().get_mut(..1024).unwrap();
            piece.fill(b'x');
            if is_first {
                piece.get_mut(..HEAD.len()).unwrap().copy_from_slice(HEAD);
            }
            self.0.input_appended(1024);
            Ok(true)
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    #[test]
    fn early_answer_without_end_is_read_to_64_kib() {
        let mut connection = Connection {
            transport: Box::new(Endless(LazyBuffers::new(256 * 1024, 1024))),
            socket: None,
            origin: Uri::from_static("http://127.0.0.1/"),
            has_new_input: false,
        };
        let error = connection.transmit_output(0, within(Duration::from_secs(60))).unwrap_err();
        assert_eq!(connection.buffers().input().len(), 64 * 1024);
        assert_eq!(EarlyAnswer::from_error(error).unwrap().status(), 401);
    }

    #[test]
    fn buffers_are_wiped_whole() {
        let mut buffers = LazyBuffers::new(16, 16);
        buffers.output().fill(7);
        buffers.input_append_buf().fill(7);
        buffers.input_appended(9);
        buffers.input_consume(4);
        wipe(&mut buffers);
        assert_eq!(buffers.output(), [0; 16]);
        assert_eq!(buffers.input_append_buf(), [0; 16]);
    }
}
