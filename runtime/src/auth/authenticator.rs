//! Authenticator: from a bearer token to the caller, through the token cache, the other replicas and the validator.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{
    Audience, BearerToken, CachedToken, Caller, Claims, Inactive, Replicator, Resource, TokenCache, TokenClass,
    UserDirectory, ValidationError, ValidatorChain, token_cache::LoadedCaller,
};
use crate::{log_limit::LogLimit, scope::ScopeIndex, traces};

/// Maximum length of a foreign audience or of the reason for a rejection in the log, in characters.
const MAX_LOGGED_TEXT: usize = 256;

/// Policy for tokens that were not issued for this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AudiencePolicy {
    /// Rejects every token that was not issued for this server.
    #[default]
    ThisServer,
    /// Also accepts tokens with an unknown audience.
    ThisServerOrUnknown,
    /// Accepts tokens with any audience.
    Any,
}

/// Authenticates bearer tokens: cache, validator, expiry and audience.
pub(crate) struct Authenticator {
    validators: ValidatorChain,
    cache: TokenCache,
    index: Arc<ScopeIndex>,
    resource: Arc<Resource>,
    audience_policy: AudiencePolicy,
    replicator: Option<Arc<dyn Replicator>>,
    directory: Option<Arc<UserDirectory>>,
    foreign_audiences: LogLimit,
    inactive_tokens: LogLimit,
}

impl Authenticator {
    pub(crate) fn new(
        validators: ValidatorChain,
        cache: TokenCache,
        index: Arc<ScopeIndex>,
        resource: Arc<Resource>,
        audience_policy: AudiencePolicy,
    ) -> Self {
        Self {
            validators,
            cache,
            index,
            resource,
            audience_policy,
            replicator: None,
            directory: None,
            foreign_audiences: LogLimit::default(),
            inactive_tokens: LogLimit::default(),
        }
    }

    /// Shares revocations and introspection responses with the other replicas.
    pub(crate) fn with_replicator(mut self, replicator: Option<Arc<dyn Replicator>>) -> Self {
        self.cache = self.cache.with_replicator(replicator.clone());
        self.replicator = replicator;
        self
    }

    /// Sets the directory of the users, from which callers read.
    pub(crate) fn with_directory(mut self, directory: Option<Arc<UserDirectory>>) -> Self {
        self.cache = self.cache.with_directory(directory.clone());
        self.directory = directory;
        self
    }

    /// Looks a token up in the cache, without validating it.
    ///
    /// # Errors
    ///
    /// Returns [`ValidationError::Inactive`] if the token is cached as inactive.
    pub(crate) fn lookup(&self, token: &BearerToken) -> Result<CachedToken, ValidationError> {
        self.cache.lookup(token)
    }

    /// Returns the caller of a token.
    ///
    /// # Errors
    ///
    /// Returns [`ValidationError::Inactive`] if the token is not valid for this server, and
    /// [`ValidationError::Unavailable`] if this could not be determined.
    pub(crate) async fn authenticate(
        &self,
        token: &BearerToken,
        class: TokenClass,
    ) -> Result<Arc<Caller>, ValidationError> {
        traces::step("validate token", self.cache.get(token, || self.load(token, &class))).await
    }

    /// Returns the number of active tokens in the cache.
    #[cfg(feature = "console")]
    pub(crate) fn cached_tokens(&self) -> u64 {
        self.cache.len()
    }

    /// Closes the circuit breaker of a validator. Call this if its authorization server responds again.
    pub(crate) fn close_circuit(&self, validator: usize) {
        self.validators.close_circuit(validator);
    }

    async fn load(&self, token: &BearerToken, class: &TokenClass) -> Result<LoadedCaller, ValidationError> {
        if let Some(loaded) = self.load_from_replicas(token).await {
            return Ok(loaded);
        }
        // Read before the introspection request is sent: the response does not reflect later revocations.
        let position = self.replicator.as_ref().and_then(|replicator| replicator.position());
        let requested_at = Instant::now();
        let validated = self.validators.validate(token, class).await;
        let claims = validated.inspect_err(|error| self.log_inactive(error))?;
        if claims.self_contained_since.is_some()
            && let Some(replicator) = &self.replicator
        {
            replicator.earlier_revocations().await?;
        }
        self.check_claims(&claims)?;
        if let (Some(replicator), Some(position)) = (&self.replicator, position) {
            replicator.share(token, &position, requested_at, &claims);
        }
        Ok(self.new_caller(token, &claims).into())
    }

    /// Loads the introspection response of another replica, if it passes the checks of this one.
    async fn load_from_replicas(&self, token: &BearerToken) -> Option<LoadedCaller> {
        let shared = self.replicator.as_ref()?.shared_introspection(token).await?;
        self.check_claims(&shared.claims).ok()?;
        let caller = self.new_caller(token, &shared.claims);
        Some(LoadedCaller { caller, requested: Some((shared.epoch, shared.requested_at)) })
    }

    fn new_caller(&self, token: &BearerToken, claims: &Claims) -> Arc<Caller> {
        let caller = Caller::of_token(token, claims, Arc::clone(&self.index));
        Arc::new(caller.with_directory(self.directory.clone()))
    }

