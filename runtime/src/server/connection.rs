//! One connection: what it is doing, so that idle connections can be closed first, and the checks of its requests.

use std::{
    convert::Infallible,
    future,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::ConnectInfo,
    response::{IntoResponse as _, Response},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};
use tokio_io_timeout::TimeoutStream;
use tower::Service as _;

use super::{
    request_head::{self, HeadScanner, MalformedHead},
    unread_body::{self, ObservedBody, UnreadBody},
};
use crate::{body::GuardedBody, gate::AllowedOrigins, peer::Peer};

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
    /// Time since which the client has not read what was sent, in milliseconds of [`uptime`]; 0 if it has.
    unread_since: AtomicU64,
    scanner: Mutex<HeadScanner>,
    unread_body: UnreadBody,
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
            unread_since: AtomicU64::new(0),
            scanner: Mutex::default(),
            unread_body: UnreadBody::default(),
            close: Notify::new(),
            reason: OnceLock::new(),
        }
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
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
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) builder: http1::Builder,
    pub(super) router: Router,
    /// Routes that must not depend on clients. Other requests get 503.
    pub(super) limited_router: Router,
    /// `None` if a target in absolute form may name any host.
    pub(super) allowed: Option<AllowedOrigins>,
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
    let io = ConnectionIo { stream: Box::pin(stream), connection: Arc::clone(&connection), unread: false };
    let service = ConnectionService { connection: Arc::clone(&connection), shared: Arc::clone(&shared) };
    let mut http = pin!(shared.builder.serve_connection(TokioIo::new(io), service));
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
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection failed");
    }
}

/// Stream of a connection: observes what is read and whether the client reads.
struct ConnectionIo {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    connection: Arc<Connection>,
    /// Whether bytes wait for the client.
    unread: bool,
}

impl ConnectionIo {
    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() && !self.unread {
            self.unread = true;
            self.connection.unread_since.store(uptime(), Ordering::Relaxed);
        }
        written
    }
}

impl AsyncRead for ConnectionIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(context, buffer))?;
        self.connection.scanner().scan(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnectionIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write_vectored(context, slices);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is called by hyper once it has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unread {
            self.unread = false;
            self.connection.unread_since.store(0, Ordering::Relaxed);
        }
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }
}

/// Router of a connection, behind the checks of the request head.
struct ConnectionService {
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl ConnectionService {
    /// Checks a request head. Returns whether another request may follow on this connection.
    fn check(&self, request: &Request<Incoming>) -> Result<bool, MalformedHead> {
        let length = http_body::Body::size_hint(request.body()).exact();
        let reusable = self.connection.scanner().body_follows(length)?;
        request_head::check(request, self.shared.allowed.as_ref())?;
        Ok(reusable && !self.connection.is_limited)
    }
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response<GuardedBody<InFlight>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = InFlight::new(&self.connection);
        let connection = Arc::clone(&self.connection);
        let is_reusable = match self.check(&request) {
            Ok(is_reusable) => is_reusable,
            Err(reason) => {
                tracing::debug!(%reason, "rejected a request");
                let response = (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_request" }))).into_response();
                return Box::pin(future::ready(Ok(finish(response, false, in_flight))));
            }
        };
        request.extensions_mut().insert(ConnectInfo(connection.address));
        let Shared { router, limited_router, .. } = &*self.shared;
        let mut router = if connection.is_limited { limited_router } else { router }.clone();
        // Reading the rest of the body would tell the client to send it.
        let expects_continue = request.headers().contains_key(header::EXPECT);
        drop(connection.unread_body.take());
        let response = router.call(request.map(|body| ObservedBody::new(body, Arc::clone(&connection))));
        Box::pin(async move {
            let Ok(response) = response.await;
            let is_reusable = match connection.unread_body.take() {
                None => is_reusable,
                Some(body) => is_reusable && !expects_continue && unread_body::discard(body).await,
            };
            Ok(finish(response, is_reusable, in_flight))
        })
    }
}

/// Announces whether the connection is closed after a response, whose body keeps its request in flight.
fn finish(mut response: Response, is_reusable: bool, in_flight: InFlight) -> Response<GuardedBody<InFlight>> {
    if !is_reusable {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| GuardedBody::new(body, in_flight))
}

/// A request in flight; the connection becomes idle when this value is dropped.
struct InFlight(Arc<Connection>);

impl InFlight {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.idle_since.store(IN_FLIGHT, Ordering::Relaxed);
        Self(Arc::clone(connection))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_can_be_closed_unless_a_request_is_in_flight_or_a_response_is_being_read() {
        let connection = Arc::new(Connection::new(([127, 0, 0, 1], 1).into(), false));
        let later = Arc::new(Connection::new(([127, 0, 0, 1], 2).into(), false));
        let reason = |now| connection.closable(now).map(|(reason, _)| reason);
        assert_eq!(reason(1), Some(CloseReason::Idle));
        assert!(connection.closable(1) < later.closable(1), "the one that has been idle for the longest time first");
        connection.scanner().scan(&mut b"GET".to_vec());
        assert_eq!(reason(1), Some(CloseReason::IncompleteHead));
        let request = InFlight::new(&connection);
        assert_eq!(reason(1), None);
        // The client does not read the response, of which bytes are left when the request has ended.
        connection.unread_since.store(1000, Ordering::Relaxed);
        for (now, expected) in [(1000, None), (5999, None), (6000, Some(CloseReason::UnreadResponse))] {
            assert_eq!(reason(now), expected, "{now}");
        }
        drop(request);
        assert_eq!(reason(5999), None, "the rest of the response is being sent");
        connection.unread_since.store(0, Ordering::Relaxed);
        assert!(connection.closable(1) > later.closable(1), "it has been idle for a shorter time");
    }
}
