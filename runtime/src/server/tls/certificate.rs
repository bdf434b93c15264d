//! The certificate and the key of a listener, from two files in PEM format (RFC 7468).

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{
    Error as TlsError, InconsistentKeys,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::{parse_x509_certificate, time::ASN1Time};

use crate::error::CertificateError;

/// Maximum size of a file, in bytes.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// SHA-256 digest of both files.
pub(super) type Digest = [u8; 32];

/// Names of the files.
#[derive(Clone, Debug)]
pub(super) struct CertificateFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Contents of the files.
pub(super) struct Contents {
    files: CertificateFiles,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A certificate chain whose key matches it.
pub(super) struct Certificate {
    pub(super) key: CertifiedKey,
    pub(super) validity: Validity,
    pub(super) digest: Digest,
}

impl CertificateFiles {
    pub(super) fn read(&self) -> Result<Contents, CertificateError> {
        let read = |setting, path: &Path| {
            read_file(path).map_err(|error| CertificateError::Unreadable {
                setting,
                path: path.to_owned(),
                problem: error.to_string(),
            })
        };
        Ok(Contents {
            certificate: read("http.tls_certificate", &self.certificate)?,
            key: read("http.tls_key", &self.key)?,
            files: self.clone(),
        })
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut content)?;
    if content.len() > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB"));
    }
    Ok(content)
}

impl Contents {
    pub(super) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update((self.certificate.len() as u64).to_le_bytes());
        hash.update(&self.certificate);
        hash.update(&self.key);
        hash.finalize().into()
    }

    pub(super) fn parse(self) -> Result<Certificate, CertificateError> {
        let digest = self.digest();
        let Self { files, certificate, key } = self;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| CertificateError::NoCertificate(files.certificate.clone()))?;
        // The text of an error could repeat a part of the key.
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| CertificateError::NoKey(files.key.clone()))?;
        let validity =
            Validity::of(&chain[0]).ok_or_else(|| CertificateError::NoCertificate(files.certificate.clone()))?;
        let key =
            CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
                TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    CertificateError::KeyMismatch { certificate: files.certificate.clone(), key: files.key.clone() }
                }
                TlsError::InvalidCertificate(_) => CertificateError::NoCertificate(files.certificate.clone()),
                _ => CertificateError::NoKey(files.key.clone()),
            })?;
        Ok(Certificate { key, validity, digest })
    }
}

/// Times between which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    from: SystemTime,
    until: SystemTime,
}

impl Validity {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(certificate).ok()?;
        let time = |time: ASN1Time| {
            let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
        };
        let validity = certificate.validity();
        Some(Self { from: time(validity.not_before)?, until: time(validity.not_after)? })
    }

    pub(super) fn includes(&self, now: SystemTime) -> bool {
        (self.from..=self.until).contains(&now)
    }

    /// Returns whether a time is outside, or less than a tenth of the whole time is left.
    pub(super) fn needs_attention(&self, now: SystemTime) -> bool {
        let lifetime = self.until.duration_since(self.from).unwrap_or_default();
        !self.includes(now) || self.until.duration_since(now).unwrap_or_default() < lifetime / 10
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = humantime::format_rfc3339_seconds;
        write!(f, "{} to {}", time(self.from), time(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_needs_attention_in_the_last_tenth_of_its_lifetime_and_outside_of_it() {
        let at = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(24 * days);
        let validity = Validity { from: at(10), until: at(100) };
        for (day, includes, needs_attention) in [
            (9, false, true),
            (10, true, false),
            (91, true, false),
            (92, true, true),
            (100, true, true),
            (101, false, true),
        ] {
            assert_eq!(
                (validity.includes(at(day)), validity.needs_attention(at(day))),
                (includes, needs_attention),
                "{day}"
            );
        }
    }
}
