//! PropelAuth: token validation by introspection (RFC 7662), API keys, authorization server metadata (RFC 8414), and
//! webhooks.

mod api_keys;
mod auth_url;
mod config;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod fuzzing;
mod issuer;
mod preflight;
mod users;
mod webhook;

use std::{borrow::Cow, env, fmt, sync::Arc};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

pub use self::users::{
    Apple, Atlassian, GitHub, GitLab, Google, LinkedIn, Microsoft, Outreach, QuickBooks, Salesforce, Salesloft,
    Slack, Xero,
};
#[cfg(all(feature = "dev-tenant", debug_assertions))]
pub(crate) use self::webhook::WEBHOOK_PATH;
pub use self::{
    api_keys::PropelAuthApiKeys,
    auth_url::AuthUrlError,
    config::{ConfigError, Variable},
    issuer::Advertise,
};
use self::{
    auth_url::AuthUrl,
    config::Config,
    issuer::{AdvertisedIssuer, ChangeLogger},
    users::PropelAuthUsers,
    webhook::WebhookEndpoint,
};
use crate::{
    auth::{
        AuthorizationServer, BearerToken, Claims, Diagnostic, Directory, Inactive, Resource, Revocations, Route,
        TestDelivery, TokenValidator, Unavailable, ValidationError, ValidatorTexts,
    },
    oauth::{
        ClaimNames,
        credentials::Credentials,
        endpoints,
        http_client::HttpClient,
        introspection_response::IntrospectionResponse,
        limit_methods::{response_limit_method, time_limit_methods},
        request_error::RequestAdvice,
    },
};

/// What to do about failed requests to PropelAuth.
const ADVICE: RequestAdvice = RequestAdvice {
    name: "PropelAuth",
    connect_timeout: "check the network between this server and PropelAuth",
    connect: "check PROPELAUTH_AUTH_URL, and the network between this server and PropelAuth",
    redirect: "set PROPELAUTH_AUTH_URL to the Auth URL that the dashboard shows under Backend Integration",
    not_found: "enable MCP for this environment in the dashboard under MCP -> Enable MCP",
    credentials: "create new ones in the dashboard under MCP -> Request Validation -> Create Credentials, in the \
                  environment of this Auth URL, and set PROPELAUTH_INTROSPECTION_CLIENT_ID and \
                  PROPELAUTH_INTROSPECTION_CLIENT_SECRET",
    bad_request: None,
};

/// Token validator that introspects tokens at PropelAuth.
///
/// ```no_run
/// use std::time::Duration;
/// use toolgate::PropelAuth;
///
/// // Reads PROPELAUTH_AUTH_URL, PROPELAUTH_INTROSPECTION_CLIENT_ID, PROPELAUTH_INTROSPECTION_CLIENT_SECRET and,
/// // if it is set, PROPELAUTH_WEBHOOK_SECRET.
/// let auth = PropelAuth::from_env()?.timeout(Duration::from_secs(3));
/// # let _ = auth;
/// # Ok::<(), toolgate::propelauth::ConfigError>(())
/// ```
///
/// Requests share one connection pool. They use `https` except on loopback, use the proxy of the environment
/// (`HTTPS_PROXY`) except on loopback, follow no redirect, and are limited in time and size. A response that is not a
/// well-formed introspection response means that the token could not be validated ([`Unavailable`], 503), never that
/// it is inactive (401).
///
/// In an introspection response, `scope` and `aud` may be a string or an array of strings, and `exp` an integer, a
/// float or a string that holds either. Every field but `active` may be absent or `null`; `resource` is read if `aud`
/// is absent. A field of another type, a duplicate key, or an `exp` after the year 9999 makes the response invalid. A
/// token whose `exp` has passed is inactive, even if `active` is true.
#[must_use]
pub struct PropelAuth {
    auth_url: AuthUrl,
    credentials: Credentials,
    http: HttpClient,
    advertise: Advertise,
    issuer_log: ChangeLogger,
    webhooks: WebhookEndpoint,
    /// Key of the backend API, with which profiles are read.
    backend_key: Option<SecretString>,
    texts: ValidatorTexts,
}

