//! A stand-in for the server during the check: returns to `check` what arrived, so that `check` can compare it with what it
//! sent. All other requests get 503.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use uuid::Uuid;

use crate::{hexadecimal::hexadecimal, server::health};

/// Header of the requests of `check`, with its nonce.
pub(super) const NONCE: &str = "toolgate-check";
/// Header that asks for an event stream instead of an echo.
pub(super) const STREAM: &str = "toolgate-check-stream";

/// Number of events of a stream. A proxy that buffers responses may pass on the first one together with the head.
pub(super) const EVENTS: usize = 3;
/// Time for which an event waits for the previous one to arrive.
const EVENT_TIMEOUT: Duration = Duration::from_secs(5);

/// A running stand-in, which stops when this value is dropped.
pub(super) struct Echo {
    pub(super) nonce: String,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    nonce: String,
    /// Value that only this process can return, because no request contains it.
    proof: String,
    max_bytes: usize,
    event_arrived: Notify,
    health_checked: AtomicBool,
}

/// A request as it arrived.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Echoed {
    proof: String,
    /// Address that connected: the proxy.
    pub(super) peer: SocketAddr,
    pub(super) path: String,
    /// Headers with their values. Values that are not text are empty.
    pub(super) headers: BTreeMap<String, Vec<String>>,
    /// Digest of the body; `None` if it did not arrive completely.
    pub(super) body: Option<String>,
}

impl Echo {
    /// Serves on the listener. Bodies of at most `max_bytes` are echoed.
    pub(super) fn start(listener: TcpListener, max_bytes: usize) -> Self {
        let nonce = Uuid::new_v4().simple().to_string();
        let proof = Uuid::new_v4().simple().to_string();
        let state = Arc::new(Shared {
            nonce: nonce.clone(),
            proof,
            max_bytes,
            event_arrived: Notify::new(),
            health_checked: AtomicBool::new(false),
        });
        let router = Router::new().fallback(respond).with_state(Arc::clone(&state));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Self { nonce, state, task }
    }

    /// Parses a response. Returns `None` if it is not of this process.
    pub(super) fn parse(&self, body: &[u8]) -> Option<Echoed> {
        serde_json::from_slice(body).ok().filter(|echoed: &Echoed| echoed.proof == self.state.proof)
    }

    /// Returns the data of an event of a stream.
    pub(super) fn event(&self, index: usize) -> String {
        self.state.event(index)
    }

    /// Returns whether a health check arrived, which failed.
    pub(super) fn health_checked(&self) -> bool {
        self.state.health_checked.load(Ordering::Relaxed)
    }

    /// Lets the stream continue with its next event.
    pub(super) fn continue_stream(&self) {
        self.state.event_arrived.notify_one();
    }
}

impl Shared {
    fn event(&self, index: usize) -> String {
        format!("{index}-{}", self.proof)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Echoed {
    /// Returns the only value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        match self.headers.get(name).map(Vec::as_slice) {
            Some([value]) => Some(value),
            _ => None,
        }
    }
}

/// Returns the digest of a body.
pub(super) fn digest(body: &[u8]) -> String {
    hexadecimal(Sha256::digest(body).as_slice())
}

async fn respond(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let has = |name: &str| parts.headers.get(name).is_some_and(|value| value == shared.nonce.as_str());
    if !has(NONCE) {
        if matches!(parts.uri.path(), health::ALIVE | health::READY) {
            shared.health_checked.store(true, Ordering::Relaxed);
        }
        // Clients that come during the check try again, and load balancers do not use this machine.
        let body =
            Json(serde_json::json!({ "error": "unavailable", "error_description": "the server does not run" }));
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], body).into_response();
    }
    if has(STREAM) {
        return event_stream(shared);
    }
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in &parts.headers {
        headers.entry(name.to_string()).or_default().push(value.to_str().unwrap_or_default().to_owned());
    }
    let body = axum::body::to_bytes(body, shared.max_bytes).await.ok().map(|body| digest(&body));
    let proof = shared.proof.clone();
    Json(Echoed { proof, peer, path: parts.uri.path().to_owned(), headers, body }).into_response()
}

/// Sends events, each after the previous one has arrived at `check`.
fn event_stream(shared: Arc<Shared>) -> Response {
    let events = stream::unfold(0, move |index| {
        let shared = Arc::clone(&shared);
        async move {
            if index > 0 {
                let _ = tokio::time::timeout(EVENT_TIMEOUT, shared.event_arrived.notified()).await;
            }
            let event = Bytes::from(format!("data: {}\n\n", shared.event(index)));
            (index < EVENTS).then_some((Ok::<_, Infallible>(event), index + 1))
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(events)).into_response()
}
