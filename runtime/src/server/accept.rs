//! Accepting connections with limits on their number and times, and graceful shutdown.
//!
//! `axum::serve` has no settings for this, so hyper serves the connections.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use hyper::server::conn::http1;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::Service as _;

use super::{
    config::HttpConfig, connection::Shared, connections::Connections, descriptors, mcp_endpoint::McpEndpoint,
};
use crate::gate::AllowedOrigins;

/// Time that aborted responses have to send their last bytes.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum time before connections are accepted again after the process had no descriptor for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Maximum number of connections that wait to be accepted. The operating system may have a lower maximum
/// (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;
/// Time that connections which were established before the shutdown have to begin their first request.
const FIRST_REQUEST_TIME: Duration = Duration::from_millis(50);
/// Maximum size of the buffers for reading and for writing of each connection, in bytes.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// Limits on the connections of a listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) max_connections: usize,
    pub(crate) max_header_bytes: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    /// Whether metrics and the log report the number of connections and the effects of its limit.
    pub(crate) report: bool,
}

impl ConnectionLimits {
    pub(crate) fn new(http: &HttpConfig) -> Self {
        Self {
            max_connections: descriptors::max_connections(http.max_connections),
            max_header_bytes: http.max_header_bytes,
            header_timeout: http.header_timeout,
            keep_alive_timeout: http.keep_alive_timeout,
            write_timeout: http.write_timeout,
            shutdown_timeout: http.shutdown_timeout,
            report: true,
        }
    }
}

/// Listens on an address. `TcpListener::bind` has a backlog of 128, which a burst of clients exceeds; a client whose
/// connection is not queued tries again after a second.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted server can listen although connections of the previous one are in TIME_WAIT.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Routes of a listener.
pub(crate) struct ServedRoutes {
    /// MCP endpoint that the router has, too. `None` if every request has to pass the router.
    pub(crate) endpoint: Option<McpEndpoint>,
    pub(crate) router: Router,
    /// Paths of the routes that must not depend on clients, such as health probes. They are also served on a few
    /// connections beyond the limit.
    pub(crate) independent: Vec<String>,
    /// Hosts that a target in absolute form may name. `None` if it may name any host.
    pub(crate) allowed: Option<AllowedOrigins>,
    /// `None` if connections have no TLS.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tokio_rustls::TlsAcceptor>,
    /// Set when the server announces that it will stop. From then on, each response closes its connection, so that proxies
    /// send the next request on a new one.
    pub(crate) is_stopping: Arc<AtomicBool>,
}

impl ServedRoutes {
    /// Routes that all may depend on clients, on connections without TLS. `allowed` are the hosts that a target in absolute
    /// form may name; `None` allows any.
    pub(crate) fn new(router: Router, allowed: Option<AllowedOrigins>) -> Self {
        Self {
            endpoint: None,
            router,
            independent: Vec::new(),
            allowed,
            #[cfg(feature = "tls")]
            tls: None,
            is_stopping: Arc::default(),
        }
    }
}

/// Serves until `shutdown` completes, then waits for requests in flight for at most the shutdown timeout. Calls `abort` to
/// abort the remaining ones.
pub(crate) async fn serve(
    listener: TcpListener,
    served: ServedRoutes,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
    in_flight: impl Fn() -> usize,
    abort: impl FnOnce(),
) -> Drained {
    let mut builder = http1::Builder::new();
    // hyper has one time limit for a head and for the idle time before it.
    builder
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes.max(MAX_BUFFER_BYTES));
    let limited_router = limited_router(served.router.clone(), served.independent);
    let ConnectionLimits { header_timeout, keep_alive_timeout, write_timeout, .. } = limits;
    let shared = Shared {
        builder,
        endpoint: served.endpoint,
        router: served.router,
        limited_router,
        allowed: served.allowed,
        #[cfg(feature = "tls")]
        tls: served.tls,
        is_stopping: served.is_stopping,
        header_timeout,
        keep_alive_timeout,
        write_timeout,
    };
    let mut connections = Connections::new(limits.max_connections, shared, limits.report);
    let mut paused_until = None;
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            // A descriptor is free again.
            () = connections.ended() => paused_until = None,
            () = sleep_until(paused_until.unwrap_or_else(Instant::now)), if paused_until.is_some() => {
                paused_until = None;
            }
            accepted = listener.accept(), if paused_until.is_none() && connections.can_accept() => match accepted {
                Ok((stream, address)) => connections.add(stream, address),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    connections.accept_failed(&error);
                    paused_until = Some(Instant::now() + ACCEPT_PAUSE);
                }
            },
        }
    }
    accept_established(listener, &mut connections);
    if connections.any_is_new() {
        // A connection without a request is closed, and theirs may not have been read.
        sleep(FIRST_REQUEST_TIME).await;
    }
    tracing::info!(requests = in_flight(), "shutting down: waiting for requests in flight");
    connections.shut_down();
    if timeout(limits.shutdown_timeout, connections.all_ended()).await.is_ok() {
        return Drained::All;
    }
    let aborted = in_flight();
    abort();
    let _ = timeout(ABORT_TIMEOUT, connections.all_ended()).await;
    connections.abort().await;
    Drained::Aborted(aborted)
}

