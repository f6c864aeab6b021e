//! The settings of a session, checked when it is built.

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

/// Where to log in, as whom, and within which limits.
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
    pub(crate) origin: Origin,
    pub(crate) login_uri: Uri,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) limits: Limits,
}

impl Config {
    /// Starts from the documented defaults. `origin` is a URI without a path, such as `https://api.waldo.ai`.
    pub fn builder(origin: impl Into<String>, credentials: Credentials) -> ConfigBuilder {
        let (origin, login_path) = (origin.into(), "/authenticate".to_owned());
        let (challenge_statuses, limits) = (Vec::new(), Limits::default());
        ConfigBuilder { origin, login_path, credentials, challenge_statuses, limits }
    }

    /// The one origin that the token is sent to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How long one login may take before another call takes over.
    pub fn lease(&self) -> Duration {
        self.limits.lease
    }
}

/// The numbers of the rules. Each is documented, with its range and reason, at the builder's method
/// of its name.
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
    /// Can be switched on with the feature `verify` only.
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

/// Changes the defaults of a [`Config`] and checks them together.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ConfigBuilder {
    origin: String,
    login_path: String,
    credentials: Credentials,
    challenge_statuses: Vec<StatusCode>,
    limits: Limits,
}

impl ConfigBuilder {
    /// Another origin than the one the builder was made with.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = origin.into();
        self
    }

    /// The path of the login, `/authenticate` by default, which is what the API's reference and
    /// samples use.
    ///
    /// The guide's prose says `/authentication` once; hence the setting.
    pub fn login_path(mut self, path: impl Into<String>) -> Self {
        self.login_path = path.into();
        self
    }

    /// The reserve at the end of a token's lifetime in which it is not sent any more (rule 11).
    ///
    /// It is `at_most`, but never more than the `share`-th part of the lifetime. Default: 3 s and
    /// 10. `share` must be at least 2, since a leeway that eats the lifetime makes every call
    /// log in. The reserve covers clocks that tick in whole seconds (rule 16) and the way of a
    /// request to the server. A token that dies all the same is healed by one login, so a larger
    /// reserve costs more than it spares.
    pub fn leeway(mut self, at_most: Duration, share: u32) -> Self {
        self.limits.leeway = Leeway { at_most, share };
        self
    }

    /// The same for one-shot calls, which cannot be healed by sending them again (rules 11, 17).
    ///
    /// Default: 5 min and 4. `share` must be at least 2.
    pub fn one_shot_leeway(mut self, at_most: Duration, share: u32) -> Self {
        self.limits.one_shot_leeway = Leeway { at_most, share };
        self
    }

    /// The lifetime of a token that says nothing usable about its own (rule 10).
    ///
    /// Default: 1 h, which is what the API documents. From 1 s to 24 h.
    pub fn assumed_lifetime(mut self, lifetime: Duration) -> Self {
        self.limits.assumed_lifetime = lifetime;
        self
    }

    /// How long one login may take before another call may start the next (rule 13).
    ///
    /// Default: 30 s. From 1 ms to 1 h. Adapters give the login's request a timeout a little below
    /// the lease. So a login that hangs ends as a failure, and its lease expires only if its leader
    /// is gone. The lease must be longer than a login takes. The answer of a login whose lease has
    /// expired is used with caution: a rejection then opens the circuit only if no other login has
    /// started since.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.limits.lease = lease;
        self
    }

    /// The backoff after failed logins: full jitter below `base`, doubled with each further
    /// failure, at most `cap` (rule 14).
    ///
    /// Default: 250 ms and 30 s. `base` from 1 ms on, `cap` from `base` to 1 h. Where more than
    /// five leaders in a row give up, the further ones come `base` apart.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        (self.limits.backoff_base, self.limits.backoff_cap) = (base, cap);
        self
    }

    /// The longest `Retry-After` that is obeyed (rule 2).
    ///
    /// Default and maximum: 1 h, lest one odd header silence a client for days.
    pub fn retry_after_cap(mut self, cap: Duration) -> Self {
        self.limits.retry_after_cap = cap;
        self
    }

    /// How many failed logins one call sits through before it is refused with the last failure
    /// (rule 14).
    ///
    /// Default: 3. From 1 to 100.
    pub fn failures_per_call(mut self, failures: u32) -> Self {
        self.limits.failures_per_call = failures;
        self
    }

    /// When rejected credentials are tried again: after `first`, doubled with each further
    /// rejection, at most `cap` (rule 15).
    ///
    /// Default: 60 s and 15 min, as keys can be activated again on the dashboard at any time.
    /// `first` from 1 ms on, `cap` from `first` to 24 h.
    pub fn probe(mut self, first: Duration, cap: Duration) -> Self {
        (self.limits.probe_first, self.limits.probe_cap) = (first, cap);
        self
    }

    /// How many refused tokens may be dropped: `burst` at once, and one more `every` so often (rule
    /// 16).
    ///
    /// Default: 10, and one more every 30 s. The second half of `burst` is spent only after the
    /// server has refused the token for a second. `burst` from 0 to 1000, where 0 delivers
    /// every 401 to a live token; `every` from 1 ms to 24 h.
    pub fn invalidation_budget(mut self, burst: u32, every: Duration) -> Self {
        (self.limits.invalidation_burst, self.limits.invalidation_interval) = (burst, every);
        self
    }

    /// Statuses, beside 401, by which the server refuses a token (rule 7). Each must be a 4xx.
    ///
    /// Default: none. The API documents 401 alone, but some servers of this protocol answer 422 to
    /// a dead token. Name a status only if the server uses it for nothing else, because each
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
    /// Default: 0, which is right for tests only: processes with the same seed fall into step.
    /// Adapters draw one.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.limits.jitter_seed = seed;
        self
    }

    /// Whether a token must be signed with the client secret: HS256, HS384 or HS512 (rule 23).
    ///
    /// Default: off. The API's sample verifies tokens so, but the API documents no algorithm and no
    /// key.
    #[cfg(feature = "verify")]
    pub fn verify_signatures(mut self, verify: bool) -> Self {
        self.limits.verify = verify;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first setting that is out of its range, and what it must be.
    pub fn build(self) -> Result<Config, ConfigError> {
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
        Ok(Config { origin, login_uri, credentials: Arc::new(self.credentials), limits })
    }
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

/// A setting that no session can work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The origin is not one that a token may be sent to.
    Origin(OriginError),
    /// The login path does not begin with `/`, or is no path.
    LoginPath,
    /// The `share` of a leeway is below 2: the leeway would take the whole lifetime, and every call
    /// would log in.
    LeewayTooLarge,
    /// A status in [`challenge_statuses`](ConfigBuilder::challenge_statuses) is not a 4xx.
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

impl Error for ConfigError {}
