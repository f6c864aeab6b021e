//! No configuration makes ureq panic in the thread of a call: `build` refuses it, and says what to
//! do.

use std::time::Duration;

use waldo_adapter_tests::{Scripted, jwt};
use waldo_ureq::http::{HeaderName, HeaderValue, Request};
use waldo_ureq::ureq::config::{Config, ConfigBuilder};
use waldo_ureq::ureq::typestate::AgentScope;
use waldo_ureq::ureq::{Agent, Proxy};
use waldo_ureq::{BuildError, Client, Error};

use crate::site::{bounded, builder_over, client, credentials, settings, status};

/// An `https` origin where no server listens. A call fails there, and must not panic.
fn plain() -> Scripted {
    Scripted::start(waldo_adapter_tests::Exchange::close)
}

/// Builds with the configuration, and with an agent that was made from it.
#[track_caller]
fn build(origin: &str, config: impl Fn() -> Config) -> Result<(), BuildError> {
    let builder = || {
        Client::builder(credentials()).origin(origin).limits(|limits| limits.failures_per_call(1))
    };
    let over_config = builder().agent(config()).build();
    let over_agent = builder().agent(Agent::new_with_config(config())).build();
    let (over_config, over_agent) = match (over_config, over_agent) {
        (Ok(over_config), Ok(over_agent)) => (over_config, over_agent),
        (Err(error), Err(other)) => {
            assert_eq!(error.to_string(), other.to_string());
            return Err(error);
        }
        (over_config, over_agent) => panic!("{over_config:?}, {over_agent:?}"),
    };
    // The call may fail, but the thread must not panic.
    for client in [over_config, over_agent] {
        if let Err(error) = client.get("/").timeout(Duration::from_secs(10)).call() {
            assert!(matches!(error, Error::Refused(_)), "{error:?}");
        }
    }
    Ok(())
}

#[track_caller]
fn refused(result: Result<(), BuildError>, setting: &str) {
    let Err(error) = result else { panic!("{setting} is not refused") };
    assert!(
        matches!(&error, BuildError::Agent { setting: named, .. } if *named == setting),
        "{error}"
    );
    assert!(error.to_string().contains(setting), "{error}");
}

#[test]
fn a_header_that_is_none_is_refused() {
    bounded(|| {
        let server = plain();
        let of = |change: fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>| {
            build(&server.origin(), || change(settings()).build())
        };
        refused(of(|settings| settings.user_agent("a\r\nb")), "user_agent");
        refused(of(|settings| settings.accept("a\0")), "accept");
        refused(of(|settings| settings.accept_encoding("a\n")), "accept_encoding");
        of(|settings| settings.user_agent("").accept("").accept_encoding("identity")).unwrap();
    });
}

#[test]
fn a_buffer_that_cannot_be_is_refused() {
    bounded(|| {
        let server = plain();
        for size in [0, 1, 100, 104_857_600, 104_857_601, usize::MAX] {
            let input = build(&server.origin(), || settings().input_buffer_size(size).build());
            let output = build(&server.origin(), || settings().output_buffer_size(size).build());
            if (1..=104_857_600).contains(&size) {
                input.unwrap();
                output.unwrap();
            } else {
                refused(input, "input_buffer_size");
                refused(output, "output_buffer_size");
            }
        }
    });
}

#[test]
fn oversized_timeout_is_refused_or_capped() {
    type Change = fn(ConfigBuilder<AgentScope>, Option<Duration>) -> ConfigBuilder<AgentScope>;
    bounded(|| {
        let changes: [(&str, Change); 8] = [
            ("timeout_per_call", |settings, limit| settings.timeout_per_call(limit)),
            ("timeout_resolve", |settings, limit| settings.timeout_resolve(limit)),
            ("timeout_connect", |settings, limit| settings.timeout_connect(limit)),
            ("timeout_send_request", |settings, limit| settings.timeout_send_request(limit)),
            ("timeout_await_100", |settings, limit| settings.timeout_await_100(limit)),
            ("timeout_send_body", |settings, limit| settings.timeout_send_body(limit)),
            ("timeout_recv_response", |settings, limit| settings.timeout_recv_response(limit)),
            ("timeout_recv_body", |settings, limit| settings.timeout_recv_body(limit)),
        ];
        let server = plain();
        for (setting, change) in changes {
            let of = |limit| build(&server.origin(), || change(settings(), limit).build());
            refused(of(Some(Duration::MAX)), setting);
            refused(of(Some(Duration::from_secs(31_536_001))), setting);
            of(Some(Duration::from_secs(31_536_000))).unwrap();
            of(None).unwrap();
        }
        // These are none that ureq adds to a clock.
        let far = Some(Duration::MAX);
        let config = || {
            let settings =
                settings().timeout_global(far).timeout_per_read(far).timeout_per_write(far);
            settings.max_idle_age(Duration::MAX).build()
        };
        build(&server.origin(), config).unwrap();
        let server = Scripted::start(|exchange| exchange.grant(&jwt(1)));
        let client = builder_over(server.origin(), config()).build().unwrap();
        assert_eq!(status(&client), 200);
        assert_eq!(client.post("/up").send(vec![7; 100_000]).unwrap().status(), 200);
    });
}

