//! For whoever keeps the server running: whether it is alive, and whether it is ready for requests.
//!
//! The answers hold words of ours only. Probes come by address, so `Host` is not checked.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Response, StatusCode, header},
    routing::get,
};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::preflight::Probe;

pub(crate) const ALIVE: &str = "/healthz";
pub(crate) const READY: &str = "/readyz";

struct Health {
    probe: Arc<Probe>,
    /// Ends the watch with the router, where nobody shuts the server down.
    stop: CancellationToken,
    _stop_with_router: DropGuard,
}

pub(crate) fn router(probe: Arc<Probe>, shutdown: &CancellationToken) -> Router {
    let stop = shutdown.child_token();
    let health = Health { probe, stop: stop.clone(), _stop_with_router: stop.drop_guard() };
    Router::new().route(ALIVE, get(alive)).route(READY, get(ready)).with_state(Arc::new(health))
}

async fn alive() -> Response<Body> {
    respond(StatusCode::OK, &json!({ "status": "alive" }))
}

async fn ready(State(health): State<Arc<Health>>) -> Response<Body> {
    let reasons = health.probe.readiness.reasons();
    if reasons.is_empty() {
        return respond(StatusCode::OK, &json!({ "status": "ready" }));
    }
    // A server that nobody sends requests to would never learn that it is ready.
    if !health.probe.is_watched() {
        let (probe, stop) = (Arc::clone(&health.probe), health.stop.clone());
        tokio::spawn(async move { probe.watch(stop).await });
    }
    respond(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "unready", "reasons": reasons }))
}

fn respond(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
