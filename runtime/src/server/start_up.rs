//! What happens between a server that is built and its first request.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Error, Server, preflight::Probe};

/// How a server starts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StartUp {
    pub(crate) strict: bool,
    pub(crate) skip_preflight: bool,
}

/// How long a revoked token lives on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) ttl: Duration,
    pub(crate) grace: Duration,
    pub(crate) webhooks: bool,
}

impl Server {
    /// Does not start while something fatal is found: the metadata cannot be had, MCP is not enabled, this server's own
    /// credentials are refused. Without it the server starts unready (`/readyz`), goes on trying, and becomes ready by
    /// itself.
    pub fn strict(mut self) -> Self {
        self.start_up.strict = true;
        self
    }

    /// Starts without a [preflight](super::BuiltServer::preflight), and takes it that tokens can be checked until one
    /// cannot be. The server then fetches the metadata and compares the scopes as always, but asks the authorization
    /// server about no token of its own, except when `/readyz` is asked for while tokens cannot be checked.
    pub fn skip_preflight(mut self) -> Self {
        self.start_up.skip_preflight = true;
        self
    }
}

impl StartUp {
    pub(crate) fn check(self, problems: &mut Vec<String>) {
        if self.strict && self.skip_preflight {
            problems.push(
                "`strict` and `skip_preflight` were both called: a start that depends on the preflight cannot skip it"
                    .to_owned(),
            );
        }
    }

    /// Looks around, and goes on doing so while something is wrong, until it is told to stop.
    ///
    /// # Errors
    ///
    /// Something is wrong, and the start depends on it.
    pub(crate) async fn begin(self, probe: Arc<Probe>, stop: CancellationToken) -> Result<JoinHandle<()>, Error> {
        if self.skip_preflight {
            probe.readiness.answered();
            return Ok(tokio::spawn(async move { probe.compare().await }));
        }
        if self.strict {
            let preflight = probe.run().await;
            if !preflight.passed() {
                return Err(Error::Preflight(preflight));
            }
        }
        Ok(tokio::spawn(async move { probe.watch(stop).await }))
    }
}

impl Bound {
    /// Says in the log for how long a token that was revoked may be good.
    pub(crate) fn announce(self) {
        let Self { ttl, grace, webhooks } = self;
        if ttl.is_zero() {
            tracing::info!("every request asks about its token: revoked access ends at once");
        } else if webhooks {
            tracing::info!(
                bound = ?ttl,
                "revoked access ends when PropelAuth's webhook arrives, and within this time if none does"
            );
        } else {
            tracing::info!(
                bound = ?ttl,
                "revoked access ends within this time; set PROPELAUTH_WEBHOOK_SECRET to let PropelAuth end it at once"
            );
        }
        if !grace.is_zero() {
            tracing::warn!(
                grace = ?grace,
                "while the authorization server does not answer, what was learned about a token is used for this much \
                 longer"
            );
        }
    }
}
