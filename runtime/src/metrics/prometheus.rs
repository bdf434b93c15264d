//! Prometheus endpoint, on a separate address.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;

use super::{DEFINITIONS, Kind};

/// Interval at which samples are moved into the buckets of their histograms. Otherwise they accumulate until the next
/// scrape.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
pub(crate) const PATH: &str = "/metrics";
/// Upper bounds of the buckets of every histogram, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Recorder of this process. A process has one recorder, even with several servers.
static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The Prometheus recorder could not be installed. `Debug` prints the same text as `Display`.
#[derive(Error)]
#[error(
    "cannot install the Prometheus recorder ({0}): if this process has another recorder, set neither \
     `http.metrics_address` nor METRICS_ADDR, and export the metrics of toolgate with that recorder"
)]
pub struct MetricsError(#[source] BuildError);

impl fmt::Debug for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Installs the recorder of this process, or returns its handle if it is installed.
pub(crate) fn install() -> Result<PrometheusHandle, MetricsError> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let handle = builder().and_then(PrometheusBuilder::install_recorder).map_err(MetricsError)?;
    *installed = Some(handle.clone());
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for histogram in DEFINITIONS.iter().filter(|metric| metric.kind == Kind::Histogram) {
        builder = builder.set_buckets_for_metric(Matcher::Full(histogram.name.to_owned()), &BUCKETS)?;
    }
    Ok(builder)
}

/// Returns the route `/metrics`.
pub(crate) fn router(handle: PrometheusHandle) -> Router {
    Router::new().route(PATH, get(render)).with_state(handle)
}

/// Moves samples into the buckets of their histograms, forever.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        handle.run_upkeep();
    }
}

async fn render(State(handle): State<PrometheusHandle>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
}
