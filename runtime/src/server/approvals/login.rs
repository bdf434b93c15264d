//! Login of the person who opens the page of an approval: this server as an OAuth client of its authorization server.
//!
//! It is the authorization code flow with PKCE (OAuth 2.1), for this server's own resource. The access token
//! identifies the person, and is revoked immediately.

use std::{sync::Arc, time::Duration};

use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
    basic::{BasicClient, BasicTokenResponse},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Url, form_urlencoded};

use super::{
    endpoints::Endpoints,
    http::{HttpError, authenticate, post, send},
    registration::{Client, Registrations},
};
use crate::{
    approvals::ApprovalId,
    auth::{BearerToken, Unavailable},
    server::discovery::Discovery,
};

/// Maximum length of an error code of the authorization server in the log, in characters.
const MAX_ERROR_CHARS: usize = 64;
/// Time limit for revoking a token. No request waits for it.
const REVOCATION_TIMEOUT: Duration = Duration::from_secs(10);

type OAuthClient = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Input of [`LoginClient::new`].
pub(super) struct LoginConfig {
    pub(super) discovery: Arc<Discovery>,
    /// The client of the settings. `None` registers one.
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    pub(super) redirect_uri: String,
    pub(super) resource: String,
    /// Title of the server, by which the authorization server names the client.
    pub(super) title: String,
}

/// The OAuth client.
pub(super) struct LoginClient {
    discovery: Arc<Discovery>,
    configured: Option<Client>,
    registrations: Registrations,
    redirect_uri: String,
    resource: String,
}

/// A login that was begun, as the browser's cookie stores it until the authorization server sends the browser back. It
/// needs no memory of the server, and works on every replica.
#[derive(Serialize, Deserialize)]
pub(super) struct LoginAttempt {
    pub(super) approval: ApprovalId,
    pub(super) state: String,
    verifier: String,
    client_id: String,
}

/// Why a person could not log in. The text is for the log and holds neither a code nor a token nor a secret.
#[derive(Debug, Error)]
pub(super) enum LoginError {
    #[error("the metadata of the authorization server is not available: {0}")]
    Metadata(#[from] Unavailable),
    #[error(
        "the metadata of the authorization server has no `{0}` that is an https:// URL, so nobody can log in to give an \
         approval"
    )]
    Endpoint(&'static str),
    #[error(
        "the authorization server registers no clients: register one there with the redirect URI {0}, and set \
         `approvals.client_id`"
    )]
    NoRegistration(String),
    #[error(
        "the authorization server did not register a client ({reason}): allow the redirect URI {redirect_uri} there, or \
         register a client and set `approvals.client_id`"
    )]
    Registration { reason: String, redirect_uri: String },
    #[error("a URL of the login is invalid: {0}")]
    Url(#[from] url::ParseError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the token endpoint responded with the error {0:?}")]
    Rejected(String),
    #[error("the response of the token endpoint is invalid")]
    InvalidResponse,
    #[error("the login was begun with a client that this process does not know: try again")]
    UnknownClient,
}

impl LoginClient {
    pub(super) fn new(config: LoginConfig) -> Self {
        let secret = config.client_secret;
        let configured = config.client_id.map(|id| Client { id, secret });
        Self {
            discovery: config.discovery,
            configured,
            registrations: Registrations::new(config.title, config.redirect_uri.clone()),
            redirect_uri: config.redirect_uri,
            resource: config.resource,
        }
    }

