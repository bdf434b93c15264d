//! Retrying validator: measures each request to the validator, and retries a request once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{BearerToken, Claims, Resource, TokenForm, TokenValidator, ValidationError};
use crate::metrics::{self, IntrospectionOutcome};

/// Minimum delay before the retry. A random part of up to the same length is added, so that requests which failed
/// together do not retry together.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Token validator that retries a request once, if a retry may succeed.
pub(crate) struct RetryingValidator {
    validator: Arc<dyn TokenValidator>,
    resource: Arc<Resource>,
}

impl RetryingValidator {
    pub(crate) fn new(validator: Arc<dyn TokenValidator>, resource: Arc<Resource>) -> Self {
        Self { validator, resource }
    }

    pub(crate) fn token_form(&self, token: &BearerToken) -> TokenForm {
        self.validator.token_form(token)
    }

    pub(crate) async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        let result = self.send_request(token).await;
        // Introspection has no side effects (RFC 7662), so it can be retried. It is not retried if the authorization
        // server sent `Retry-After`, or if the retry would fail in the same way.
        if let Err(ValidationError::Unavailable(unavailable)) = &result
            && unavailable.is_retryable()
        {
            let jitter = rand::random_range(1.0..2.0);
            tokio::time::sleep(RETRY_DELAY.mul_f64(jitter)).await;
            return self.send_request(token).await;
        }
        result
    }

    async fn send_request(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        let started_at = Instant::now();
        let result = self.validator.validate(token, &self.resource).await;
        let outcome = match &result {
            Ok(_) => IntrospectionOutcome::Active,
            Err(ValidationError::Inactive(_)) => IntrospectionOutcome::Inactive,
            Err(ValidationError::Unavailable(_)) => IntrospectionOutcome::Unavailable,
        };
        metrics::introspected(outcome, started_at.elapsed());
        result
    }
}
