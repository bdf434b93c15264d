//! Answers about changes wait until the changes are on disk.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::tenant::Tenant;

/// Saves what a request changed before it is answered, where the state is in a file.
pub(super) async fn before_answering(State(tenant): State<Arc<Tenant>>, request: Request, next: Next) -> Response {
    let reads_only = request.method().is_safe();
    let response = next.run(request).await;
    if reads_only || tenant.journal.flush().await {
        response
    } else {
        let text = "The change could not be saved; see the tenant's log.\n";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}
