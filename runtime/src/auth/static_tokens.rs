//! Tokens that are known beforehand, for tests.

use std::{collections::HashMap, fmt};

use async_trait::async_trait;

use super::{Audience, BearerToken, Claims, TokenValidator, ValidationError};

/// A fixed set of tokens and their claims, for tests. All who reads the test knows them: never use it in
/// production.
///
/// ```
/// use toolgate::auth::{Claims, StaticTokens};
///
/// let tokens = StaticTokens::new()
///     .token("hr-token", Claims::new().subject("harriet").scopes(["employees:read:private"]))
///     .token("support-token", Claims::new().subject("sam").scopes(["ticket:read:all"]));
/// # let _ = tokens;
/// ```
#[derive(Default)]
pub struct StaticTokens {
    /// A plain map: the lookup time tells about the tokens, which is why this is for tests.
    tokens: HashMap<String, Claims>,
}

impl StaticTokens {
    /// No tokens: every caller is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token. Unless the claims say which resources it is for, it is for the server it is given to.
    pub fn token(mut self, token: impl Into<String>, mut claims: Claims) -> Self {
        if claims.audience == Audience::Unknown {
            claims.audience = Audience::Verified;
        }
        self.tokens.insert(token.into(), claims);
        self
    }
}

impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tokens.values()).finish()
    }
}

#[async_trait]
impl TokenValidator for StaticTokens {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        self.tokens.get(token.expose()).cloned().ok_or(ValidationError::Inactive)
    }
}
