//! How a document is read and replaced: the commands, and their answers.

use std::time::Duration;

use redis::{Pipeline, Value};
use waldo_store::{Key, MAX_DOCUMENT, Stored};

use crate::fault::Fault;

/// Replaces the document `KEYS[1]` by `ARGV[2]` for `ARGV[3]` milliseconds, if it still is
/// `ARGV[1]`. No document counts as an empty one.
///
/// The server keeps a compiled script by itself, and a script of this size costs nothing to send.
/// So the script goes with each call, and nothing depends on what the server remembers.
const REPLACE: &str = "\
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// The longest time that a document is kept. A server refuses a time that overflows its clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The braces let a cluster and its proxies keep everything of one fleet on one node.
fn name(key: &Key) -> String {
    format!("waldo:{{{key}}}")
}

/// The commands that read a document and the clock, in one round trip.
pub(crate) fn read(key: &Key) -> Pipeline {
    let mut read = Pipeline::new();
    read.cmd("TIME");
    // One byte more than a document may have shows a larger one, which is not read whole.
    read.cmd("GETRANGE").arg(name(key)).arg(0).arg(MAX_DOCUMENT);
    read
}

/// The answers to [`read`].
pub(crate) fn has_read(answers: &[Value]) -> Result<Stored, Fault> {
    let [time, document] = answers else { return Err(Fault::Nonsense) };
    let now = clock(time)?;
    let Value::BulkString(document) = document else { return Err(refused(document)) };
    if document.len() > MAX_DOCUMENT {
        return Err(Fault::TooLarge);
    }
    Ok(Stored { document: Some(document.clone()).filter(|it| !it.is_empty()), now })
}

/// The command that replaces a document.
pub(crate) fn replace(
    key: &Key,
    seen: Option<&[u8]>,
    document: &[u8],
    keep: Duration,
) -> Result<Pipeline, Fault> {
    if document.len() > MAX_DOCUMENT {
        return Err(Fault::TooLarge);
    }
    let keep = keep.clamp(Duration::from_millis(1), LONGEST).as_millis();
    let mut replace = Pipeline::new();
    replace.cmd("EVAL").arg(REPLACE).arg(1).arg(name(key));
    replace.arg(seen.unwrap_or_default()).arg(document).arg(keep.to_string());
    Ok(replace)
}

/// The answer to [`replace`].
pub(crate) fn has_replaced(answers: &[Value]) -> Result<bool, Fault> {
    match answers {
        [Value::Int(0)] => Ok(false),
        [Value::Int(1)] => Ok(true),
        [other] => Err(refused(other)),
        _ => Err(Fault::Nonsense),
    }
}

/// Why an answer is not the expected one.
pub(crate) fn refused(answer: &Value) -> Fault {
    if let Value::ServerError(error) = answer { Fault::refused(error) } else { Fault::Nonsense }
}

/// The answer to `TIME`: seconds and microseconds, as text.
fn clock(answer: &Value) -> Result<Duration, Fault> {
    let Value::Array(parts) = answer else { return Err(refused(answer)) };
    let [seconds, micros] = parts.as_slice() else { return Err(Fault::Nonsense) };
    let now = Duration::from_secs(number(seconds)?);
    now.checked_add(Duration::from_micros(number(micros)?)).ok_or(Fault::Nonsense)
}

fn number(part: &Value) -> Result<u64, Fault> {
    let Value::BulkString(digits) = part else { return Err(Fault::Nonsense) };
    let digits = str::from_utf8(digits).map_err(|_| Fault::Nonsense)?;
    digits.parse().map_err(|_| Fault::Nonsense)
}
