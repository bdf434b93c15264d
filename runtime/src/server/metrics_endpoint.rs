//! The listener of the Prometheus endpoint.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;

use super::{config::HttpConfig, operator_endpoint::OperatorEndpoint};
use crate::{error::Error, gate::AllowedOrigins, log_limit::LogLimit, metrics::prometheus};

/// Installs the recorder and serves the metrics until the returned value is dropped.
pub(super) async fn serve(http: &HttpConfig) -> Result<Option<OperatorEndpoint>, Error> {
    let Some(address) = http.metrics_address else { return Ok(None) };
    let handle = prometheus::install()?;
    let listener = TcpListener::bind(address).await.map_err(|source| Error::ListenForMetrics { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::ListenForMetrics { address, source })?;
    let allowed = AllowedOrigins::addresses_and(&http.metrics_hosts);
    let router = with_host_check(prometheus::router(handle.clone()), allowed.clone());
    let endpoint = OperatorEndpoint::start(listener, router, Some(allowed), prometheus::upkeep(handle));
    tracing::info!(%address, path = prometheus::PATH, "serving metrics");
    Ok(Some(endpoint))
}

/// Rejects requests that name another host: a page in a browser could otherwise read the metrics through a name that
/// resolves to the address of the endpoint (DNS rebinding).
fn with_host_check(router: Router, allowed: AllowedOrigins) -> Router {
    let state = Arc::new((allowed, LogLimit::default()));
    router.layer(from_fn_with_state(state, check_host))
}

async fn check_host(State(state): State<Arc<(AllowedOrigins, LogLimit)>>, request: Request, next: Next) -> Response {
    let (allowed, rejections) = &*state;
    let Err(reason) = allowed.check(request.uri(), request.headers()) else { return next.run(request).await };
    rejections.log(|suppressed| {
        tracing::warn!(
            ?reason,
            suppressed,
            "rejected a request for metrics; if it is from Prometheus, add the host that it uses to `http.metrics_hosts`"
        );
    });
    (StatusCode::FORBIDDEN, Json(json!({ "error": "forbidden" }))).into_response()
}
