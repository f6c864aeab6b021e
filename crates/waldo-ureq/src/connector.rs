//! ureq's own connections, changed so that ureq sees the answer to `Expect: 100-continue` at once.
//!
//! ureq may read the whole response while it waits for `100 Continue`. On a new connection, ureq
//! then waits for more input before it looks at the response. If the server keeps the connection
//! open, no more input comes.
//!
//! When a connection ends, its buffers are wiped, because a login has left the key pair in them.

use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use ureq::{Agent, Error};
use zeroize::Zeroize;

/// Makes a ureq agent with this connector.
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
    /// Whether the last `await_input` has read new input.
    has_new_input: bool,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.transport.transmit_output(amount, timeout)
    }

    /// Reports each new input twice, because ureq looks at it twice. If ureq needs more input, it
    /// calls this once more.
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
    buffers.input_append_buf().zeroize();
    buffers.output().zeroize();
}

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::LazyBuffers;

    use super::*;

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
