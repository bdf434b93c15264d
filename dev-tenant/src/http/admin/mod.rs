//! The admin page and API.

mod action;
mod api;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post, put};

use crate::tenant::Tenant;

pub(super) fn router(tenant: Arc<Tenant>) -> Router<Arc<Tenant>> {
    let changes = Router::new()
        .route("/admin/api/people/{id}/disable", post(api::disable))
        .route("/admin/api/people/{id}/enable", post(api::enable))
        .route("/admin/api/people/{id}/role", put(api::set_role))
        .route("/admin/api/people/{id}/revoke", post(api::revoke))
        .route("/admin/api/grants/{id}/revoke", post(api::revoke_grant))
        .route("/admin/api/keys/{id}", delete(api::delete_api_key));
    let api = Router::new()
        .route("/admin/api/tenant", get(api::tenant))
        .route("/admin/api/grants", get(api::grants))
        .route("/admin/api/events", get(api::events))
        .route("/admin/api/tokens", post(api::mint))
        .route("/admin/api/keys", get(api::api_keys).post(api::create_api_key))
        .route("/admin/api/webhooks", post(api::send_webhook))
        .route("/admin/api/fault", get(api::fault).put(api::set_fault).delete(api::clear_fault))
        .route(
            "/admin/api/fault/keys",
            get(api::api_key_fault).put(api::set_api_key_fault).delete(api::clear_api_key_fault),
        )
        .route("/admin/api/mcp", put(api::set_mcp));
    let pages = Router::new().route("/", get(page::redirect)).route("/admin", get(page::show).post(action::submit));
    let await_webhooks = from_fn_with_state(tenant, await_webhooks);
    Router::new()
        .merge(changes.layer(await_webhooks.clone()).merge(api).layer(from_fn(api::require_own_origin)))
        .merge(pages.layer(await_webhooks))
}

/// Delays the response until the webhooks of the change were sent.
async fn await_webhooks(State(tenant): State<Arc<Tenant>>, request: Request, next: Next) -> Response {
    let is_read_only = request.method().is_safe();
    let response = next.run(request).await;
    if !is_read_only {
        tenant.webhooks.attempted().await;
    }
    response
}
