//! Preflight check of PropelAuth's settings.

use super::{ADVICE, PropelAuth, issuer::AdvertisedIssuer};
use crate::{
    auth::{BearerToken, Diagnostic, code},
    oauth::{
        ClaimNames, endpoints, http_client::HttpError, introspection_response::IntrospectionResponse,
        request_error::RequestError,
    },
};

/// Introspects a random token and fetches the metadata.
pub(super) async fn diagnostics(auth: &PropelAuth) -> Vec<Diagnostic> {
    let (introspection, metadata) = tokio::join!(check_introspection(auth), check_metadata(auth));
    introspection.into_iter().chain(metadata).collect()
}

/// Checks that PropelAuth reports a random token as inactive (RFC 7662, section 2.2), which requires valid
/// credentials.
async fn check_introspection(auth: &PropelAuth) -> Option<Diagnostic> {
    let url = auth.auth_url.introspection_url();
    let token = BearerToken::random("preflight");
    match endpoints::introspect(&auth.http, &url, &auth.credentials, &token, &ClaimNames::DEFAULT).await {
        Ok(IntrospectionResponse::Inactive) => None,
        Ok(IntrospectionResponse::Active(_)) => Some(Diagnostic::fatal(
            "introspection_not_trustworthy",
            format!(
                "{url} reports a random token as active, so it does not belong to PropelAuth: set \
                 PROPELAUTH_AUTH_URL to the Auth URL that the dashboard shows under Backend Integration"
            ),
        )),
        Err(error) => {
            let code = match error {
                RequestError::CredentialsRejected(_) => code::CREDENTIALS_REJECTED,
                _ => code::UNAVAILABLE,
            };
            Some(Diagnostic::fatal(code, error.to_unavailable(&url, &ADVICE).to_string()))
        }
    }
}

/// Checks that the metadata is available. Without it, clients cannot discover the authorization server (RFC 8414,
/// section 3).
async fn check_metadata(auth: &PropelAuth) -> Option<Diagnostic> {
    let url = auth.auth_url.metadata_url();
    match endpoints::fetch_metadata(&auth.http, &url).await {
        Ok(metadata) => {
            let issuer = AdvertisedIssuer::new(auth.advertise, &auth.auth_url, &metadata);
            let diagnostic = if issuer.is_warning() { Diagnostic::warning } else { Diagnostic::note };
            Some(diagnostic("issuer", issuer.to_string()))
        }
        Err(RequestError::Http(HttpError::NotFound)) => Some(Diagnostic::fatal(
            "mcp_not_enabled",
            format!(
                "MCP is not enabled for this environment ({url} responds 404): enable it in the dashboard under MCP \
                 -> Enable MCP, in the environment of this Auth URL"
            ),
        )),
        Err(error) => {
            Some(Diagnostic::fatal("metadata_unavailable", error.to_unavailable(&url, &ADVICE).to_string()))
        }
    }
}
