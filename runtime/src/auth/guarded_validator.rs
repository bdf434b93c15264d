//! Guarded validator: limits concurrent requests to the validator, and fails fast during an outage.

use std::{sync::Arc, time::Duration};

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    BearerToken, Claims, Resource, TokenForm, TokenValidator, Unavailable, UserNamespace, ValidationError,
    ValidatorReadiness, circuit_breaker::CircuitBreaker, control_question::ControlQuestion,
    retrying_validator::RetryingValidator,
};

/// Maximum number of concurrent introspection requests for the tokens of each class.
const MAX_CONCURRENT_REQUESTS: usize = 64;
/// Maximum time that a request waits for one of the [`MAX_CONCURRENT_REQUESTS`] slots.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

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
    validator: Arc<RetryingValidator>,
    users: UserNamespace,
    circuit_breaker: Arc<CircuitBreaker>,
    known_tokens: Semaphore,
    unknown_tokens: Semaphore,
    readiness: ValidatorReadiness,
    control_question: Arc<ControlQuestion>,
    /// Cancels a control question in flight.
    _cancel_on_drop: DropGuard,
}

impl GuardedValidator {
    pub(crate) fn new(
        validator: Arc<dyn TokenValidator>,
        readiness: ValidatorReadiness,
        resource: Arc<Resource>,
    ) -> Self {
        let users = UserNamespace::of(&*validator);
        let validator = Arc::new(RetryingValidator::new(validator, resource));
        let circuit_breaker = Arc::new(CircuitBreaker::default());
        let cancel = CancellationToken::new();
        let control_question = Arc::new(ControlQuestion::new(
            Arc::clone(&validator),
            Arc::clone(&circuit_breaker),
            readiness.clone(),
            cancel.clone(),
        ));
        Self {
            validator,
            users,
            circuit_breaker,
            known_tokens: Semaphore::new(MAX_CONCURRENT_REQUESTS),
            unknown_tokens: Semaphore::new(MAX_CONCURRENT_REQUESTS),
            readiness,
            control_question,
            _cancel_on_drop: cancel.drop_guard(),
        }
    }

    pub(crate) fn token_form(&self, token: &BearerToken) -> TokenForm {
        self.validator.token_form(token)
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
        let mut result = self.validator.validate(token).await;
        if let Ok(claims) = &mut result {
            claims.user_namespace = self.users;
        }
        match &result {
            Ok(_) | Err(ValidationError::Inactive(_)) => {
                permit.succeeded();
                self.readiness.validation_succeeded();
            }
            // The failure may concern this token only.
            Err(ValidationError::Unavailable(unavailable)) => {
                self.control_question.validation_failed(permit, unavailable);
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

    /// Closes the circuit breaker, because the preflight check found that the authorization server responds.
    pub(crate) fn close_circuit(&self) {
        self.circuit_breaker.close();
    }
}

#[cfg(test)]
mod tests;
