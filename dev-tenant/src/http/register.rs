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
) -> Response {
    if !tenant.settings.registration {
        // As at a PropelAuth project without Dynamic Client Registration.
        return StatusCode::NOT_FOUND.into_response();
    }
    let Json(metadata) = match metadata {
        Ok(metadata) => metadata,
        Err(error) => {
            let text = format!("the body is no client metadata in JSON: {error}");
            return OAuthError::InvalidClientMetadata(text).into_response();
        }
    };
    let allowed = tenant.settings.allowed_redirect_uris.as_deref();
    let registered = metadata.register(allowed).and_then(|(client, registration)| {
        tenant.state().put_client(client)?;
        Ok(registration)
    });
    match registered {
        Ok(registration) => {
            let headers = [(CACHE_CONTROL, "no-store")];
            (StatusCode::CREATED, headers, Json(registration)).into_response()
        }
        Err(error) => error.into_response(),
    }
}
