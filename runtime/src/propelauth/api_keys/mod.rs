//! API keys of PropelAuth ("M2M Keys or Service Accounts"), for callers without a browser: validation by the backend API.
//!
//! The crate `propelauth` has the same request, but sends it to a fixed host, reads responses of any size, and follows
//! redirects with the backend key. The request here has the limits of introspection. The names and types of
//! members, and the form of keys, are those of the crate.

mod key_metadata;
mod preflight;
mod request;
mod validation_response;

use std::{borrow::Cow, env, ffi::OsString, fmt, sync::Arc};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use self::request::KeyStatus;
use super::{
    ConfigError, Variable,
    auth_url::AuthUrl,
    config::{read_secret, read_text, require_values, webhook_secrets_from_env},
    users::PropelAuthUsers,
    webhook::WebhookEndpoint,
};
use crate::{
    auth::{
        BearerToken, Claims, Diagnostic, Directory, Inactive, Resource, Revocations, Route, TestDelivery, TokenForm,
        TokenValidator, Unavailable, ValidationError, ValidatorTexts,
    },
    hexadecimal::hexadecimal,
    oauth::{
        http_client::HttpClient,
        limit_methods::{response_limit_method, time_limit_methods},
    },
};

/// Token validator for PropelAuth's API keys, with which machines such as CI jobs call without a browser.
///
/// ```no_run
/// use toolgate::{PropelAuth, TokenValidator, propelauth::PropelAuthApiKeys};
///
/// // The keys are validated with PROPELAUTH_API_KEY, the key of PropelAuth's backend integration.
/// let auth = PropelAuth::from_env()?.or(PropelAuthApiKeys::from_env()?);
/// # let _ = auth;
/// # Ok::<(), toolgate::propelauth::ConfigError>(())
/// ```
///
/// A caller sends its key as `Authorization: Bearer <key>`. Keys are hexadecimal, and tokens of another form are not sent
/// to the backend API.
///
/// # Access
///
/// PropelAuth's API keys have no scopes. The `metadata` of a key has them, and a user who can create keys decides them:
///
/// ```json
/// {"scopes": ["analytics:read:all", "ticket:read:all"], "resource": "https://mcp.example.com/mcp"}
/// ```
///
/// - `scopes` is an array of strings, or a string in which spaces separate the scopes. A key without `scopes` has none. It
///   can call operations that are `authenticated` only.
/// - `resource` is the URL of the MCP endpoint that the key is for, or an array of several. A key without `resource` is
///   valid for every server of the environment that validates API keys; [`require_resource`](Self::require_resource)
///   rejects it.
/// - Metadata in which one of the two has another type makes the key invalid. Other members are ignored.
///
/// # Callers
///
/// | key | [`user_id`](crate::Caller::user_id), `username` | `org_id` | `org_role` |
/// |---|---|---|---|
/// | personal | the user, whose e-mail address is the name | | |
/// | of an organization | | the organization | the role of the user that the key is bound to, if there is one |
/// | generic | | | |
///
/// [`client_id`](crate::Caller::client_id), which is in audit records, is `api-key:` and the first 12 digits of the
/// key's SHA-256. Each key without a user is a principal of its own, for the limits and for sessions. A personal key is the
/// same principal as its user's tokens without an organization.
///
/// [`Caller::claims`](crate::Caller::claims) has the whole response, including the metadata.
///
/// # Revocation
///
/// With a [webhook secret](Self::webhook_secret), a key ends when it is deleted, and when its user or organization is
/// blocked or deleted. PropelAuth has no webhook for a generic key: its deletion takes effect after
/// [`token_cache.ttl`](crate::auth::TokenCacheConfig).
#[must_use]
pub struct PropelAuthApiKeys {
    auth_url: AuthUrl,
    backend_key: SecretString,
    http: HttpClient,
    require_resource: bool,
    webhooks: WebhookEndpoint,
    texts: ValidatorTexts,
}

impl PropelAuthApiKeys {
    /// Reads the settings from `PROPELAUTH_AUTH_URL`, `PROPELAUTH_API_KEY` and, if it is set,
    /// `PROPELAUTH_WEBHOOK_SECRET`. The two secrets can be in files: `PROPELAUTH_API_KEY_FILE` and
    /// `PROPELAUTH_WEBHOOK_SECRET_FILE` name them. An empty variable counts as missing. White space around a value is
    /// ignored.
    ///
    /// `PROPELAUTH_API_KEY` is a key of PropelAuth's backend integration, not one of a caller. Create it in the dashboard
    /// under Backend Integration -> Create New API Key. "Validation Only" suffices.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], whose text names the variables, where the dashboard shows their values, and what to write.
    pub fn from_env() -> Result<Self, ConfigError> {
        let mut keys = Self::from_lookup(|name| env::var_os(name))?;
        keys.webhooks.add(webhook_secrets_from_env()?)?;
        Ok(keys)
    }

