//! The authorization request and its answers (OAuth 2.1 section 4.1).

use url::Url;

use crate::config::is_scope_token;
use crate::settings::Settings;

use super::client::Client;
use super::error::OAuthError;
use super::params::Params;
use super::pkce::CodeChallenge;
use super::redirect_uri::find_redirect_uri;

/// No `state` of a client is anywhere near this many bytes.
const MAX_STATE: usize = 4096;

/// A checked authorization request.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Client,
    pub(crate) redirection: Redirection,
    pub(crate) challenge: CodeChallenge,
    pub(crate) resource: String,
    /// The scopes asked for, each once. `None`: whatever the person can grant.
    pub(crate) scopes: Option<Vec<String>>,
    /// `prompt=login`: asks who it is although somebody is logged in.
    pub(crate) prompts_login: bool,
    /// `prompt=consent`: asks although the very same request was answered already.
    pub(crate) prompts_consent: bool,
    /// The request without `prompt`, to come back to.
    pub(crate) query: String,
}

/// Where the answer goes.
#[derive(Clone, Debug)]
pub(crate) struct Redirection {
    /// As the client wrote it.
    pub(crate) redirect_uri: String,
    pub(crate) url: Url,
    state: Option<String>,
    /// RFC 9207, if switched on.
    issuer: Option<String>,
}

/// What becomes of a request that cannot be answered.
#[derive(Debug)]
pub(crate) enum AuthorizationError {
    /// The client or its redirect URI is not known to be good, so the person is told and sent nowhere.
    Page(OAuthError),
    /// The client is told.
    Redirect(Box<Redirection>, OAuthError),
}

impl Redirection {
    /// Finds where the answer goes, before anything else of the request is looked at.
    pub(crate) fn find(client: &Client, params: &Params, issuer: Option<String>) -> Result<Self, OAuthError> {
        let redirect_uri = match (params.get("redirect_uri")?, &client.redirect_uris[..]) {
            (Some(uri), registered) if find_redirect_uri(registered, uri) => uri,
            (Some(_), _) => {
                return Err(OAuthError::InvalidRequest(
                    "the application's `redirect_uri` is none of those that it registered; it must be the \
                     same character by character, but for the port on loopback"
                        .to_owned(),
                ));
            }
            (None, [only]) => only,
            (None, _) => {
                return Err(OAuthError::InvalidRequest(
                    "`redirect_uri` is missing, and the application registered several".to_owned(),
                ));
            }
        };
        let url = Url::parse(redirect_uri)
            .map_err(|_| OAuthError::InvalidRequest("the `redirect_uri` is no absolute URI".to_owned()))?;
        Ok(Self {
            redirect_uri: redirect_uri.to_owned(),
            url,
            // A doubled state is reported by the checks that follow.
            state: params.all("state").next().map(str::to_owned),
            issuer,
        })
    }

    /// The address that carries a code to the client.
    pub(crate) fn with_code(&self, code: &str) -> Url {
        self.with(&[("code", code)])
    }

    /// The address that carries an error to the client.
    pub(crate) fn with_error(&self, error: &str, description: &str) -> Url {
        self.with(&[("error", error), ("error_description", description)])
    }

    fn with(&self, answer: &[(&str, &str)]) -> Url {
        let mut url = self.url.clone();
        let state = self.state.as_deref().map(|state| ("state", state));
        let issuer = self.issuer.as_deref().map(|issuer| ("iss", issuer));
        url.query_pairs_mut().extend_pairs(answer).extend_pairs(state).extend_pairs(issuer);
        url
    }
}

impl AuthorizationRequest {
    /// Checks a request of a client that is known.
    pub(crate) fn check(
        settings: &Settings,
        issuer: &str,
        client: Client,
        params: &Params,
    ) -> Result<Self, AuthorizationError> {
        let issuer = settings.iss_parameter.then(|| issuer.to_owned());
        let redirection = Redirection::find(&client, params, issuer).map_err(AuthorizationError::Page)?;
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

/// The parameters whose errors the client is told about.
struct Checked {
    challenge: CodeChallenge,
    resource: String,
    scopes: Option<Vec<String>>,
    prompt: Vec<String>,
}

impl Checked {
    fn from_params(settings: &Settings, params: &Params) -> Result<Self, OAuthError> {
        let refused = |text: &str| OAuthError::InvalidRequest(text.to_owned());
        if params.get("state")?.is_some_and(|state| state.len() > MAX_STATE) {
            return Err(refused("`state` is longer than 4096 bytes"));
        }
        if params.require("response_type")? != "code" {
            return Err(OAuthError::UnsupportedResponseType);
        }
        if !matches!(params.get("response_mode")?, None | Some("query")) {
            return Err(refused("`response_mode` must be query or left out"));
        }
        if params.get("request")?.is_some() || params.get("request_uri")?.is_some() {
            return Err(refused("request objects are not supported; send parameters"));
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

/// RFC 8707 section 2: `invalid_target` for a resource that is missing, malformed or unacceptable.
fn resource(settings: &Settings, params: &Params) -> Result<String, OAuthError> {
    let target = |text: String| OAuthError::InvalidTarget(text);
    let mut resources = params.all("resource");
    match (resources.next(), resources.next()) {
        (None, _) => Err(target("`resource` is missing; name the MCP endpoint that the token is for".to_owned())),
        (Some(_), Some(_)) => Err(target("more than one `resource`; ask for one token each".to_owned())),
        (Some(resource), None) => settings.resources.check(resource).map_err(|error| target(error.to_string())),
    }
}

/// Scope tokens separated by spaces, each once, in their order.
pub(crate) fn parse_scopes(text: &str) -> Result<Vec<String>, OAuthError> {
    let mut scopes: Vec<String> = Vec::new();
    for token in text.split(' ').filter(|token| !token.is_empty()) {
        if !is_scope_token(token) {
            return Err(OAuthError::InvalidScope(
                "`scope` is no list of scope tokens separated by spaces".to_owned(),
            ));
        }
        if !scopes.iter().any(|scope| scope == token) {
            scopes.push(token.to_owned());
        }
    }
    Ok(scopes)
}
