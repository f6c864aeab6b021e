//! The settings of a client, without its origin and its key pair.

use serde::Deserialize;
use waldo_auth_core::ConfigBuilder;

use super::span::Span;

/// The limits that a scenario changes. A limit that is `None` keeps its default.
///
/// The limits have the names of [`ConfigBuilder`]'s methods, which document them.
///
/// ```
/// use waldo_auth_core::{Config, Credentials};
/// use waldo_test_driver::scenario::Settings;
///
/// let settings: Settings = serde_json::from_str(
///     r#"{"lease": "400ms", "invalidation_budget": {"burst": 1, "every": "30s"}}"#,
/// )?;
/// let credentials = Credentials::new("wk.4f…", "ws.9a…")?;
/// let config = settings.apply(Config::builder("https://api.waldo.ai", credentials)).build()?;
/// assert!(format!("{config:?}").contains("lease: 400ms"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The leeway at the end of a token's lifetime.
    pub leeway: Option<Reserve>,
    /// The leeway of one-shot calls.
    pub one_shot_leeway: Option<Reserve>,
    /// The lifetime of a token that does not show one.
    pub assumed_lifetime: Option<Span>,
    /// How long a login may take before another call may start the next login.
    pub lease: Option<Span>,
    /// The backoff after failed logins.
    pub backoff: Option<Backoff>,
    /// The longest `Retry-After` that the client follows.
    pub retry_after_cap: Option<Span>,
    /// How many failed logins a call waits through.
    pub failures_per_call: Option<u32>,
    /// When rejected credentials are tried again.
    pub probe: Option<Probe>,
    /// How many refused tokens may be dropped.
    pub invalidation_budget: Option<DropBudget>,
    /// The path of the login.
    pub login_path: Option<String>,
}

/// A leeway: `{"at_most": "3s", "share": 10}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// The leeway of a long lifetime.
    pub at_most: Span,
    /// The leeway of a short lifetime is its `share`-th part.
    pub share: u32,
}

/// Waits that double: `{"base": "250ms", "cap": "30s"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// The limit of the first wait.
    pub base: Span,
    /// The longest wait.
    pub cap: Span,
}

/// Times after which rejected credentials are tried again: `{"first": "60s", "cap": "15m"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The first time.
    pub first: Span,
    /// The longest time.
    pub cap: Span,
}

/// A budget: `{"burst": 5, "every": "30s"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropBudget {
    /// The largest number of permits.
    pub burst: u32,
    /// The time after which one more permit comes.
    pub every: Span,
}

impl Settings {
    /// Whether all limits keep their defaults.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Applies the limits to a configuration of the core.
    pub fn apply(&self, config: ConfigBuilder) -> ConfigBuilder {
        let mut config = config;
        if let Some(Reserve { at_most, share }) = self.leeway {
            config = config.leeway(at_most.duration(), share);
        }
        if let Some(Reserve { at_most, share }) = self.one_shot_leeway {
            config = config.one_shot_leeway(at_most.duration(), share);
        }
        if let Some(lifetime) = self.assumed_lifetime {
            config = config.assumed_lifetime(lifetime.duration());
        }
        if let Some(lease) = self.lease {
            config = config.lease(lease.duration());
        }
        if let Some(Backoff { base, cap }) = self.backoff {
            config = config.backoff(base.duration(), cap.duration());
        }
        if let Some(cap) = self.retry_after_cap {
            config = config.retry_after_cap(cap.duration());
        }
        if let Some(failures) = self.failures_per_call {
            config = config.failures_per_call(failures);
        }
        if let Some(Probe { first, cap }) = self.probe {
            config = config.probe(first.duration(), cap.duration());
        }
        if let Some(DropBudget { burst, every }) = self.invalidation_budget {
            config = config.invalidation_budget(burst, every.duration());
        }
        if let Some(path) = &self.login_path {
            config = config.login_path(path);
        }
        config
    }
}