    /// Reads the settings as [`from_env`](Self::from_env) does. Returns `None` if `PROPELAUTH_API_KEY` is not set.
    #[cfg(feature = "dev-tenant")]
    pub(crate) fn from_env_if_set() -> Result<Option<Self>, ConfigError> {
        match Self::from_env() {
            Ok(keys) => Ok(Some(keys)),
            Err(ConfigError::Missing(missing)) if missing.contains(&Variable::ApiKey) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let [auth_url, backend_key] = Variable::REQUIRED_FOR_API_KEYS;
        Self::new(&read_text(auth_url, &lookup)?, read_secret(backend_key, &lookup)?)
    }

    /// Creates a validator from settings that do not come from the environment: the Auth URL, and a key of PropelAuth's
    /// backend integration. A slash at the end of the Auth URL is ignored; `http` is accepted on loopback only.
    ///
    /// ```
    /// use toolgate::propelauth::PropelAuthApiKeys;
    ///
    /// let keys = PropelAuthApiKeys::new("http://127.0.0.1:4000", "backend-integration-key")?;
    /// assert!(!format!("{keys:?}").contains("backend-integration-key"));
    /// # Ok::<(), toolgate::propelauth::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`], as for [`from_env`](Self::from_env).
    pub fn new(auth_url: &str, backend_key: impl Into<SecretString>) -> Result<Self, ConfigError> {
        let backend_key = backend_key.into();
        let [url, key] = Variable::REQUIRED_FOR_API_KEYS;
        require_values(&[(url, auth_url), (key, backend_key.expose_secret())])?;
        let auth_url = AuthUrl::parse(auth_url)?;
        let http =
            HttpClient::new(auth_url.transport()).map_err(|error| ConfigError::HttpClient(error.to_string()))?;
        Ok(Self {
            auth_url,
            backend_key,
            http,
            require_resource: false,
            webhooks: WebhookEndpoint::default(),
            texts: ValidatorTexts {
                name: "PropelAuth (API keys)".into(),
                add_scopes: "add them to `scopes` in the metadata of the API keys".into(),
                report_revocations: "add a webhook in PropelAuth's dashboard and set PROPELAUTH_WEBHOOK_SECRET"
                    .into(),
            },
        })
    }

    /// Rejects keys whose metadata has no `resource`. By default, they are valid for every server of the environment that
    /// validates API keys.
    ///
    /// Use it if the environment has keys for other services, too: such a key is otherwise accepted here, although
    /// without scopes unless its metadata happens to have some.
    pub fn require_resource(mut self) -> Self {
        self.require_resource = true;
        self
    }

    /// Adds a signing secret of PropelAuth's webhooks (`whsec_...`), as
    /// [`PropelAuth::webhook_secret`](crate::PropelAuth::webhook_secret) does. If both validate the tokens of a server, pass
    /// the same secrets to both: they share the route `POST /webhooks/propelauth`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WebhookSecret`] if it is not a signing secret.
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Result<Self, ConfigError> {
        self.webhooks.add([secret.into()])?;
        Ok(self)
    }

    time_limit_methods!(http);

    response_limit_method!(http);

    /// Sets the texts of log messages, for a server that behaves like PropelAuth.
    #[cfg(all(feature = "dev-tenant", debug_assertions))]
    pub(crate) fn with_texts(mut self, texts: ValidatorTexts) -> Self {
        self.texts = texts;
        self
    }
}

/// Omits the backend key.
impl fmt::Debug for PropelAuthApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropelAuthApiKeys")
            .field("auth_url", &self.auth_url.as_str())
            .field("limits", &self.http.limits())
            .field("require_resource", &self.require_resource)
            .field("webhook_secrets", &self.webhooks.len())
            .finish_non_exhaustive()
    }
}

