//! Emptying a response that nobody will read, so that its connection can be used again.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use http::Response;
use ureq::Body;

/// The most that is read: a refusal's body is a line of JSON, and a new connection costs less than a long page.
const MOST_BYTES: usize = 16 * 1024;

/// The longest that is read. It is looked at between two reads; one read is bounded by the agent's own timeouts.
const LONGEST: Duration = Duration::from_millis(250);

/// Reads the response to its end if that end is near; else dropping it closes the connection.
pub(crate) fn drain(response: Response<Body>) {
    let body = response.into_body();
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    if body.content_length().is_some_and(|length| length > most) {
        return;
    }
    let mut reader = body.into_reader();
    let (started, mut left) = (Instant::now(), MOST_BYTES);
    let mut buffer = [0; 4096];
    while started.elapsed() < LONGEST {
        match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) if count <= left => left -= count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}
