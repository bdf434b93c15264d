//! Asking PropelAuth about a token (RFC 7662), and for its metadata (RFC 8414).

use std::time::SystemTime;

use http::StatusCode;
use secrecy::ExposeSecret;

use super::{
    config::Credentials,
    http_client::{HttpClient, HttpError},
    introspection_response::IntrospectionResponse,
    metadata::Metadata,
    request_error::RequestError,
};
use crate::auth::BearerToken;

/// Largest metadata document that is read, in bytes.
const MAX_METADATA_BYTES: usize = 1024 * 1024;

/// Asks about a token, with this server's credentials in HTTP Basic.
///
/// They are sent as they are. RFC 6749, section 2.3.1 has them form-encoded first, which for the letters and digits of
/// PropelAuth's credentials is the same; where it is not, `curl -u`, `FastMCP` and PropelAuth's guides send them as
/// they are, too.
pub(super) async fn introspect(
    http: &HttpClient,
    address: &str,
    credentials: &Credentials,
    token: &BearerToken,
) -> Result<IntrospectionResponse, RequestError> {
    let form = [("token", token.expose()), ("token_type_hint", "access_token")];
    let request = http
        .client()?
        .post(address)
        .basic_auth(&credentials.client_id, Some(credentials.client_secret.expose_secret()))
        .form(&form);
    let body = http.call(request, http.limits().max_response_bytes).await.map_err(refusal)?;
    Ok(IntrospectionResponse::read(&body, SystemTime::now())?)
}

/// RFC 7662, section 2.1: it is this server that such a status refuses, not the token.
fn refusal(error: HttpError) -> RequestError {
    match error {
        HttpError::Status(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
            RequestError::CredentialsRefused(status)
        }
        error => error.into(),
    }
}

/// Fetches the metadata. The call shows no credentials: the document is public.
pub(super) async fn fetch_metadata(http: &HttpClient, address: &str) -> Result<Metadata, RequestError> {
    let request = http.client()?.get(address);
    let body = http.call(request, MAX_METADATA_BYTES).await?;
    Ok(Metadata::read(&body)?)
}
