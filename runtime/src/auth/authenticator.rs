//! Authenticator: from a bearer token to the caller, through the token cache, the other replicas and the validator.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{
    Audience, BearerToken, CachedToken, Caller, Claims, GuardedValidator, Replicator, TokenCache, TokenClass,
    ValidationError, token_cache::LoadedCaller,
};
use crate::{log_limit::LogLimit, scope::ScopeIndex};

/// Maximum length of a foreign audience in the log, in characters.
const MAX_LOGGED_AUDIENCE: usize = 256;

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
    validator: GuardedValidator,
    cache: TokenCache,
    index: Arc<ScopeIndex>,
    resource: String,
    /// Other names of the resource.
    equivalents: Vec<String>,
    audience_policy: AudiencePolicy,
    replicator: Option<Arc<dyn Replicator>>,
    foreign_audiences: LogLimit,
}

impl Authenticator {
    pub(crate) fn new(
        validator: GuardedValidator,
        cache: TokenCache,
        index: Arc<ScopeIndex>,
        resource: String,
        audience_policy: AudiencePolicy,
    ) -> Self {
        let foreign_audiences = LogLimit::default();
        Self {
            validator,
            cache,
            index,
            resource,
            equivalents: Vec::new(),
            audience_policy,
            replicator: None,
            foreign_audiences,
        }
    }

    /// Also accepts tokens for these names of the resource.
    pub(crate) fn with_equivalents(mut self, resources: Vec<String>) -> Self {
        self.equivalents = resources;
        self
    }

    /// Shares revocations and introspection responses with the other replicas.
    pub(crate) fn with_replicator(mut self, replicator: Option<Arc<dyn Replicator>>) -> Self {
        self.cache = self.cache.with_replicator(replicator.clone());
        self.replicator = replicator;
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
        self.cache.get(token, || self.load(token, &class)).await
    }

    /// Returns the number of active tokens in the cache.
    #[cfg(feature = "console")]
    pub(crate) fn cached_tokens(&self) -> u64 {
        self.cache.len()
    }

    /// Closes the circuit breaker. Call this if the authorization server responds again.
    pub(crate) fn close_circuit(&self) {
        self.validator.close_circuit();
    }

    async fn load(&self, token: &BearerToken, class: &TokenClass) -> Result<LoadedCaller, ValidationError> {
        if let Some(loaded) = self.load_from_replicas(token).await {
            return Ok(loaded);
        }
        // Read before the introspection request is sent: the response does not reflect later revocations.
        let position = self.replicator.as_ref().and_then(|replicator| replicator.position());
        let requested_at = Instant::now();
        let claims = self.validator.validate(token, class).await?;
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
        Arc::new(Caller::of_token(token, claims, Arc::clone(&self.index)))
    }

    fn check_claims(&self, claims: &Claims) -> Result<(), ValidationError> {
        if claims.is_expired(SystemTime::now()) {
            tracing::debug!(user = claims.subject, "rejected a token that has expired");
            return Err(ValidationError::Inactive);
        }
        self.check_audience(claims)
    }

    fn is_own_resource(&self, resource: &str) -> bool {
        is_same_resource(resource, &self.resource)
            || self.equivalents.iter().any(|equivalent| is_same_resource(resource, equivalent))
    }

    /// Rejects a token that was issued for another resource (RFC 8707; MCP, Token Audience Binding and Validation).
    fn check_audience(&self, claims: &Claims) -> Result<(), ValidationError> {
        let is_accepted = match &claims.audience {
            Audience::Verified => true,
            Audience::Unknown => self.audience_policy != AudiencePolicy::ThisServer,
            Audience::Resources(resources) => {
                self.audience_policy == AudiencePolicy::Any
                    || resources.iter().any(|resource| self.is_own_resource(resource))
            }
        };
        if is_accepted {
            return Ok(());
        }
        self.foreign_audiences.log(|suppressed| {
            // The client chooses the resource that it requests the token for. `Debug` escapes control characters.
            let audience: String = format!("{:?}", claims.audience).chars().take(MAX_LOGGED_AUDIENCE).collect();
            tracing::warn!(
                user = claims.subject,
                %audience,
                resource = self.resource,
                suppressed,
                "rejected a token that was not issued for this server; if clients use another URL for this server, set \
                 SERVER_URL to that URL"
            );
        });
        Err(ValidationError::Inactive)
    }
}

/// Compares two resource URLs: the scheme and host without regard to case, a default port as none (RFC 3986, sections
/// 6.2.2.1 and 6.2.3), and one trailing slash as none. Everything else is compared exactly.
fn is_same_resource(a: &str, b: &str) -> bool {
    a == b
        || match (ResourceUrl::split(a), ResourceUrl::split(b)) {
            (Some(a), Some(b)) => a.is_same(&b),
            _ => false,
        }
}

