//! From a token to a caller.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{
    Audience, BearerToken, Caller, Claims, GuardedValidator, Replicator, TokenCache, ValidationError,
    token_cache::LoadedCaller,
};
use crate::scope::ScopeIndex;

/// What a token without a matching audience is worth. The default, and the only safe answer, is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AudiencePolicy {
    #[default]
    ThisServer,
    ThisServerOrUnknown,
    Any,
}

/// Turns tokens into callers: remembered or asked about, with the checks that hold for every validator.
pub(crate) struct Authenticator {
    validator: GuardedValidator,
    cache: TokenCache,
    index: Arc<ScopeIndex>,
    resource: String,
    audience: AudiencePolicy,
    replicator: Option<Arc<dyn Replicator>>,
}

impl Authenticator {
    pub(crate) fn new(
        validator: GuardedValidator,
        cache: TokenCache,
        index: Arc<ScopeIndex>,
        resource: String,
        audience: AudiencePolicy,
    ) -> Self {
        Self { validator, cache, index, resource, audience, replicator: None }
    }

    /// Hears and tells these about revocations and tokens.
    pub(crate) fn with_replicator(mut self, replicator: Option<Arc<dyn Replicator>>) -> Self {
        self.cache = self.cache.with_replicator(replicator.clone());
        self.replicator = replicator;
        self
    }

    /// # Errors
    ///
    /// Whatever is unexpected ends in one of the two refusals, never in a caller.
    pub(crate) async fn authenticate(&self, token: &BearerToken) -> Result<Arc<Caller>, ValidationError> {
        self.cache.get(token, || self.ask(token)).await
    }

    /// The authorization server was found to answer.
    pub(crate) fn close_circuit(&self) {
        self.validator.close_circuit();
    }

    async fn ask(&self, token: &BearerToken) -> Result<LoadedCaller, ValidationError> {
        if let Some(answer) = self.load_from_replicas(token).await {
            return Ok(answer);
        }
        // Before the question, as everything that its answer is measured by.
        let place = self.replicator.as_ref().and_then(|replicator| replicator.position());
        let asked_at = Instant::now();
        let claims = self.validator.validate(token).await?;
        self.check(&claims)?;
        if let (Some(replicator), Some(place)) = (&self.replicator, place) {
            replicator.share(token, &place, asked_at, &claims);
        }
        Ok(self.caller(&claims).into())
    }

    /// What another replica was told, if it passes every check of this one.
    async fn load_from_replicas(&self, token: &BearerToken) -> Option<LoadedCaller> {
        let answer = self.replicator.as_ref()?.shared_introspection(token).await?;
        self.check(&answer.claims).ok()?;
        Some(LoadedCaller { caller: self.caller(&answer.claims), asked: Some((answer.since, answer.asked_at)) })
    }

    fn caller(&self, claims: &Claims) -> Arc<Caller> {
        Arc::new(Caller::new(claims, Arc::clone(&self.index)))
    }

    fn check(&self, claims: &Claims) -> Result<(), ValidationError> {
        if claims.is_expired(SystemTime::now()) {
            tracing::debug!(user = claims.subject, "refused a token that has expired");
            return Err(ValidationError::Inactive);
        }
        self.check_audience(claims)
    }

    /// RFC 8707 and MCP: a token that was issued for another resource is refused.
    fn check_audience(&self, claims: &Claims) -> Result<(), ValidationError> {
        let accepted = match &claims.audience {
            Audience::Verified => true,
            Audience::Unknown => self.audience != AudiencePolicy::ThisServer,
            Audience::Resources(resources) => {
                self.audience == AudiencePolicy::Any
                    || resources.iter().any(|resource| same_resource(resource, &self.resource))
            }
        };
        if accepted {
            return Ok(());
        }
        tracing::warn!(
            user = claims.subject,
            audience = ?claims.audience,
            resource = self.resource,
            "refused a token that was not issued for this server; if clients do reach this server under another \
             address, set SERVER_URL to the address that they use"
        );
        Err(ValidationError::Inactive)
    }
}

/// A trailing slash does not matter; everything else does.
fn same_resource(a: &str, b: &str) -> bool {
    a.strip_suffix('/').unwrap_or(a) == b.strip_suffix('/').unwrap_or(b)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::{RevocationClock, StaticTokens, TokenCacheConfig, TokenValidator};

    fn authenticator(validator: impl TokenValidator, resource: &str, policy: AudiencePolicy) -> Authenticator {
        let config = TokenCacheConfig { ttl: Some(Duration::ZERO), ..TokenCacheConfig::default() };
        let cache = TokenCache::new(config, Arc::new(RevocationClock::new(Duration::ZERO)));
        let upstream = GuardedValidator::new(Arc::new(validator), Arc::default());
        Authenticator::new(upstream, cache, Arc::default(), resource.to_owned(), policy)
    }

    async fn authenticate(claims: Claims, policy: AudiencePolicy) -> Result<Arc<Caller>, ValidationError> {
        struct One(Claims);
        #[async_trait::async_trait]
        impl TokenValidator for One {
            async fn validate(&self, _: &BearerToken) -> Result<Claims, ValidationError> {
                Ok(self.0.clone())
            }
        }
        authenticator(One(claims), "https://mcp.example.com/mcp", policy)
            .authenticate(&BearerToken::parse("token").unwrap())
            .await
    }

    #[tokio::test]
    async fn a5_a_token_for_another_resource_is_refused() {
        for resource in [
            "https://other.example.com/mcp",
            "https://mcp.example.com",
            "https://mcp.example.com/MCP",
            "https://mcp.example.com/mcp//",
            "",
        ] {
            let claims = Claims::new().audience([resource]);
            assert!(authenticate(claims, AudiencePolicy::ThisServer).await.is_err(), "{resource}");
        }
        assert!(authenticate(Claims::new(), AudiencePolicy::ThisServer).await.is_err());
    }

    #[tokio::test]
    async fn a_trailing_slash_of_the_audience_does_not_matter() {
        let claims = Claims::new().audience(["https://other.example.com/mcp", "https://mcp.example.com/mcp/"]);
        assert!(authenticate(claims, AudiencePolicy::ThisServer).await.is_ok());
    }

    #[tokio::test]
    async fn the_opt_outs_give_up_what_their_names_say() {
        let other = || Claims::new().audience(["https://other.example.com/mcp"]);
        assert!(authenticate(Claims::new(), AudiencePolicy::ThisServerOrUnknown).await.is_ok());
        assert!(authenticate(other(), AudiencePolicy::ThisServerOrUnknown).await.is_err());
        assert!(authenticate(other(), AudiencePolicy::Any).await.is_ok());
    }

    #[tokio::test]
    async fn a_token_that_has_expired_is_inactive_whatever_the_validator_says() {
        let claims = Claims::new().audience_verified().expires_at(SystemTime::now() - Duration::from_secs(1));
        assert!(matches!(authenticate(claims, AudiencePolicy::Any).await, Err(ValidationError::Inactive)));
    }

    #[tokio::test]
    async fn static_tokens_are_for_the_server_they_are_given_to() {
        let tokens = StaticTokens::new().token("known", Claims::new().subject("harriet"));
        let authenticator = authenticator(tokens, "", AudiencePolicy::ThisServer);
        let caller = authenticator.authenticate(&BearerToken::parse("known").unwrap()).await.unwrap();
        assert_eq!(caller.user_id(), Some("harriet"));
        let unknown = authenticator.authenticate(&BearerToken::parse("unknown").unwrap()).await;
        assert!(matches!(unknown, Err(ValidationError::Inactive)));
    }
}
