//! Accepting connections: with limits on what a client may take its time with, and an end that comes.
//!
//! `axum::serve` has no way to set any of this, so the connections are hyper's.

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

use super::limits::Bounds;

/// How long a response that was cut short may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until `stop` is ready, then lets connections finish what they have begun, but not for longer than the time to
/// drain. Says whether they did; if they did not, `cancel` has ended what was still running.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    bounds: &Bounds,
    stop: impl Future<Output = ()>,
    under_way: impl Fn() -> usize,
    cancel: CancellationToken,
) -> Drained {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.header_timeout).max_header_size(bounds.headers);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, _) = Listener::accept(&mut listener) => {
                // Answers are small, and somebody waits for them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection is gone already");
                }
                let service = TowerToHyperService::new(router.clone());
                let io = TokioIo::new(Box::pin(impatient(stream, bounds.write_timeout)));
                let connection = graceful.watch(http.serve_connection(io, service));
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection broke");
                    }
                });
            }
        }
    }
    drop(listener);
    tracing::info!(requests = under_way(), "stopping: requests in flight may finish");
    if timeout(bounds.shutdown_timeout, graceful.shutdown()).await.is_ok() {
        return Drained::Everything;
    }
    let cut = under_way();
    cancel.cancel();
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(LAST_WORDS, rest).await;
    connections.shutdown().await;
    Drained::Cut(cut)
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Every request was answered.
    Everything,
    /// The time was over, with this many requests under way.
    Cut(usize),
}

/// A connection that breaks when the other side takes nothing of what is written.
fn impatient(stream: TcpStream, limit: Duration) -> TimeoutStream<TcpStream> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limit));
    stream
}
