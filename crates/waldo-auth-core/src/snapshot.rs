//! The held token in a form that outlives the process.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::origin::Origin;
use crate::wire::Jwt;

/// The form that is written, and the only one that is read.
const VERSION: u64 = 1;

/// The held token with its lifetime, for a store that other processes or later runs read.
///
/// It holds the token in clear, so it belongs where only this user can read. It is bound to the
/// origin and the API key that it was made with: sandbox and production share one origin, and a
/// token of one must not be used for the other.
///
/// ```
/// # use waldo_auth_core::Snapshot;
/// let stored = br#"{"version":1,"origin":"https://api.waldo.ai","key":"85944171f73967e8",
///                   "token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln","began_ms":1800000000000,"lifetime_ms":3600000}"#;
/// let snapshot = Snapshot::from_json(stored)?;
/// assert_eq!(Snapshot::from_json(snapshot.to_json().as_bytes())?, snapshot);
/// # Ok::<(), waldo_auth_core::SnapshotError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub(crate) origin: Origin,
    /// Which API key; not the key itself.
    pub(crate) key: u64,
    pub(crate) token: String,
    /// When the lifetime began, by the wall clock of the machine that took the snapshot.
    pub(crate) began: SystemTime,
    pub(crate) lifetime: Duration,
}

impl Snapshot {
    /// Writes the snapshot as a JSON object, its times in whole milliseconds. It shows the token.
    pub fn to_json(&self) -> String {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        json!({
            "version": VERSION,
            "origin": self.origin.to_string(),
            "key": format!("{:016x}", self.key),
            "token": self.token.as_str(),
            "began_ms": millis(self.began.duration_since(UNIX_EPOCH).unwrap_or_default()),
            "lifetime_ms": millis(self.lifetime),
        })
        .to_string()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// When the bytes are anything else. Then log in instead; this costs one login.
    pub fn from_json(json: &[u8]) -> Result<Self, SnapshotError> {
        let value: Value = serde_json::from_slice(json).map_err(|_| SnapshotError::NotJson)?;
        if value.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(SnapshotError::OtherVersion);
        }
        let text = |name| value.get(name).and_then(Value::as_str).ok_or(SnapshotError::Field(name));
        let millis = |name| {
            value
                .get(name)
                .and_then(Value::as_u64)
                .map(Duration::from_millis)
                .ok_or(SnapshotError::Field(name))
        };
        let token = text("token")?;
        Jwt::read(token.as_bytes()).map_err(|_| SnapshotError::Field("token"))?;
        Ok(Self {
            origin: text("origin")?.parse().map_err(|_| SnapshotError::Field("origin"))?,
            key: u64::from_str_radix(text("key")?, 16).map_err(|_| SnapshotError::Field("key"))?,
            token: token.to_owned(),
            began: UNIX_EPOCH
                .checked_add(millis("began_ms")?)
                .ok_or(SnapshotError::Field("began_ms"))?,
            lifetime: millis("lifetime_ms")?,
        })
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("origin", &self.origin)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// Why stored bytes are not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The bytes are not JSON.
    NotJson,
    /// They were written by another version, or by something else.
    OtherVersion,
    /// This field is missing or cannot be read.
    Field(&'static str),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the stored token is not JSON; remove it and log in"),
            Self::OtherVersion => {
                f.write_str("the stored token is of another version; remove it and log in")
            }
            Self::Field(name) => {
                write!(
                    f,
                    "the stored token's field {name} is missing or unreadable; remove it and log in"
                )
            }
        }
    }
}

impl Error for SnapshotError {}

/// Why a snapshot was not taken up. The session is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotResumed {
    /// It belongs to another origin or another API key.
    Foreign,
    /// Its lifetime is over, or nearly so.
    Expired,
    /// It began in the future: one of the two clocks is wrong, so its end cannot be known.
    FromTheFuture,
    /// Its token is the one that the server has refused, or that was invalidated.
    Refused,
    /// The held token lasts at least as long.
    HeldLastsLonger,
    /// Its token is not signed with the client secret, and the configuration asks for that.
    BadSignature,
}

impl fmt::Display for NotResumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the stored token belongs to another origin or API key",
            Self::Expired => "the stored token has ended",
            Self::FromTheFuture => "the stored token began in the future, so a clock is wrong",
            Self::Refused => "the stored token is the one that was given up",
            Self::HeldLastsLonger => "the held token lasts at least as long as the stored one",
            Self::BadSignature => "the stored token is not signed with the client secret",
        })
    }
}

impl Error for NotResumed {}