#[test]
fn a_header_map_that_is_full_is_an_error() {
    bounded(|| {
        let server = Scripted::start(|exchange| exchange.grant(&jwt(1)));
        let client = client(server.origin());
        assert_eq!(status(&client), 200);
        let full = |room: usize| {
            let mut request = Request::post("/").body("text").unwrap();
            let mut number = 0;
            let name = |number| HeaderName::try_from(format!("x-{number}")).unwrap();
            let one = || HeaderValue::from_static("1");
            while request.headers_mut().try_append(name(number), one()).is_ok() {
                number += 1;
            }
            for taken in 0..room {
                request.headers_mut().remove(name(taken));
            }
            request
        };
        // There is no room for the length and the token, or for one of them.
        for room in [0, 1] {
            let error = client.run(full(room)).unwrap_err();
            assert!(matches!(error, Error::TooManyHeaders), "{error:?}");
        }
        for room in [2, 3] {
            let answer = client.run(full(room));
            assert!(!matches!(answer, Err(Error::TooManyHeaders)), "{answer:?}");
        }
    });
}

/// A client of an https origin over its default settings.
fn over_defaults() -> Result<Client, BuildError> {
    Client::builder(credentials()).origin("https://127.0.0.1:1").build()
}

#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
#[test]
fn https_without_tls_is_refused() {
    let result = build("https://127.0.0.1:1", || settings().build());
    for error in [result.unwrap_err(), over_defaults().unwrap_err()] {
        assert!(matches!(error, BuildError::NoTls(_)), "{error}");
        assert!(error.to_string().contains("https://127.0.0.1:1"), "{error}");
        assert!(error.to_string().contains("feature rustls"), "{error}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[test]
fn https_works_over_the_default_settings() {
    over_defaults().unwrap();
}

#[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
#[test]
fn https_needs_roots_without_rustls_defaults() {
    let error = over_defaults().unwrap_err();
    assert!(error.to_string().contains("roots"), "{error}");
}

#[test]
fn a_socks_proxy_that_ureq_cannot_use_is_refused() {
    bounded(|| {
        let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        for protocol in ["socks4", "socks4a", "socks5", "socks5h", "socks", "http"] {
            let proxy = || Some(Proxy::new(&format!("{protocol}://{nobody}")).unwrap());
            let config = || settings().proxy(proxy()).build();
            // In clear, no proxy is used.
            build(&plain().origin(), config).unwrap();
            let over_https = build("https://127.0.0.1:1", config);
            if !cfg!(any(feature = "rustls", feature = "native-tls")) {
                over_https.unwrap_err();
            } else if protocol == "http" || cfg!(feature = "socks-proxy") {
                let provider_fits = cfg!(feature = "rustls");
                assert_eq!(over_https.is_ok(), provider_fits, "{over_https:?}");
            } else {
                refused(over_https, "proxy");
            }
        }
    });
}

/// ureq would go around such a proxy, and show the user's address to the server. A process of its
/// own has the variable, because a test must not change its own.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[test]
fn a_socks_proxy_of_the_environment_is_refused_too() {
    const NAME: &str = "build::a_socks_proxy_of_the_environment_is_refused_too";
    const CHILD: &str = "WALDO_UREQ_TEST_PROXY";
    if let Ok(expected) = std::env::var(CHILD) {
        let build = |origin: &str| Client::builder(credentials()).origin(origin).build();
        let over_https = build("https://api.example");
        if expected == "refused" && !cfg!(feature = "socks-proxy") {
            let error = over_https.unwrap_err().to_string();
            assert!(error.contains("ALL_PROXY") && error.contains("socks-proxy"), "{error}");
        } else {
            over_https.unwrap();
        }
        build("http://127.0.0.1:1").unwrap();
        return;
    }
    let (socks5, socks5h) = ("socks5://127.0.0.1:9", "socks5h://127.0.0.1:9");
    for (expected, proxy, no_proxy) in [
        ("refused", socks5, ""),
        ("refused", socks5h, "other.example"),
        ("taken", socks5, "api.example"),
        ("taken", "http://127.0.0.1:9", ""),
    ] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .envs([(CHILD, expected), ("ALL_PROXY", proxy), ("NO_PROXY", no_proxy)])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{proxy}: {output:?}");
    }
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod tls {
    use waldo_ureq::ureq::tls::{
        Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsConfigBuilder, TlsProvider,
    };

    use super::*;

    fn over(change: impl Fn(TlsConfigBuilder) -> TlsConfigBuilder) -> Result<(), BuildError> {
        let server = plain();
        build(&format!("https://127.0.0.1:{}", server.port()), || {
            settings().tls_config(change(TlsConfig::builder()).build()).build()
        })
    }

    fn roots() -> [RootCerts; 3] {
        let none =
            RootCerts::new_with_certs(&[Certificate::from_der(b"no certificate").to_owned()]);
        [RootCerts::WebPki, RootCerts::PlatformVerifier, none]
    }

    #[test]
    fn tls_that_ureq_does_not_have_is_refused() {
        bounded(|| {
            for provider in [TlsProvider::Rustls, TlsProvider::NativeTls] {
                for (number, roots) in roots().into_iter().enumerate() {
                    for verifies in [true, false] {
                        let result = over(|tls| {
                            tls.provider(provider)
                                .root_certs(roots.clone())
                                .disable_verification(!verifies)
                        });
                        let has_roots = match number {
                            0 => cfg!(feature = "rustls"),
                            1 => cfg!(feature = "platform-verifier"),
                            _ => true,
                        };
                        let works = if provider == TlsProvider::NativeTls {
                            cfg!(feature = "native-tls")
                        } else {
                            cfg!(feature = "rustls") && (has_roots || !verifies)
                        };
                        if works {
                            result.unwrap();
                        } else {
                            refused(result, "tls_config");
                        }
                    }
                }
            }
        });
    }

    const KEYS: [&[u8]; 3] = [
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
    ];

    fn identity(key: &[u8]) -> ClientCert {
        let certificate = Certificate::from_der(b"no certificate").to_owned();
        ClientCert::new_with_certs(&[certificate], PrivateKey::from_pem(key).unwrap())
    }

    /// `build` checks a client certificate for rustls. The operating system's library checks it
    /// when it connects.
    #[test]
    fn a_client_certificate_that_is_none_does_not_panic() {
        bounded(|| {
            for key in KEYS {
                if cfg!(feature = "rustls") {
                    let result = over(|tls| tls.client_cert(Some(identity(key))));
                    let error = result.unwrap_err();
                    assert!(error.to_string().contains("client certificate"), "{error}");
                    assert!(std::error::Error::source(&error).is_some());
                }
                if cfg!(feature = "native-tls") {
                    over(|tls| {
                        tls.provider(TlsProvider::NativeTls).client_cert(Some(identity(key)))
                    })
                    .unwrap();
                }
            }
        });
    }

    #[cfg(feature = "rustls")]
    #[test]
    fn a_crypto_provider_that_can_do_nothing_is_refused() {
        use std::sync::Arc;

        use rustls::crypto::{CryptoProvider, ring};

        bounded(|| {
            let whole = ring::default_provider;
            for provider in [
                CryptoProvider { cipher_suites: Vec::new(), ..whole() },
                CryptoProvider { kx_groups: Vec::new(), ..whole() },
            ] {
                let provider = Arc::new(provider);
                let result =
                    over(|tls| tls.unversioned_rustls_crypto_provider(Arc::clone(&provider)));
                refused(result, "tls_config");
            }
            over(|tls| tls.unversioned_rustls_crypto_provider(Arc::new(whole()))).unwrap();
        });
    }
}
