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
        let mut inactive = Inactive::new("no validator knows tokens of this form");
        let mut unavailable: Option<Unavailable> = None;
        for validator in self.of_form(token) {
            match validator.validate(token, class).await {
                Ok(claims) => return Ok(claims),
                Err(ValidationError::Inactive(reason)) => inactive = reason,
                // The first validator is the one that the token most likely belongs to.
                Err(ValidationError::Unavailable(error)) => _ = unavailable.get_or_insert(error),
            }
        }
        Err(unavailable.map_or_else(|| inactive.into(), ValidationError::from))
    }

    /// Returns the validators that may know a token, in the order in which they are asked.
    fn of_form(&self, token: &BearerToken) -> Vec<&GuardedValidator> {
        // Once for each validator: the form of a JWT has to be decoded.
        let forms: Vec<_> = self.0.iter().map(|validator| (validator.token_form(token), validator)).collect();
        let of_form = |wanted| forms.iter().filter(move |(form, _)| *form == wanted).map(|(_, validator)| *validator);
        let own: Vec<_> = of_form(TokenForm::Own).collect();
        if own.is_empty() { of_form(TokenForm::Likely).chain(of_form(TokenForm::Unknown)).collect() } else { own }
    }

    /// Closes the circuit breaker of a validator, because the preflight check found that it can validate tokens.
    pub(crate) fn close_circuit(&self, index: usize) {
        self.0[index].close_circuit();
    }
}

#[cfg(test)]
mod tests;
