//! What can be found out about PropelAuth's settings before anybody calls.

use uuid::Uuid;

use super::{
    PropelAuth, endpoints, http_client::HttpError, introspection_response::IntrospectionResponse, issuer::Choice,
    request_error::RequestError,
};
use crate::auth::{BearerToken, Diagnostic};

/// Asks about a token that nobody has, and for the metadata.
pub(super) async fn diagnostics(auth: &PropelAuth) -> Vec<Diagnostic> {
    let (tokens, metadata) = tokio::join!(tokens(auth), metadata(auth));
    tokens.into_iter().chain(metadata).collect()
}

/// RFC 7662, section 2.2: a token that is not known is inactive. That answer proves the credentials.
async fn tokens(auth: &PropelAuth) -> Option<Diagnostic> {
    let address = auth.auth_url.introspection();
    let Ok(token) = BearerToken::parse(&format!("preflight-{}", Uuid::new_v4().simple())) else {
        return Some(Diagnostic::fatal(
            "authorization_server_unavailable",
            "no token could be made to ask PropelAuth about",
        ));
    };
    match endpoints::introspect(&auth.http, &address, &auth.credentials, &token).await {
        Ok(IntrospectionResponse::Inactive) => None,
        Ok(IntrospectionResponse::Active(_)) => Some(Diagnostic::fatal(
            "introspection_not_trustworthy",
            format!(
                "{address} says that a random token is valid, so it is not PropelAuth that answers there: set \
                 PROPELAUTH_AUTH_URL to the Auth URL that the dashboard shows under Backend Integration"
            ),
        )),
        Err(failure) => {
            let unavailable = failure.at(&address);
            let code = match failure {
                RequestError::CredentialsRefused(_) => "credentials_refused",
                _ => "authorization_server_unavailable",
            };
            Some(Diagnostic::fatal(code, unavailable.to_string()))
        }
    }
}

/// RFC 8414, section 3: without the document no client finds its way.
async fn metadata(auth: &PropelAuth) -> Option<Diagnostic> {
    let address = auth.auth_url.metadata();
    match endpoints::fetch_metadata(&auth.http, &address).await {
        Ok(metadata) => {
            let choice = Choice::new(auth.advertise, &auth.auth_url, &metadata);
            let diagnostic = if choice.is_worrying() { Diagnostic::warning } else { Diagnostic::note };
            Some(diagnostic("issuer", choice.to_string()))
        }
        Err(RequestError::Http(HttpError::NotFound)) => Some(Diagnostic::fatal(
            "mcp_not_enabled",
            format!(
                "MCP is not enabled on this environment, since {address} is not there (404): enable it in the \
                 dashboard under MCP -> Enable MCP, in the environment of this Auth URL"
            ),
        )),
        Err(failure) => Some(Diagnostic::fatal("metadata_unavailable", failure.at(&address).to_string())),
    }
}
