//! One connection: what it is doing, so that idle connections can be closed first, and its time limits.

mod io;
mod service;
#[cfg(test)]
mod tests;

use std::{
    future,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, ready},
    time::{Duration, Instant},
};

use axum::Router;
use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Notify,
};
use tokio_io_timeout::TimeoutStream;

use self::{io::ConnectionIo, service::ConnectionService};
use super::{mcp_endpoint::McpEndpoint, request_head::HeadScanner, unread_body::UnreadBody};
use crate::{duration::millis, gate::AllowedOrigins, peer::Peer};

/// Time for which a client may leave a response unread before its connection can be closed for a new one.
const UNREAD_GRACE: Duration = Duration::from_secs(5);

/// Value of [`Connection::idle_since`] while a request is in flight.
const IN_FLIGHT: u64 = u64::MAX;

/// State of a connection, shared by its task, its requests and the table of connections.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    peer: Peer,
    /// Whether only the routes that must not depend on clients are served, for one request.
    is_limited: bool,
    /// Position of the start of the idle time in the order of all such starts, or [`IN_FLIGHT`].
    idle_since: AtomicU64,
    /// Time at which the head that is being received began, or at which the connection began, before its first request; 0
    /// if no head is being received. In milliseconds of [`uptime`].
    head_since: AtomicU64,
    /// Time at which the last request ended, in milliseconds of [`uptime`].
    idle_from: AtomicU64,
    /// Time since which the client has not read what was sent, in milliseconds of [`uptime`]; 0 if it has.
    unread_since: AtomicU64,
    scanner: Mutex<HeadScanner>,
    unread_body: UnreadBody,
    /// Whether the client may still be sending the body of a request whose response is the last one.
    lingers: AtomicBool,
    close: Notify,
    reason: OnceLock<CloseReason>,
}

/// Reason why the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CloseReason {
    /// No request is in flight, and no part of one has arrived.
    Idle,
    /// A part of a request head has arrived.
    IncompleteHead,
    /// The client does not read the response.
    UnreadResponse,
    /// The server shuts down.
    Shutdown,
}

impl Connection {
    pub(super) fn new(address: SocketAddr, is_limited: bool) -> Self {
        Self {
            address,
            peer: Peer::new(address.ip()),
            is_limited,
            idle_since: AtomicU64::new(next_position()),
            head_since: AtomicU64::new(uptime()),
            idle_from: AtomicU64::new(0),
            unread_since: AtomicU64::new(0),
            scanner: Mutex::default(),
            unread_body: UnreadBody::default(),
            lingers: AtomicBool::new(false),
            close: Notify::new(),
            reason: OnceLock::new(),
        }
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Returns whether the first request has not begun.
    pub(super) fn is_new(&self) -> bool {
        self.idle_from.load(Ordering::Relaxed) == 0 && self.idle_since.load(Ordering::Relaxed) != IN_FLIGHT
    }

    /// Returns whether the connection can be closed for a new one, for which reason, and since when, in the order of the
    /// connections with the same reason. `now` is the [`uptime`].
    pub(super) fn closable(&self, now: u64) -> Option<(CloseReason, u64)> {
        let unread_since = self.unread_since.load(Ordering::Relaxed);
        if unread_since != 0 {
            let is_over = now.saturating_sub(unread_since) >= millis(UNREAD_GRACE);
            return is_over.then_some((CloseReason::UnreadResponse, unread_since));
        }
        let idle_since = self.idle_since.load(Ordering::Relaxed);
        if idle_since == IN_FLIGHT {
            return None;
        }
        let in_head = self.scanner().is_in_head();
        Some((if in_head { CloseReason::IncompleteHead } else { CloseReason::Idle }, idle_since))
    }

    /// Returns the [`uptime`] at which the connection is closed if nothing is received.
    fn deadline(&self, shared: &Shared) -> Option<u64> {
        if self.idle_since.load(Ordering::Relaxed) == IN_FLIGHT || self.unread_since.load(Ordering::Relaxed) != 0 {
            return None;
        }
        Some(match self.head_since.load(Ordering::Relaxed) {
            0 => self.idle_from.load(Ordering::Relaxed).saturating_add(millis(shared.keep_alive_timeout)),
            head_since => head_since.saturating_add(millis(shared.header_timeout)),
        })
    }

    /// Notes the bytes of one read.
    fn received(&self, bytes: &mut [u8]) {
        let mut scanner = self.scanner();
        scanner.scan(bytes);
        if scanner.is_in_head() && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(uptime(), Ordering::Relaxed);
        }
    }

    /// Asks the task of the connection to close it. A later reason does not replace the first.
    pub(super) fn close(&self, reason: CloseReason) {
        let _ = self.reason.set(reason);
        self.close.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.reason.get().is_some()
    }

    /// Returns whether the connection can be closed now, for the reason for which it was asked to close.
    fn is_unused(&self) -> bool {
        match self.closable(uptime()) {
            Some((CloseReason::UnreadResponse, _)) => self.reason.get() == Some(&CloseReason::UnreadResponse),
            closable => closable.is_some(),
        }
    }

