//! TLS on the listener, with a certificate that is replaced when its files change.

mod certificate;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use self::certificate::{Certificate, CertificateFiles, Digest, Validity};
use crate::{error::CertificateError, server::config::HttpConfig};

/// Minimum time between two messages about the expiry of the certificate.
const EXPIRY_LOG_INTERVAL: Duration = Duration::from_hours(12);

/// TLS of a listener.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    files: CertificateFiles,
    current: Arc<CurrentCertificate>,
    reload_interval: Duration,
    state: Mutex<State>,
}

/// The certificate for new connections.
#[derive(Debug)]
struct CurrentCertificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// What is known about the files.
struct State {
    digest: Digest,
    validity: Validity,
    /// Problem of the files that the log has.
    problem: Option<CertificateError>,
    expiry_logged: Option<Instant>,
}

/// Task that reloads the certificate. It ends when this value is dropped.
pub(crate) struct ReloadTask(JoinHandle<()>);

impl Drop for ReloadTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tls {
    /// Reads the certificate and the key of the settings. `None` if they name none.
    ///
    /// # Errors
    ///
    /// The files cannot be read, or have no valid certificate and key.
    pub(crate) fn from_config(http: &HttpConfig) -> Result<Option<Arc<Self>>, CertificateError> {
        match (&http.tls_certificate, &http.tls_key) {
            (Some(certificate), Some(key)) => {
                Self::new(certificate.clone(), key.clone(), http.tls_reload_interval).map(|tls| Some(Arc::new(tls)))
            }
            _ => Ok(None),
        }
    }

    fn new(certificate: PathBuf, key: PathBuf, reload_interval: Duration) -> Result<Self, CertificateError> {
        let files = CertificateFiles { certificate, key };
        let Certificate { key, validity, digest } = files.read()?.parse()?;
        let current = Arc::new(CurrentCertificate(ArcSwap::from_pointee(key)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions of TLS")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let state = Mutex::new(State { digest, validity, problem: None, expiry_logged: None });
        Ok(Self { acceptor: Arc::new(config).into(), files, current, reload_interval, state })
    }

    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Starts the task that reloads the certificate when its files change. It compares their content, because a renewed
    /// file may keep its time, and a Kubernetes secret is replaced by a symbolic link.
    pub(crate) fn start_reloading(self: &Arc<Self>) -> ReloadTask {
        let tls = Arc::clone(self);
        ReloadTask(tokio::spawn(async move {
            loop {
                tls.log_expiry();
                sleep(tls.reload_interval).await;
                tls.reload().await;
            }
        }))
    }

    /// Reads the files, and uses their certificate for new connections if they have changed.
    async fn reload(&self) {
        let (files, digest) = (self.files.clone(), self.lock().digest);
        let read = spawn_blocking(move || {
            let contents = files.read()?;
            if contents.digest() == digest { Ok(None) } else { contents.parse().map(Some) }
        });
        let Ok(read) = read.await else { return };
        let mut state = self.lock();
        match read {
            Ok(None) => state.problem = None,
            Ok(Some(Certificate { key, validity, digest })) => {
                self.current.0.store(Arc::new(key));
                *state = State { digest, validity, problem: None, expiry_logged: None };
                tracing::info!(certificate = %self.files.certificate.display(), %validity, "reloaded the TLS certificate");
            }
            Err(problem) => {
                if state.problem.as_ref() != Some(&problem) {
                    tracing::error!("the TLS certificate is not reloaded, the previous one stays in use: {problem}");
                    state.problem = Some(problem);
                }
            }
        }
    }

    /// Logs that the certificate is not valid, or soon will not be.
    fn log_expiry(&self) {
        let mut state = self.lock();
        let (validity, now) = (state.validity, SystemTime::now());
        if !validity.needs_attention(now) || state.expiry_logged.is_some_and(|at| at.elapsed() < EXPIRY_LOG_INTERVAL)
        {
            return;
        }
        state.expiry_logged = Some(Instant::now());
        let certificate = self.files.certificate.display();
        if validity.includes(now) {
            tracing::warn!(%certificate, %validity, "the TLS certificate expires soon: renew it");
        } else {
            tracing::error!(%certificate, %validity, "the TLS certificate is not valid now: clients reject it");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
