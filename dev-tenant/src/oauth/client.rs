//! Clients and their metadata (RFC 7591).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::now;
use crate::config::is_scope_token;
use crate::secret::{Digest, random_secret};
use crate::text::{is_plain, shown};

use super::error::OAuthError;
use super::redirect_uri::{RedirectUriError, check_redirect_uri};

/// Maximum number of redirect URIs of a client.
const MAX_REDIRECT_URIS: usize = 20;

/// Maximum length of a client's name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Maximum length of the scopes that a client registers, in bytes.
const MAX_SCOPE_BYTES: usize = 4096;

/// A registered client, or one described by its client ID metadata document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) auth_method: AuthMethod,
    pub(crate) secret: Option<Digest>,
    pub(crate) scope: Option<String>,
    /// Whether the client registered for the refresh token grant.
    pub(crate) refreshes: bool,
    /// Time of the registration, or of the fetch of the metadata document, in seconds since the Unix epoch.
    pub(crate) issued_at: u64,
}

/// Client authentication method at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMethod {
    None,
    #[default]
    ClientSecretBasic,
    ClientSecretPost,
}

/// Client metadata as a client sends it. Members that this server does not use are not stored.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientMetadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    token_endpoint_auth_method: Option<AuthMethod>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    scope: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Members with text that other programs show or log (RFC 7591 section 2). `client_name` is checked here in other languages
/// than the default one.
const TEXT_MEMBERS: [&str; 9] = [
    "client_name",
    "client_uri",
    "contacts",
    "jwks_uri",
    "logo_uri",
    "policy_uri",
    "software_id",
    "software_version",
    "tos_uri",
];

/// The registration response (RFC 7591 section 3.2.1).
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
    /// Creates a client with a new id and, unless it is public, a new secret.
    pub(crate) fn register(self, allowed_redirects: Option<&[String]>) -> Result<(Client, Registration), OAuthError> {
        let auth_method = self.token_endpoint_auth_method.unwrap_or_default();
        let mut client = self.into_client(random_secret(), auth_method, allowed_redirects)?;
        let secret = (auth_method != AuthMethod::None).then(random_secret);
        client.secret = secret.as_deref().map(Digest::of);
        let registration = client.registration(secret);
        Ok((client, registration))
    }

    /// Creates a public client from a client ID metadata document.
    pub(crate) fn into_document_client(
        self,
        id: &str,
        allowed_redirects: Option<&[String]>,
    ) -> Result<Client, OAuthError> {
        // The document is public, so it cannot establish a shared secret.
        if !matches!(self.token_endpoint_auth_method, None | Some(AuthMethod::None)) {
            return Err(OAuthError::InvalidClientMetadata(
                "`token_endpoint_auth_method` of a client ID metadata document must be none".to_owned(),
            ));
        }
        self.into_client(id.to_owned(), AuthMethod::None, allowed_redirects)
    }

    /// Returns whether a member that this server does not use is plain text, in all its languages (`member#tag`).
    fn is_plain_member(&self, member: &str) -> bool {
        let is_plain_text = |text: &Value| text.as_str().is_none_or(|text| text.chars().all(is_plain));
        let mut of_member = self.others.iter().filter(|(key, _)| key.split('#').next() == Some(member));
        of_member.all(|(_, value)| match value {
            Value::Array(texts) => texts.iter().all(is_plain_text),
            text => is_plain_text(text),
        })
    }

    fn into_client(
        self,
        id: String,
        auth_method: AuthMethod,
        allowed_redirects: Option<&[String]>,
    ) -> Result<Client, OAuthError> {
        let invalid = |text: &str| Err(OAuthError::InvalidClientMetadata(text.to_owned()));
        if self.redirect_uris.is_empty() || self.redirect_uris.len() > MAX_REDIRECT_URIS {
            return Err(RedirectUriError::Count(MAX_REDIRECT_URIS).into());
        }
        for uri in &self.redirect_uris {
            check_redirect_uri(uri, allowed_redirects)?;
        }
        if let Some(name) = &self.client_name
            && (name.chars().count() > MAX_NAME_CHARS || !name.chars().all(is_plain))
        {
            return invalid(
                "`client_name` must be at most 200 characters, without control characters, invisible characters and \
                 characters that change the direction of the text",
            );
        }
        if let Some(member) = TEXT_MEMBERS.into_iter().find(|member| !self.is_plain_member(member)) {
            return invalid(&format!(
                "`{member}` must be without control characters, invisible characters and characters that change the \
                 direction of the text"
            ));
        }
        if let Some(scope) = &self.scope
            && (scope.len() > MAX_SCOPE_BYTES
                || !scope.split(' ').all(|token| token.is_empty() || is_scope_token(token)))
        {
            return invalid("`scope` must be a list of scope tokens separated by spaces, at most 4096 bytes");
        }
        // RFC 7591 section 2: the defaults are authorization_code and code.
        let grants = |name: &str| match &self.grant_types {
            Some(types) => types.iter().any(|registered| registered == name),
            None => name == "authorization_code",
        };
        let responds_with_code = match &self.response_types {
            Some(types) => types.iter().any(|registered| registered == "code"),
            None => true,
        };
        if !grants("authorization_code") || !responds_with_code {
            return invalid("this server requires the grant type authorization_code and the response type code");
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
            // Zero means that it does not expire.
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

    /// Returns the name for people: the name that the client registered, or its id.
    pub(crate) fn display_name(&self) -> String {
        // A data file may have a name that an earlier version accepted.
        shown(self.name.as_deref().unwrap_or(&self.id))
    }
}
