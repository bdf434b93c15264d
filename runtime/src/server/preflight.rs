//! What is found out before the first caller comes, and again until all is well.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{discovery::Discovery, drift};
use crate::{
    auth::{Finding, Readiness, Severity, TokenValidator},
    gate::Gate,
    tool::ScopeTable,
};

/// How long a preflight may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How long after one that failed the next is made; doubled with each, and up to a half longer, so that servers which
/// failed together do not ask together.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a server found before it served: whether tokens can be checked, clients can find their way, and the scopes are
/// those of PropelAuth.
///
/// ```no_run
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
/// # #[tokio::main]
/// # async fn main() -> Result<(), toolgate::Error> {
/// let server = Server::new("My MCP server", &SCOPES).auth(PropelAuth::from_env()?).build()?;
/// let preflight = server.preflight().await;
/// for finding in preflight.findings() {
///     println!("{:?}: {finding}", finding.severity());
/// }
/// if preflight.passed() {
///     server.serve().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    findings: Vec<Finding>,
}

impl Preflight {
    /// Everything that was found, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether nothing keeps the server from its work.
    pub fn passed(&self) -> bool {
        !self.findings.iter().any(Finding::is_fatal)
    }

    fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
        Self { findings }
    }
}

/// What is fatal, a sentence each.
impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fatal = self.findings.iter().filter(|finding| finding.is_fatal());
        let Some(first) = fatal.next() else { return f.write_str("nothing is wrong") };
        fatal.try_fold(write!(f, "{first}")?, |(), finding| write!(f, "\n- {finding}"))
    }
}

/// Finds out how things are, and keeps readiness up to date.
pub(crate) struct Probe {
    pub(crate) validator: Arc<dyn TokenValidator>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) declared: Vec<&'static str>,
    pub(crate) table: ScopeTable,
    /// What was found last, so that the log does not say it again and again.
    pub(crate) last: Mutex<Option<Preflight>>,
    pub(crate) watching: AtomicBool,
}

impl Probe {
    pub(crate) async fn run(&self) -> Preflight {
        let asked = tokio::time::timeout(LIMIT, self.validator.preflight()).await;
        let mut findings = asked.unwrap_or_else(|_| {
            vec![Finding::fatal(
                "authorization_server_unavailable",
                format!("whether tokens can be checked was not found out within {LIMIT:?}"),
            )]
        });
        // Where nothing can be asked there is nothing to compare.
        if !findings.iter().any(Finding::is_fatal) {
            match self.discovery.get().await {
                Ok(server) => findings.extend(self.differences(server.scopes_supported.as_deref())),
                Err(unavailable) => findings.push(Finding::fatal("metadata_unavailable", unavailable.to_string())),
            }
        }
        let preflight = Preflight::new(findings);
        if preflight.passed() {
            // Before saying so: whoever hears that the server is ready does not wait for the circuit breaker.
            self.gate.authenticator.answers_again();
        }
        self.readiness.looked(preflight.findings());
        self.log(&preflight);
        preflight
    }

    /// Fetches the metadata, so that the first client does not wait for it, and compares the scopes.
    pub(crate) async fn compare(&self) {
        let server = self.discovery.get().await.ok();
        let advertised = server.as_ref().and_then(|server| server.scopes_supported.as_deref());
        self.differences(advertised).iter().for_each(log);
    }

    /// Scopes compared both ways.
    fn differences(&self, advertised: Option<&[String]>) -> Vec<Finding> {
        let differences = drift::findings(&self.declared, advertised, &self.table);
        differences.into_iter().map(|text| Finding::warning("scopes", format!("scopes {text}"))).collect()
    }

    /// Repeats the probe whenever something is wrong, until it is not.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        if self.watching.swap(true, Ordering::AcqRel) {
            return;
        }
        let watching = async {
            let mut pause = FIRST_PAUSE;
            loop {
                self.readiness.until_unhealthy().await;
                let passed = self.run().await.passed();
                // After one that passed too: tokens may fail all the same, and are asked about by their callers anyway.
                tokio::time::sleep(pause.mul_f64(rand::random_range(1.0..1.5))).await;
                pause = if passed { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            }
        };
        stop.run_until_cancelled(watching).await;
        self.watching.store(false, Ordering::Release);
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::Acquire)
    }

    fn log(&self, preflight: &Preflight) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(preflight) {
            return;
        }
        preflight.findings().iter().for_each(log);
        if last.as_ref().is_some_and(|last| !last.passed()) && preflight.passed() {
            tracing::info!("what was wrong at the start is mended: the server is ready");
        }
        *last = Some(preflight.clone());
    }
}

fn log(finding: &Finding) {
    match finding.severity() {
        Severity::Fatal => tracing::error!("{finding}"),
        Severity::Warning => tracing::warn!("{finding}"),
        Severity::Note => tracing::debug!("{finding}"),
    }
}
