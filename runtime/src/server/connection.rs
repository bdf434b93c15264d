//! One connection: what it is doing, so that idle connections can be closed first, and the checks of its requests.

use std::{
    convert::Infallible,
    future,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
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
    time::{Sleep, sleep},
};
use tokio_io_timeout::TimeoutStream;
use tower::Service as _;

use super::{
    request_head::{self, HeadScanner, MalformedHead},
    unread_body::{self, ObservedBody, UnreadBody},
};
use crate::{body::GuardedBody, duration::millis, gate::AllowedOrigins, peer::Peer};

/// Time for which a client may leave a response unread before its connection can be closed for a new one.
const UNREAD_GRACE: Duration = Duration::from_secs(5);

/// Time for which the rest of a request is read after its response, so that the client receives the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Size of the buffer for what is read and discarded, in bytes.
const DISCARD_BUFFER: usize = 16 * 1024;

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
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) builder: http1::Builder,
    pub(super) router: Router,
    /// Routes that must not depend on clients. Other requests get 503.
    pub(super) limited_router: Router,
    /// `None` if a target in absolute form may name any host.
    pub(super) allowed: Option<AllowedOrigins>,
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
    let io =
        ConnectionIo { stream: Box::pin(stream), connection: Arc::clone(&connection), unread: false, linger: None };
    let service = ConnectionService { connection: Arc::clone(&connection), shared: Arc::clone(&shared) };
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

/// Stream of a connection: observes what is read and whether the client reads.
struct ConnectionIo {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    connection: Arc<Connection>,
    /// Whether bytes wait for the client.
    unread: bool,
    /// End of the time for which the rest of the last request is read, once the response has been sent.
    linger: Option<Pin<Box<Sleep>>>,
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
        self.connection.received(&mut buffer.filled_mut()[before..]);
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

    /// Ends the stream of responses. If the client is still sending a body, the connection is not closed yet: the operating
    /// system would reset it, and the client would lose the response (RFC 9112, section 9.6).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, connection, linger, .. } = &mut *self;
        if linger.is_none() {
            ready!(stream.as_mut().poll_shutdown(context))?;
            if !connection.lingers.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let timer = linger.get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        while timer.as_mut().poll(context).is_pending() {
            let mut bytes = [0; DISCARD_BUFFER];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(stream.as_mut().poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
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
                Some(body) => {
                    let is_discarded = is_reusable && !expects_continue && unread_body::discard(body).await;
                    connection.lingers.store(!is_discarded, Ordering::Relaxed);
                    is_discarded
                }
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

    fn shared(header: u64, keep_alive: u64) -> Shared {
        Shared {
            builder: http1::Builder::new(),
            router: Router::new(),
            limited_router: Router::new(),
            allowed: None,
            header_timeout: Duration::from_millis(header),
            keep_alive_timeout: Duration::from_millis(keep_alive),
            write_timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_head_has_its_time_limit_from_its_first_byte_and_an_idle_connection_another() {
        let (header, keep_alive) = (30_000, 75_000);
        let shared = shared(header, keep_alive);
        let connection = Arc::new(Connection::new(([127, 0, 0, 1], 1).into(), false));
        let started = connection.head_since.load(Ordering::Relaxed);
        assert_eq!(connection.deadline(&shared), Some(started + header), "the first head is late from the start");
        connection.received(&mut b"GET /".to_vec());
        assert_eq!(connection.deadline(&shared), Some(started + header), "a byte does not extend the time");
        drop(InFlight::new(&connection));
        let idle = connection.idle_from.load(Ordering::Relaxed);
        assert_eq!(connection.deadline(&shared), Some(idle + keep_alive));
        // hyper has parsed the head before a request is in flight.
        *connection.scanner() = HeadScanner::default();
        connection.received(&mut b"G".to_vec());
        let head = connection.head_since.load(Ordering::Relaxed);
        assert!(head >= idle);
        assert_eq!(connection.deadline(&shared), Some(head + header));
        let request = InFlight::new(&connection);
        assert_eq!(connection.deadline(&shared), None);
        connection.unread_since.store(1, Ordering::Relaxed);
        drop(request);
        assert_eq!(connection.deadline(&shared), None, "the response is being sent");
    }

    #[tokio::test]
    async fn a_deadline_that_moves_is_kept() {
        let connection = Arc::new(Connection::new(([127, 0, 0, 1], 1).into(), false));
        drop(InFlight::new(&connection));
        *connection.scanner() = HeadScanner::default();
        let shared = shared(1, 3_600_000);
        let mut waiting = pin!(expired(&connection, &shared));
        assert!(waiting.as_mut().now_or_never().is_none(), "it may be idle for an hour");
        connection.received(&mut b"G".to_vec());
        tokio::time::timeout(Duration::from_mins(1), waiting).await.expect("the head is late after a millisecond");
    }
}
