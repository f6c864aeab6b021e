//! What both stores do.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{Pipeline, Value};
use waldo_store::{Key, StoreError, Stored};

use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::document;
use crate::fault::Fault;
use crate::network::Network;
use crate::server::{Address, Server, UrlError};
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::wire::Layer;

/// The time limit of a whole operation: a new connection, its TLS and login, and the answer.
const LIMIT: Duration = Duration::from_millis(100);

/// No limit overflows a clock.
const LONGEST_LIMIT: Duration = Duration::from_secs(3600);

/// A connection that has rested for longer is not used again. A firewall between the two machines
/// may have dropped such a connection silently, and then no answer comes within the time limit.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// A server, and the connection to it between two operations.
///
/// An operation takes the connection, and gives it back after its last answer. A second operation
/// at the same time makes a connection of its own, so no operation waits for another one. A
/// connection that fails, and one whose future is dropped, never comes back.
pub(crate) struct Client<N: Network> {
    server: Server,
    #[cfg(feature = "tls")]
    tls: Option<(Tls, rustls::pki_types::ServerName<'static>)>,
    network: N,
    limit: Duration,
    longest_rest: Duration,
    /// The connection, and the instant of its last answer.
    idle: Mutex<Option<(Connection<N::Socket>, Instant)>>,
}

impl<N: Network> Client<N> {
    pub(crate) fn new(url: &str) -> Result<Self, UrlError> {
        let server = Server::from_url(url)?;
        #[cfg(feature = "tls")]
        if server.is_tls {
            return Self::over_tls(server, Tls::of_system()?);
        }
        #[cfg(not(feature = "tls"))]
        if server.is_tls {
            return Err(UrlError("asks for TLS: enable the feature tls of waldo-store-redis"));
        }
        Ok(Self::in_clear(server))
    }

    fn in_clear(server: Server) -> Self {
        Self {
            server,
            #[cfg(feature = "tls")]
            tls: None,
            network: N::default(),
            limit: LIMIT,
            longest_rest: LONGEST_REST,
            idle: Mutex::default(),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(url: &str, tls: &Tls) -> Result<Self, UrlError> {
        let server = Server::from_url(url)?;
        if !server.is_tls {
            return Err(UrlError("has no TLS: begin it with rediss://"));
        }
        Self::over_tls(server, tls.clone())
    }

    #[cfg(feature = "tls")]
    fn over_tls(server: Server, tls: Tls) -> Result<Self, UrlError> {
        let name = match &server.address {
            Address::Tcp(host, _) => host.clone().try_into().ok(),
            #[cfg(unix)]
            Address::Unix(_) => None,
        };
        let name = name.ok_or(UrlError("has a host that no certificate can name"))?;
        Ok(Self { tls: Some((tls, name)), ..Self::in_clear(server) })
    }

    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self { limit: limit.min(LONGEST_LIMIT), ..self }
    }

    #[cfg(test)]
    pub(crate) fn with_longest_rest(self, longest_rest: Duration) -> Self {
        Self { longest_rest, ..self }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.server.address
    }

    /// The error of the store.
    pub(crate) fn error(&self, fault: Fault) -> StoreError {
        fault.at(self.address(), self.limit)
    }

    pub(crate) async fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        let read = async {
            let (answers, _) = self.ask(&document::read(key)).await?;
            document::has_read(&answers)
        };
        read.await.map_err(|fault| self.error(fault))
    }

    pub(crate) async fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        let replace = async {
            let command = document::replace(key, seen, document, keep)?;
            let (answers, times) = self.ask(&command).await?;
            let is_replaced = document::has_replaced(&answers)?;
            // The first time may have replaced the document, and lost the answer.
            if !is_replaced && times == Times::Twice {
                Err(Fault::Unknown)
            } else {
                Ok(is_replaced)
            }
        };
        replace.await.map_err(|fault| self.error(fault))
    }

    /// Sends commands and returns their answers. A connection that the server has closed while it
    /// was idle is replaced at once, and the commands are sent again. A connection that has rested
    /// for too long is replaced before.
    async fn ask(&self, commands: &Pipeline) -> Result<(Vec<Value>, Times), Fault> {
        let deadline = Deadline::after(self.limit);
        let mut times = Times::Once;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let idle = idle.filter(|(_, since)| since.elapsed() < self.longest_rest);
        if let Some((idle, _)) = idle {
            match self.exchange(idle, commands, deadline).await {
                Err(fault) if fault.is_broken_connection() => times = Times::Twice,
                result => return Ok((result?, times)),
            }
        }
        let layer = self.layer()?;
        let fresh = Connection::open(&self.network, &self.server, layer, deadline).await?;
        Ok((self.exchange(fresh, commands, deadline).await?, times))
    }

    async fn exchange(
        &self,
        mut connection: Connection<N::Socket>,
        commands: &Pipeline,
        deadline: Deadline,
    ) -> Result<Vec<Value>, Fault> {
        let answers = connection.exchange(commands, deadline).await?;
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((connection, Instant::now()));
        Ok(answers)
    }

    fn layer(&self) -> Result<Layer, Fault> {
        #[cfg(feature = "tls")]
        if let Some((tls, name)) = &self.tls {
            return Ok(Layer::Tls(Box::new(tls.connection(name.clone())?)));
        }
        Ok(Layer::Plain(Vec::new()))
    }
}

/// How often the commands of an operation were sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Twice,
}
