//! Providers of token validators, for validators that depend on the address and the scopes of the server.

use std::{fmt, future::Future, net::SocketAddr};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::{IntoValidators, Validators};

/// Error of a provider. Its text says what to do.
pub type ProviderError = Box<dyn std::error::Error + Send + Sync>;

/// Creates the token validator of a server when the server starts, and runs what the validator needs for as long as the
/// server runs.
///
/// [`Server::auth_from`](crate::Server::auth_from) takes a provider. A validator that depends on nothing but its own
/// settings needs none: pass it to [`Server::auth`](crate::Server::auth).
///
/// ```
/// use toolgate::auth::{
///     AuthProvider, Claims, ProvidedAuth, ProviderError, ServerDescription, StaticTokens, async_trait,
/// };
///
/// /// Accepts one token, with every scope of the server.
/// struct OneToken(String);
///
/// #[async_trait]
/// impl AuthProvider for OneToken {
///     async fn provide(self: Box<Self>, server: &ServerDescription) -> Result<ProvidedAuth, ProviderError> {
///         let claims = Claims::new().audience([server.endpoint.as_str()]).scopes(server.scopes.iter().copied());
///         Ok(ProvidedAuth::new(StaticTokens::new().token(&self.0, claims)))
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a provider of a token validator",
    label = "not a provider",
    note = "pass `dev_tenant::or_propelauth(..)`, or pass a `TokenValidator` to `auth`"
)]
pub trait AuthProvider: Send + Sync + 'static {
    /// Checks whether the server can listen on this address, before it does. Port 0 is any free port.
    ///
    /// # Errors
    ///
    /// The reason why the server must not start. [`Server::serve`](crate::Server::serve) returns it.
    fn check(&self, bind: SocketAddr) -> Result<(), ProviderError> {
        let _ = bind;
        Ok(())
    }

    /// Returns the validators without starting anything, for the command `check`. `None`, which is the default, means that
    /// [`provide`](Self::provide) would start an authorization server, so that there is none to check yet.
    ///
    /// # Errors
    ///
    /// The reason why the server cannot start.
    fn external(&self) -> Result<Option<Validators>, ProviderError> {
        Ok(None)
    }

    /// Creates the validator. The server listens on its address already, and accepts connections afterwards.
    ///
    /// # Errors
    ///
    /// The reason why the server cannot start. [`Server::serve`](crate::Server::serve) returns it.
    async fn provide(self: Box<Self>, server: &ServerDescription) -> Result<ProvidedAuth, ProviderError>;
}

/// What a provider learns about the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerDescription {
    /// Name of the server.
    pub name: String,
    /// Title of the server, if it has one.
    pub title: Option<String>,
    /// Every scope of the server's lists.
    pub scopes: Vec<&'static str>,
    /// Configured address, whose port may be 0.
    pub bind: SocketAddr,
    /// Address that the server listens on.
    pub address: SocketAddr,
    /// Whether the server terminates TLS on this address itself.
    pub has_tls: bool,
    /// URL of the MCP endpoint, which is the resource that tokens must be issued for.
    pub endpoint: String,
}

/// A validator, and what belongs to it.
#[must_use]
pub struct ProvidedAuth {
    pub(crate) validators: Validators,
    pub(crate) startup_text: Option<String>,
    pub(crate) shutdown: Option<BoxFuture<'static, ()>>,
}

impl ProvidedAuth {
    /// Creates a value with a validator, or several, only.
    pub fn new(validator: impl IntoValidators) -> Self {
        Self { validators: validator.into_validators(), startup_text: None, shutdown: None }
    }

    /// Sets a text that the server prints to standard output before it accepts connections.
    pub fn startup_text(mut self, text: impl Into<String>) -> Self {
        self.startup_text = Some(text.into());
        self
    }

    /// Sets what to run after the server has stopped. Values that the future owns live until then.
    pub fn on_shutdown(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(Box::pin(shutdown));
        self
    }
}

/// Omits the text, which may contain tokens.
impl fmt::Debug for ProvidedAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvidedAuth").finish_non_exhaustive()
    }
}
