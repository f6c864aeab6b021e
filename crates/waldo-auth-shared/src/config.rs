//! What an adapter's client starts from.

use std::hash::{BuildHasher, Hasher, RandomState};

use waldo_auth_core::{Config, ConfigBuilder, Credentials};

use crate::env::{self, EnvError};

/// Where the API lives in production and sandbox alike; the key pair alone chooses between them.
pub const DEFAULT_ORIGIN: &str = "https://api.waldo.ai";

/// The defaults: production, and a jitter seed that no other session has.
///
/// ```
/// use waldo_auth_core::Credentials;
///
/// let config = waldo_auth_shared::config(Credentials::new("wk.4f…", "ws.9a…")?).build()?;
/// assert_eq!(config.origin().to_string(), "https://api.waldo.ai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn config(credentials: Credentials) -> ConfigBuilder {
    Config::builder(DEFAULT_ORIGIN, credentials).jitter_seed(jitter_seed())
}

/// The same with the key pair from `WALDO_API_KEY` and `WALDO_CLIENT_SECRET`. The origin comes from
/// `WALDO_ORIGIN`, if this variable is set and not empty.
///
/// # Errors
/// Which variable is missing or unusable, and why; never its value. The origin is checked by [`ConfigBuilder::build`].
pub fn config_from_env() -> Result<ConfigBuilder, EnvError> {
    let (credentials, origin) = env::read(std::env::var_os)?;
    let config = config(credentials);
    Ok(match origin {
        Some(origin) => config.origin(origin),
        None => config,
    })
}

/// Another number each time, as clients that fail together must not come back together.
fn jitter_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_14_no_two_sessions_share_a_seed() {
        assert_ne!(jitter_seed(), jitter_seed());
    }
}
