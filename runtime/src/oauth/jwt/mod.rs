//! Local validation of JWT access tokens (RFC 9068).

mod algorithm;
mod checks;
mod compact;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod fuzzing;
mod key_cache;
mod key_set;

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;

pub use self::algorithm::SigningAlgorithm;
pub(crate) use self::key_set::KeySetError;
use self::{
    checks::invalid_payload,
    compact::CompactJwt,
    key_cache::{KeyCache, KeySource, KeyTimes},
    key_set::KeySet,
};
use super::{
    access_token::{Audiences, quote},
    claim_names::{ClaimNames, claim_name_methods},
    config::{ConfigError, Values, Variable},
    discovery::Discovery,
    http_client::HttpClient,
    issuer::Issuer,
    json_claims::JsonClaims,
    limit_methods::time_limit_methods,
    preflight,
};
use crate::auth::{
    AuthorizationServer, BearerToken, Claims, Diagnostic, Inactive, Resource, TokenForm, TokenValidator, Unavailable,
    ValidationError, ValidatorTexts, code,
};

/// Maximum clock skew.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);
/// Default of the maximum lifetime of a token.
const DEFAULT_MAX_LIFETIME: Duration = Duration::from_hours(24);

/// Token validator that verifies JWT access tokens locally (RFC 9068), with the public keys of their issuer.
///
/// ```no_run
/// use toolgate::oauth::{Jwt, SigningAlgorithm};
///
/// // Reads OAUTH_ISSUER.
/// let auth = Jwt::from_env()?.algorithms([SigningAlgorithm::Es256])?;
/// # let _ = auth;
/// # Ok::<(), toolgate::oauth::ConfigError>(())
/// ```
///
/// A token is valid if it has the type `at+jwt`, a signature by a key of the issuer with an accepted algorithm, the
/// issuer's `iss`, an `aud` that names this server, and an `exp` that has not passed. `nbf` and `iat` must not be in the
/// future. Tokens that are bound to a key of their client (`cnf`) are rejected.
///
/// # Keys
///
/// The keys are those of the `jwks_uri` in the issuer's metadata. They are fetched when the server starts, by the first
/// validation after 10 minutes, and when a token names an unknown key, but at most every 10 seconds. A key that the
/// issuer removes from the set is not used after the next fetch. If the issuer does not respond, its last keys are used
/// for [one hour](Self::max_key_age); without keys, tokens cannot be validated (503).
///
/// # Revocation
///
/// The issuer is not asked about a JWT, so it cannot end it before it expires. Call
/// [`BuiltServer::revocations`](crate::BuiltServer::revocations) when access ends, for example from the webhooks of what
/// manages your users, or use [`Introspection`](super::Introspection), and let tokens expire after a few minutes.
///
/// When [`Revocations::revoke`](crate::auth::Revocations::revoke) returns at a time *T*, every JWT that the revocation
/// concerns is rejected (401) if its `iat` is not later than *T* plus the [`clock_skew`](Self::clock_skew). A token without
/// `iat` is rejected if a revocation that the server remembers concerns it. Tokens that the user obtains later than that are
/// accepted. The server remembers a revocation for at least [`max_lifetime`](Self::max_lifetime), after which no token with
/// an `iat` from before is valid. Its memory is that of the process or, with replication, of Redis.
#[must_use]
pub struct Jwt {
    discovery: Discovery,
    jwks_uri: Option<String>,
    times: KeyTimes,
    keys: Arc<KeyCache>,
    names: ClaimNames,
    audiences: Audiences,
    algorithms: Vec<SigningAlgorithm>,
    clock_skew: Duration,
    max_lifetime: Duration,
    untyped_tokens: bool,
}

