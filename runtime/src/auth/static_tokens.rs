//! Validator with a fixed set of tokens, for tests.

use std::{collections::HashMap, fmt};

use async_trait::async_trait;

use super::{Audience, BearerToken, Claims, Inactive, Resource, TokenValidator, ValidationError};

/// Validator that accepts a fixed set of tokens, for tests. Do not use it in production: the tokens are in the source
/// code, and the time of the lookup depends on them.
///
/// It rejects all other tokens as [inactive](Inactive). A token that is not in `b64token` form (RFC
/// 6750, section 2.1) never matches, because [`BearerToken`] cannot represent it.
///
/// ```
/// use toolgate::auth::{BearerToken, Claims, Resource, StaticTokens, TokenValidator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = StaticTokens::new()
///     .token("hr-token", Claims::new().subject("harriet").scopes(["employees:read:private"]))
///     .token("support-token", Claims::new().subject("sam").scopes(["ticket:read:all"]));
///
/// let server = Resource::new("https://mcp.example.com/mcp");
/// let claims = tokens.validate(&BearerToken::parse("hr-token")?, &server).await?;
/// assert_eq!(claims.subject.as_deref(), Some("harriet"));
/// assert!(tokens.validate(&BearerToken::parse("other-token")?, &server).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct StaticTokens {
    tokens: HashMap<String, Claims>,
}

impl StaticTokens {
    /// Creates a validator that rejects all tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token with its claims. Claims without an audience get [`Audience::Verified`], so that the server
    /// accepts the token.
    pub fn token(mut self, token: impl Into<String>, mut claims: Claims) -> Self {
        if claims.audience == Audience::Unknown {
            claims.audience = Audience::Verified;
        }
        self.tokens.insert(token.into(), claims);
        self
    }
}

/// Shows the claims without their tokens.
impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tokens.values()).finish()
    }
}

#[async_trait]
impl TokenValidator for StaticTokens {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        self.tokens.get(token.expose()).cloned().ok_or_else(|| Inactive::new("not one of the static tokens").into())
    }
}
