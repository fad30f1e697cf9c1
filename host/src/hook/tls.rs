//! The certificate of the service.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::reading::{describe_read_error, read_secret_file};

/// The files of the certificate and of its private key, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The reason why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or has no certificate or key in it.
    #[error("{}: {why}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// The reason.
        why: String,
    },
    /// The key does not belong to the certificate, or is of a kind that is not supported.
    #[error("the key {} cannot be used with the certificate {}: {why}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
        /// The reason.
        why: rustls::Error,
    },
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, if other users may read the key, or if they do not belong
    /// together.
    pub fn load(&self) -> Result<ServerConfig, TlsError> {
        let Self { certificate, key } = self;
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain: Vec<CertificateDer<'static>> = chain.map_err(|error| unusable(certificate, &error))?;
        if chain.is_empty() {
            return Err(unusable(certificate, &pem::Error::NoItemsFound));
        }
        let private = read_secret_file(key).map_err(|why| TlsError::Unusable { file: key.clone(), why })?;
        let private = PrivateKeyDer::from_pem_slice(&private).map_err(|error| unusable(key, &error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mismatch = |why| TlsError::Mismatch { key: key.clone(), certificate: certificate.clone(), why };
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(mismatch)?.with_no_client_auth().with_single_cert(chain, private);
        let mut config = config.map_err(mismatch)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn unusable(file: &Path, error: &pem::Error) -> TlsError {
    let why = match error {
        pem::Error::Io(error) => describe_read_error(error),
        pem::Error::NoItemsFound => "there is no certificate or key in PEM in it".to_owned(),
        error => format!("it is not PEM: {error}"),
    };
    TlsError::Unusable { file: file.to_owned(), why }
}
