//! Reads the body of a login's answer or of an error, within its limits of size and time.

use std::io::Read;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{iter, mem, thread};

use ureq::Body;
use waldo_auth_core::Login;
use zeroize::Zeroizing;

/// Reads the body of an answer for at most `timeout`.
pub(crate) fn read_within(body: Body, timeout: Duration) -> Zeroizing<Vec<u8>> {
    let (sender, pieces) = mpsc::sync_channel::<Zeroizing<Vec<u8>>>(0);
    // ureq's timeouts must be set before the status is known, and a blocked read cannot be ended.
    // So a new thread reads the body. If the body stalls, this thread lives until the timeout of
    // the request.
    let reading = thread::Builder::new().spawn(move || {
        let mut reader = reader(body);
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        while let Ok(count @ 1..) = reader.read(&mut piece) {
            piece.truncate(count);
            let next = Zeroizing::new(vec![0; PIECE]);
            if sender.send(mem::replace(&mut piece, next)).is_err() {
                return;
            }
        }
    });
    let (mut answer, ends) = (buffer(), Instant::now() + timeout);
    if reading.is_ok() {
        let next = || pieces.recv_timeout(ends.saturating_duration_since(Instant::now())).ok();
        iter::from_fn(next).for_each(|piece| answer.extend_from_slice(&piece));
    }
    answer
}

/// Reads the body of an answer.
pub(crate) fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, ureq::Error> {
    let mut answer = buffer();
    match reader(body).read_to_end(&mut answer).map_err(ureq::Error::from) {
        // Even the compressed body is too long, so the body counts as too long.
        Err(ureq::Error::BodyExceedsLimit(_)) => answer.resize(MAX_READ, 0),
        result => drop(result?),
    }
    Ok(answer)
}

/// Reads the body up to the limit and one byte.
fn reader(body: Body) -> impl Read {
    // ureq's limit counts compressed bytes, because an endless compressed body can decompress to
    // nothing.
    body.into_with_config().limit(MAX_READ as u64).reader().take(MAX_READ as u64)
}

/// A buffer that is wiped, because an answer may echo the key pair. It is allocated once: a buffer
/// that grows leaves copies behind.
fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(MAX_READ))
}

/// The largest accepted body, and one byte that shows a larger body.
const MAX_READ: usize = Login::MAX_BODY + 1;

/// How many bytes are read at once from a body that may stall.
const PIECE: usize = 4096;

#[cfg(test)]
#[cfg(feature = "gzip")]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    /// 32 KiB of spaces in gzip: the bytes before a run of zeros, the number of zeros, and the
    /// bytes after it.
    const SPACES: (&[u8], usize, &[u8]) = (
        b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xed\xc1\x81\0\0\0\0\x80\x20\x95\xfd\x29\x17\xa9\x0a",
        31,
        b"\x18\x9b\x7d\xf6\x8a\0\x80\0\0",
    );

    /// A body that gzip shortens to a five-hundredth.
    fn bomb() -> Body {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let (before, zeros, behind) = SPACES;
        let member = [before, &vec![0; zeros], behind].concat();
        thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0, "the request");
            let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
            stream.write_all(&[head.as_slice(), &member.repeat(100)].concat()).unwrap();
        });
        ureq::Agent::config_builder()
            .proxy(None)
            .build()
            .new_agent()
            .get(uri)
            .call()
            .unwrap()
            .into_body()
    }

    #[test]
    fn rule_02_a_compressed_body_is_not_read_whole() {
        assert_eq!(read(bomb()).unwrap().len(), MAX_READ);
        let patient = Duration::from_secs(60);
        assert_eq!(read_within(bomb(), patient).len(), MAX_READ);
    }
}