    fn check_claims(&self, claims: &Claims) -> Result<(), ValidationError> {
        if claims.is_expired(SystemTime::now()) {
            tracing::debug!(user = claims.subject, "rejected a token that has expired");
            return Err(Inactive::new("the token has expired").into());
        }
        if self.cache.is_revoked(claims) {
            tracing::debug!(user = claims.subject, "rejected a self-contained token that has been revoked");
            return Err(
                Inactive::new("the token is self-contained, and access was revoked after it was issued").into()
            );
        }
        self.check_audience(claims)
    }

    /// Logs why a validator rejected a token. The texts of validators may quote the token's issuer or key ID, which its
    /// sender chooses.
    fn log_inactive(&self, error: &ValidationError) {
        if let ValidationError::Inactive(Inactive { reason }) = error {
            self.inactive_tokens.log(|suppressed| {
                let reason: String = reason.escape_debug().take(MAX_LOGGED_TEXT).collect();
                tracing::info!(reason, suppressed, "rejected a token");
            });
        }
    }

    /// Rejects a token that was issued for another resource (RFC 8707; MCP, Token Audience Binding and Validation).
    fn check_audience(&self, claims: &Claims) -> Result<(), ValidationError> {
        let is_accepted = match &claims.audience {
            Audience::Verified => true,
            Audience::Unknown => self.audience_policy != AudiencePolicy::ThisServer,
            Audience::Resources(resources) => {
                self.audience_policy == AudiencePolicy::Any
                    || resources.iter().any(|resource| self.resource.is_named(resource))
            }
        };
        if is_accepted {
            return Ok(());
        }
        self.foreign_audiences.log(|suppressed| {
            // The client chooses the resource that it requests the token for. `Debug` escapes control characters.
            let audience: String = format!("{:?}", claims.audience).chars().take(MAX_LOGGED_TEXT).collect();
            tracing::warn!(
                user = claims.subject,
                %audience,
                resource = self.resource.url(),
                suppressed,
                "rejected a token that was not issued for this server; if clients use another URL for this server, set \
                 SERVER_URL to that URL"
            );
        });
        Err(Inactive::new("the token was issued for another resource").into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::{IntoValidators as _, RevocationClock, StaticTokens, TokenCacheConfig, TokenValidator};

    fn authenticator(validator: impl TokenValidator, resource: &str, policy: AudiencePolicy) -> Authenticator {
        let config = TokenCacheConfig { ttl: Some(Duration::ZERO), ..TokenCacheConfig::default() };
        let cache = TokenCache::new(config, Arc::new(RevocationClock::new(Duration::ZERO)));
        let resource = Arc::new(Resource::new(resource));
        let chain = ValidatorChain::new(&validator.into_validators(), &Arc::default(), &resource);
        Authenticator::new(chain, cache, Arc::default(), resource, policy)
    }

    async fn authenticate(claims: Claims, policy: AudiencePolicy) -> Result<Arc<Caller>, ValidationError> {
        struct FixedClaims(Claims);
        #[async_trait::async_trait]
        impl TokenValidator for FixedClaims {
            async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
                Ok(self.0.clone())
            }
        }
        authenticator(FixedClaims(claims), "https://mcp.example.com/mcp", policy)
            .authenticate(&BearerToken::parse("token").unwrap(), TokenClass::Known)
            .await
    }

    #[tokio::test]
    async fn a5_a_token_for_another_resource_is_rejected() {
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
    async fn a_trailing_slash_of_the_audience_is_ignored() {
        let claims = Claims::new().audience(["https://other.example.com/mcp", "https://mcp.example.com/mcp/"]);
        assert!(authenticate(claims, AudiencePolicy::ThisServer).await.is_ok());
    }

    #[tokio::test]
    async fn each_audience_policy_accepts_only_what_its_name_says() {
        let other = || Claims::new().audience(["https://other.example.com/mcp"]);
        assert!(authenticate(Claims::new(), AudiencePolicy::ThisServerOrUnknown).await.is_ok());
        assert!(authenticate(other(), AudiencePolicy::ThisServerOrUnknown).await.is_err());
        assert!(authenticate(other(), AudiencePolicy::Any).await.is_ok());
    }

    #[tokio::test]
    async fn an_expired_token_is_inactive_even_if_the_validator_returns_claims() {
        let claims = Claims::new().audience_verified().expires_at(SystemTime::now() - Duration::from_secs(1));
        assert!(matches!(authenticate(claims, AudiencePolicy::Any).await, Err(ValidationError::Inactive(_))));
    }

    #[tokio::test]
    async fn static_tokens_without_an_audience_are_accepted() {
        let tokens = StaticTokens::new().token("known", Claims::new().subject("harriet"));
        let authenticator = authenticator(tokens, "", AudiencePolicy::ThisServer);
        let caller =
            authenticator.authenticate(&BearerToken::parse("known").unwrap(), TokenClass::Known).await.unwrap();
        assert_eq!(caller.user_id(), Some("harriet"));
        let unknown = authenticator.authenticate(&BearerToken::parse("unknown").unwrap(), TokenClass::Known).await;
        assert!(matches!(unknown, Err(ValidationError::Inactive(_))));
    }
}