/// Returns whether a token has the form of PropelAuth's API keys: bytes in hexadecimal.
fn is_key(token: &str) -> bool {
    token.len().is_multiple_of(2) && token.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns a key that PropelAuth has not issued: 32 random bytes.
fn random_key() -> String {
    hexadecimal(&rand::random::<[u8; 32]>())
}

#[async_trait]
impl TokenValidator for PropelAuthApiKeys {
    /// A token of another form is not sent. A random key takes its place, so that the result is `Unavailable` during an
    /// outage.
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError> {
        let url = self.auth_url.api_key_validation_url();
        let token = token.expose();
        let random = (!is_key(token)).then(random_key);
        let key = random.as_deref().unwrap_or(token);
        match request::validate(&self.http, &url, &self.backend_key, key).await {
            Ok(KeyStatus::Active(_)) if random.is_some() => {
                Err(Unavailable::new(preflight::not_trustworthy(&url)).misconfigured().into())
            }
            Ok(KeyStatus::Active(response)) => Ok(response
                .into_claims(key, resource, self.require_resource)
                .map_err(|error| Inactive::new(error.to_string()))?),
            Ok(KeyStatus::Inactive) if random.is_some() => {
                Err(Inactive::new("the token does not have the form of an API key of PropelAuth").into())
            }
            Ok(KeyStatus::Inactive) => Err(Inactive::new("PropelAuth reports the API key as invalid").into()),
            Err(error) => Err(error.to_unavailable(&url).into()),
        }
    }

    fn token_form(&self, token: &BearerToken) -> TokenForm {
        // PropelAuth does not document the form of access tokens, so a hexadecimal one may be an access token.
        if is_key(token.expose()) { TokenForm::Likely } else { TokenForm::Foreign }
    }

    fn user_namespace(&self) -> Option<Cow<'_, str>> {
        Some(self.auth_url.as_str().into())
    }

    async fn preflight(&self) -> Option<Vec<Diagnostic>> {
        Some(preflight::diagnostics(self).await.into_iter().collect())
    }

    fn routes(&self, revocations: Revocations) -> Vec<Route> {
        self.webhooks.routes(&revocations)
    }

    fn reports_revocations(&self) -> bool {
        self.webhooks.is_enabled()
    }

    fn test_deliveries(&self) -> Vec<TestDelivery> {
        self.webhooks.test_deliveries()
    }

    fn directory(&self) -> Option<Arc<dyn Directory>> {
        let users = PropelAuthUsers::new(self.auth_url.clone(), self.backend_key.clone(), self.http.clone());
        Some(Arc::new(users))
    }

    fn texts(&self) -> ValidatorTexts {
        self.texts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<PropelAuthApiKeys, ConfigError> {
        PropelAuthApiKeys::from_lookup(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(*value))
        })
    }

    #[test]
    fn one_error_names_all_missing_variables() {
        assert_eq!(
            read(&[]).unwrap_err().to_string(),
            "PropelAuth is not configured: set PROPELAUTH_AUTH_URL (Backend Integration -> Auth URL), PROPELAUTH_API_KEY \
             (Backend Integration -> Create New API Key), with the values from PropelAuth's dashboard"
        );
        let error = read(&[("PROPELAUTH_AUTH_URL", "https://auth.example.com")]).unwrap_err();
        assert!(matches!(error, ConfigError::Missing(missing) if missing == [Variable::ApiKey]));
    }

    #[test]
    fn the_backend_key_can_be_in_a_file_and_is_in_no_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let url = ("PROPELAUTH_AUTH_URL", "https://auth.example.com/");
        let keys = read(&[url, ("PROPELAUTH_API_KEY_FILE", file.path().to_str().unwrap())]).unwrap();
        assert_eq!(keys.backend_key.expose_secret(), "hunter2");
        assert!(!format!("{keys:?}").contains("hunter2"));
        for key in ["hunter2\na", "hunter2\0"] {
            let error = read(&[url, ("PROPELAUTH_API_KEY", key)]).unwrap_err();
            assert!(matches!(error, ConfigError::InvalidCharacters(Variable::ApiKey)), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn keys_are_hexadecimal() {
        let keys = PropelAuthApiKeys::new("http://127.0.0.1:1", "backend").unwrap();
        let form = |token: &str| keys.token_form(&BearerToken::parse(token).unwrap());
        for key in ["00", "0123456789abcdefABCDEF00", &random_key()] {
            assert_eq!(form(key), TokenForm::Likely, "{key}");
        }
        for token in ["0", "012", "access-token", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "0x00", "00=="] {
            assert_eq!(form(token), TokenForm::Foreign, "{token}");
        }
    }
}
