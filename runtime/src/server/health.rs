//! Health endpoints: `/healthz` (alive) and `/readyz` (ready for requests).
//!
//! Their responses hold fixed words and the version of the server only. Probes use IP addresses, so `Host` is not checked.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::preflight::Probe;
use crate::audit;

pub(crate) const ALIVE: &str = "/healthz";
pub(crate) const READY: &str = "/readyz";

struct Health {
    probe: Arc<Probe>,
    /// Version of the server.
    version: String,
    stop: CancellationToken,
    /// Stops the preflight check when the router is dropped.
    _stop_on_drop: DropGuard,
}

pub(crate) fn router(probe: Arc<Probe>, version: &str, shutdown: &CancellationToken) -> Router {
    let stop = shutdown.child_token();
    let health = Health { probe, version: version.to_owned(), stop: stop.clone(), _stop_on_drop: stop.drop_guard() };
    Router::new().route(ALIVE, get(alive)).route(READY, get(ready).with_state(Arc::new(health)))
}

async fn alive() -> Response {
    respond(StatusCode::OK, json!({ "status": "alive" }))
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    let reasons = unready_reasons(&health.probe);
    let problems = health.probe.readiness().problems();
    // A server that is mounted as a router and gets no requests would otherwise never become ready.
    if !problems.is_empty() {
        drop(health.probe.start_watching(health.stop.clone()));
    }
    if reasons.is_empty() && problems.is_empty() {
        return respond(StatusCode::OK, json!({ "status": "ready", "version": health.version }));
    }
    if reasons.is_empty() {
        let body = json!({ "status": "ready", "degraded": problems, "version": health.version });
        return respond(StatusCode::OK, body);
    }
    let body = json!({ "status": "unready", "reasons": reasons, "version": health.version });
    respond(StatusCode::SERVICE_UNAVAILABLE, body)
}

/// Returns the reasons why the server is not ready.
pub(crate) fn unready_reasons(probe: &Probe) -> Vec<&'static str> {
    let mut reasons = probe.readiness().reasons();
    if !audit::is_available() {
        reasons.push("audit_log_unavailable");
    }
    reasons
}

fn respond(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
