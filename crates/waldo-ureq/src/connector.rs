//! ureq's own connections, but that the answer to a question is seen at once.
//!
//! ureq may read the whole response while it waits for `100 Continue`. On a new connection it then waits for more to
//! come before it looks at the response. If the server keeps the connection open, nothing comes.

use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use ureq::{Agent, Error};

/// An agent of ureq's with this connector.
pub(crate) fn agent(config: Config) -> Agent {
    Agent::with_parts(config, LookingTwice(DefaultConnector::new()), DefaultResolver::default())
}

#[derive(Debug)]
struct LookingTwice(DefaultConnector);

impl Connector for LookingTwice {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let transport = self.0.connect(details, chained)?;
        Ok(transport.map(|transport| Connection { transport, has_new_input: false }))
    }
}

#[derive(Debug)]
struct Connection {
    transport: Box<dyn Transport>,
    /// The last look for input has read some.
    has_new_input: bool,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.transport.transmit_output(amount, timeout)
    }

    /// Says twice of each input that it is there, because ureq looks at it twice. If ureq needs more, it asks once more.
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
