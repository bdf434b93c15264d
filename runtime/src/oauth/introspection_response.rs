//! Introspection responses (RFC 7662, section 2.2).
//!
//! Some fields may have several types: `scope` and `aud` may be a string or an array of strings, and `exp` an
//! integer, a float or a string that holds either. Every field except `active` may be missing or `null`. If `active`
//! is false, no other field is read.
//!
//! A response is invalid, which is not the same as inactive, if a field has another type, if a key is duplicate, if it
//! has more than `MAX_VALUES` values, or if `exp` is after the year 9999 (probably because it is in milliseconds). An
//! invalid `exp` never results in a token that does not expire. `Claims::raw` has all fields, including those that are
//! not interpreted.

use std::time::SystemTime;

use serde_json::Value;
use thiserror::Error;

use super::{
    claim_names::ClaimNames,
    json_claims::{JsonClaims, JsonClaimsError},
};
use crate::auth::Claims;

/// Introspection response for one token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum IntrospectionResponse {
    Active(Box<Claims>),
    Inactive,
}

/// Reason why an introspection response is invalid. The text quotes nothing of the response.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum IntrospectionResponseError {
    #[error("`active` is missing or not a boolean")]
    MissingActive,
    #[error(transparent)]
    Claims(#[from] JsonClaimsError),
}

impl IntrospectionResponse {
    /// Parses a response. A token whose `exp` is not after `now` is inactive, even if `active` is true.
    pub(crate) fn parse(
        body: &[u8],
        names: &ClaimNames,
        now: SystemTime,
    ) -> Result<Self, IntrospectionResponseError> {
        let mut fields = JsonClaims::parse(body)?;
        let active = fields.get("active").and_then(Value::as_bool);
        if !active.ok_or(IntrospectionResponseError::MissingActive)? {
            return Ok(Self::Inactive);
        }
        let claims = fields.claims(names)?;
        if claims.is_expired(now) {
            return Ok(Self::Inactive);
        }
        Ok(Self::Active(Box::new(claims)))
    }
}

#[cfg(test)]
mod tests;
