//! The default configuration of an adapter's client.

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};

use waldo_auth_core::{Config, ConfigBuilder, Credentials};

use crate::env::{self, EnvError};

/// The origin of the API, for production and sandbox. The key pair chooses between production and
/// sandbox.
pub const DEFAULT_ORIGIN: &str = "https://api.waldo.ai";

/// The default configuration: the API's origin, and a random jitter seed.
///
/// ```
/// use waldo_auth_core::Credentials;
///
/// let config = waldo_auth_client::config(Credentials::new("wk.4f…", "ws.9a…")?).build()?;
/// assert_eq!(config.origin().to_string(), "https://api.waldo.ai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn config(credentials: Credentials) -> ConfigBuilder {
    Config::builder(DEFAULT_ORIGIN, credentials).jitter_seed(jitter_seed())
}

/// The default configuration with the key pair that [`CredentialSource::env`] finds: in variables,
/// or in files. The origin comes from `WALDO_ORIGIN`, if this variable is set and not empty.
///
/// Give the session the same source with [`SharedSession::with_source`](crate::SharedSession), so
/// that it finds a replaced key pair.
///
/// # Errors
/// Names the variable or the file that is missing or unusable, and the reason, and never shows its
/// value.
///
/// [`CredentialSource::env`]: crate::CredentialSource::env
pub fn config_from_env() -> Result<ConfigBuilder, EnvError> {
    config_from(std::env::var_os)
}

fn config_from(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<ConfigBuilder, EnvError> {
    let config = config(env::credentials(&variable)?);
    Ok(match env::origin(&variable)? {
        Some(origin) => config.origin(origin.to_string()),
        None => config,
    })
}

/// A random number. Clients that fail at the same instant must retry at different instants.
pub(crate) fn jitter_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use waldo_auth_core::Session;

    use super::*;

    /// The digest of a new session, which covers all state that decides what it does.
    fn digest(config: ConfigBuilder) -> u64 {
        Session::new(config.build().unwrap()).digest()
    }

    #[test]
    fn rule_03_the_origin_of_the_environment_is_used() {
        let origin = |value: &'static str| {
            let config =
                config_from(|name| Some(if name == "WALDO_ORIGIN" { value } else { "x" }.into()));
            config.unwrap().build().unwrap().origin().to_string()
        };
        assert_eq!(origin("http://127.0.0.1:8787"), "http://127.0.0.1:8787");
        assert_eq!(origin(""), DEFAULT_ORIGIN);
    }

    #[test]
    fn rule_14_no_two_sessions_share_a_seed() {
        let from_env =
            || config_from(|name| (name != "WALDO_ORIGIN").then(|| name.into())).unwrap();
        let from_pair =
            || config(Credentials::new("WALDO_API_KEY", "WALDO_CLIENT_SECRET").unwrap());
        // These sessions differ in their seeds only.
        let all = [from_env, from_env]
            .map(|config| config())
            .into_iter()
            .chain([from_pair(), from_pair()]);
        let seeded: BTreeSet<_> = all.clone().map(|config| digest(config.jitter_seed(7))).collect();
        assert_eq!(seeded.len(), 1);
        assert_eq!(all.map(digest).collect::<BTreeSet<_>>().len(), 4);
    }
}