    fn scanner(&self) -> MutexGuard<'_, HeadScanner> {
        self.scanner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<UnreadBody> for Connection {
    fn as_ref(&self) -> &UnreadBody {
        &self.unread_body
    }
}

/// Settings and routes that all connections share.
pub(super) struct Shared {
    pub(super) builder: http1::Builder,
    /// MCP endpoint that the router has, too. `None` if every request has to pass the router.
    pub(super) endpoint: Option<McpEndpoint>,
    pub(super) router: Router,
    /// Routes that must not depend on clients. Other requests get 503.
    pub(super) limited_router: Router,
    /// `None` if a target in absolute form may name any host.
    pub(super) allowed: Option<AllowedOrigins>,
    /// `None` if connections have no TLS.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<tokio_rustls::TlsAcceptor>,
    pub(super) is_stopping: Arc<AtomicBool>,
    pub(super) header_timeout: Duration,
    pub(super) keep_alive_timeout: Duration,
    pub(super) write_timeout: Duration,
}

/// Serves the requests of a connection until the client closes it, a time limit expires, or [`Connection::close`] is
/// called.
pub(super) async fn serve(stream: TcpStream, connection: Arc<Connection>, shared: Arc<Shared>) {
    // Responses are small, and clients wait for them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection was closed before it was accepted");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(shared.write_timeout));
    let stream = Box::pin(stream);
    #[cfg(feature = "tls")]
    if let Some(tls) = shared.tls.clone() {
        // In a box, so that connections without TLS do not take its memory.
        return Box::pin(serve_tls(tls, stream, connection, shared)).await;
    }
    serve_http(stream, connection, shared).await;
}

/// Serves the requests of a connection after a TLS handshake. The handshake counts as a part of the first request head:
/// it has the same time limit, and it can be ended for a new connection.
#[cfg(feature = "tls")]
async fn serve_tls(
    tls: tokio_rustls::TlsAcceptor,
    stream: std::pin::Pin<Box<TimeoutStream<TcpStream>>>,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
) {
    let stream = tokio::select! {
        biased;
        stream = tls.accept(stream) => stream,
        () = connection.close.notified() => return,
        () = expired(&connection, &shared) => return,
    };
    match stream {
        Ok(stream) => serve_http(Box::new(stream), connection, shared).await,
        Err(error) => tracing::debug!(%error, "the TLS handshake failed"),
    }
}

/// Serves the requests of a connection on its stream, with or without TLS.
async fn serve_http<S>(stream: S, connection: Arc<Connection>, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = ConnectionIo::new(stream, Arc::clone(&connection));
    let service = ConnectionService::new(Arc::clone(&connection), Arc::clone(&shared));
    let mut http = pin!(shared.builder.serve_connection(TokioIo::new(io), service));
    let mut expired = pin!(expired(&connection, &shared));
    let served = tokio::select! {
        biased;
        served = http.as_mut() => served,
        () = connection.close.notified() => {
            http.as_mut().graceful_shutdown();
            if connection.is_unused() {
                // Closes the connection. A request head that is incomplete cannot delay it.
                http.now_or_never().unwrap_or(Ok(()))
            } else {
                http.await
            }
        }
        () = &mut expired => {
            http.as_mut().graceful_shutdown();
            http.now_or_never().unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection failed");
    }
}

/// Waits until a head has not arrived within its time limit, or the connection has been idle for too long. It must be
/// polled whenever the connection is.
async fn expired(connection: &Connection, shared: &Shared) {
    let instant =
        |deadline: u64| tokio::time::Instant::now() + Duration::from_millis(deadline.saturating_sub(uptime()));
    // The first head is the first that can be late. Later ones can be late no earlier.
    let mut wakes_at = connection.deadline(shared).unwrap_or_else(uptime);
    let mut timer = pin!(tokio::time::sleep_until(instant(wakes_at)));
    future::poll_fn(|context| {
        loop {
            let deadline = connection.deadline(shared);
            if let Some(deadline) = deadline.filter(|&deadline| deadline < wakes_at) {
                wakes_at = deadline;
                timer.as_mut().reset(instant(wakes_at));
            }
            ready!(timer.as_mut().poll(context));
            let now = uptime();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(());
            }
            // The timer is not reset by every request. While one is in flight, it expires once in a while.
            let shortest = shared.header_timeout.min(shared.keep_alive_timeout);
            wakes_at = deadline.unwrap_or_else(|| now.saturating_add(millis(shortest).max(1)));
            timer.as_mut().reset(instant(wakes_at));
        }
    })
    .await;
}

/// A request in flight; the connection becomes idle when this value is dropped.
struct InFlight(Arc<Connection>);

impl InFlight {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.head_since.store(0, Ordering::Relaxed);
        connection.idle_since.store(IN_FLIGHT, Ordering::Relaxed);
        Self(Arc::clone(connection))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let now = uptime();
        self.0.idle_from.store(now, Ordering::Relaxed);
        // The next head may have begun while the request was in flight.
        if self.0.head_since.load(Ordering::Relaxed) != 0 {
            self.0.head_since.store(now, Ordering::Relaxed);
        }
        self.0.idle_since.store(next_position(), Ordering::Relaxed);
    }
}

/// Returns the next position in the order in which connections become idle.
fn next_position() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Returns the time since the first call in milliseconds, at least 1.
pub(super) fn uptime() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    millis(START.elapsed()).max(1)
}
