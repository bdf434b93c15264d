//! Control question: whether a token that cannot be validated concerns this server, or that token only.
//!
//! An authorization server, or a firewall in front of it, may respond to one token with 400, 403, 429 or 500, or not at
//! all. Anybody can send such a token. After a validation has failed, the validator is therefore called with a random
//! token, in the background. Only if that fails as well do the failures count for the circuit breaker and the readiness.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    BearerToken, Unavailable, ValidationError, ValidatorReadiness,
    circuit_breaker::{CircuitBreaker, Permit},
    retrying_validator::RetryingValidator,
};
use crate::{log_limit::LOG_INTERVAL, spawn::spawn};

/// Time for which the result of a control question is used, and the minimum time from one to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of a control question, including its retry.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Decides whether failed validations count for the circuit breaker and the readiness.
pub(crate) struct ControlQuestion {
    validator: Arc<RetryingValidator>,
    circuit_breaker: Arc<CircuitBreaker>,
    readiness: ValidatorReadiness,
    cancel: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// Number of failures of single tokens that no log message has reported.
    unreported: u64,
    reported_at: Option<Instant>,
}

#[derive(Default)]
enum Phase {
    /// No question has been asked.
    #[default]
    Idle,
    /// The question is in flight. It decides about the failures since it was asked.
    Asked { failures: u64, reason: Unavailable },
    /// Result of the latest question.
    Finished { at: Instant, result: Result<(), Unavailable> },
}

impl ControlQuestion {
    /// Creates a control question that is not asked yet. `cancel` cancels one in flight.
    pub(crate) fn new(
        validator: Arc<RetryingValidator>,
        circuit_breaker: Arc<CircuitBreaker>,
        readiness: ValidatorReadiness,
        cancel: CancellationToken,
    ) -> Self {
        Self { validator, circuit_breaker, readiness, cancel, state: Mutex::default() }
    }

    /// Records that a token could not be validated. Asks the control question, unless one is in flight or was answered
    /// within [`INTERVAL`]. A failed probe of the circuit breaker does not use an earlier answer.
    pub(crate) fn validation_failed(self: &Arc<Self>, permit: Permit<'_>, unavailable: &Unavailable) {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Finished { at, result } if at.elapsed() < INTERVAL && !permit.is_probe() => match result {
                Ok(()) => state.report(1, unavailable),
                Err(reason) => {
                    permit.failed();
                    self.circuit_breaker.confirm_failures();
                    self.readiness.validation_failed(reason);
                }
            },
            Phase::Asked { failures, .. } => {
                permit.failed();
                *failures += 1;
            }
            Phase::Idle | Phase::Finished { .. } => {
                permit.failed();
                state.phase = Phase::Asked { failures: 1, reason: unavailable.clone() };
                let this = Arc::clone(self);
                spawn(async move {
                    if let Some(result) = this.cancel.run_until_cancelled(this.ask()).await {
                        this.finish(result);
                    }
                });
            }
        }
    }

    /// Validates a random token. Any answer about it is a success.
    async fn ask(&self) -> Result<(), Unavailable> {
        let token = BearerToken::random("control");
        // A validator that panics must not leave the question in flight.
        let validation = AssertUnwindSafe(self.validator.validate(&token)).catch_unwind();
        match tokio::time::timeout(TIMEOUT, validation).await {
            Ok(Ok(Ok(_) | Err(ValidationError::Inactive(_)))) => Ok(()),
            Ok(Ok(Err(ValidationError::Unavailable(unavailable)))) => Err(unavailable),
            Ok(Err(_)) => Err(Unavailable::new("the validator panicked")),
            Err(_) => Err(Unavailable::new(format!("a random token was not validated within {TIMEOUT:?}"))),
        }
    }

    fn finish(&self, result: Result<(), Unavailable>) {
        let mut state = self.lock();
        match &result {
            Ok(()) => {
                self.circuit_breaker.close();
                self.readiness.validation_succeeded();
            }
            Err(unavailable) => {
                self.circuit_breaker.confirm_failures();
                self.readiness.validation_failed(unavailable);
            }
        }
        let is_answered = result.is_ok();
        let asked = std::mem::replace(&mut state.phase, Phase::Finished { at: Instant::now(), result });
        if let Phase::Asked { failures, reason } = asked
            && is_answered
        {
            state.report(failures, &reason);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Logs that validations of single tokens failed, at most once per [`LOG_INTERVAL`].
    fn report(&mut self, failures: u64, reason: &Unavailable) {
        self.unreported += failures;
        if self.reported_at.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            tracing::warn!(
                failures = std::mem::take(&mut self.unreported),
                %reason,
                "the authorization server fails for some tokens, but not for a random one: the server stays ready"
            );
            self.reported_at = Some(Instant::now());
        }
    }
}
