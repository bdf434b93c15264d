//! Clients, and what they say about themselves (RFC 7591).

use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::config::is_scope_token;
use crate::secret::{Digest, random_secret};

use super::error::OAuthError;
use super::redirect_uri::{RedirectUriError, check_redirect_uri};

const MAX_REDIRECT_URIS: usize = 20;
const MAX_NAME: usize = 200;

/// A registered client, or one described by its client ID metadata document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) secret: Option<Digest>,
    pub(crate) scope: Option<String>,
    /// Whether it registered for the refresh token grant.
    pub(crate) refreshes: bool,
    /// When it was registered, or its document fetched.
    pub(crate) issued_at: u64,
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMethod {
    None,
    #[default]
    ClientSecretBasic,
    ClientSecretPost,
}

/// Client metadata as a client sends it; what this server has no use for is ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientMetadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    token_endpoint_auth_method: Option<AuthMethod>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    scope: Option<String>,
}

/// What a client learns about its registration (RFC 7591 section 3.2.1).
#[derive(Debug, Serialize)]
pub(crate) struct Registration {
    client_id: String,
    client_id_issued_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    redirect_uris: Vec<String>,
    grant_types: Vec<&'static str>,
    response_types: [&'static str; 1],
    token_endpoint_auth_method: AuthMethod,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl ClientMetadata {
    /// Makes a client of it, with a new id and, unless it is public, a new secret.
    pub(crate) fn register(self, allowed_redirects: Option<&[String]>) -> Result<(Client, Registration), OAuthError> {
        let auth_method = self.token_endpoint_auth_method.unwrap_or_default();
        let mut client = self.into_client(random_secret(), auth_method, allowed_redirects)?;
        let secret = (auth_method != AuthMethod::None).then(random_secret);
        client.secret = secret.as_deref().map(Digest::of);
        let registration = client.registration(secret);
        Ok((client, registration))
    }

    /// Makes a public client of a client ID metadata document.
    pub(crate) fn document(self, id: &str, allowed_redirects: Option<&[String]>) -> Result<Client, OAuthError> {
        // Nobody could share a secret with a public document.
        if !matches!(self.token_endpoint_auth_method, None | Some(AuthMethod::None)) {
            return Err(OAuthError::InvalidClientMetadata(
                "a client ID metadata document cannot use a client secret; use the method none".to_owned(),
            ));
        }
        self.into_client(id.to_owned(), AuthMethod::None, allowed_redirects)
    }

    fn into_client(
        self,
        id: String,
        auth_method: AuthMethod,
        allowed_redirects: Option<&[String]>,
    ) -> Result<Client, OAuthError> {
        let refused = |text: &str| Err(OAuthError::InvalidClientMetadata(text.to_owned()));
        if self.redirect_uris.is_empty() || self.redirect_uris.len() > MAX_REDIRECT_URIS {
            return Err(RedirectUriError::Count(MAX_REDIRECT_URIS).into());
        }
        for uri in &self.redirect_uris {
            check_redirect_uri(uri, allowed_redirects)?;
        }
        if let Some(name) = &self.client_name
            && (name.chars().count() > MAX_NAME || name.chars().any(char::is_control))
        {
            return refused("the `client_name` is longer than 200 characters or not printable");
        }
        if let Some(scope) = &self.scope
            && !scope.split(' ').all(|token| token.is_empty() || is_scope_token(token))
        {
            return refused("the `scope` is no list of scope tokens separated by spaces");
        }
        // RFC 7591 section 2: left out means authorization_code and code.
        let grants = |name: &str| match &self.grant_types {
            Some(types) => types.iter().any(|known| known == name),
            None => name == "authorization_code",
        };
        let responds_with_code = match &self.response_types {
            Some(types) => types.iter().any(|known| known == "code"),
            None => true,
        };
        if !grants("authorization_code") || !responds_with_code {
            return refused("this server has only the authorization_code grant with code");
        }
        Ok(Client {
            id,
            refreshes: grants("refresh_token"),
            name: self.client_name.filter(|name| !name.trim().is_empty()),
            redirect_uris: self.redirect_uris,
            auth_method,
            secret: None,
            scope: self.scope,
            issued_at: now(),
        })
    }
}

impl Client {
    fn registration(&self, secret: Option<String>) -> Registration {
        let mut grant_types = vec!["authorization_code"];
        if self.refreshes {
            grant_types.push("refresh_token");
        }
        Registration {
            client_id: self.id.clone(),
            client_id_issued_at: self.issued_at,
            // Zero: it never expires.
            client_secret_expires_at: secret.is_some().then_some(0),
            client_secret: secret,
            client_name: self.name.clone(),
            redirect_uris: self.redirect_uris.clone(),
            grant_types,
            response_types: ["code"],
            token_endpoint_auth_method: self.auth_method,
            scope: self.scope.clone(),
        }
    }

    /// What people see: the name that the client gave itself, or its id.
    pub(crate) fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}
