//! The settings of a session, checked at `build`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};

use crate::challenges::Challenges;
use crate::credentials::Credentials;
use crate::lifetime::{DOCUMENTED, Leeway};
use crate::origin::{Origin, OriginError};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The settings of a session: the origin, the key pair and the limits.
///
/// ```
/// use std::time::Duration;
/// use waldo_auth_core::{Config, Credentials};
///
/// let credentials = Credentials::new("wk.4f…", "ws.9a…")?;
/// let config = Config::builder("https://api.waldo.ai", credentials)
///     .lease(Duration::from_secs(10))
///     .build()?;
/// assert_eq!(config.origin().to_string(), "https://api.waldo.ai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    name: Option<Box<str>>,
    pub(crate) origin: Origin,
    pub(crate) login_uri: Uri,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) limits: Limits,
}

impl Config {
    /// Starts from the defaults. `origin` is a URI without a path, such as `https://api.waldo.ai`.
    pub fn builder(origin: impl Into<String>, credentials: Credentials) -> ConfigBuilder {
        let (origin, login_path) = (origin.into(), "/authenticate".to_owned());
        let (challenge_statuses, limits) = (Vec::new(), Limits::default());
        ConfigBuilder { name: None, origin, login_path, credentials, challenge_statuses, limits }
    }

    /// The name of the client, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The one origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The numbers of the rules. The builder's method of the same name documents the range and the
/// reason of each number.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) leeway: Leeway,
    pub(crate) one_shot_leeway: Leeway,
    pub(crate) assumed_lifetime: Duration,
    pub(crate) lease: Duration,
    pub(crate) backoff_base: Duration,
    pub(crate) backoff_cap: Duration,
    pub(crate) retry_after_cap: Duration,
    pub(crate) failures_per_call: u32,
    pub(crate) probe_first: Duration,
    pub(crate) probe_cap: Duration,
    pub(crate) invalidation_burst: u32,
    pub(crate) invalidation_interval: Duration,
    pub(crate) jitter_seed: u64,
    pub(crate) challenges: Challenges,
    /// False without the feature `verify`.
    pub(crate) verify: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leeway: Leeway { at_most: Duration::from_secs(3), share: 10 },
            one_shot_leeway: Leeway { at_most: Duration::from_secs(5 * 60), share: 4 },
            assumed_lifetime: DOCUMENTED,
            lease: Duration::from_secs(30),
            backoff_base: Duration::from_millis(250),
            backoff_cap: Duration::from_secs(30),
            retry_after_cap: HOUR,
            failures_per_call: 3,
            probe_first: Duration::from_secs(60),
            probe_cap: Duration::from_secs(15 * 60),
            invalidation_burst: 10,
            invalidation_interval: Duration::from_secs(30),
            jitter_seed: 0,
            challenges: Challenges::default(),
            verify: false,
        }
    }
}

/// Builds a [`Config`]: changes the defaults, and checks all settings at the end.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ConfigBuilder {
    name: Option<String>,
    origin: String,
    login_path: String,
    credentials: Credentials,
    challenge_statuses: Vec<StatusCode>,
    limits: Limits,
}

