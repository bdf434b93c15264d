//! Asking the validator: bounded, retried once, and not at all while it does not answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::{
    BearerToken, Claims, Readiness, TokenValidator, Unavailable, ValidationError, circuit_breaker::CircuitBreaker,
};
use crate::metrics;

/// How many questions are under way at most.
const MAX_CONCURRENT: usize = 64;
/// How long a question waits for its turn.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// The retry comes after this and up to twice of it, so that callers who failed together do not return together.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// The validator, and what is known about how it is doing.
pub(crate) struct GuardedValidator {
    validator: Arc<dyn TokenValidator>,
    circuit_breaker: CircuitBreaker,
    permits: Semaphore,
    readiness: Arc<Readiness>,
}

impl GuardedValidator {
    pub(crate) fn new(validator: Arc<dyn TokenValidator>, readiness: Arc<Readiness>) -> Self {
        Self {
            validator,
            circuit_breaker: CircuitBreaker::default(),
            permits: Semaphore::new(MAX_CONCURRENT),
            readiness,
        }
    }

    pub(crate) async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        let permit = self.circuit_breaker.permit().map_err(|wait| {
            Unavailable::new("the authorization server has not answered several times; it is asked again soon")
                .retry_after(wait)
        })?;
        let turn = tokio::time::timeout(QUEUE_TIMEOUT, self.permits.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Unavailable::new("too many tokens are being checked at once").into());
        };
        let mut result = self.ask(token).await;
        // Asking twice does no harm (RFC 7662 has no side effects), but not where the other side asked for a pause, and
        // not where the same question gets the same refusal.
        if let Err(ValidationError::Unavailable(unavailable)) = &result
            && unavailable.is_retryable()
        {
            let jitter = rand::random_range(1.0..2.0);
            tokio::time::sleep(RETRY_AFTER.mul_f64(jitter)).await;
            result = self.ask(token).await;
        }
        match &result {
            Ok(_) | Err(ValidationError::Inactive) => {
                permit.succeeded();
                self.readiness.validation_succeeded();
            }
            Err(ValidationError::Unavailable(unavailable)) => {
                permit.failed();
                self.readiness.validation_failed(unavailable);
            }
        }
        result
    }

    async fn ask(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        let asked = Instant::now();
        let answer = self.validator.validate(token).await;
        let outcome = match &answer {
            Ok(_) => "active",
            Err(ValidationError::Inactive) => "inactive",
            Err(ValidationError::Unavailable(_)) => "unavailable",
        };
        metrics::introspected(outcome, asked.elapsed());
        answer
    }

    /// Somebody else found out that there are answers again: nobody has to wait for the next try.
    pub(crate) fn close_circuit(&self) {
        self.circuit_breaker.close();
    }
}
