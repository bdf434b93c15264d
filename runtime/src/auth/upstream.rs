//! Asking the validator: bounded, retried once, and not at all while it does not answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::{BearerToken, Claims, Readiness, TokenValidator, Unavailable, ValidationError, breaker::Breaker};
use crate::metrics;

/// How many questions are under way at most.
const IN_FLIGHT: usize = 64;
/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// The retry comes after this and up to twice of it, so that callers who failed together do not return together.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// The validator, and what is known about how it is doing.
pub(crate) struct Upstream {
    validator: Arc<dyn TokenValidator>,
    breaker: Breaker,
    turns: Semaphore,
    readiness: Arc<Readiness>,
}

impl Upstream {
    pub(crate) fn new(validator: Arc<dyn TokenValidator>, readiness: Arc<Readiness>) -> Self {
        Self { validator, breaker: Breaker::default(), turns: Semaphore::new(IN_FLIGHT), readiness }
    }

    pub(crate) async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        let permit = self.breaker.permit().map_err(|wait| {
            Unavailable::new("the authorization server has not answered several times; it is asked again soon")
                .retry_after(wait)
        })?;
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Unavailable::new("too many tokens are being checked at once").into());
        };
        let mut result = self.ask(token).await;
        // Asking twice does no harm (RFC 7662 has no side effects), but not where the other side asked for a pause, and
        // not where the same question gets the same refusal.
        if let Err(ValidationError::Unavailable(unavailable)) = &result
            && unavailable.is_worth_a_retry()
        {
            let jitter = rand::random_range(1.0..2.0);
            tokio::time::sleep(RETRY_AFTER.mul_f64(jitter)).await;
            result = self.ask(token).await;
        }
        match &result {
            Ok(_) | Err(ValidationError::Inactive) => {
                permit.succeeded();
                self.readiness.answered();
            }
            Err(ValidationError::Unavailable(unavailable)) => {
                permit.failed();
                self.readiness.failed(unavailable);
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
    pub(crate) fn answers_again(&self) {
        self.breaker.close();
    }
}
