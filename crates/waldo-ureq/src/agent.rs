//! The default settings of the agent, and the check of a given agent's settings.

use std::time::Duration;

use http::HeaderValue;
use http::uri::Scheme;
use ureq::config::{AutoHeaderValue, Config};
use ureq::{Agent, ProxyProtocol};
use waldo_auth_core::Origin;

use crate::error::BuildError;

/// The longest time limit: one year. ureq adds a limit to the present time, and panics if the sum
/// is out of range.
pub(crate) const LONGEST: Duration = Duration::from_secs(31_536_000);

/// ureq's defaults, and the settings that this crate would otherwise set for each request.
pub(crate) fn default_config(timeout: Option<Duration>) -> Config {
    let settings = Agent::config_builder()
        .timeout_global(timeout)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .max_idle_age(MAX_IDLE_AGE)
        .http_status_as_error(false)
        .max_redirects(0);
    // ureq's default is rustls, even if rustls is not compiled in.
    #[cfg(all(feature = "native-tls", not(feature = "rustls-no-provider")))]
    let settings = settings.tls_config(
        ureq::tls::TlsConfig::builder().provider(ureq::tls::TlsProvider::NativeTls).build(),
    );
    settings.build()
}

/// How long [`default_config`] keeps an idle connection. It is ureq's own default. Load balancers
/// close idle connections after 60 s or less, and a request that is sent at that moment fails.
const MAX_IDLE_AGE: Duration = Duration::from_secs(15);

/// The largest buffer that ureq accepts, in bytes.
const MAX_BUFFER: usize = 100 * 1024 * 1024;

/// Refuses each setting on which ureq would panic in the thread of a call.
///
/// # Errors
/// Names the setting, and says what to do.
pub(crate) fn check(agent: &Agent, origin: &Origin) -> Result<(), BuildError> {
    let config = agent.config();
    check_headers(config)?;
    check_buffers(config)?;
    check_timeouts(config)?;
    if *origin.scheme() == Scheme::HTTPS {
        check_proxy(config, origin)?;
        crate::tls::check(config, origin)?;
    }
    Ok(())
}

fn check_headers(config: &Config) -> Result<(), BuildError> {
    for (setting, value) in [
        ("user_agent", config.user_agent()),
        ("accept", config.accept()),
        ("accept_encoding", config.accept_encoding()),
    ] {
        let AutoHeaderValue::Provided(text) = value else { continue };
        HeaderValue::from_str(text).map_err(|error| BuildError::Agent {
            setting,
            advice: "use visible ASCII characters",
            source: Some(error.into()),
        })?;
    }
    Ok(())
}

fn check_buffers(config: &Config) -> Result<(), BuildError> {
    for (setting, size) in [
        ("input_buffer_size", config.input_buffer_size()),
        ("output_buffer_size", config.output_buffer_size()),
    ] {
        if !(1..=MAX_BUFFER).contains(&size) {
            return Err(refused(
                setting,
                "it must be 1 byte to 100 MiB; ureq's default is 128 KiB",
            ));
        }
    }
    Ok(())
}

/// `timeout_global` needs no check, because it is the budget of a call and ureq never gets it
/// unchanged.
fn check_timeouts(config: &Config) -> Result<(), BuildError> {
    let timeouts = config.timeouts();
    for (setting, limit) in [
        ("timeout_per_call", timeouts.per_call),
        ("timeout_resolve", timeouts.resolve),
        ("timeout_connect", timeouts.connect),
        ("timeout_send_request", timeouts.send_request),
        ("timeout_await_100", timeouts.await_100),
        ("timeout_send_body", timeouts.send_body),
        ("timeout_recv_response", timeouts.recv_response),
        ("timeout_recv_body", timeouts.recv_body),
    ] {
        if limit.is_some_and(|limit| limit > LONGEST) {
            return Err(refused(setting, "it is longer than a year; use None for no limit"));
        }
    }
    Ok(())
}

/// Refuses a SOCKS proxy that ureq cannot use. ureq panics on such a proxy, or goes around it if it
/// comes from the environment.
fn check_proxy(config: &Config, origin: &Origin) -> Result<(), BuildError> {
    let Some(proxy) = config.proxy() else { return Ok(()) };
    let is_connect = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    if is_connect || cfg!(feature = "socks-proxy") {
        return Ok(());
    }
    if !proxy.is_from_env() {
        return Err(refused(
            "proxy",
            "it is a SOCKS proxy; enable the feature socks-proxy of waldo-ureq",
        ));
    }
    // `NO_PROXY` may name the host of the origin.
    if origin.to_string().parse().is_ok_and(|uri| proxy.is_no_proxy(&uri)) {
        return Ok(());
    }
    Err(refused(
        "proxy",
        "the environment names a SOCKS proxy, such as by ALL_PROXY; enable the feature \
         socks-proxy of waldo-ureq, or take a configuration with another proxy or none",
    ))
}

pub(crate) fn refused(setting: &'static str, advice: &'static str) -> BuildError {
    BuildError::Agent { setting, advice, source: None }
}