/// Accepts the connections that the kernel has established, and closes the listener. Their clients may have sent a request.
/// One with TLS still has to finish its handshake, and may be closed.
fn accept_established(listener: TcpListener, connections: &mut Connections) {
    // tokio's listener accepts nothing until its driver has seen the connection.
    let Ok(listener) = listener.into_std() else { return };
    for _ in 0..BACKLOG {
        if !connections.can_accept() {
            return;
        }
        let Ok((stream, address)) = listener.accept() else { return };
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            connections.add(stream, address);
        }
    }
}

/// Result of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Every request was finished.
    All,
    /// This number of requests was aborted.
    Aborted(usize),
}

/// Returns the routes of a connection beyond the limit: those at the `independent` paths.
fn limited_router(router: Router, independent: Vec<String>) -> Router {
    let independent = Arc::new(independent);
    Router::new().fallback(async move |request: Request| {
        if !independent.iter().any(|path| path == request.uri().path()) {
            return too_many_connections();
        }
        let Ok(response) = router.clone().call(request).await;
        response
    })
}

/// Responds to a request on a connection beyond the limit.
fn too_many_connections() -> Response {
    let body = Json(json!({ "error": "too_many_connections" }));
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1"), (header::CACHE_CONTROL, "no-store")], body)
        .into_response()
}

/// Returns whether an error of `accept` is about the connection and not about the listener.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use axum::{extract::ConnectInfo, routing::get};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::oneshot,
    };

    use super::*;

    #[tokio::test]
    async fn a_burst_of_connections_is_queued() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        for _ in 0..400 {
            let client = timeout(Duration::from_secs(20), TcpStream::connect(address)).await;
            clients.push(client.expect("the connection is queued").unwrap());
        }
    }

    #[tokio::test]
    async fn a_connection_that_is_established_before_the_shutdown_gets_its_response() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        // Without tokio, whose driver would see the connections while the test waits for them.
        let mut clients = Vec::new();
        for _ in 0..200 {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            clients.push(client);
        }
        let served = ServedRoutes::new(Router::new().route("/", get(async || "served")), None);
        let limits = ConnectionLimits::new(&HttpConfig::default());
        assert_eq!(serve(listener, served, limits, std::future::ready(()), || 0, || {}).await, Drained::All);
        for mut client in clients {
            let mut response = String::new();
            client.read_to_string(&mut response).unwrap();
            assert!(response.ends_with("served"), "{response}");
        }
    }

    #[tokio::test]
    async fn a_request_contains_the_address_of_its_peer() {
        let router = Router::new()
            .route("/", get(|ConnectInfo(address): ConnectInfo<SocketAddr>| async move { address.to_string() }));
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let limits = ConnectionLimits::new(&HttpConfig::default());
        let served = ServedRoutes::new(router, None);
        let serving = serve(listener, served, limits, stopped, || 0, || {});
        let request = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).await.unwrap();
            stop.send(()).unwrap();
            (response, stream.local_addr().unwrap())
        };
        let (drained, (response, client)) = tokio::join!(serving, request);
        assert!(response.ends_with(&format!("\r\n\r\n{client}")), "{response}");
        assert_eq!(drained, Drained::All);
    }
}