impl ConfigBuilder {
    /// The name of the client, which tells the clients of one program apart in errors and in
    /// events.
    ///
    /// Default: none. Range: 1 to 64 characters: letters and digits of any script, punctuation
    /// marks of ASCII, and spaces, but not only spaces. The name stands in logs, so it must not be
    /// secret.
    ///
    /// ```
    /// use waldo_auth_core::{Config, Credentials};
    ///
    /// let credentials = Credentials::new("sandbox.wk.4f…", "ws.9a…")?;
    /// let config = Config::builder("https://api.waldo.ai", credentials).name("sandbox").build()?;
    /// assert_eq!(config.name(), Some("sandbox"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Replaces the origin.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = origin.into();
        self
    }

    /// The path of the login. Default: `/authenticate`, as in the API's reference and samples.
    ///
    /// This is a setting because the guide says `/authentication` in one place.
    pub fn login_path(mut self, path: impl Into<String>) -> Self {
        self.login_path = path.into();
        self
    }

    /// The time at the end of a token's lifetime in which the token is not sent (rule 11).
    ///
    /// The leeway is `at_most`, but at most the `share`-th part of the lifetime. Default: `at_most`
    /// 3 s, `share` 10. `share` must be at least 2, because a leeway of the whole lifetime would
    /// make every call log in.
    ///
    /// The leeway covers clocks that tick in whole seconds (rule 16), and the time that a request
    /// takes to the server. If a token ends earlier, one login and one resend follow. So a larger leeway
    /// costs more than it saves.
    pub fn leeway(mut self, at_most: Duration, share: u32) -> Self {
        self.limits.leeway = Leeway { at_most, share };
        self
    }

    /// The leeway of one-shot calls, which often cannot be sent again after a 401 (rules 11, 17).
    ///
    /// Default: `at_most` 5 min, `share` 4. `share` must be at least 2.
    pub fn one_shot_leeway(mut self, at_most: Duration, share: u32) -> Self {
        self.limits.one_shot_leeway = Leeway { at_most, share };
        self
    }

    /// The lifetime of a token, if the token and its response do not show one (rule 10).
    ///
    /// Default: 1 h, as the API documents. Range: 1 s to 24 h.
    pub fn assumed_lifetime(mut self, lifetime: Duration) -> Self {
        self.limits.assumed_lifetime = lifetime;
        self
    }

    /// How long a login may take before another call may start the next login (rule 13).
    ///
    /// Default: 30 s. Range: 1 ms to 1 h. The lease must be longer than a login takes.
    ///
    /// Adapters give the login's request a timeout a little below the lease. So a login that hangs
    /// ends as a failure, and its lease expires only if its leader has disappeared. If the answer
    /// to a login comes after its lease, a rejection opens the circuit only if no other login has
    /// started since.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.limits.lease = lease;
        self
    }

    /// The backoff after failed logins: full jitter below `base`, doubled with each further
    /// failure, at most `cap` (rule 14).
    ///
    /// Default: `base` 250 ms, `cap` 30 s. Range: `base` from 1 ms, `cap` from `base` to 1 h. After
    /// five abandoned logins in a row, further failovers come `base` apart.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        (self.limits.backoff_base, self.limits.backoff_cap) = (base, cap);
        self
    }

    /// The longest `Retry-After` that the client follows (rule 2).
    ///
    /// Default and maximum: 1 h, so that one faulty header cannot stop a client for days.
    pub fn retry_after_cap(mut self, cap: Duration) -> Self {
        self.limits.retry_after_cap = cap;
        self
    }

    /// How many failed logins a call waits through before it is refused with the last failure (rule
    /// 14).
    ///
    /// Default: 3. Range: 1 to 100.
    pub fn failures_per_call(mut self, failures: u32) -> Self {
        self.limits.failures_per_call = failures;
        self
    }

    /// How long the circuit stays open before a probe: `first`, doubled with each further
    /// rejection, at most `cap` (rule 15).
    ///
    /// Default: `first` 60 s, `cap` 15 min. Range: `first` from 1 ms, `cap` from `first` to 24 h.
    /// Rejected credentials are probed because a key can be activated again on the dashboard.
    pub fn probe(mut self, first: Duration, cap: Duration) -> Self {
        (self.limits.probe_first, self.limits.probe_cap) = (first, cap);
        self
    }

    /// The invalidation budget: how many refused tokens may be dropped. It holds `burst` permits at
    /// first and at most, and one more permit comes after each `every` (rule 16).
    ///
    /// Default: `burst` 10, `every` 30 s. Range: `burst` from 0 to 1000, `every` from 1 ms to 24 h.
    /// If `burst` is 0, every 401 to a live token is delivered. The second half of `burst` is spent
    /// only after the server has refused the token for one second.
    pub fn invalidation_budget(mut self, burst: u32, every: Duration) -> Self {
        (self.limits.invalidation_burst, self.limits.invalidation_interval) = (burst, every);
        self
    }

    /// The statuses besides 401 by which the server refuses a token (rule 7). Each must be a 4xx
    /// other than 417.
    ///
    /// Default: none. The API documents only 401, but some servers of this protocol answer a dead
    /// token with a 422. Add a status only if the server uses it for nothing else, because each
    /// response with this status costs a login.
    ///
    /// ```
    /// use waldo_auth_core::{Config, Credentials};
    ///
    /// let config = Config::builder("https://api.waldo.ai", Credentials::new("wk.4f…", "ws.9a…")?)
    ///     .challenge_statuses([http::StatusCode::UNPROCESSABLE_ENTITY])
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn challenge_statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.challenge_statuses = statuses.into_iter().collect();
        self
    }

    /// The seed of the backoff's jitter.
    ///
    /// Default: 0, which is for tests only, because processes with equal seeds log in at the same
    /// instants. Adapters choose a random seed.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.limits.jitter_seed = seed;
        self
    }

    /// Whether a token must be signed with the client secret: HS256, HS384 or HS512 (rule 23).
    ///
    /// Default: off. The API's sample verifies tokens in this way, but the API documents no
    /// algorithm and no key.
    #[cfg(feature = "verify")]
    pub fn verify_signatures(mut self, verify: bool) -> Self {
        self.limits.verify = verify;
        self
    }

    /// Checks all settings.
    ///
    /// # Errors
    /// Names the first setting that is out of its range, and the range.
    pub fn build(self) -> Result<Config, ConfigError> {
        let name = self.name.map(checked_name).transpose()?;
        let origin: Origin = self.origin.parse().map_err(ConfigError::Origin)?;
        let login_uri = Some(self.login_path.as_str())
            .filter(|path| path.starts_with('/') && !path.contains('#'))
            .and_then(|path| format!("{origin}{path}").parse().ok())
            .filter(|uri| origin.contains(uri))
            .ok_or(ConfigError::LoginPath)?;
        self.limits.check()?;
        let challenges =
            Challenges::with(&self.challenge_statuses).ok_or(ConfigError::ChallengeStatus)?;
        let limits = Limits { challenges, ..self.limits };
        Ok(Config { name, origin, login_uri, credentials: Arc::new(self.credentials), limits })
    }
}

