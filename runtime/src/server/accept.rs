//! Accepting connections with time limits, and graceful shutdown.
//!
//! `axum::serve` has no settings for this, so hyper serves the connections.

use std::{future::Future, pin::pin, time::Duration};

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::config::HttpConfig;

/// Time that aborted responses have to send their last bytes.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes, then waits for requests in flight for at most the shutdown timeout. Cancels `cancel`
/// to abort the remaining ones.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    http: &HttpConfig,
    shutdown: impl Future<Output = ()>,
    in_flight: impl Fn() -> usize,
    cancel: CancellationToken,
) -> Drained {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(http.header_timeout).max_header_size(http.max_header_bytes);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, _) = Listener::accept(&mut listener) => {
                // Responses are small, and clients wait for them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "connection was closed before it was accepted");
                }
                let service = TowerToHyperService::new(router.clone());
                let io = TokioIo::new(Box::pin(with_write_timeout(stream, http.write_timeout)));
                let connection = graceful.watch(builder.serve_connection(io, service));
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "connection failed");
                    }
                });
            }
        }
    }
    drop(listener);
    tracing::info!(requests = in_flight(), "shutting down: waiting for requests in flight");
    if timeout(http.shutdown_timeout, graceful.shutdown()).await.is_ok() {
        return Drained::All;
    }
    let aborted = in_flight();
    cancel.cancel();
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(ABORT_TIMEOUT, rest).await;
    connections.shutdown().await;
    Drained::Aborted(aborted)
}

/// Result of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Every request was finished.
    All,
    /// This number of requests was aborted.
    Aborted(usize),
}

/// Wraps a connection so that it fails when the client leaves data unread for too long.
fn with_write_timeout(stream: TcpStream, limit: Duration) -> TimeoutStream<TcpStream> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limit));
    stream
}
