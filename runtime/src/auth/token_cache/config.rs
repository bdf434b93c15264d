//! Settings of the token cache.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Default TTL if the validator does not report revocations.
pub(super) const DEFAULT_TTL: Duration = Duration::from_secs(10);
/// Default TTL if the validator reports revocations.
const DEFAULT_TTL_WITH_REVOCATIONS: Duration = Duration::from_mins(5);

/// Settings of the token cache.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenCacheConfig {
    /// Time for which an introspection response is used before the token is validated again, and so the longest time
    /// that a revoked token stays valid. It never exceeds the token's own lifetime. Zero validates every request,
    /// which costs one introspection request each.
    ///
    /// Default: 10 seconds, or 5 minutes if the validator
    /// [reports revocations](crate::auth::TokenValidator::reports_revocations). The log states which at start-up.
    #[serde(with = "humantime_serde")]
    pub ttl: Option<Duration>,
    /// Time for which a token that was reported as inactive is rejected without another introspection request.
    /// Default: 5 seconds.
    #[serde(with = "humantime_serde")]
    pub inactive_ttl: Duration,
    /// Time beyond [`ttl`](Self::ttl) for which a cached response is used while the authorization server does not
    /// respond, within the token's own lifetime. During an outage, a revoked token stays valid for this much longer.
    /// Default: zero.
    #[serde(with = "humantime_serde")]
    pub stale_if_error: Duration,
    /// Maximum number of cached tokens. Each takes about 250 bytes plus its claims. Default: 100,000.
    pub max_tokens: u64,
    /// Maximum size of the cache, in bytes: the introspection responses as JSON, and what each entry takes beside its
    /// response. While a request reads [`Caller::claims`](crate::auth::Caller::claims), the parsed response takes
    /// further memory, up to a hundred times its size as JSON. With `stale_if_error`, twice this is used. Default:
    /// 256 MiB.
    pub max_bytes: u64,
}

impl Default for TokenCacheConfig {
    fn default() -> Self {
        Self {
            ttl: None,
            inactive_ttl: Duration::from_secs(5),
            stale_if_error: Duration::ZERO,
            max_tokens: 100_000,
            max_bytes: 256 * 1024 * 1024,
        }
    }
}

impl TokenCacheConfig {
    /// Returns `ttl`, or its default.
    pub(crate) fn effective_ttl(&self, reports_revocations: bool) -> Duration {
        self.ttl.unwrap_or(if reports_revocations { DEFAULT_TTL_WITH_REVOCATIONS } else { DEFAULT_TTL })
    }
}
