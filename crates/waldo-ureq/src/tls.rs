//! Checks that the agent's TLS settings fit the TLS that this crate was built with.
//!
//! Otherwise ureq panics when it first connects.

use ureq::config::Config;
use waldo_auth_core::Origin;

use crate::error::BuildError;

#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
pub(crate) fn check(_: &Config, origin: &Origin) -> Result<(), BuildError> {
    Err(BuildError::NoTls(origin.clone()))
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
pub(crate) fn check(config: &Config, _: &Origin) -> Result<(), BuildError> {
    use ureq::tls::TlsProvider;

    use crate::agent::refused;

    let settings = config.tls_config();
    if settings.provider() == TlsProvider::Rustls {
        return rustls::check(settings);
    }
    if cfg!(feature = "native-tls") {
        return Ok(());
    }
    Err(refused(
        "tls_config",
        "its provider is not compiled in; choose TlsProvider::Rustls, or enable the feature native-tls of waldo-ureq",
    ))
}

#[cfg(all(feature = "native-tls", not(feature = "rustls-no-provider")))]
mod rustls {
    use ureq::tls::TlsConfig;

    use crate::agent::refused;
    use crate::error::BuildError;

    pub(super) fn check(_: &TlsConfig) -> Result<(), BuildError> {
        Err(refused(
            "tls_config",
            "its provider is not compiled in; choose TlsProvider::NativeTls, or enable the feature rustls of waldo-ureq",
        ))
    }
}

#[cfg(feature = "rustls-no-provider")]
mod rustls {
    use std::sync::Arc;

    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};
    use ureq::tls::{ClientCert, PrivateKey, RootCerts, TlsConfig};

    use crate::agent::refused;
    use crate::error::BuildError;

    /// Makes the rustls configuration like ureq, without the root certificates.
    pub(super) fn check(settings: &TlsConfig) -> Result<(), BuildError> {
        check_roots(settings)?;
        let provider = provider(settings).ok_or_else(|| {
            refused(
                "tls_config",
                "it has no crypto provider; set one, there or in the process, or enable the feature rustls of waldo-ureq",
            )
        })?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(ALL_VERSIONS)
            .map_err(|error| failed("its crypto provider does not support TLS 1.2 and 1.3", error))?
            .with_root_certificates(RootCertStore::empty());
        if let Some(identity) = settings.client_cert() {
            let key = key(identity.private_key()).ok_or_else(|| {
                refused("tls_config", "the key of its client certificate is unusable")
            })?;
            builder.with_client_auth_cert(certificates(identity), key).map_err(|error| {
                failed("its client certificate is unusable, or its key belongs to another", error)
            })?;
        }
        Ok(())
    }

    fn check_roots(settings: &TlsConfig) -> Result<(), BuildError> {
        let roots = settings.root_certs();
        if settings.disable_verification() {
            return Ok(());
        }
        if matches!(roots, RootCerts::PlatformVerifier) && !cfg!(feature = "platform-verifier") {
            return Err(refused(
                "tls_config",
                "its roots are the platform's; enable the feature platform-verifier of waldo-ureq, or choose others",
            ));
        }
        if matches!(roots, RootCerts::WebPki) && !cfg!(feature = "rustls") {
            return Err(refused(
                "tls_config",
                "its roots are Mozilla's; enable the feature rustls of waldo-ureq, or choose others",
            ));
        }
        Ok(())
    }

    /// The crypto provider that ureq uses.
    fn provider(settings: &TlsConfig) -> Option<Arc<CryptoProvider>> {
        let configured = settings.unversioned_rustls_crypto_provider().clone();
        configured.or_else(|| CryptoProvider::get_default().cloned()).or_else(ring)
    }

    #[cfg(feature = "rustls")]
    #[expect(clippy::unnecessary_wraps, reason = "without the feature there is none")]
    fn ring() -> Option<Arc<CryptoProvider>> {
        Some(Arc::new(rustls::crypto::ring::default_provider()))
    }

    #[cfg(not(feature = "rustls"))]
    fn ring() -> Option<Arc<CryptoProvider>> {
        None
    }

    fn certificates(identity: &ClientCert) -> Vec<CertificateDer<'static>> {
        identity.certs().iter().map(|part| CertificateDer::from(part.der()).into_owned()).collect()
    }

    /// Compare the name of the key's kind, because ureq does not export its type.
    fn key(key: &PrivateKey<'_>) -> Option<PrivateKeyDer<'static>> {
        let der = key.der().to_vec();
        match format!("{:?}", key.kind()).as_str() {
            "Pkcs1" => Some(PrivateKeyDer::Pkcs1(der.into())),
            "Pkcs8" => Some(PrivateKeyDer::Pkcs8(der.into())),
            "Sec1" => Some(PrivateKeyDer::Sec1(der.into())),
            _ => None,
        }
    }

    fn failed(advice: &'static str, error: rustls::Error) -> BuildError {
        BuildError::Agent { setting: "tls_config", advice, source: Some(error.into()) }
    }
}
