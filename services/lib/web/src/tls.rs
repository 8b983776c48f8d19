//! Certificate and key of a server.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidegate_flow::{Remedy, WorldError};

/// What a server proves itself with: TLS 1.2 and 1.3. `Debug` shows nothing.
#[derive(Clone)]
pub struct Tls {
    pub(crate) config: Arc<ServerConfig>,
}

// === impl Tls ===

impl Tls {
    /// A chain, the server's own certificate first, and its private key, both as PEM files.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] for files that cannot be read, hold none, or do not belong together.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Tls, WorldError> {
        let wrong = |path: &Path, why: String| WorldError::new(Remedy::Operator, format!("{}: {why}", path.display()));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificates)
            .and_then(|found| found.collect())
            .map_err(|error| wrong(certificates, format!("no certificates can be read: {error}")))?;
        if chain.is_empty() {
            return Err(wrong(certificates, "holds no certificate (PEM)".to_owned()));
        }
        // The library's text could quote the file.
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|_| wrong(key, "no private key (PEM) can be read".to_owned()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(certificates, format!("TLS cannot be set up: {error}")))?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| wrong(certificates, format!("certificate and key do not work together: {error}")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls { config: Arc::new(config) })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}
