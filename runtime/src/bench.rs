//! Internals that `benches/` measures. They change without notice.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderMap, Request, Response};

use crate::{
    auth::{
        AudiencePolicy, Authenticator, BearerToken, CachedToken, Caller, Claims, IntoValidators, Resource,
        RevocationClock, TokenCache, TokenCacheConfig, TokenClass, ValidatorChain,
    },
    error::BuildProblem,
    gate::{HostNames, RejectionResponder},
    json_memory,
    operation::{OperationKind, States},
    registry::{ListKind, RateOverrides, Registry, RegistryConfig},
    scope::{MissingScopes, ScopeIndex, Scopes},
    server::{BuiltServer, McpEndpoint},
};

/// The MCP endpoint as a server that serves itself passes requests to it.
pub struct Endpoint(McpEndpoint);

impl Endpoint {
    /// Returns the endpoint of a server.
    pub fn of(server: &BuiltServer) -> Self {
        Self(server.complete_endpoint())
    }

    /// Responds to a request at the path of the endpoint.
    pub async fn respond(&self, request: Request<Body>) -> Response<Body> {
        let Ok(response) = self.0.respond(request).await;
        response
    }
}

/// Authorization decisions for one caller and the tools of a list.
pub struct Decision {
    registry: Registry,
    caller: Arc<Caller>,
}

impl Decision {
    /// Registers the tools of `scopes` and creates a caller with the scopes in `granted`.
    ///
    /// # Errors
    ///
    /// The problems of the tools.
    pub fn new(scopes: &'static Scopes, granted: &[&str]) -> Result<Self, Vec<BuildProblem>> {
        let index = Arc::new(ScopeIndex::new([scopes]));
        let registry = Registry::new(RegistryConfig {
            lists: &[scopes],
            index: &index,
            mounted: Vec::new(),
            required_for_all: &[],
            states: States::default(),
            deny: Vec::new(),
            default_timeout: None,
            lists_acquirable_tools: false,
            max_result_bytes: usize::MAX,
            rates: RateOverrides::default(),
        })?;
        let claims = Claims::new().scopes(granted.iter().copied());
        let token = BearerToken::parse("token").expect("the token is valid");
        Ok(Self { registry, caller: Arc::new(Caller::of_token(&token, &claims, index)) })
    }

    /// Returns whether the caller may call this tool. Computing the missing scopes is not included.
    pub fn decide(&self, tool: &str) -> bool {
        self.registry.get(OperationKind::Tool, tool).is_some_and(|tool| self.registry.allows(tool, &self.caller))
    }

    /// Returns the number of tools that the caller may call.
    pub fn visible(&self) -> usize {
        self.registry.visible_to(ListKind::Tools, &self.caller).count()
    }
}

/// Returns an upper bound of the bytes that a JSON value has allocated.
pub fn json_memory(value: &serde_json::Value) -> usize {
    json_memory::of_value(value)
}

/// Reads the bearer token of a request.
pub fn bearer(headers: &HeaderMap) -> Option<BearerToken> {
    BearerToken::from_headers(headers, BearerToken::MAX_BYTES).ok()
}

/// Responses to rejected requests.
pub struct Rejection(RejectionResponder);

impl Rejection {
    /// `resource_metadata` is the URL of the protected resource metadata.
    pub fn new(resource_metadata: &str) -> Self {
        Self(RejectionResponder::new(&[resource_metadata.to_owned()], &[], HostNames::default()))
    }

    /// Returns the response to a call that lacks this scope, with its challenge.
    pub fn insufficient_scope(&self, scope: &'static str) -> Response<Body> {
        let missing_scopes = MissingScopes { required: vec![scope], missing: vec![scope] };
        self.0.step_up(&missing_scopes, &format!("tool needs {scope}"), "1", 0)
    }
}

/// Token cache in front of a validator.
pub struct Tokens(Authenticator);

impl Tokens {
    /// Caches up to `max_tokens` tokens of up to 1 MiB each.
    pub fn new(validator: impl IntoValidators, scopes: &'static Scopes, max_tokens: u64) -> Self {
        let config = TokenCacheConfig {
            ttl: Some(Duration::from_hours(24)),
            max_tokens,
            max_bytes: max_tokens.saturating_mul(1 << 20),
            ..TokenCacheConfig::default()
        };
        let resource = Arc::new(Resource::new(""));
        Self(Authenticator::new(
            ValidatorChain::new(&validator.into_validators(), &Arc::default(), &resource),
            TokenCache::new(config, Arc::new(RevocationClock::new(Duration::from_mins(1)))),
            Arc::new(ScopeIndex::new([scopes])),
            resource,
            AudiencePolicy::Any,
        ))
    }

    /// Returns whether the token is valid. Uses the cached response if there is one.
    pub async fn authenticate(&self, token: &BearerToken) -> bool {
        match self.0.lookup(token) {
            Ok(CachedToken::Current(_)) => true,
            Ok(CachedToken::Outdated(_) | CachedToken::Unknown) => {
                self.0.authenticate(token, TokenClass::Known).await.is_ok()
            }
            Err(_) => false,
        }
    }
}
