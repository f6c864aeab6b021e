//! What goes over a socket, without the socket: the protocol of Redis, and TLS below it.

use std::io::{self, Read};

use redis::{ErrorKind, Parser, Value};

use crate::fault::Fault;

/// One end of a connection. It turns questions into bytes, and bytes into answers.
pub(crate) struct Wire {
    layer: Layer,
    parser: Parser,
    /// What the server sent and the parser has not taken yet.
    received: Vec<u8>,
}

/// What is between the protocol of Redis and the socket.
pub(crate) enum Layer {
    /// Nothing: the bytes that are to be sent.
    Plain(Vec<u8>),
    #[cfg(feature = "tls")]
    Tls(Box<rustls::ClientConnection>),
}

impl Wire {
    pub(crate) fn new(layer: Layer) -> Self {
        Self { layer, parser: Parser::new(), received: Vec::new() }
    }

    /// Takes the bytes of a question.
    pub(crate) fn ask(&mut self, question: Vec<u8>) -> Result<(), Fault> {
        match &mut self.layer {
            Layer::Plain(unsent) => *unsent = question,
            #[cfg(feature = "tls")]
            Layer::Tls(tls) => io::Write::write_all(&mut tls.writer(), &question)?,
        }
        Ok(())
    }

    /// The bytes that are to be sent now.
    pub(crate) fn send(&mut self) -> Result<Vec<u8>, Fault> {
        match &mut self.layer {
            Layer::Plain(unsent) => Ok(std::mem::take(unsent)),
            #[cfg(feature = "tls")]
            Layer::Tls(tls) => {
                let mut bytes = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut bytes)?;
                }
                Ok(bytes)
            }
        }
    }

    /// Takes bytes of the server.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.layer {
            Layer::Plain(_) => self.received.extend_from_slice(bytes),
            #[cfg(feature = "tls")]
            Layer::Tls(tls) => {
                let mut bytes = bytes;
                while !bytes.is_empty() && tls.read_tls(&mut bytes)? > 0 {
                    let state = tls.process_new_packets()?;
                    let plain = state.plaintext_bytes_to_read() as u64;
                    tls.reader().take(plain).read_to_end(&mut self.received)?;
                }
            }
        }
        Ok(())
    }

    /// The next answer, if the whole of it has been received.
    pub(crate) fn answer(&mut self) -> Result<Option<Value>, Fault> {
        let mut bytes = Received(&mut self.received);
        match self.parser.parse_value(&mut bytes) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == ErrorKind::Io => Ok(None),
            Err(_) => Err(Fault::Nonsense),
        }
    }
}

/// Hands out the received bytes. After the last one, a read would block. The parser then stops, and
/// goes on from there at the next call.
struct Received<'a>(&'a mut Vec<u8>);

impl Read for Received<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.as_slice().read(buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> Wire {
        Wire::new(Layer::Plain(Vec::new()))
    }

    #[test]
    fn answers_are_read_from_any_parts() {
        let bytes = b"*2\r\n$2\r\n12\r\n$1\r\n3\r\n$-1\r\n-OOM full\r\n:1\r\n$5\r\na\r\nbc\r\n";
        for size in 1..bytes.len() {
            let (mut wire, mut answers) = (wire(), Vec::new());
            for part in bytes.chunks(size) {
                wire.receive(part).unwrap();
                while let Some(answer) = wire.answer().unwrap() {
                    answers.push(answer);
                }
            }
            assert_eq!(answers.len(), 5, "{size}");
            assert!(matches!(&answers[0], Value::Array(parts) if parts.len() == 2));
            assert!(matches!(&answers[1], Value::Nil));
            assert!(matches!(&answers[2], Value::ServerError(error) if error.code() == "OOM"));
            assert!(matches!(&answers[3], Value::Int(1)));
            assert!(matches!(&answers[4], Value::BulkString(text) if text == b"a\r\nbc"));
        }
    }

    #[test]
    fn giant_lengths_cost_no_memory_and_no_panic() {
        for kind in ['$', '*', '%', '~', '>', '|', '=', '!'] {
            for length in ["999999999999", "4611686018427387904", "9223372036854775807", "-2"] {
                let mut wire = wire();
                wire.receive(format!("{kind}{length}\r\n").as_bytes()).unwrap();
                assert!(!matches!(wire.answer(), Ok(Some(Value::BulkString(_)))), "{kind}{length}");
            }
        }
    }

    #[test]
    fn garbage_is_no_answer() {
        for garbage in
            ["HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0", ":one\r\n", "$2\r\nlong\r\n"]
        {
            let mut wire = wire();
            wire.receive(garbage.as_bytes()).unwrap();
            assert!(matches!(wire.answer(), Err(Fault::Nonsense)), "{garbage:?}");
        }
    }
}
