//! The admin page and API.

mod api;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post, put};

use crate::tenant::Tenant;

pub(super) fn router() -> Router<Arc<Tenant>> {
    let api = Router::new()
        .route("/admin/api/tenant", get(api::tenant))
        .route("/admin/api/people/{id}/disable", post(api::disable))
        .route("/admin/api/people/{id}/enable", post(api::enable))
        .route("/admin/api/people/{id}/role", put(api::set_role))
        .route("/admin/api/people/{id}/revoke", post(api::revoke))
        .route("/admin/api/tokens", post(api::mint))
        .route("/admin/api/webhooks", post(api::send_webhook))
        .route("/admin/api/fault", get(api::fault).put(api::set_fault).delete(api::clear_fault))
        .route("/admin/api/mcp", put(api::set_mcp))
        .layer(from_fn(api::require_own_origin));
    Router::new().route("/", get(page::redirect)).route("/admin", get(page::show).post(page::submit)).merge(api)
}