/// The longest name of a client, in characters.
const MAX_NAME: usize = 64;

fn checked_name(name: String) -> Result<Box<str>, ConfigError> {
    // Other characters could be invisible, or break a line of a log.
    let is_printable =
        |character: char| character.is_alphanumeric() || matches!(character, ' '..='~');
    let is_usable = !name.trim().is_empty()
        && name.chars().count() <= MAX_NAME
        && name.chars().all(is_printable);
    if is_usable { Ok(name.into()) } else { Err(ConfigError::Name) }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        const MILLI: Duration = Duration::from_millis(1);
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        if self.leeway.share < 2 || self.one_shot_leeway.share < 2 {
            return Err(ConfigError::LeewayTooLarge);
        }
        for (setting, value, least, most) in [
            ("assumed_lifetime", self.assumed_lifetime, Duration::from_secs(1), DAY),
            ("lease", self.lease, MILLI, HOUR),
            ("backoff base", self.backoff_base, MILLI, HOUR),
            ("backoff cap", self.backoff_cap, self.backoff_base, HOUR),
            ("retry_after_cap", self.retry_after_cap, Duration::ZERO, HOUR),
            ("first probe", self.probe_first, MILLI, DAY),
            ("probe cap", self.probe_cap, self.probe_first, DAY),
            ("invalidation_budget interval", self.invalidation_interval, MILLI, DAY),
        ] {
            if value < least || value > most {
                return Err(ConfigError::Duration { setting, least, most });
            }
        }
        for (setting, value, least, most) in [
            ("failures_per_call", self.failures_per_call, 1, 100),
            ("invalidation_budget burst", self.invalidation_burst, 0, 1000),
        ] {
            if value < least || value > most {
                return Err(ConfigError::Count { setting, least, most });
            }
        }
        Ok(())
    }
}

/// Why a setting is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The name is blank, is longer than 64 characters, or has a character that is not printable.
    Name,
    /// The token may not be sent to this origin.
    Origin(OriginError),
    /// The login path does not begin with `/`, or is not a path.
    LoginPath,
    /// The `share` of a leeway is below 2: the leeway would take the whole lifetime, and every call
    /// would log in.
    LeewayTooLarge,
    /// A status in [`challenge_statuses`](ConfigBuilder::challenge_statuses) is not a 4xx, or is
    /// 417.
    ChallengeStatus,
    /// A duration is out of its range.
    Duration {
        /// Which one.
        setting: &'static str,
        /// The least it may be.
        least: Duration,
        /// The most it may be.
        most: Duration,
    },
    /// A count is out of its range.
    Count {
        /// Which one.
        setting: &'static str,
        /// The least it may be.
        least: u32,
        /// The most it may be.
        most: u32,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str(
                "the name must have 1 to 64 letters, digits, ASCII punctuation marks or spaces",
            ),
            Self::Origin(error) => error.fmt(f),
            Self::LoginPath => f.write_str(
                "the login path must be a path that begins with '/', such as /authenticate",
            ),
            Self::LeewayTooLarge => f.write_str(
                "the share of a leeway must be at least 2, or the leeway eats the lifetime",
            ),
            Self::ChallengeStatus => {
                f.write_str("challenge_statuses must be 4xx other than 417, such as 422")
            }
            Self::Duration { setting, least, most } => {
                write!(f, "{setting} must be from {least:?} to {most:?}")
            }
            Self::Count { setting, least, most } => {
                write!(f, "{setting} must be from {least} to {most}")
            }
        }
    }
}

/// Shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}
