//! Dynamic client registration (RFC 7591).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};

use crate::oauth::{ClientMetadata, OAuthError};
use crate::tenant::Tenant;

/// `POST /oauth/2.1/register`
pub(super) async fn register(
    State(tenant): State<Arc<Tenant>>,
    metadata: Result<Json<ClientMetadata>, JsonRejection>,
) -> Result<Response, OAuthError> {
    if !tenant.settings.registration {
        // A PropelAuth project without Dynamic Client Registration has no such endpoint.
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    let Json(metadata) = metadata.map_err(|error| {
        OAuthError::InvalidClientMetadata(format!("the body must be client metadata as JSON: {error}"))
    })?;
    let allowed = tenant.settings.allowed_redirect_uris.as_deref();
    let (client, registration) = metadata.register(allowed)?;
    tenant.state().put_client(client)?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(registration)).into_response())
}
