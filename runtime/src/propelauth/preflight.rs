//! What can be found out about PropelAuth's settings before anybody calls.

use uuid::Uuid;

use super::{PropelAuth, advertise::Choice, answer::Answer, client::HttpError, endpoints, failure::Failure};
use crate::auth::{BearerToken, Finding};

/// Asks about a token that nobody has, and for the metadata.
pub(super) async fn findings(auth: &PropelAuth) -> Vec<Finding> {
    let (tokens, metadata) = tokio::join!(tokens(auth), metadata(auth));
    tokens.into_iter().chain(metadata).collect()
}

/// RFC 7662, section 2.2: a token that is not known is inactive. That answer proves the credentials.
async fn tokens(auth: &PropelAuth) -> Option<Finding> {
    let address = auth.auth_url.introspection();
    let Ok(token) = BearerToken::parse(&format!("preflight-{}", Uuid::new_v4().simple())) else {
        return Some(Finding::fatal(
            "authorization_server_unavailable",
            "no token could be made to ask PropelAuth about",
        ));
    };
    match endpoints::introspect(&auth.http, &address, &auth.credentials, &token).await {
        Ok(Answer::Inactive) => None,
        Ok(Answer::Active(_)) => Some(Finding::fatal(
            "introspection_not_trustworthy",
            format!(
                "{address} says that a random token is valid, so it is not PropelAuth that answers there: set \
                 PROPELAUTH_AUTH_URL to the Auth URL that the dashboard shows under Backend Integration"
            ),
        )),
        Err(failure) => {
            let unavailable = failure.at(&address);
            let code = match failure {
                Failure::CredentialsRefused(_) => "credentials_refused",
                _ => "authorization_server_unavailable",
            };
            Some(Finding::fatal(code, unavailable.to_string()))
        }
    }
}

/// RFC 8414, section 3: without the document no client finds its way.
async fn metadata(auth: &PropelAuth) -> Option<Finding> {
    let address = auth.auth_url.metadata();
    match endpoints::fetch_metadata(&auth.http, &address).await {
        Ok(metadata) => {
            let choice = Choice::new(auth.advertise, &auth.auth_url, &metadata);
            let finding = if choice.is_worrying() { Finding::warning } else { Finding::note };
            Some(finding("issuer", choice.to_string()))
        }
        Err(Failure::Http(HttpError::NotFound)) => Some(Finding::fatal(
            "mcp_not_enabled",
            format!(
                "MCP is not enabled on this environment, since {address} is not there (404): enable it in the \
                 dashboard under MCP -> Enable MCP, in the environment of this Auth URL"
            ),
        )),
        Err(failure) => Some(Finding::fatal("metadata_unavailable", failure.at(&address).to_string())),
    }
}
