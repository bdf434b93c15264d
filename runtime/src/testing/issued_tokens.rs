//! Validator that issues a token for each caller of a test.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::auth::{Audience, BearerToken, Claims, Inactive, Resource, TokenValidator, ValidationError, async_trait};

/// The tokens that were issued, with their claims.
#[derive(Default)]
pub(super) struct IssuedTokens(Mutex<HashMap<String, Claims>>);

impl IssuedTokens {
    /// Issues a token. Claims without an audience are for this server.
    pub(super) fn issue(&self, mut claims: Claims) -> String {
        if claims.audience == Audience::Unknown {
            claims.audience = Audience::Verified;
        }
        let mut tokens = self.tokens();
        let token = format!("test-token-{}", tokens.len());
        tokens.insert(token.clone(), claims);
        token
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, Claims>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for IssuedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tokens().values()).finish()
    }
}

#[async_trait]
impl TokenValidator for IssuedTokens {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        self.tokens().get(token.expose()).cloned().ok_or_else(|| Inactive::new("not issued by the test").into())
    }
}