impl PropelAuth {
    /// Reads the settings from `PROPELAUTH_AUTH_URL`, `PROPELAUTH_INTROSPECTION_CLIENT_ID`,
    /// `PROPELAUTH_INTROSPECTION_CLIENT_SECRET` and, if it is set, `PROPELAUTH_WEBHOOK_SECRET`, which may hold
    /// several secrets separated by commas or white space. An empty variable counts as missing. White space around a
    /// value is ignored. With `PROPELAUTH_API_KEY`, callers have [profiles](Self::backend_key). The three secrets can be in
    /// files: `PROPELAUTH_INTROSPECTION_CLIENT_SECRET_FILE`, `PROPELAUTH_WEBHOOK_SECRET_FILE` and
    /// `PROPELAUTH_API_KEY_FILE` name them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], whose text names the variables, where the dashboard shows their values, and what to write.
    pub fn from_env() -> Result<Self, ConfigError> {
        let mut auth = Self::with_config(Config::from_env()?)?;
        auth.webhooks.add(config::webhook_secrets_from_env()?)?;
        let backend_key = config::read_secret(Variable::ApiKey, |name| env::var_os(name))?;
        if backend_key.expose_secret().is_empty() { Ok(auth) } else { auth.backend_key(backend_key) }
    }

    /// Creates a validator from settings that do not come from the environment. A slash at the end of the Auth URL is
    /// ignored; `http` is accepted on loopback only.
    ///
    /// ```
    /// use toolgate::PropelAuth;
    ///
    /// let auth = PropelAuth::new("http://127.0.0.1:4000", "introspection-client", "introspection-secret")?;
    /// assert!(!format!("{auth:?}").contains("introspection-secret"));
    /// assert!(PropelAuth::new("http://auth.example.com", "introspection-client", "introspection-secret").is_err());
    /// # Ok::<(), toolgate::propelauth::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`], as for [`from_env`](Self::from_env).
    pub fn new(
        auth_url: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, ConfigError> {
        Self::with_config(Config::new(auth_url, client_id.into(), client_secret.into())?)
    }

    fn with_config(config: Config) -> Result<Self, ConfigError> {
        let http = HttpClient::new(config.auth_url.transport())
            .map_err(|error| ConfigError::HttpClient(error.to_string()))?;
        Ok(Self {
            auth_url: config.auth_url,
            credentials: config.credentials,
            http,
            advertise: Advertise::default(),
            issuer_log: ChangeLogger::default(),
            webhooks: WebhookEndpoint::default(),
            backend_key: None,
            texts: ValidatorTexts {
                name: "PropelAuth".into(),
                add_scopes: "add them in the dashboard under MCP -> Org Scopes".into(),
                report_revocations: "add a webhook in PropelAuth's dashboard and set PROPELAUTH_WEBHOOK_SECRET"
                    .into(),
            },
        })
    }

    /// Adds a signing secret of PropelAuth's webhooks (`whsec_...`). With a secret, the server has the route
    /// `POST /webhooks/propelauth`. It revokes access before it acknowledges a webhook: cached introspection responses
    /// are invalidated and response streams end.
    ///
    /// Call it again while one secret replaces another: a webhook signed with either is accepted.
    ///
    /// ```
    /// # fn main() -> Result<(), toolgate::propelauth::ConfigError> {
    /// use toolgate::PropelAuth;
    ///
    /// let auth = PropelAuth::new("http://127.0.0.1:4000", "client", "secret")?
    ///     .webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?
    ///     .webhook_secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?;
    /// assert!(!format!("{auth:?}").contains("whsec_"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::WebhookSecret`] if it is not a signing secret.
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Result<Self, ConfigError> {
        self.webhooks.add([secret.into()])?;
        Ok(self)
    }

    /// Sets the key of PropelAuth's backend integration, with which [`Caller::profile`](crate::Caller::profile) and
    /// [`Caller::provider_token`](crate::Caller::provider_token) read the users. Create it in the dashboard under Backend
    /// Integration -> Create New API Key, with "Read and Validate".
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the key is empty or has control characters.
    pub fn backend_key(mut self, key: impl Into<SecretString>) -> Result<Self, ConfigError> {
        let key = key.into();
        config::require_values(&[(Variable::ApiKey, key.expose_secret())])?;
        self.backend_key = Some(key);
        Ok(self)
    }

    time_limit_methods!(http);

    response_limit_method!(http);

    /// Sets the authorization server that this server advertises to clients. By default it depends on PropelAuth's
    /// metadata.
    pub fn advertise(mut self, advertise: Advertise) -> Self {
        self.advertise = advertise;
        self
    }

    /// Sets the texts of log messages, for a server that behaves like PropelAuth.
    #[cfg(all(feature = "dev-tenant", debug_assertions))]
    pub(crate) fn with_texts(mut self, texts: ValidatorTexts) -> Self {
        self.texts = texts;
        self
    }

    /// Returns the Auth URL.
    #[cfg(all(feature = "dev-tenant", debug_assertions))]
    pub(crate) fn auth_url(&self) -> &str {
        self.auth_url.as_str()
    }
}

/// Omits the client ID, too: if the two are swapped by mistake, it contains the secret.
impl fmt::Debug for PropelAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropelAuth")
            .field("auth_url", &self.auth_url.as_str())
            .field("limits", &self.http.limits())
            .field("advertise", &self.advertise)
            .field("webhook_secrets", &self.webhooks.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenValidator for PropelAuth {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        let url = self.auth_url.introspection_url();
        match endpoints::introspect(&self.http, &url, &self.credentials, token, &ClaimNames::DEFAULT).await {
            Ok(IntrospectionResponse::Active(claims)) => Ok(*claims),
            Ok(IntrospectionResponse::Inactive) => {
                Err(Inactive::new("PropelAuth reports the token as inactive").into())
            }
            Err(error) => Err(error.to_unavailable(&url, &ADVICE).into()),
        }
    }

    async fn authorization_server(&self, base_url: &str) -> Result<AuthorizationServer, Unavailable> {
        let url = self.auth_url.metadata_url();
        let metadata =
            endpoints::fetch_metadata(&self.http, &url).await.map_err(|error| error.to_unavailable(&url, &ADVICE))?;
        let issuer = AdvertisedIssuer::new(self.advertise, &self.auth_url, &metadata);
        let server = issuer.authorization_server(metadata, base_url);
        self.issuer_log.log(issuer);
        Ok(server)
    }

    fn default_issuer(&self) -> Option<String> {
        Some(self.auth_url.issuer())
    }

    fn user_namespace(&self) -> Option<Cow<'_, str>> {
        Some(self.auth_url.as_str().into())
    }

    async fn preflight(&self) -> Option<Vec<Diagnostic>> {
        Some(preflight::diagnostics(self).await)
    }

    fn routes(&self, revocations: Revocations) -> Vec<Route> {
        self.webhooks.routes(&revocations)
    }

    fn reports_revocations(&self) -> bool {
        self.webhooks.is_enabled()
    }

    fn directory(&self) -> Option<Arc<dyn Directory>> {
        let key = self.backend_key.clone()?;
        Some(Arc::new(PropelAuthUsers::new(self.auth_url.clone(), key, self.http.clone())))
    }

    fn test_deliveries(&self) -> Vec<TestDelivery> {
        self.webhooks.test_deliveries()
    }

    fn texts(&self) -> ValidatorTexts {
        self.texts.clone()
    }
}

#[cfg(test)]
mod tests;
