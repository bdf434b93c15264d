//! Who says whether a token is valid.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{BearerToken, Claims, Finding};

/// Checks tokens. [`PropelAuth`](crate::PropelAuth) is one, [`StaticTokens`](super::StaticTokens) another; write a
/// third for another authorization server.
///
/// ```
/// use toolgate::auth::{BearerToken, Claims, TokenValidator, ValidationError, async_trait};
///
/// struct Directory;
///
/// #[async_trait]
/// impl TokenValidator for Directory {
///     async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
///         // Ask whoever issued the token; say `Unavailable` if they do not answer.
///         let _ = token.expose();
///         Err(ValidationError::Inactive)
///     }
/// }
/// ```
#[async_trait]
pub trait TokenValidator: Send + Sync + 'static {
    /// What the token's issuer says of it.
    ///
    /// The server itself checks the expiry and the audience that are in the claims, so a validator only has to report
    /// them.
    ///
    /// # Errors
    ///
    /// [`ValidationError::Inactive`] if the token is not valid, [`ValidationError::Unavailable`] if that could not be
    /// found out. The difference matters: clients throw a token away when they are told that it is invalid.
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError>;

    /// Who issues the tokens, for the metadata by which clients find their way (RFC 9728, RFC 8414). `base_url` is the
    /// server's own public address. The server asks at start-up and now and then, and answers clients from memory.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if it could not be found out; the server asks again.
    async fn authorization_server(&self, base_url: &str) -> Result<AuthorizationServer, Unavailable> {
        let _ = base_url;
        Ok(AuthorizationServer::default())
    }

    /// The issuer to name while [`authorization_server`](Self::authorization_server) has not answered yet.
    fn default_issuer(&self) -> Option<String> {
        None
    }

    /// Looks for what would keep tokens from being checked, before the first one comes: settings that are wrong,
    /// credentials that are refused. The server asks at start-up, and again now and then while something is fatal or
    /// tokens cannot be checked; an answer with nothing fatal in it says that they can.
    async fn preflight(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// Why a token did not lead to claims.
#[derive(Clone, Debug, Error)]
pub enum ValidationError {
    /// The token is unknown, revoked or expired: the client should get another one. The response is 401.
    #[error("the token is not active")]
    Inactive,
    /// Whether the token is valid could not be found out. The response is 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The authorization server could not be asked, or its answer could not be read.
///
/// The reason is for the log; a caller sees only that tokens cannot be checked just now. It never holds a token or a
/// secret.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
pub struct Unavailable {
    /// What went wrong and what to do about it, for the log.
    pub reason: Arc<str>,
    /// When to try again, if the authorization server said so.
    pub retry_after: Option<Duration>,
    our_fault: bool,
    lasting: bool,
}

impl Unavailable {
    /// Unavailable for this reason.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into(), retry_after: None, our_fault: false, lasting: false }
    }

    /// Says that it is this server's own settings that are wrong, such as its credentials: waiting does not help.
    pub fn our_fault(mut self) -> Self {
        self.our_fault = true;
        self
    }

    /// Says that the same question will get the same answer: it is not asked again at once.
    pub fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    pub(crate) fn is_our_fault(&self) -> bool {
        self.our_fault
    }

    /// Whether asking at once may help.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        !self.our_fault && !self.lasting && self.retry_after.is_none()
    }

    /// Says when to try again.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

/// What clients are told about who issues the tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthorizationServer {
    /// The issuer identifier that the protected resource metadata names (RFC 9728, `authorization_servers`).
    pub issuer: Option<String>,
    /// The authorization server metadata that this server passes on (RFC 8414), if it does.
    pub document: Option<Map<String, Value>>,
    /// The scopes that the authorization server advertises, if it does: compared with the server's list.
    pub scopes_supported: Option<Vec<String>>,
}
