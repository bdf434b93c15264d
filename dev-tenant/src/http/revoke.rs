//! Token revocation (RFC 7009).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::oauth::OAuthError;
use crate::tenant::Tenant;

use super::client_auth::{authenticate, form_params};

/// `POST /oauth/2.1/revoke`
pub(super) async fn revoke(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    match revoke_token(&tenant, &headers, &body) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => error.into_response(),
    }
}

fn revoke_token(tenant: &Tenant, headers: &HeaderMap, body: &[u8]) -> Result<(), OAuthError> {
    let params = form_params(headers, body)?;
    let client = authenticate(tenant, headers, &params)?;
    let token = params.require("token")?;
    tenant.state().revoke_token(&client, token);
    Ok(())
}
