//! PropelAuth: asks it about every token (RFC 7662) and passes its metadata on (RFC 8414).

mod advertise;
mod answer;
mod auth_url;
mod client;
mod config;
mod endpoints;
mod failure;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod fuzzing;
mod metadata;
mod preflight;
mod retry_after;
pub(crate) mod webhook;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

pub use self::{
    advertise::Advertise,
    auth_url::AuthUrlError,
    config::{ConfigError, Variable},
};
use self::{
    advertise::{Announcer, Choice},
    answer::Answer,
    auth_url::AuthUrl,
    client::{Http, Limits},
    config::{Config, Credentials},
};
use crate::auth::{AuthorizationServer, BearerToken, Claims, Finding, TokenValidator, Unavailable, ValidationError};

/// Validates tokens by asking PropelAuth about each of them.
///
/// ```no_run
/// use std::time::Duration;
/// use toolgate::PropelAuth;
///
/// // Reads PROPELAUTH_AUTH_URL, PROPELAUTH_INTROSPECTION_CLIENT_ID and PROPELAUTH_INTROSPECTION_CLIENT_SECRET.
/// let auth = PropelAuth::from_env()?.timeout(Duration::from_secs(3));
/// # let _ = auth;
/// # Ok::<(), toolgate::propelauth::ConfigError>(())
/// ```
///
/// A call goes out over one pool of connections, `https` only except to this machine, through the proxy of the
/// environment (`HTTPS_PROXY`) except to this machine, follows no redirect, and is bounded in time and in size.
/// Whatever is not a well-formed answer means that the token could not be checked ([`Unavailable`], 503), never that
/// it is inactive (401).
///
/// In an answer, `scope` and `aud` may be a string or an array of strings, and `exp` an integer, a float or a string
/// that holds either. Everything but `active` may be missing or `null`; `resource` is read when `aud` is. A field of
/// another type, a key that stands twice and an `exp` after the year 9999 make the answer unreadable. A token whose
/// `exp` has passed is inactive whatever `active` says.
pub struct PropelAuth {
    auth_url: AuthUrl,
    credentials: Credentials,
    http: Http,
    advertise: Advertise,
    announcer: Announcer,
}

impl PropelAuth {
    /// Reads the settings from `PROPELAUTH_AUTH_URL`, `PROPELAUTH_INTROSPECTION_CLIENT_ID` and
    /// `PROPELAUTH_INTROSPECTION_CLIENT_SECRET`. A variable that is empty is missing; white space around a value is
    /// not part of it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with a text that names the variables, where the dashboard shows their values, and what to write.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::with_config(Config::from_env()?)
    }

    /// Takes the settings from elsewhere than the environment. A slash at the end of the Auth URL does not matter;
    /// `http` is for loopback only.
    ///
    /// ```
    /// use toolgate::PropelAuth;
    ///
    /// let auth = PropelAuth::new("http://127.0.0.1:4000", "introspection-client", "introspection-secret")?;
    /// assert!(!format!("{auth:?}").contains("secret"));
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
        let http = Http::new(&config.auth_url).map_err(|error| ConfigError::Https(error.to_string()))?;
        Ok(Self {
            auth_url: config.auth_url,
            credentials: config.credentials,
            http,
            advertise: Advertise::default(),
            announcer: Announcer::default(),
        })
    }

    /// How long a connection may take to come about, TLS included. Two seconds unless set.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        self.limit(|limits| limits.connect_timeout = connect_timeout)
    }

    /// How long a call may take in all, from connecting to the last byte of the answer. Five seconds unless set.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.limit(|limits| limits.timeout = timeout)
    }

    /// Largest introspection answer that is read, in bytes. 65,536 unless set. (The metadata may have 1 MiB.)
    pub fn max_answer_bytes(self, bytes: usize) -> Self {
        self.limit(|limits| limits.max_answer_bytes = bytes)
    }

    /// Says which authorization server clients are told about, whatever PropelAuth's metadata looks like.
    pub fn advertise(mut self, advertise: Advertise) -> Self {
        self.advertise = advertise;
        self
    }

    fn limit(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = self.http.limits();
        change(&mut limits);
        self.http.set_limits(limits);
        self
    }
}

/// Shows neither credential: the two are easily swapped.
impl fmt::Debug for PropelAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropelAuth")
            .field("auth_url", &self.auth_url.as_str())
            .field("limits", &self.http.limits())
            .field("advertise", &self.advertise)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenValidator for PropelAuth {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        let address = self.auth_url.introspection();
        match endpoints::introspect(&self.http, &address, &self.credentials, token).await {
            Ok(Answer::Active(claims)) => Ok(*claims),
            Ok(Answer::Inactive) => Err(ValidationError::Inactive),
            Err(error) => Err(error.at(&address).into()),
        }
    }

    async fn authorization_server(&self, base_url: &str) -> Result<AuthorizationServer, Unavailable> {
        let address = self.auth_url.metadata();
        let metadata = endpoints::fetch_metadata(&self.http, &address).await.map_err(|error| error.at(&address))?;
        let choice = Choice::new(self.advertise, &self.auth_url, &metadata);
        let server = choice.apply(metadata, base_url);
        self.announcer.announce(choice);
        Ok(server)
    }

    fn default_issuer(&self) -> Option<String> {
        Some(self.auth_url.issuer())
    }

    async fn preflight(&self) -> Vec<Finding> {
        preflight::findings(self).await
    }
}

#[cfg(test)]
mod tests;
