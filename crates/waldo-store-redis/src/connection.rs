//! A connection to a server.

use std::io;
use std::net::{IpAddr, SocketAddr};

use redis::{Pipeline, Value};

use crate::deadline::Deadline;
use crate::document::refused;
use crate::fault::Fault;
use crate::network::{Network, Socket};
use crate::server::{Address, Server};
use crate::wire::{Layer, Wire};

use waldo_store::MAX_DOCUMENT;

/// The most bytes that the answers to one exchange may have, with the certificates of TLS.
const MAX_ANSWERS: usize = MAX_DOCUMENT + 64 * 1024;

/// A socket, and what is said over it.
pub(crate) struct Connection<S> {
    socket: S,
    wire: Wire,
}

impl<S: Socket> Connection<S> {
    /// Connects and logs in.
    pub(crate) async fn open<N: Network<Socket = S>>(
        network: &N,
        server: &Server,
        layer: Layer,
        deadline: Deadline,
    ) -> Result<Self, Fault> {
        let socket = match &server.address {
            Address::Tcp(host, port) => {
                let addresses = match host.parse::<IpAddr>() {
                    Ok(address) => vec![(address, *port).into()],
                    Err(_) => network.look_up(host, *port, deadline).await?,
                };
                connect(network, &addresses, deadline).await?
            }
            #[cfg(unix)]
            Address::Unix(path) => network.connect_unix(path, deadline.left()?).await?,
        };
        let mut connection = Self { socket, wire: Wire::new(layer) };
        let greeting = server.greeting();
        if !greeting.is_empty() {
            for answer in connection.exchange(&greeting, deadline).await? {
                if !matches!(answer, Value::Okay) {
                    return Err(refused(&answer));
                }
            }
        }
        Ok(connection)
    }

    /// Sends commands, and returns the answer to each of them. After an error, or if the future is
    /// dropped, the connection must be dropped too: an answer may still be on its way.
    pub(crate) async fn exchange(
        &mut self,
        commands: &Pipeline,
        deadline: Deadline,
    ) -> Result<Vec<Value>, Fault> {
        let mut answers = Vec::with_capacity(commands.len());
        let mut buffer = vec![0; 16 * 1024];
        let mut budget = MAX_ANSWERS;
        self.wire.ask(commands.get_packed_pipeline())?;
        loop {
            let bytes = self.wire.send()?;
            if !bytes.is_empty() {
                self.socket.write_all(&bytes, deadline).await?;
            }
            while let Some(answer) = self.wire.answer()? {
                answers.push(answer);
            }
            if answers.len() >= commands.len() {
                break;
            }
            let count = self.socket.read(&mut buffer, deadline).await?;
            let received = buffer.get(..count).filter(|received| !received.is_empty());
            self.wire.receive(received.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))?)?;
            budget = budget.checked_sub(count).ok_or(Fault::Nonsense)?;
        }
        // An answer too many would be taken for the answer to the next question.
        if answers.len() == commands.len() { Ok(answers) } else { Err(Fault::Nonsense) }
    }
}

/// Connects to the first address that answers. An address that does not answer leaves time for the
/// next ones.
async fn connect<N: Network>(
    network: &N,
    addresses: &[SocketAddr],
    deadline: Deadline,
) -> io::Result<N::Socket> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let limit = deadline.left()? / u32::try_from(left).unwrap_or(u32::MAX);
        match network.connect(*address, limit).await {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
