//! The HTTP surface.

mod admin;
mod authorize;
mod basic;
mod client_auth;
mod consent;
mod host;
mod introspect;
mod login;
mod metadata;
mod oauth_error;
mod page;
mod register;
mod request;
mod revoke;
mod same_origin;
mod saved;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::tenant::Tenant;

/// No request of OAuth's is anywhere near this many bytes.
const BODY_LIMIT: usize = 64 << 10;

/// Where PropelAuth serves RFC 8414 metadata; the root address is 404.
const METADATA: &str = "/.well-known/oauth-authorization-server/oauth/2.1";

pub(crate) fn router(tenant: Arc<Tenant>) -> Router {
    // Browser-based clients read and post these from another origin, without cookies.
    let cors = CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(AllowHeaders::mirror_request());
    let public = Router::new()
        .route(METADATA, get(metadata::document))
        .route("/oauth/2.1/token", post(token::token))
        .route("/oauth/2.1/register", post(register::register))
        .route("/oauth/2.1/revoke", post(revoke::revoke))
        .layer(cors);
    Router::new()
        .merge(public)
        .route("/oauth/2.1/authorize", get(authorize::authorize))
        .route("/oauth/2.1/login", post(login::submit))
        .route("/oauth/2.1/consent", post(consent::submit))
        .merge(admin::router())
        .route(page::STYLE_SHEET, get(page::style_sheet))
        .route("/oauth/2.1/introspect", post(introspect::introspect))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(Arc::clone(&tenant), saved::before_answering))
        .layer(from_fn(host::require_loopback))
        .with_state(tenant)
}
