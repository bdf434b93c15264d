//! The authorization request and its response (OAuth 2.1 section 4.1).

use url::Url;

use crate::config::is_scope_token;
use crate::settings::Settings;

use super::client::Client;
use super::error::OAuthError;
use super::params::Params;
use super::pkce::CodeChallenge;
use super::redirect_uri::is_registered;

/// Maximum length of `state`, in bytes.
const MAX_STATE_BYTES: usize = 4096;

/// Maximum length of `scope`, in bytes.
const MAX_SCOPE_BYTES: usize = 4096;

/// A validated authorization request.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Client,
    pub(crate) redirection: Redirection,
    pub(crate) challenge: CodeChallenge,
    pub(crate) resource: String,
    /// The requested scopes without duplicates. `None` requests everything that the person can grant.
    pub(crate) scopes: Option<Vec<String>>,
    /// `prompt=login`: show the login page even if a person is logged in.
    pub(crate) prompts_login: bool,
    /// `prompt=consent`: show the consent page even if the same request was completed before.
    pub(crate) prompts_consent: bool,
    /// The query of the request without `prompt`.
    pub(crate) query: String,
}

/// The destination of the authorization response.
#[derive(Clone, Debug)]
pub(crate) struct Redirection {
    /// The redirect URI as the client wrote it.
    pub(crate) redirect_uri: String,
    pub(crate) url: Url,
    state: Option<String>,
    /// The `iss` parameter (RFC 9207), if enabled.
    issuer: Option<String>,
}

/// A rejected authorization request.
#[derive(Debug)]
pub(crate) enum AuthorizationError {
    /// The redirect URI is not validated. The error is shown to the person, and the browser is not redirected.
    Page(OAuthError),
    /// The redirect URI is not one that the client registered, or is missing although the client registered several. This
    /// error is shown to the person, too.
    RedirectUri { sent: Option<String>, registered: Vec<String> },
    /// The error is sent to the client in a redirect.
    Redirect(Box<Redirection>, OAuthError),
}

impl Redirection {
    /// Validates the redirect URI. This comes first, because it decides where all other errors go.
    pub(crate) fn find(client: &Client, params: &Params, issuer: Option<String>) -> Result<Self, AuthorizationError> {
        let sent = params.get("redirect_uri").map_err(AuthorizationError::Page)?;
        let redirect_uri = match (sent, &client.redirect_uris[..]) {
            (Some(uri), registered) if is_registered(registered, uri) => uri,
            (None, [only]) => only,
            (sent, registered) => {
                let (sent, registered) = (sent.map(str::to_owned), registered.to_vec());
                return Err(AuthorizationError::RedirectUri { sent, registered });
            }
        };
        let url = Url::parse(redirect_uri).map_err(|_| {
            AuthorizationError::Page(OAuthError::InvalidRequest("`redirect_uri` must be an absolute URI".to_owned()))
        })?;
        Ok(Self {
            redirect_uri: redirect_uri.to_owned(),
            url,
            // Later checks reject a duplicate `state`.
            state: params.all("state").next().map(str::to_owned),
            issuer,
        })
    }

    /// Returns the URL that sends a code to the client.
    pub(crate) fn with_code(&self, code: &str) -> Url {
        self.with(&[("code", code)])
    }

    /// Returns the URL that sends an error to the client.
    pub(crate) fn with_error(&self, error: &str, description: &str) -> Url {
        self.with(&[("error", error), ("error_description", description)])
    }

    fn with(&self, params: &[(&str, &str)]) -> Url {
        let mut url = self.url.clone();
        let state = self.state.as_deref().map(|state| ("state", state));
        let issuer = self.issuer.as_deref().map(|issuer| ("iss", issuer));
        url.query_pairs_mut().extend_pairs(params).extend_pairs(state).extend_pairs(issuer);
        url
    }
}

impl AuthorizationRequest {
    /// Validates a request of a known client.
    pub(crate) fn check(
        settings: &Settings,
        issuer: &str,
        client: Client,
        params: &Params,
    ) -> Result<Self, AuthorizationError> {
        let issuer = settings.iss_parameter.then(|| issuer.to_owned());
        let redirection = Redirection::find(&client, params, issuer)?;
        match Checked::from_params(settings, params) {
            Ok(checked) => Ok(Self {
                client,
                redirection,
                challenge: checked.challenge,
                resource: checked.resource,
                scopes: checked.scopes,
                prompts_login: checked.prompt.iter().any(|prompt| prompt == "login"),
                prompts_consent: checked.prompt.iter().any(|prompt| prompt == "consent"),
                query: params.encode_without(&["prompt"]),
            }),
            Err(error) => Err(AuthorizationError::Redirect(Box::new(redirection), error)),
        }
    }
}

/// The parameters whose errors are sent to the client.
struct Checked {
    challenge: CodeChallenge,
    resource: String,
    scopes: Option<Vec<String>>,
    prompt: Vec<String>,
}

impl Checked {
    fn from_params(settings: &Settings, params: &Params) -> Result<Self, OAuthError> {
        let invalid = |text: &str| OAuthError::InvalidRequest(text.to_owned());
        if params.get("state")?.is_some_and(|state| state.len() > MAX_STATE_BYTES) {
            return Err(invalid("`state` must have at most 4096 bytes"));
        }
        if params.require("response_type")? != "code" {
            return Err(OAuthError::UnsupportedResponseType);
        }
        if !matches!(params.get("response_mode")?, None | Some("query")) {
            return Err(invalid("`response_mode` must be query or omitted"));
        }
        if params.get("request")?.is_some() || params.get("request_uri")?.is_some() {
            return Err(invalid("request objects are not supported; send parameters"));
        }
        let prompt = params.get("prompt")?.unwrap_or_default();
        Ok(Self {
            challenge: CodeChallenge::from_params(params)?,
            resource: resource(settings, params)?,
            scopes: params.get("scope")?.map(parse_scopes).transpose()?,
            prompt: prompt.split(' ').map(str::to_owned).collect(),
        })
    }
}

/// Reads `resource`. It is `invalid_target` if missing, malformed or unacceptable (RFC 8707 section 2).
fn resource(settings: &Settings, params: &Params) -> Result<String, OAuthError> {
    let invalid = |text: &str| Err(OAuthError::InvalidTarget(text.to_owned()));
    let mut resources = params.all("resource");
    match (resources.next(), resources.next()) {
        (None, _) => invalid("missing parameter `resource`; send the URL of the MCP endpoint that the token is for"),
        (Some(_), Some(_)) => invalid("duplicate parameter `resource`; request one token for each resource"),
        (Some(resource), None) => {
            settings.resources.check(resource).map_err(|error| OAuthError::InvalidTarget(error.to_string()))
        }
    }
}

/// Splits `scope` into its tokens, in their order and without duplicates.
pub(crate) fn parse_scopes(text: &str) -> Result<Vec<String>, OAuthError> {
    if text.len() > MAX_SCOPE_BYTES {
        return Err(OAuthError::InvalidScope("`scope` must have at most 4096 bytes".to_owned()));
    }
    let mut scopes: Vec<String> = Vec::new();
    for token in text.split(' ').filter(|token| !token.is_empty()) {
        if !is_scope_token(token) {
            return Err(OAuthError::InvalidScope(
                "`scope` must be a list of scope tokens separated by spaces".to_owned(),
            ));
        }
        if !scopes.iter().any(|scope| scope == token) {
            scopes.push(token.to_owned());
        }
    }
    Ok(scopes)
}
