//! The held token in a form for a store.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::fingerprint::fingerprint;
use crate::origin::Origin;
use crate::time::Now;
use crate::wire::Jwt;

/// The version of the format. Only this version is read.
const VERSION: u64 = 1;

/// The held token with its lifetime, for a store that other processes or later runs read.
///
/// A snapshot holds the token in clear, so store it where only this user can read it. It is bound
/// to its origin and its API key: sandbox and production share one origin, and a sandbox token must
/// not be used in production.
///
/// ```
/// # use waldo_auth_core::Snapshot;
/// let stored = br#"{"version":1,"origin":"https://api.waldo.ai","key":"85944171f73967e8",
///                   "token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln","began_ms":1800000000000,
///                   "lifetime_ms":3600000}"#;
/// let snapshot = Snapshot::from_json(stored)?;
/// assert_eq!(Snapshot::from_json(snapshot.to_json().as_bytes())?, snapshot);
/// # Ok::<(), waldo_auth_core::SnapshotError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub(crate) origin: Origin,
    /// The fingerprint of the API key.
    pub(crate) key: u64,
    pub(crate) token: String,
    /// When the lifetime began, by the wall clock of the machine that took the snapshot.
    pub(crate) began: SystemTime,
    pub(crate) lifetime: Duration,
}

impl Snapshot {
    /// The same token, of which so much of its lifetime is left `now`.
    ///
    /// A store that measures time by a clock of its own uses this. Then the wall clocks of two
    /// machines may differ, because nobody compares them.
    ///
    /// ```
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// # use waldo_auth_core::{Now, Snapshot};
    /// # let stored = br#"{"version":1,"origin":"https://api.waldo.ai","key":"85944171f73967e8",
    /// #                   "token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln","began_ms":1800000000000,
    /// #                   "lifetime_ms":3600000}"#;
    /// let now = Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    /// let left = Duration::from_secs(600);
    /// let snapshot = Snapshot::from_json(stored)?.with_left(left, now);
    /// assert_eq!(snapshot.left(now), left);
    /// # Ok::<(), waldo_auth_core::SnapshotError>(())
    /// ```
    #[must_use]
    pub fn with_left(self, left: Duration, now: Now) -> Self {
        let spent = self.lifetime.saturating_sub(left);
        // Without a wall clock after 1970, the token seems to begin now, and its lifetime is what
        // is left.
        match now.wall.checked_sub(spent) {
            Some(began) => Self { began, ..self },
            None => Self { began: now.wall, lifetime: left.min(self.lifetime), ..self },
        }
    }

    /// How much of the token's lifetime is left, by the wall clock.
    pub fn left(&self, now: Now) -> Duration {
        let spent = now.wall.duration_since(self.began).unwrap_or_default();
        self.lifetime.saturating_sub(spent)
    }

    /// The whole lifetime of the token.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A hash that tells the token from the other tokens of its key pair. It does not stop an
    /// attacker, so keep it where the token may be kept.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(self.token.as_bytes())
    }

    /// Writes the snapshot as a JSON object, with times in whole milliseconds. The object shows the
    /// token.
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

    /// Reads a snapshot that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// The bytes are no snapshot of this version. Then log in instead.
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
    /// The bytes have no version, or another version.
    OtherVersion,
    /// The field with this name is missing or cannot be read.
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

/// Why a snapshot was not resumed. The session is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotResumed {
    /// The snapshot belongs to another origin or another API key.
    Foreign,
    /// The token's lifetime has ended, or only the leeway is left.
    Expired,
    /// The token's lifetime began in the future. So one of the clocks is wrong, and the end of the
    /// token is unknown.
    FromTheFuture,
    /// The token was given up before: the server refused it, or it was invalidated.
    Refused,
    /// The held token lasts at least as long.
    HeldLastsLonger,
    /// The token is not signed with the client secret, and the configuration asks for a signature.
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
