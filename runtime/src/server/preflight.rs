//! The preflight check: runs at start-up, and again while something is wrong.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures_util::future::join_all;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{discovery::Discovery, scope_drift};
use crate::{
    auth::{Diagnostic, Preflight, Readiness, Severity, TokenValidator, Validators, code},
    gate::Gate,
    registry::{RegisteredOperation, Registry},
    spawn::spawn,
};

/// Time limit of one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);
/// Delay before the check is repeated after a failure. It doubles with each failure, plus a random part, so that servers
/// which failed together do not retry together.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(500);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// Input of [`Probe::new`].
pub(crate) struct ProbeConfig {
    pub(crate) validators: Arc<Validators>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) declared_scopes: Vec<&'static str>,
    pub(crate) registry: Arc<Registry>,
}

/// Runs the preflight check and keeps the readiness up to date.
pub(crate) struct Probe {
    config: ProbeConfig,
    /// Latest result, so that the log does not repeat it.
    last: Mutex<Option<Preflight>>,
    is_watching: AtomicBool,
}

impl Probe {
    pub(crate) fn new(config: ProbeConfig) -> Self {
        Self { config, last: Mutex::default(), is_watching: AtomicBool::new(false) }
    }

    pub(crate) fn readiness(&self) -> &Arc<Readiness> {
        &self.config.readiness
    }

    /// Reports every validator as able to validate tokens, without a check.
    pub(crate) fn skip(&self) {
        for index in 0..self.config.validators.iter().len() {
            self.config.readiness.of_validator(index).validation_succeeded();
        }
    }

    /// Runs one check.
    pub(crate) async fn run(&self) -> Preflight {
        self.check().await.0
    }

    /// Runs one check of every validator. Returns with it whether all of them checked that tokens can be validated.
    async fn check(&self) -> (Preflight, bool) {
        let ProbeConfig { validators, readiness, gate, .. } = &self.config;
        let results = join_all(validators.iter().map(|validator| check_validator(&**validator))).await;
        let (mut all, mut all_check_tokens) = (Vec::new(), true);
        for (index, checked) in results.into_iter().enumerate() {
            let checks_tokens = checked.is_some();
            let mut diagnostics = checked.unwrap_or_default();
            if index == validators.primary_index() && !diagnostics.iter().any(Diagnostic::is_fatal) {
                diagnostics.extend(self.check_metadata().await);
            }
            if checks_tokens && !diagnostics.iter().any(Diagnostic::is_fatal) {
                // Closed before readiness is reported, so that a request that follows does not meet an open circuit
                // breaker.
                gate.authenticator.close_circuit(index);
            }
            readiness.of_validator(index).preflight_finished(&diagnostics, checks_tokens);
            all.extend(diagnostics);
            all_check_tokens &= checks_tokens;
        }
        let preflight = Preflight::new(all);
        self.log(&preflight);
        (preflight, all_check_tokens)
    }

    async fn check_metadata(&self) -> Vec<Diagnostic> {
        match self.config.discovery.get().await {
            Ok(fetched) => self.scope_drift(fetched.server.scopes_supported.as_deref()),
            Err(unavailable) => vec![Diagnostic::fatal("metadata_unavailable", unavailable.to_string())],
        }
    }

    /// Fetches the metadata, so that the first client does not wait for it, and logs differences between the scopes.
    pub(crate) async fn compare_scopes(&self) {
        let fetched = self.config.discovery.get().await.ok();
        let advertised = fetched.as_ref().and_then(|fetched| fetched.server.scopes_supported.as_deref());
        self.scope_drift(advertised).iter().for_each(log);
    }

    fn scope_drift(&self, advertised: Option<&[String]>) -> Vec<Diagnostic> {
        let ProbeConfig { validators, declared_scopes, registry, .. } = &self.config;
        let operations = registry.operations().iter().map(RegisteredOperation::policy);
        scope_drift::diagnostics(declared_scopes, advertised, operations, &validators.texts())
    }

    /// Starts a task that repeats the check while something is wrong, until `stop` is cancelled. Returns `None` if it
    /// runs already: any number of calls starts one task.
    pub(crate) fn start_watching(self: &Arc<Self>, stop: CancellationToken) -> Option<JoinHandle<()>> {
        if self.is_watching.swap(true, Ordering::AcqRel) {
            return None;
        }
        let probe = Arc::clone(self);
        Some(spawn(async move {
            stop.run_until_cancelled(probe.watch()).await;
            probe.is_watching.store(false, Ordering::Release);
        }))
    }

    async fn watch(&self) {
        let new_delays = || {
            ExponentialBuilder::default()
                .with_min_delay(MIN_RETRY_DELAY)
                .with_max_delay(MAX_RETRY_DELAY)
                .with_jitter()
                .without_max_times()
                .build()
        };
        let mut delays = new_delays();
        loop {
            let waiting_since = Instant::now();
            self.config.readiness.until_unhealthy().await;
            if waiting_since.elapsed() >= MAX_RETRY_DELAY {
                delays = new_delays();
            }
            // Without a check of the validator, the delay grows: only requests show that an outage is over.
            if let (preflight, true) = self.check().await
                && preflight.passed()
            {
                delays = new_delays();
            }
            // The delay also follows a success, because tokens may still fail, and requests test the authorization
            // server in this time.
            tokio::time::sleep(delays.next().unwrap_or(MAX_RETRY_DELAY)).await;
        }
    }

    fn log(&self, preflight: &Preflight) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(preflight) {
            return;
        }
        preflight.diagnostics().iter().for_each(log);
        if last.as_ref().is_some_and(|last| !last.passed()) && preflight.passed() {
            tracing::info!("the preflight check passes: the server is ready");
        }
        *last = Some(preflight.clone());
    }
}

/// Runs the preflight check of a validator. Returns `None` if it has none.
async fn check_validator(validator: &dyn TokenValidator) -> Option<Vec<Diagnostic>> {
    tokio::time::timeout(CHECK_TIMEOUT, validator.preflight()).await.unwrap_or_else(|_| {
        let text = format!("the preflight check did not finish within {CHECK_TIMEOUT:?}");
        Some(vec![Diagnostic::fatal(code::UNAVAILABLE, text)])
    })
}

fn log(diagnostic: &Diagnostic) {
    match diagnostic.severity() {
        Severity::Fatal => tracing::error!("{diagnostic}"),
        Severity::Warning => tracing::warn!("{diagnostic}"),
        Severity::Note => tracing::debug!("{diagnostic}"),
    }
}
