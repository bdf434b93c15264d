//! Introspection of tokens at any authorization server (RFC 7662).

use std::{borrow::Cow, fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    access_token::{self, Audiences, quote},
    claim_names::{ClaimNames, claim_name_methods},
    config::{ConfigError, Values, Variable},
    credentials::{ClientAuthentication, Credentials},
    discovery::{ADVICE, Discovery},
    endpoints,
    http_client::HttpClient,
    introspection_response::IntrospectionResponse,
    issuer::Issuer,
    limit_methods::{response_limit_method, time_limit_methods},
    metadata::Metadata,
    preflight,
    request_error::RequestError,
};
use crate::auth::{
    AuthorizationServer, BearerToken, Claims, Diagnostic, Inactive, Resource, TokenValidator, Unavailable,
    ValidationError, ValidatorTexts, code,
};

/// Token validator that introspects tokens at any authorization server (RFC 7662).
///
/// ```no_run
/// use toolgate::oauth::Introspection;
///
/// // Reads OAUTH_ISSUER, OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET or OAUTH_CLIENT_SECRET_FILE.
/// let auth = Introspection::from_env()?.org_claim("organization").role_claim("role");
/// # let _ = auth;
/// # Ok::<(), toolgate::oauth::ConfigError>(())
/// ```
///
/// The introspection endpoint is discovered from the metadata of the issuer (RFC 8414, `OpenID` Connect Discovery 1.0),
/// whose `issuer` must be the configured one, character for character. Requests are limited in time and size, follow no
/// redirect, and use `https` except on loopback. Every response that is not a well-formed introspection response means that
/// the token could not be validated (503).
///
/// A token is rejected although it is active if it is bound to a key of its client (`cnf`), if the response says that it is
/// no bearer access token (`token_type`, `typ`, `token_use`), or if `iss` or `aud` names another server.
#[must_use]
pub struct Introspection {
    discovery: Discovery,
    credentials: Credentials,
    names: ClaimNames,
    audiences: Audiences,
    /// The configured endpoint.
    endpoint: Option<String>,
    /// The endpoint in the metadata, when it has been fetched.
    discovered: ArcSwapOption<String>,
}

