//! Chain of validators: routes a token by its form, and combines the results.

use std::sync::Arc;

use super::{
    BearerToken, Claims, GuardedValidator, Inactive, Readiness, Resource, TokenClass, TokenForm, Unavailable,
    ValidationError, Validators,
};

/// The guarded validators of a server.
pub(crate) struct ValidatorChain(Vec<GuardedValidator>);

impl ValidatorChain {
    /// `readiness` has a state for each validator.
    pub(crate) fn new(validators: &Validators, readiness: &Arc<Readiness>, resource: &Arc<Resource>) -> Self {
        let guarded = validators.iter().enumerate().map(|(index, validator)| {
            GuardedValidator::new(Arc::clone(validator), readiness.of_validator(index), Arc::clone(resource))
        });
        Self(guarded.collect())
    }

    pub(crate) async fn validate(&self, token: &BearerToken, class: &TokenClass) -> Result<Claims, ValidationError> {
        if let [validator] = &*self.0 {
            return validator.validate(token, class).await;
        }
        let is_own = |validator: &&GuardedValidator| validator.token_form(token) == TokenForm::Own;
        let form =
            if self.0.iter().any(|validator| is_own(&validator)) { TokenForm::Own } else { TokenForm::Unknown };
        let mut inactive = Inactive::new("no validator knows tokens of this form");
        let mut unavailable: Option<Unavailable> = None;
        for validator in self.0.iter().filter(|validator| validator.token_form(token) == form) {
            match validator.validate(token, class).await {
                Ok(claims) => return Ok(claims),
                Err(ValidationError::Inactive(reason)) => inactive = reason,
                // The first validator is the one that the token most likely belongs to.
                Err(ValidationError::Unavailable(error)) => _ = unavailable.get_or_insert(error),
            }
        }
        Err(unavailable.map_or_else(|| inactive.into(), ValidationError::from))
    }

    /// Closes the circuit breaker of a validator, because the preflight check found that it can validate tokens.
    pub(crate) fn close_circuit(&self, index: usize) {
        self.0[index].close_circuit();
    }
}

#[cfg(test)]
mod tests;
