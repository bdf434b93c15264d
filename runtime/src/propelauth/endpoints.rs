//! Asking PropelAuth about a token (RFC 7662), and for its metadata (RFC 8414).

use std::time::SystemTime;

use http::StatusCode;
use secrecy::ExposeSecret;

use super::{
    answer::Answer,
    client::{Http, HttpError},
    config::Credentials,
    failure::Failure,
    metadata::Metadata,
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
    http: &Http,
    address: &str,
    credentials: &Credentials,
    token: &BearerToken,
) -> Result<Answer, Failure> {
    let form = [("token", token.expose()), ("token_type_hint", "access_token")];
    let request = http
        .client()?
        .post(address)
        .basic_auth(&credentials.client_id, Some(credentials.client_secret.expose_secret()))
        .form(&form);
    let body = http.call(request, http.limits().max_answer_bytes).await.map_err(refusal)?;
    Ok(Answer::read(&body, SystemTime::now())?)
}

/// RFC 7662, section 2.1: it is this server that such a status refuses, not the token.
fn refusal(error: HttpError) -> Failure {
    match error {
        HttpError::Status(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
            Failure::CredentialsRefused(status)
        }
        error => error.into(),
    }
}

/// Fetches the metadata. The call shows no credentials: the document is public.
pub(super) async fn fetch_metadata(http: &Http, address: &str) -> Result<Metadata, Failure> {
    let request = http.client()?.get(address);
    let body = http.call(request, MAX_METADATA_BYTES).await?;
    Ok(Metadata::read(&body)?)
}