impl Introspection {
    /// Reads the settings from `OAUTH_ISSUER`, `OAUTH_CLIENT_ID`, and `OAUTH_CLIENT_SECRET` or the file that
    /// `OAUTH_CLIENT_SECRET_FILE` names. An empty variable counts as missing. White space around a value is ignored.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], whose text names the variables and what to write.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::with_values(&Values::from_env()?)
    }

    /// Creates a validator from settings that do not come from the environment: the issuer identifier as the metadata of
    /// the authorization server has it, and a client that may introspect tokens. `http` is accepted on loopback only. White
    /// space around a value is ignored.
    ///
    /// ```
    /// use toolgate::oauth::Introspection;
    ///
    /// let auth = Introspection::new("https://auth.example.com/realms/company", "mcp-server", "client-secret")?;
    /// assert!(!format!("{auth:?}").contains("client-secret"));
    /// assert!(Introspection::new("http://auth.example.com", "mcp-server", "client-secret").is_err());
    /// # Ok::<(), toolgate::oauth::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`], as for [`from_env`](Self::from_env).
    pub fn new(
        issuer: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, ConfigError> {
        let issuer = issuer.to_owned();
        Self::with_values(&Values { issuer, client_id: client_id.into(), client_secret: client_secret.into() })
    }

    fn with_values(values: &Values) -> Result<Self, ConfigError> {
        values.require(&[Variable::Issuer, Variable::ClientId, Variable::ClientSecret])?;
        let issuer = Issuer::parse(&values.issuer).map_err(ConfigError::Issuer)?;
        let http = HttpClient::new(issuer.transport()).map_err(|error| ConfigError::HttpClient(error.to_string()))?;
        Ok(Self {
            discovery: Discovery { issuer, http },
            credentials: Credentials {
                client_id: values.client_id.trim().to_owned(),
                client_secret: values.client_secret.expose_secret().trim().into(),
                authentication: ClientAuthentication::Basic,
            },
            names: ClaimNames::DEFAULT,
            audiences: Audiences::default(),
            endpoint: None,
            discovered: ArcSwapOption::empty(),
        })
    }

    /// Sets the introspection endpoint, for an authorization server whose metadata does not name it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Endpoint`] if it is not an `https` URL, or an `http` URL on loopback, as the issuer is.
    pub fn introspection_endpoint(mut self, url: &str) -> Result<Self, ConfigError> {
        let url = self.discovery.issuer.parse_endpoint(url);
        let url = url.map_err(|error| ConfigError::Endpoint("the introspection endpoint", error))?;
        self.endpoint = Some(url.into());
        Ok(self)
    }

    /// Sends the client's credentials in the body of the request (`client_secret_post`) instead of the header
    /// `Authorization` (`client_secret_basic`; RFC 6749, section 2.3.1).
    pub fn client_secret_post(mut self) -> Self {
        self.credentials.authentication = ClientAuthentication::Post;
        self
    }

    /// Accepts tokens for this audience, too, for an authorization server that cannot issue tokens for the URL of this
    /// server. It must be a name of this server alone: a token that another server accepts can be stolen there.
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.0.push(name.into());
        self
    }

    claim_name_methods!();

    time_limit_methods!(discovery.http);

    response_limit_method!(discovery.http);

    /// Returns the introspection endpoint. Fetches the metadata if that has not been done yet.
    async fn endpoint(&self) -> Result<Arc<String>, Unavailable> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(Arc::new(endpoint.clone()));
        }
        match self.discovered.load_full() {
            Some(endpoint) => Ok(endpoint),
            None => self.discover(&self.discovery.fetch().await?),
        }
    }

    fn discover(&self, metadata: &Metadata) -> Result<Arc<String>, Unavailable> {
        let endpoint = self.discovery.endpoint(metadata, "introspection_endpoint")?.ok_or_else(|| {
            Unavailable::new(
                "the authorization server's metadata has no `introspection_endpoint`: set it with \
                 `Introspection::introspection_endpoint`, or validate JWT access tokens with `Jwt`",
            )
            .permanent()
        })?;
        let endpoint = Arc::new(endpoint);
        self.discovered.store(Some(Arc::clone(&endpoint)));
        Ok(endpoint)
    }

    async fn introspect(&self, url: &str, token: &BearerToken) -> Result<IntrospectionResponse, RequestError> {
        endpoints::introspect(&self.discovery.http, url, &self.credentials, token, &self.names).await
    }

    fn check(&self, claims: &mut Claims, resource: &Resource) -> Result<(), Inactive> {
        let issuer = self.discovery.issuer.as_str();
        if let Some(other) = claims.raw.get("iss").filter(|iss| !iss.is_null() && *iss != issuer) {
            let other = other.as_str().map_or_else(|| "not a string".to_owned(), quote);
            return Err(Inactive::new(format!("the issuer is {other}, expected {issuer:?}")));
        }
        access_token::check_kind(&claims.raw)?;
        // The server decides about other audiences, because it has a setting for them.
        let _ = self.audiences.verify(claims, resource);
        Ok(())
    }

    /// Checks that the authorization server reports a random token as inactive, which requires valid credentials.
    async fn check_introspection(&self) -> Option<Diagnostic> {
        let endpoint = match self.endpoint().await {
            Ok(endpoint) => endpoint,
            Err(error) => return Some(Diagnostic::fatal(code::UNAVAILABLE, error.to_string())),
        };
        let token = BearerToken::random("preflight");
        match self.introspect(&endpoint, &token).await {
            Ok(IntrospectionResponse::Inactive) => None,
            Ok(IntrospectionResponse::Active(_)) => Some(Diagnostic::fatal(
                "introspection_not_trustworthy",
                format!("{endpoint} reports a random token as active, so it is not an introspection endpoint"),
            )),
            Err(error) => {
                let code = match error {
                    RequestError::CredentialsRejected(_) => code::CREDENTIALS_REJECTED,
                    _ => code::UNAVAILABLE,
                };
                Some(Diagnostic::fatal(code, error.to_unavailable(&endpoint, &ADVICE).to_string()))
            }
        }
    }
}

/// Omits the client ID, too: if the two are swapped by mistake, it contains the secret.
impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("issuer", &self.discovery.issuer.as_str())
            .field("limits", &self.discovery.http.limits())
            .field("names", &self.names)
            .field("audiences", &self.audiences.0)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenValidator for Introspection {
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError> {
        let endpoint = self.endpoint().await?;
        match self.introspect(&endpoint, token).await {
            Ok(IntrospectionResponse::Active(mut claims)) => {
                self.check(&mut claims, resource)?;
                Ok(*claims)
            }
            Ok(IntrospectionResponse::Inactive) => {
                Err(Inactive::new("the authorization server reports the token as inactive").into())
            }
            Err(error) => Err(error.to_unavailable(&endpoint, &ADVICE).into()),
        }
    }

    async fn authorization_server(&self, _: &str) -> Result<AuthorizationServer, Unavailable> {
        let metadata = self.discovery.fetch().await?;
        if self.endpoint.is_none() {
            // A later validation reports that the endpoint is missing.
            let _ = self.discover(&metadata);
        }
        Ok(metadata.into_authorization_server())
    }

    fn default_issuer(&self) -> Option<String> {
        Some(self.discovery.issuer.as_str().to_owned())
    }

    fn user_namespace(&self) -> Option<Cow<'_, str>> {
        Some(self.discovery.issuer.as_str().into())
    }

    async fn preflight(&self) -> Option<Vec<Diagnostic>> {
        let (metadata, mut diagnostics) = preflight::check_metadata(&self.discovery).await;
        if let Ok(metadata) = &metadata
            && self.endpoint.is_none()
        {
            // `check_introspection` reports that the endpoint is missing.
            let _ = self.discover(metadata);
        }
        diagnostics.extend(self.check_introspection().await);
        Some(diagnostics)
    }

    fn texts(&self) -> ValidatorTexts {
        ValidatorTexts {
            report_revocations: "call `BuiltServer::revocations` when access ends there".into(),
            ..ValidatorTexts::default()
        }
    }
}

#[cfg(test)]
mod tests;
