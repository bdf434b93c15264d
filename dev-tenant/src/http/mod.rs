//! The HTTP endpoints.

mod admin;
mod api_keys;
mod authorization_request;
mod authorize;
mod backend;
mod client_auth;
mod client_redirect;
mod consent;
mod fault;
mod interruption;
mod introspect;
mod login;
mod metadata;
mod origin;
mod page;
mod register;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::tenant::Tenant;

/// Maximum size of a request body, in bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Maximum size of a client registration, in bytes. Most of it is stored.
const MAX_REGISTRATION_BYTES: usize = 16 << 10;

/// Path of the authorization server metadata. PropelAuth serves it here and not at the root.
const METADATA_PATH: &str = "/.well-known/oauth-authorization-server/oauth/2.1";

pub(crate) fn router(tenant: Arc<Tenant>) -> Router {
    // Clients in a browser call these endpoints from another origin, without cookies.
    let cors = CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(AllowHeaders::mirror_request());
    let public = Router::new()
        .route(METADATA_PATH, get(metadata::document))
        .route("/oauth/2.1/token", post(token::token))
        .route("/oauth/2.1/register", post(register::register).layer(DefaultBodyLimit::max(MAX_REGISTRATION_BYTES)))
        .route("/oauth/2.1/revoke", post(token::revoke))
        .layer(cors);
    Router::new()
        .merge(public)
        .route("/oauth/2.1/authorize", get(authorize::authorize))
        .route("/oauth/2.1/login", post(login::submit))
        .route("/oauth/2.1/consent", post(consent::submit))
        .merge(admin::router(Arc::clone(&tenant)))
        .route(page::STYLE_SHEET_PATH, get(page::style_sheet))
        .route("/oauth/2.1/introspect", post(introspect::introspect))
        .route(api_keys::VALIDATE_PATH, post(api_keys::validate))
        .route("/api/backend/v1/user/{id}", get(backend::show))
        .route("/api/backend/v1/user/{id}/oauth_token", get(backend::provider_tokens))
        .route("/api/backend/v1/user/{id}/{provider}/fresh_token", get(backend::fresh_provider_token))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&tenant), flush_changes))
        .layer(from_fn(origin::require_loopback_host))
        .with_state(tenant)
}

/// Delays the response until the changes of the request are in the data file.
async fn flush_changes(State(tenant): State<Arc<Tenant>>, request: Request, next: Next) -> Response {
    let is_read_only = request.method().is_safe();
    let text = "The change could not be written to the data file; see the log of the development tenant.\n";
    let not_written = || (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    // Otherwise, the changes that cannot be written would need more and more memory.
    if !is_read_only && tenant.journal.is_failing() && !tenant.journal.flush().await {
        return not_written();
    }
    let response = next.run(request).await;
    if is_read_only || tenant.journal.flush().await { response } else { not_written() }
}
