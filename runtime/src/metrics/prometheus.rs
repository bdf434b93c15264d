//! The metrics as Prometheus reads them, on an address of their own.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{CALL_DURATION, INTROSPECTION_DURATION, REVOCATION_LAG};

/// How often what the histograms collected is put into their buckets, so that it does not pile up while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);
const PATH: &str = "/metrics";
/// In seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The recorder of this process: there can be one, whatever number of servers there are.
static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Why the metrics cannot be served.
#[derive(Debug, Error)]
#[error(
    "the metrics cannot be recorded for Prometheus ({0}): if another recorder is installed in this process, leave out \
     `metrics_address` and METRICS_ADDR, and let that recorder export toolgate's metrics too"
)]
pub struct MetricsError(#[from] metrics_exporter_prometheus::BuildError);

/// The endpoint; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Endpoint(JoinHandle<()>);

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Records all metrics of this process from now on.
pub(crate) fn install() -> Result<PrometheusHandle, MetricsError> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let handle = builder()?.install_recorder()?;
    *installed = Some(handle.clone());
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, MetricsError> {
    let mut builder = PrometheusBuilder::new();
    for histogram in [CALL_DURATION, INTROSPECTION_DURATION, REVOCATION_LAG] {
        builder = builder.set_buckets_for_metric(Matcher::Full(histogram.to_owned()), &BUCKETS)?;
    }
    Ok(builder)
}

/// Serves what is recorded, at `/metrics`.
pub(crate) fn serve(listener: TcpListener, handle: PrometheusHandle) -> std::io::Result<Endpoint> {
    let address = listener.local_addr()?;
    let upkeep = handle.clone();
    let router = Router::new().route(PATH, get(render)).with_state(handle);
    let task = tokio::spawn(async move {
        let upkeep = async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                upkeep.run_upkeep();
            }
        };
        tokio::select! {
            served = axum::serve(listener, router) => {
                if let Err(error) = served {
                    tracing::error!(%error, "the metrics are not served any more");
                }
            }
            () = upkeep => {}
        }
    });
    tracing::info!(%address, path = PATH, "serving metrics");
    Ok(Endpoint(task))
}

async fn render(State(handle): State<PrometheusHandle>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
}
