//! Requests to an authorization server: token introspection (RFC 7662) and metadata (RFC 8414).

use std::time::SystemTime;

use http::StatusCode;

use super::{
    claim_names::ClaimNames,
    credentials::Credentials,
    http_client::{HttpClient, HttpError},
    introspection_response::IntrospectionResponse,
    metadata::Metadata,
    request_error::RequestError,
};
use crate::auth::BearerToken;

/// Maximum size of a metadata document, in bytes.
const MAX_METADATA_BYTES: usize = 1024 * 1024;

/// Introspects a token.
pub(crate) async fn introspect(
    http: &HttpClient,
    url: &str,
    credentials: &Credentials,
    token: &BearerToken,
    names: &ClaimNames,
) -> Result<IntrospectionResponse, RequestError> {
    let form = vec![("token", token.expose()), ("token_type_hint", "access_token")];
    let request = credentials.authenticate(http.client()?.post(url), form);
    let body = http.send(request, http.limits().max_response_bytes).await.map_err(|error| match error {
        // RFC 7662, section 2.3: these statuses reject the credentials of this server, not the token.
        HttpError::Status(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
            RequestError::CredentialsRejected(status)
        }
        error => error.into(),
    })?;
    Ok(IntrospectionResponse::parse(&body, names, SystemTime::now())?)
}

/// Fetches the metadata, without credentials because it is public.
pub(crate) async fn fetch_metadata(http: &HttpClient, url: &str) -> Result<Metadata, RequestError> {
    let request = http.client()?.get(url);
    let body = http.send(request, MAX_METADATA_BYTES).await?;
    Ok(Metadata::parse(&body)?)
}
