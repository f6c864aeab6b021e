//! Which certificates are trusted, and which one is shown.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::server::UrlError;

/// The certificates of a server with TLS, if they are not those of the operating system.
///
/// ```no_run
/// use waldo_store_redis::{RedisStore, Tls};
///
/// let tls = Tls::trusting(&std::fs::read("/etc/redis/ca.pem")?)?;
/// let store = RedisStore::with_tls("rediss://:password@redis.example", &tls)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts these root certificates only, in PEM.
    ///
    /// # Errors
    /// The text has no certificate, or an unusable one.
    pub fn trusting(roots: &[u8]) -> Result<Self, TlsError> {
        Self::of(roots, None)
    }

    /// Trusts these root certificates only, and shows the server a certificate of this program. All
    /// are in PEM; the program's own certificate comes before those that have signed it.
    ///
    /// A server of Redis asks for such a certificate, unless its `tls-auth-clients` is `no`.
    ///
    /// # Errors
    /// One of the texts has no certificate or no private key, or an unusable one.
    pub fn with_identity(roots: &[u8], chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Self::of(roots, Some((chain, key)))
    }

    fn of(roots: &[u8], identity: Option<(&[u8], &[u8])>) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for root in certificates(roots)? {
            store.add(root).map_err(|_| TlsError("a root certificate is unusable"))?;
        }
        let config = builder()?.with_root_certificates(store);
        let Some((chain, key)) = identity else {
            return Ok(Self(Arc::new(config.with_no_client_auth())));
        };
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| TlsError("the text of the private key is none in PEM"))?;
        let config = config.with_client_auth_cert(certificates(chain)?, key).map_err(|_| {
            TlsError("the private key is unusable, or belongs to another certificate")
        })?;
        Ok(Self(Arc::new(config)))
    }

    /// Trusts the root certificates of the operating system.
    pub(crate) fn of_system() -> Result<Self, UrlError> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            return Err(UrlError(
                "asks for TLS, and this system has no root certificates: install ca-certificates, \
                 or give the certificates with `with_tls`",
            ));
        }
        let builder = builder().map_err(|TlsError(_)| UrlError("asks for TLS, which fails"))?;
        Ok(Self(Arc::new(builder.with_root_certificates(store).with_no_client_auth())))
    }

    pub(crate) fn connection(
        &self,
        name: ServerName<'static>,
    ) -> Result<ClientConnection, rustls::Error> {
        let mut connection = ClientConnection::new(self.0.clone(), name)?;
        // A question may be larger than the 64 KiB that are the default.
        connection.set_buffer_limit(None);
        Ok(connection)
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

// The provider is named, because the one of the process may be missing or ambiguous.
fn builder() -> Result<Builder, TlsError> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError("the versions of TLS are unusable"))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError("the text of the certificates is none in PEM")),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// Why certificates are unusable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TlsError(&'static str);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for TlsError {}