    /// Begins a login. Returns the URL to which the browser is sent, and what the browser stores.
    pub(super) async fn begin(
        &self,
        approval: &ApprovalId,
        scope: Option<&str>,
        asks_for_account: bool,
    ) -> Result<(Url, LoginAttempt), LoginError> {
        let endpoints = self.endpoints().await?;
        let client = match &self.configured {
            Some(client) => client.clone(),
            None => self.registrations.get(&endpoints).await?,
        };
        let oauth = self.oauth_client(&endpoints, &client)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = oauth
            .authorize_url(CsrfToken::new_random)
            .set_pkce_challenge(challenge)
            .add_extra_param("resource", &self.resource);
        // Without a scope, many authorization servers grant all scopes.
        if let Some(scope) = scope {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        if asks_for_account {
            request = request.add_extra_param("prompt", "login");
        }
        let (url, state) = request.url();
        let attempt = LoginAttempt {
            approval: approval.clone(),
            state: state.into_secret(),
            verifier: verifier.into_secret(),
            client_id: client.id,
        };
        Ok((url, attempt))
    }

    /// Redeems the code of a login, and passes the access token to `read`. The token is revoked after that.
    pub(super) async fn finish<T>(
        self: &Arc<Self>,
        attempt: LoginAttempt,
        code: String,
        read: impl AsyncFnOnce(&BearerToken) -> T,
    ) -> Result<T, LoginError> {
        let endpoints = self.endpoints().await?;
        let client = self.client_of(&attempt.client_id).await?;
        let tokens = self.redeem(&endpoints, &client, attempt, code).await?;
        let token = BearerToken::parse(tokens.access_token().secret()).map_err(|_| LoginError::InvalidResponse);
        let outcome = match &token {
            Ok(token) => Ok(read(token).await),
            Err(_) => Err(LoginError::InvalidResponse),
        };
        tokio::spawn(revoke_tokens(endpoints, client, tokens));
        outcome
    }

    async fn endpoints(&self) -> Result<Endpoints, LoginError> {
        Endpoints::of(&self.discovery.get().await?.server)
    }

    /// Returns the client with which a login was begun. Another replica may have registered it as a public client.
    async fn client_of(&self, id: &str) -> Result<Client, LoginError> {
        match &self.configured {
            Some(client) if client.id == id => Ok(client.clone()),
            Some(_) => Err(LoginError::UnknownClient),
            None => Ok(self.registrations.known(id).await),
        }
    }

    async fn redeem(
        &self,
        endpoints: &Endpoints,
        client: &Client,
        attempt: LoginAttempt,
        code: String,
    ) -> Result<BasicTokenResponse, LoginError> {
        let http = async |request: oauth2::HttpRequest| send(request.try_into().map_err(HttpError::from)?).await;
        self.oauth_client(endpoints, client)?
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier))
            .add_extra_param("resource", &self.resource)
            .request_async(&|request| Box::pin(http(request)))
            .await
            .map_err(|error| match error {
                RequestTokenError::Request(error) => error.into(),
                RequestTokenError::ServerResponse(response) => {
                    LoginError::Rejected(response.error().as_ref().chars().take(MAX_ERROR_CHARS).collect())
                }
                // Their texts may contain the response.
                RequestTokenError::Parse(..) | RequestTokenError::Other(_) => LoginError::InvalidResponse,
            })
    }

    fn oauth_client(&self, endpoints: &Endpoints, client: &Client) -> Result<OAuthClient, LoginError> {
        let oauth = BasicClient::new(ClientId::new(client.id.clone()))
            .set_auth_uri(oauth2::AuthUrl::from_url(endpoints.authorization.clone()))
            .set_token_uri(oauth2::TokenUrl::from_url(endpoints.token.clone()))
            .set_redirect_uri(RedirectUrl::new(self.redirect_uri.clone())?);
        let auth_type = if endpoints.takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        Ok(match &client.secret {
            Some(secret) => {
                oauth.set_auth_type(auth_type).set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
            None => oauth,
        })
    }
}

/// Revokes the tokens of a login (RFC 7009), if the authorization server can.
async fn revoke_tokens(endpoints: Endpoints, client: Client, tokens: BasicTokenResponse) {
    let Some(url) = endpoints.revocation else { return };
    // The refresh token first: most authorization servers then end the access token, too.
    let refresh = tokens.refresh_token().map(|token| token.secret().as_str());
    for token in refresh.into_iter().chain([tokens.access_token().secret().as_str()]) {
        let request = revocation(&url, &client, endpoints.takes_basic, token);
        match tokio::time::timeout(REVOCATION_TIMEOUT, send(request)).await {
            Ok(Ok(response)) if response.status().is_success() => tracing::debug!("revoked the token of a login"),
            Ok(Ok(response)) => tracing::debug!(status = %response.status(), "the token of a login was not revoked"),
            Ok(Err(error)) => tracing::debug!(%error, "the token of a login was not revoked"),
            Err(_) => tracing::debug!("the token of a login was not revoked in time"),
        }
    }
}

fn revocation(url: &Url, client: &Client, takes_basic: bool, token: &str) -> reqwest::Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token).append_pair("client_id", &client.id);
    if let (Some(secret), false) = (&client.secret, takes_basic) {
        form.append_pair("client_secret", secret.expose_secret());
    }
    let mut request = post(url, "application/x-www-form-urlencoded", form.finish().into_bytes());
    if let (Some(secret), true) = (&client.secret, takes_basic) {
        authenticate(&mut request, &client.id, secret);
    }
    request
}
