//! Token validators: the interface between the server and an authorization server.

use std::{borrow::Cow, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::routing::MethodRouter;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    BearerToken, Claims, Diagnostic, Directory, IntoValidators, Resource, Revocations, TestDelivery, Validators,
};

/// Validates tokens. [`PropelAuth`](crate::PropelAuth), those in [`oauth`](crate::oauth) and
/// [`StaticTokens`](super::StaticTokens) are validators; implement this trait for another one.
///
/// ```
/// use toolgate::auth::{BearerToken, Claims, Inactive, Resource, TokenValidator, ValidationError, async_trait};
///
/// struct Directory;
///
/// #[async_trait]
/// impl TokenValidator for Directory {
///     async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
///         // Send the token to its issuer; return `Unavailable` if the issuer does not respond.
///         let _ = token.expose();
///         Err(Inactive::new("the directory does not know the token").into())
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a token validator",
    label = "not a token validator",
    note = "pass `PropelAuth::from_env()?`, `StaticTokens` for tests and samples, or a type with `impl TokenValidator` for \
            another authorization server"
)]
pub trait TokenValidator: Send + Sync + 'static {
    /// Validates a token and returns its claims.
    ///
    /// The server checks the expiry and the audience in the claims, so a validator only reports them. `resource` is the
    /// server itself, for a validator that has to name it in its own request.
    ///
    /// After [`ValidationError::Unavailable`], the server calls this with a random token, at most once a second and for
    /// at most 5 seconds. If the authorization server responds for that token, the failure concerns the first token
    /// only. Otherwise the server is no longer ready, and stops calling this for a while after five failures. Do not
    /// reject a token by its form alone before the authorization server is asked, or an outage is not recognized.
    ///
    /// # Errors
    ///
    /// [`ValidationError::Inactive`] if the token is not valid, [`ValidationError::Unavailable`] if this could not be
    /// determined. The difference matters: a client discards a token that is reported as invalid.
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError>;

    /// Returns whether a token has the form of this validator's tokens. A server with [several
    /// validators](Self::or) uses it to choose those that validate the token.
    fn token_form(&self, token: &BearerToken) -> TokenForm {
        let _ = token;
        TokenForm::Unknown
    }

    /// Describes the authorization server, for the metadata by which clients discover it (RFC 9728, RFC 8414).
    /// `base_url` is the public URL of this server. The server calls this at start-up and periodically, and serves
    /// the metadata from memory.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the authorization server does not respond; the server retries.
    async fn authorization_server(&self, base_url: &str) -> Result<AuthorizationServer, Unavailable> {
        let _ = base_url;
        Ok(AuthorizationServer::default())
    }

    /// Returns the issuer to advertise until [`authorization_server`](Self::authorization_server) succeeds.
    fn default_issuer(&self) -> Option<String> {
        None
    }

    /// Checks the validator's configuration and credentials. The server calls this at start-up, and periodically
    /// while a diagnostic is fatal or tokens cannot be validated. No fatal diagnostic means that tokens can be
    /// validated.
    ///
    /// Returns `None` if the validator has no such check. The server then becomes ready without one, also some time
    /// after a validation has failed, so that the next requests test the authorization server.
    async fn preflight(&self) -> Option<Vec<Diagnostic>> {
        None
    }

    /// Returns routes to serve next to the MCP endpoint, such as a webhook endpoint that revokes access. The server
    /// also serves each below the path of its public URL.
    fn routes(&self, revocations: Revocations) -> Vec<Route> {
        let _ = revocations;
        Vec::new()
    }

    /// Returns requests to the [`routes`](Self::routes) that a running server accepts like those of the authorization
    /// server, and that change nothing. The command `check` sends each to the public URL of the server, which shows
    /// whether the authorization server can reach it.
    fn test_deliveries(&self) -> Vec<TestDelivery> {
        Vec::new()
    }

    /// Returns whether the validator reports revocations. If it does, cached tokens are used for 5 minutes by
    /// default; otherwise for 10 seconds.
    fn reports_revocations(&self) -> bool {
        false
    }

    /// Returns what identifies the set of users whose IDs the validator returns ([`Claims::subject`]), such as the URL of
    /// the authorization server. With [several validators](Self::or), users of two of them are the same if their IDs are
    /// and both validators return the same here.
    fn user_namespace(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Returns the maximum time for which [self-contained](Claims::self_contained) tokens are valid after they were issued,
    /// if the validator accepts such tokens. The server stores revocations for at least this time.
    fn self_contained_lifetime(&self) -> Option<Duration> {
        None
    }

    /// Returns the directory of the users whose tokens the validator validates, for
    /// [`Caller::profile`](super::Caller::profile) and [`Caller::provider_token`](super::Caller::provider_token). The
    /// server uses that of the first validator that has one, for all users of its [namespace](Self::user_namespace).
    fn directory(&self) -> Option<Arc<dyn Directory>> {
        None
    }

    /// Returns the texts that log messages of the server use for the authorization server.
    fn texts(&self) -> ValidatorTexts {
        ValidatorTexts::default()
    }

    /// Adds another validator, for tokens that this one does not accept; see [`Validators`].
    ///
    /// ```
    /// use toolgate::auth::{Claims, StaticTokens, TokenValidator};
    ///
    /// let people = StaticTokens::new().token("person", Claims::new().subject("harriet"));
    /// let machines = StaticTokens::new().token("machine", Claims::new().client_id("nightly-report"));
    /// let validators = people.or(machines);
    /// # let _ = validators;
    /// ```
    fn or(self, other: impl IntoValidators) -> Validators
    where
        Self: Sized,
    {
        self.into_validators().or(other)
    }
}

