//! Problems of the certificate of a listener and its key.

use std::path::PathBuf;

use thiserror::Error;

/// Reason why a server cannot use the certificate and the key that its settings name. No text contains a part of the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("`{setting}`: cannot read {}: {problem}", .path.display())]
    Unreadable {
        /// Setting that names the file.
        setting: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        problem: String,
    },
    /// The file has no valid certificate.
    #[error(
        "`http.tls_certificate`: {} has no valid certificate: expected the certificate of the server and its intermediate \
         certificates in PEM format, `-----BEGIN CERTIFICATE-----`",
        .0.display()
    )]
    NoCertificate(PathBuf),
    /// The file has no private key that can be used.
    #[error(
        "`http.tls_key`: {} has no usable private key: expected one in PEM format without a password, \
         `-----BEGIN PRIVATE KEY-----`",
        .0.display()
    )]
    NoKey(PathBuf),
    /// The key is not that of the certificate.
    #[error(
        "the private key in {} is not that of the first certificate in {}: name the files of one pair, with the certificate of \
         the server before the intermediate certificates",
        .key.display(), .certificate.display()
    )]
    KeyMismatch {
        /// Path of the certificate.
        certificate: PathBuf,
        /// Path of the key.
        key: PathBuf,
    },
}