/// The parts of a resource URL as it is written. A parser for browsers would accept and rewrite what is not a URL.
struct ResourceUrl<'a> {
    scheme: &'a str,
    /// User information with its `@`.
    user_info: &'a str,
    host: &'a str,
    /// `None` for the default port of the scheme.
    port: Option<&'a str>,
    /// Path, query and fragment, without a slash at the end.
    rest: &'a str,
}

impl<'a> ResourceUrl<'a> {
    fn split(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user_info, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        // An IPv6 address contains colons and ends with a bracket.
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (host, None),
        };
        let default = if scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
        let has_default = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        let port = port.filter(|port| !(has_default && (port.is_empty() || *port == default)));
        Some(Self { scheme, user_info, host, port, rest: rest.strip_suffix('/').unwrap_or(rest) })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && (self.user_info, self.port, self.rest) == (other.user_info, other.port, other.rest)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::auth::{RevocationClock, StaticTokens, TokenCacheConfig, TokenValidator};

    fn authenticator(validator: impl TokenValidator, resource: &str, policy: AudiencePolicy) -> Authenticator {
        let config = TokenCacheConfig { ttl: Some(Duration::ZERO), ..TokenCacheConfig::default() };
        let cache = TokenCache::new(config, Arc::new(RevocationClock::new(Duration::ZERO)));
        let validator = GuardedValidator::new(Arc::new(validator), Arc::default());
        Authenticator::new(validator, cache, Arc::default(), resource.to_owned(), policy)
    }

    async fn authenticate(claims: Claims, policy: AudiencePolicy) -> Result<Arc<Caller>, ValidationError> {
        struct FixedClaims(Claims);
        #[async_trait::async_trait]
        impl TokenValidator for FixedClaims {
            async fn validate(&self, _: &BearerToken) -> Result<Claims, ValidationError> {
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

    #[test]
    fn a5_equivalent_urls_are_one_resource() {
        for (one, other) in [
            ("https://mcp.example.com/mcp", "HTTPS://MCP.Example.com/mcp"),
            ("https://mcp.example.com/mcp", "https://mcp.example.com:443/mcp"),
            ("https://mcp.example.com/mcp", "https://mcp.example.com:/mcp/"),
            ("https://mcp.example.com:8443/mcp", "https://MCP.example.com:8443/mcp"),
            ("http://127.0.0.1/mcp", "http://127.0.0.1:80/mcp"),
            ("http://[::1]/mcp", "HTTP://[::1]:80/mcp"),
            ("https://mcp.example.com", "https://mcp.example.com:443/"),
            ("urn:example:mcp", "urn:example:mcp"),
        ] {
            assert!(is_same_resource(one, other) && is_same_resource(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a5_urls_that_differ_in_more_than_spelling_are_different_resources() {
        let own = "https://mcp.example.com/mcp";
        for other in [
            "https://mcp.example.com/MCP",
            "https://mcp.example.com/mcp//",
            "https://mcp.example.com//mcp",
            "https://mcp.example.com/x/../mcp",
            "https://mcp.example.com/%6Dcp",
            "https://mcp.example.com\\mcp",
            "https://mcp.example.com:80/mcp",
            "https://mcp.example.com:0443/mcp",
            "https://mcp.example.com:443:443/mcp",
            "https://mcp.example.com./mcp",
            "http://mcp.example.com:443/mcp",
            "https://user@mcp.example.com/mcp",
            "https://mcp.example.com:443@evil.example/mcp",
            "https://evil.example/https://mcp.example.com/mcp",
            "https://mcp.example.com/mcp?x",
            "https://mcp.example.com/mcp?",
            "https://mcp.example.com/mcp#",
            "https://mcp.example.com?/mcp",
            " https://mcp.example.com/mcp",
            "https:/mcp.example.com/mcp",
            "",
        ] {
            assert!(!is_same_resource(own, other) && !is_same_resource(other, own), "{other}");
        }
        assert!(!is_same_resource("https://a@mcp.example.com/", "https://A@mcp.example.com/"));
        assert!(!is_same_resource("https://[::1]/mcp", "https://[::443]/mcp"));
        assert!(!is_same_resource("https://mcp.example.com/mcp?x/", "https://mcp.example.com/mcp?X/"));
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
        assert!(matches!(authenticate(claims, AudiencePolicy::Any).await, Err(ValidationError::Inactive)));
    }

    #[tokio::test]
    async fn static_tokens_without_an_audience_are_accepted() {
        let tokens = StaticTokens::new().token("known", Claims::new().subject("harriet"));
        let authenticator = authenticator(tokens, "", AudiencePolicy::ThisServer);
        let caller =
            authenticator.authenticate(&BearerToken::parse("known").unwrap(), TokenClass::Known).await.unwrap();
        assert_eq!(caller.user_id(), Some("harriet"));
        let unknown = authenticator.authenticate(&BearerToken::parse("unknown").unwrap(), TokenClass::Known).await;
        assert!(matches!(unknown, Err(ValidationError::Inactive)));
    }
}