/// Whether a token has the form of the tokens of a validator; see [`TokenValidator::token_form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenForm {
    /// Only this validator can have issued the token, for example because it names the issuer.
    Own,
    /// The validator's tokens have this form, and those of another validator may have it, too. This validator is asked
    /// before those that return `Unknown`.
    Likely,
    /// The form does not show whether the validator knows the token.
    Unknown,
    /// The validator does not know tokens of this form.
    Foreign,
}

/// Route of a validator; see [`TokenValidator::routes`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Route {
    /// Path, such as `/webhooks/directory`.
    pub path: &'static str,
    /// Handler of the path.
    pub handler: MethodRouter,
}

impl Route {
    /// Creates a route with a path such as `/webhooks/directory`.
    pub fn new(path: &'static str, handler: MethodRouter) -> Self {
        Self { path, handler }
    }
}

/// Texts about an authorization server for log messages; see [`TokenValidator::texts`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidatorTexts {
    /// Name of the authorization server.
    pub name: Cow<'static, str>,
    /// Instruction for adding a scope there.
    pub add_scopes: Cow<'static, str>,
    /// Instruction for making it report revocations.
    pub report_revocations: Cow<'static, str>,
}

impl Default for ValidatorTexts {
    fn default() -> Self {
        Self {
            name: "the authorization server".into(),
            add_scopes: "add them there".into(),
            report_revocations:
                "call `Revocations::revoke` in the validator and implement `TokenValidator::reports_revocations`"
                    .into(),
        }
    }
}

/// Error in the configuration of a validator. Every such error converts into [`toolgate::Error`](crate::Error) with
/// `?`.
pub trait SetupError: std::error::Error + Send + Sync + 'static {}

/// Reason why a token has no claims.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// The token is unknown, revoked or expired. The response is 401, and the client should obtain another token.
    #[error(transparent)]
    Inactive(#[from] Inactive),
    /// The token could not be validated. The response is 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The token is not valid.
///
/// The reason is logged and must not contain the token. A client only sees that the token is not valid.
///
/// ```
/// use toolgate::auth::{Inactive, ValidationError};
///
/// let error: ValidationError = Inactive::new("the signature does not match").into();
/// assert_eq!(error.to_string(), "the signature does not match");
/// ```
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct Inactive {
    /// Why the token is not valid.
    pub reason: Cow<'static, str>,
}

impl Inactive {
    /// Creates an error with this reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into() }
    }
}

/// The authorization server did not respond, or its response could not be read.
///
/// The reason is logged and must not contain a token or a secret. A client only sees that tokens cannot be validated.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct Unavailable {
    /// What went wrong and what to do about it.
    pub reason: Arc<str>,
    /// Time after which to retry, if the authorization server gave one.
    pub retry_after: Option<Duration>,
    misconfigured: bool,
    permanent: bool,
}

impl Unavailable {
    /// Creates an error with this reason.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into(), retry_after: None, misconfigured: false, permanent: false }
    }

    /// Marks the cause as this server's own configuration, such as its credentials: retrying does not help.
    #[must_use]
    pub fn misconfigured(mut self) -> Self {
        self.misconfigured = true;
        self
    }

    /// Marks the error as permanent: an immediate retry would fail in the same way.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.permanent = true;
        self
    }

    /// Sets the time after which to retry.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    pub(crate) fn is_misconfigured(&self) -> bool {
        self.misconfigured
    }

    /// Returns whether an immediate retry may succeed.
    pub(crate) fn is_retryable(&self) -> bool {
        !self.misconfigured && !self.permanent && self.retry_after.is_none()
    }
}

/// Description of an authorization server for clients.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AuthorizationServer {
    /// Issuer identifier in the protected resource metadata (RFC 9728, `authorization_servers`).
    pub issuer: Option<String>,
    /// Authorization server metadata that this server passes on (RFC 8414).
    pub document: Option<Map<String, Value>>,
    /// Scopes that the authorization server advertises; the preflight check compares them with the server's lists.
    pub scopes_supported: Option<Vec<String>>,
}

impl AuthorizationServer {
    /// Creates a description with an issuer only.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { issuer: Some(issuer.into()), ..Self::default() }
    }
}
