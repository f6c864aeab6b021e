//! The agent that sends, by default.

use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;

/// A year: ureq adds a limit to the clock, which panics if the sum is out of its range.
pub(crate) const LONGEST: Duration = Duration::from_secs(31_536_000);

/// ureq's defaults, but for what a request would otherwise have to be told each time.
pub(crate) fn default_config() -> Config {
    let settings = Agent::config_builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .max_idle_age(MAX_IDLE_AGE)
        .http_status_as_error(false)
        .max_redirects(0);
    // ureq's default is rustls, compiled in or not.
    #[cfg(all(feature = "native-tls", not(feature = "rustls")))]
    let settings = settings
        .tls_config(ureq::tls::TlsConfig::builder().provider(ureq::tls::TlsProvider::NativeTls).build());
    settings.build()
}

/// How long a connection rests in the pool of [`default_config`]. It is ureq's own default today. Balancers close resting connections
/// after 60 s or less, and a request that meets such a close fails.
const MAX_IDLE_AGE: Duration = Duration::from_secs(15);