impl Jwt {
    /// Reads the issuer from `OAUTH_ISSUER`. White space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], whose text names the variable and what to write.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::with_values(&Values::from_env()?)
    }

    /// Creates a validator for an issuer identifier, as the metadata of the authorization server has it. `http` is
    /// accepted on loopback only.
    ///
    /// ```
    /// use toolgate::oauth::Jwt;
    ///
    /// assert!(Jwt::new("https://auth.example.com/realms/company").is_ok());
    /// assert!(Jwt::new("http://auth.example.com").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`], as for [`from_env`](Self::from_env).
    pub fn new(issuer: &str) -> Result<Self, ConfigError> {
        let (client_id, client_secret) = Default::default();
        Self::with_values(&Values { issuer: issuer.to_owned(), client_id, client_secret })
    }

    fn with_values(values: &Values) -> Result<Self, ConfigError> {
        values.require(&[Variable::Issuer])?;
        let issuer = Issuer::parse(&values.issuer).map_err(ConfigError::Issuer)?;
        let http = HttpClient::new(issuer.transport()).map_err(|error| ConfigError::HttpClient(error.to_string()))?;
        Ok(Self {
            discovery: Discovery { issuer, http },
            jwks_uri: None,
            times: KeyTimes::default(),
            keys: Arc::default(),
            names: ClaimNames { username: "preferred_username".into(), ..ClaimNames::DEFAULT },
            audiences: Audiences::default(),
            algorithms: SigningAlgorithm::DEFAULT.to_vec(),
            clock_skew: Duration::from_secs(30),
            max_lifetime: DEFAULT_MAX_LIFETIME,
            untyped_tokens: false,
        })
    }

    /// Sets the URL of the keys, for an authorization server whose metadata does not name it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Endpoint`] if it is not an `https` URL, or an `http` URL on loopback, as the issuer is.
    pub fn jwks_uri(mut self, url: &str) -> Result<Self, ConfigError> {
        let url = self.discovery.issuer.parse_endpoint(url);
        let url = url.map_err(|error| ConfigError::Endpoint("the keys (`jwks_uri`)", error))?;
        self.jwks_uri = Some(url.into());
        Ok(self)
    }

    /// Sets the accepted signing algorithms. A key is used only with an algorithm of its own type, and only with its `alg`
    /// if it has one. Default: RS256, PS256, ES256 and `EdDSA`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoAlgorithm`] if there is none.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SigningAlgorithm>) -> Result<Self, ConfigError> {
        self.algorithms = algorithms.into_iter().collect();
        if self.algorithms.is_empty() {
            return Err(ConfigError::NoAlgorithm);
        }
        Ok(self)
    }

    /// Accepts tokens of the type `JWT` and without a type, for authorization servers such as Keycloak that do not set
    /// `at+jwt` (RFC 9068, section 2.1).
    ///
    /// The type distinguishes access tokens from other JWTs that the issuer signs with the same keys, such as ID tokens
    /// (RFC 9068, section 5). Without it, that rests on the audience: an ID token is issued for a client, never for the URL
    /// of this server. Do not combine this with an [`audience`](Self::audience) that is the ID of a client. Tokens with a
    /// claim of ID tokens (`nonce`, `at_hash`, `c_hash`) or logout tokens (`events`) are rejected unless a claim says that
    /// they are access tokens (`typ` of Keycloak, `token_use`).
    pub fn accept_untyped_tokens(mut self) -> Self {
        self.untyped_tokens = true;
        self
    }

    /// Accepts tokens for this audience, too, for an authorization server that cannot issue tokens for the URL of this
    /// server. It must be a name of this server alone: a token that another server accepts can be stolen there.
    ///
    /// A token without an audience, or for another one, is rejected, also if the server accepts other audiences (RFC 9068,
    /// section 4).
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.0.push(name.into());
        self
    }

    /// Sets the accepted difference between the clocks of the issuer and this server. A token is accepted for this time
    /// after it has expired. Default: 30 seconds. Maximum: 5 minutes.
    pub fn clock_skew(mut self, clock_skew: Duration) -> Self {
        self.clock_skew = clock_skew.min(MAX_CLOCK_SKEW);
        self
    }

    /// Sets the maximum time from `iat` (or now, without `iat`) to `exp`. A token with a longer lifetime is rejected.
    /// Default: 24 hours.
    ///
    /// It is the time for which the server has to remember [revocations](#revocation). A token that is not revoked here is
    /// valid for as long, even if its user was disabled.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// Sets the time for which the last keys are used while the issuer does not respond. A key that was removed from the
    /// set is used for as long, if the set cannot be fetched. Default: 1 hour. Minimum: 10 minutes, after which the keys
    /// are fetched again.
    pub fn max_key_age(mut self, age: Duration) -> Self {
        self.times.max_age = age.max(self.times.refresh_after);
        self
    }

    claim_name_methods!();

    time_limit_methods!(discovery.http);

    fn key_source(&self) -> KeySource {
        // A clone of a client that is not set up would be set up for each fetch. The fetch reports an error.
        let _ = self.discovery.http.client();
        KeySource { discovery: self.discovery.clone(), jwks_uri: self.jwks_uri.clone(), times: self.times }
    }

    /// Verifies the signature. Fetches the keys if the token names an unknown one.
    async fn verify_signature(
        &self,
        keys: &KeySet,
        token: &CompactJwt<'_>,
        issued_at: Option<SystemTime>,
    ) -> Result<(), ValidationError> {
        let fetched;
        if keys.is_ambiguous(token.key_id.as_deref(), token.algorithm) {
            return Err(Inactive::new("several keys of the issuer fit the token, which has no `kid`").into());
        }
        let mut candidates = keys.candidates(token.key_id.as_deref(), token.algorithm);
        if candidates.is_empty() {
            fetched = self.keys.newest(self.key_source()).await?;
            candidates = fetched.candidates(token.key_id.as_deref(), token.algorithm);
            if candidates.is_empty() {
                let key = token.key_id.as_deref().map_or_else(|| "no `kid`".to_owned(), quote);
                // Rejecting it would make its client discard it, although the key may be newer than the set.
                // Its time is that of another clock, and nothing has verified it.
                let may_be_newer = issued_at.is_some_and(|issued_at| {
                    issued_at + self.clock_skew > fetched.fetched_at_time
                        && issued_at <= SystemTime::now() + self.clock_skew
                });
                if may_be_newer {
                    let after = self.times.min_interval.saturating_sub(fetched.fetched_at.elapsed());
                    let reason =
                        format!("the key of the token ({key}) is unknown, and may be newer than the known keys");
                    return Err(Unavailable::new(reason).retry_after(after).into());
                }
                let reason = format!("no key of the issuer for {} has the ID of the token ({key})", token.algorithm);
                return Err(Inactive::new(reason).into());
            }
        }
        if !candidates.verify(token.message, &token.signature) {
            return Err(Inactive::new("the signature does not match the key of the issuer").into());
        }
        Ok(())
    }

    async fn check_keys(&self) -> Option<Diagnostic> {
        let refreshed = self.keys.refresh(self.key_source(), Duration::ZERO).await;
        let error = refreshed.err()?;
        match self.keys.current(self.times, || self.key_source()).await {
            Ok(_) => Some(Diagnostic::warning(
                "keys_outdated",
                format!("{error}; the last keys are used until they are {:?} old", self.times.max_age),
            )),
            Err(_) => Some(Diagnostic::fatal(code::UNAVAILABLE, error.to_string())),
        }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("issuer", &self.discovery.issuer.as_str())
            .field("limits", &self.discovery.http.limits())
            .field("names", &self.names)
            .field("audiences", &self.audiences.0)
            .field("algorithms", &self.algorithms)
            .field("clock_skew", &self.clock_skew)
            .field("max_lifetime", &self.max_lifetime)
            .field("untyped_tokens", &self.untyped_tokens)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenValidator for Jwt {
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError> {
        // Before the token is looked at: without keys, no token can be rejected.
        let keys = self.keys.current(self.times, || self.key_source()).await?;
        let jwt = CompactJwt::parse(token.expose(), &self.algorithms)?;
        self.check_type(&jwt)?;
        let payload = JsonClaims::parse(&jwt.payload).map_err(|error| invalid_payload(&error))?;
        self.check_issuer(&payload)?;
        let issued_at = payload.time("iat").map_err(|error| invalid_payload(&error))?;
        self.verify_signature(&keys, &jwt, issued_at).await?;
        Ok(self.check_claims(payload, &jwt, resource, SystemTime::now())?)
    }

    fn token_form(&self, token: &BearerToken) -> TokenForm {
        match compact::unverified_issuer(token.expose()) {
            Some(issuer) if issuer == self.discovery.issuer.as_str() => TokenForm::Own,
            _ => TokenForm::Foreign,
        }
    }

    async fn authorization_server(&self, _: &str) -> Result<AuthorizationServer, Unavailable> {
        // The keys are fetched with the metadata, so that few requests wait for them. A failure is logged.
        let keys = self.keys.refresh(self.key_source(), self.times.min_interval);
        let (metadata, _) = tokio::join!(self.discovery.fetch(), keys);
        Ok(metadata?.into_authorization_server())
    }

    fn default_issuer(&self) -> Option<String> {
        Some(self.discovery.issuer.as_str().to_owned())
    }

    fn user_namespace(&self) -> Option<Cow<'_, str>> {
        Some(self.discovery.issuer.as_str().into())
    }

    async fn preflight(&self) -> Option<Vec<Diagnostic>> {
        let ((_, mut diagnostics), keys) =
            tokio::join!(preflight::check_metadata(&self.discovery), self.check_keys());
        diagnostics.extend(keys);
        Some(diagnostics)
    }

    fn self_contained_lifetime(&self) -> Option<Duration> {
        // The clock of the issuer may be fast when it issues the token, and slow when the token expires.
        Some(self.max_lifetime.saturating_add(2 * self.clock_skew))
    }

    fn texts(&self) -> ValidatorTexts {
        ValidatorTexts {
            report_revocations:
                "call `BuiltServer::revocations` when access ends there, or let JWT access tokens expire \
                                 after a few minutes"
                    .into(),
            ..ValidatorTexts::default()
        }
    }
}

#[cfg(test)]
mod tests;
