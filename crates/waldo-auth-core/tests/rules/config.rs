//! The ranges of the configuration, at both ends.

use std::time::Duration;

use waldo_auth_core::{Config, ConfigBuilder, ConfigError, Credentials, OriginError};

use crate::fixture::{ORIGIN, credentials, millis, secs};

const HOUR: Duration = secs(3600);
const DAY: Duration = secs(24 * 3600);
const NANO: Duration = Duration::from_nanos(1);

fn build(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Result<Config, ConfigError> {
    change(Config::builder(ORIGIN, credentials())).build()
}

#[track_caller]
fn out_of_range(result: Result<Config, ConfigError>, name: &str) {
    match result.map(|_| ()) {
        Err(
            error @ (ConfigError::Duration { setting, .. } | ConfigError::Count { setting, .. }),
        ) => {
            assert_eq!(setting, name);
            assert!(error.to_string().starts_with(&format!("{name} must be from ")), "{error}");
        }
        other => panic!("expected {name} to be out of range, got {other:?}"),
    }
}

/// Checks the range of a duration: both ends are valid, and values beyond them are not.
#[track_caller]
fn range(
    set: impl Fn(ConfigBuilder, Duration) -> ConfigBuilder,
    name: &str,
    least: Duration,
    most: Duration,
) {
    for good in [least, most] {
        assert!(build(|builder| set(builder, good)).is_ok(), "{name} {good:?}");
    }
    if let Some(less) = least.checked_sub(NANO) {
        out_of_range(build(|builder| set(builder, less)), name);
    }
    for more in [most + NANO, Duration::MAX] {
        out_of_range(build(|builder| set(builder, more)), name);
    }
}

#[test]
fn the_defaults_are_good() {
    let config = build(|builder| builder).unwrap();
    assert!(format!("{config:?}").contains("lease: 30s"), "{config:?}");
    assert_eq!(config.origin().to_string(), ORIGIN);
}

#[test]
fn every_duration_has_a_range() {
    range(ConfigBuilder::assumed_lifetime, "assumed_lifetime", secs(1), DAY);
    range(ConfigBuilder::lease, "lease", millis(1), HOUR);
    range(|builder, base| builder.backoff(base, HOUR), "backoff base", millis(1), HOUR);
    range(|builder, cap| builder.backoff(secs(1), cap), "backoff cap", secs(1), HOUR);
    range(ConfigBuilder::retry_after_cap, "retry_after_cap", Duration::ZERO, HOUR);
    range(|builder, first| builder.probe(first, DAY), "first probe", millis(1), DAY);
    range(|builder, cap| builder.probe(secs(1), cap), "probe cap", secs(1), DAY);
    range(
        |builder, every| builder.invalidation_budget(5, every),
        "invalidation_budget interval",
        millis(1),
        DAY,
    );
}

#[test]
fn every_count_has_a_range() {
    for good in [1, 100] {
        assert!(build(|builder| builder.failures_per_call(good)).is_ok());
    }
    for bad in [0, 101, u32::MAX] {
        out_of_range(build(|builder| builder.failures_per_call(bad)), "failures_per_call");
    }
    for good in [0, 1000] {
        assert!(build(|builder| builder.invalidation_budget(good, secs(1))).is_ok());
    }
    for bad in [1001, u32::MAX] {
        out_of_range(
            build(|builder| builder.invalidation_budget(bad, secs(1))),
            "invalidation_budget burst",
        );
    }
}

#[test]
fn a_leeway_cannot_eat_the_lifetime() {
    for share in [0, 1] {
        let error = build(|builder| builder.leeway(secs(30), share)).unwrap_err();
        assert_eq!(error, ConfigError::LeewayTooLarge);
        let error = build(|builder| builder.one_shot_leeway(secs(30), share)).unwrap_err();
        assert_eq!(error, ConfigError::LeewayTooLarge);
    }
    for share in [2, u32::MAX] {
        assert!(build(|builder| builder.leeway(Duration::MAX, share)).is_ok());
        assert!(build(|builder| builder.one_shot_leeway(Duration::ZERO, share)).is_ok());
    }
}

#[test]
fn a_name_is_short_and_printable() {
    let name = |name: &str| build(|builder| builder.name(name));
    assert_eq!(build(|builder| builder).unwrap().name(), None);
    for good in ["a", "sandbox", "Müller & Söhne (2)", "日本", &"ß".repeat(64)] {
        assert_eq!(name(good).unwrap().name(), Some(good));
    }
    for bad in ["", "  ", "a\nb", "\u{1b}[31m", "\u{7f}", "\u{202e}a", "a\u{200b}", &"a".repeat(65)]
    {
        assert_eq!(name(bad).unwrap_err(), ConfigError::Name, "{bad:?}");
    }
}

#[test]
fn the_last_origin_counts() {
    let builder = Config::builder("nonsense", Credentials::new("k", "s").unwrap());
    let config = builder.origin("http://127.0.0.1:1").build().unwrap();
    assert_eq!(config.origin().to_string(), "http://127.0.0.1:1");
}

#[test]
fn an_origin_that_is_none_says_why() {
    for (origin, error) in [
        ("", OriginError::NotAUri),
        ("https://", OriginError::NotAUri),
        ("https://api waldo ai", OriginError::NotAUri),
        ("api.waldo.ai", OriginError::NotAbsolute),
        ("api.waldo.ai:443", OriginError::NotAbsolute),
        ("ftp://api.waldo.ai", OriginError::NotAbsolute),
        ("https://api.waldo.ai:65536", OriginError::NotAbsolute),
        ("http://api.waldo.ai", OriginError::Insecure),
        ("https://api.waldo.ai/v1", OriginError::HasPath),
        ("https://api.waldo.ai/?a", OriginError::HasPath),
        ("https://api.waldo.ai#a", OriginError::HasPath),
        ("https://me:pass@api.waldo.ai", OriginError::HasUserInfo),
    ] {
        let built = Config::builder(origin, credentials())
            .build()
            .map(|config| config.origin().to_string());
        assert_eq!(built, Err(ConfigError::Origin(error)), "{origin}");
    }
}

#[test]
fn invalid_credentials_error_names_field_and_reason() {
    for (key, secret, says) in [
        ("", "s", "the API key is empty"),
        ("k", "", "the client secret is empty"),
        ("k\n", "s", "the API key begins or ends with white space; trim it"),
        ("k", "\ts", "the client secret begins or ends with white space; trim it"),
        ("k", "s\u{a0}", "the client secret begins or ends with white space; trim it"),
    ] {
        assert_eq!(Credentials::new(key, secret).unwrap_err().to_string(), says);
    }
    // The API does not document the format of keys and secrets, so nothing else is checked.
    for text in ["k", "a b", "\"", "\u{0}", "ключ", &"k".repeat(100_000)] {
        assert!(Credentials::new(text, text).is_ok());
    }
}
