//! Guarded validator: limits concurrent requests to the validator, retries once, and fails fast during an outage.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::{
    BearerToken, Claims, Readiness, TokenValidator, Unavailable, ValidationError, circuit_breaker::CircuitBreaker,
};
use crate::metrics::{self, IntrospectionOutcome};

/// Maximum number of concurrent introspection requests for the tokens of each class.
const MAX_CONCURRENT_REQUESTS: usize = 64;
/// Maximum time that a request waits for one of the [`MAX_CONCURRENT_REQUESTS`] slots.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// Minimum delay before the retry. A random part of up to the same length is added, so that requests which failed
/// together do not retry together.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Class of a token, each with its own limit on concurrent requests to the validator.
#[derive(Clone, Debug)]
pub(crate) enum TokenClass {
    /// The token was valid before.
    Known,
    /// Any client may have invented the token.
    Unknown {
        /// Limit on concurrent requests for the tokens of the client's address, so that those of another do not wait
        /// behind them.
        validations_of_peer: Arc<Semaphore>,
    },
}

/// Token validator behind a circuit breaker. It reports the results to the readiness.
pub(crate) struct GuardedValidator {
    validator: Arc<dyn TokenValidator>,
    circuit_breaker: CircuitBreaker,
    known_tokens: Semaphore,
    unknown_tokens: Semaphore,
    readiness: Arc<Readiness>,
}

impl GuardedValidator {
    pub(crate) fn new(validator: Arc<dyn TokenValidator>, readiness: Arc<Readiness>) -> Self {
        Self {
            validator,
            circuit_breaker: CircuitBreaker::default(),
            known_tokens: Semaphore::new(MAX_CONCURRENT_REQUESTS),
            unknown_tokens: Semaphore::new(MAX_CONCURRENT_REQUESTS),
            readiness,
        }
    }

    pub(crate) async fn validate(&self, token: &BearerToken, class: &TokenClass) -> Result<Claims, ValidationError> {
        let permit = self.circuit_breaker.permit().map_err(|remaining| {
            Unavailable::new(
                "the circuit breaker is open: several requests to the authorization server in a row have failed",
            )
            .retry_after(remaining)
        })?;
        let Ok(Ok(_slots)) = tokio::time::timeout(QUEUE_TIMEOUT, self.slots(class)).await else {
            return Err(Unavailable::new("too many concurrent introspection requests").into());
        };
        let mut result = self.send_request(token).await;
        // Introspection has no side effects (RFC 7662), so it can be retried. It is not retried if the authorization
        // server sent `Retry-After`, or if the retry would fail in the same way.
        if let Err(ValidationError::Unavailable(unavailable)) = &result
            && unavailable.is_retryable()
        {
            let jitter = rand::random_range(1.0..2.0);
            tokio::time::sleep(RETRY_DELAY.mul_f64(jitter)).await;
            result = self.send_request(token).await;
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

    /// Waits until a request for a token of this class may be sent. The request holds the returned permits.
    async fn slots<'a>(&'a self, class: &'a TokenClass) -> Result<[Option<SemaphorePermit<'a>>; 2], AcquireError> {
        Ok(match class {
            TokenClass::Known => [Some(self.known_tokens.acquire().await?), None],
            TokenClass::Unknown { validations_of_peer } => {
                [Some(validations_of_peer.acquire().await?), Some(self.unknown_tokens.acquire().await?)]
            }
        })
    }

    async fn send_request(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        let started_at = Instant::now();
        let result = self.validator.validate(token).await;
        let outcome = match &result {
            Ok(_) => IntrospectionOutcome::Active,
            Err(ValidationError::Inactive) => IntrospectionOutcome::Inactive,
            Err(ValidationError::Unavailable(_)) => IntrospectionOutcome::Unavailable,
        };
        metrics::introspected(outcome, started_at.elapsed());
        result
    }

    /// Closes the circuit breaker, because the preflight check found that the authorization server responds.
    pub(crate) fn close_circuit(&self) {
        self.circuit_breaker.close();
    }
}
