//! Start-up: the preflight check before the first request, and the log message about revocation.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::preflight::Probe;
use crate::{auth::ValidatorTexts, error::Error, spawn::spawn};

/// When the preflight check runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PreflightMode {
    /// In the background, until it passes.
    #[default]
    Background,
    /// Before the server starts; a fatal diagnostic prevents the start.
    Required,
    /// Not at all.
    Skipped,
}

impl PreflightMode {
    /// Runs the preflight check and starts the task that repeats it while something is wrong.
    ///
    /// # Errors
    ///
    /// The check is required and has a fatal diagnostic.
    pub(crate) async fn start(self, probe: Arc<Probe>, stop: CancellationToken) -> Result<JoinHandle<()>, Error> {
        match self {
            Self::Skipped => {
                probe.skip();
                return Ok(spawn(async move { probe.compare_scopes().await }));
            }
            Self::Required => {
                let preflight = probe.run().await;
                if !preflight.passed() {
                    return Err(Error::Preflight(preflight));
                }
            }
            Self::Background => {}
        }
        Ok(probe.start_watching(stop).unwrap_or_else(|| spawn(async {})))
    }
}

/// Longest time that a revoked token stays valid.
#[derive(Clone, Debug)]
pub(crate) struct RevocationDelay {
    pub(crate) ttl: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) reports_revocations: bool,
    /// Maximum lifetime of self-contained tokens, if a validator accepts such tokens.
    pub(crate) self_contained_lifetime: Option<Duration>,
    pub(crate) texts: ValidatorTexts,
}

impl RevocationDelay {
    /// Logs how long a revoked token stays valid.
    pub(crate) fn log(&self) {
        let ValidatorTexts { name, report_revocations, .. } = &self.texts;
        if self.ttl.is_zero() {
            tracing::info!("every request validates its token: revoked access ends immediately");
        } else if self.reports_revocations {
            tracing::info!(
                max_delay = ?self.ttl,
                "revoked access ends when {name} reports it, and within `max_delay` at the latest"
            );
        } else {
            tracing::info!(
                max_delay = ?self.ttl,
                "revoked access ends within `max_delay`; to end it immediately, {report_revocations}"
            );
        }
        if let Some(max_lifetime) = self.self_contained_lifetime {
            tracing::info!(
                ?max_lifetime,
                "this does not hold for JWTs, whose issuer is not asked: they are accepted until they expire, within \
                 `max_lifetime`, or until the program revokes them with `BuiltServer::revocations`"
            );
        }
        if !self.stale_if_error.is_zero() {
            tracing::warn!(
                stale_if_error = ?self.stale_if_error,
                "while {name} does not respond, cached introspection responses are used for `stale_if_error` longer"
            );
        }
    }
}
