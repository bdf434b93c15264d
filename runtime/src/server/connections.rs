//! The limit on connections. At the limit, a connection that is not in use is closed for each new one. If all are in
//! use, a few more are served with the routes that must not depend on clients, such as health probes.

use std::{cmp::Reverse, collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    net::TcpStream,
    task::{Id, JoinSet},
    time::Instant,
};

use super::connection::{self, CloseReason, Connection, Shared};
use crate::{
    metrics::{CONNECTIONS, CONNECTIONS_CLOSED, ClosedConnection, CounterSet, GaugeHandle},
    peer::Peer,
};

/// Maximum number of connections beyond the limit, and again of those that are being closed.
pub(super) const OVERFLOW: usize = 16;
/// Minimum time between two log messages about the limit.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Open connections of one listener.
pub(super) struct Connections {
    max: usize,
    shared: Arc<Shared>,
    open: HashMap<Id, Arc<Connection>>,
    /// Number of connections of each peer. An entry exists only while its peer has a connection.
    peers: HashMap<Peer, usize>,
    /// Number of open connections that were asked to close.
    closing: usize,
    tasks: JoinSet<()>,
    report: Report,
}

impl Connections {
    /// Creates the table of a listener.
    pub(super) fn new(max: usize, shared: Shared, report: bool) -> Self {
        Self {
            max,
            shared: Arc::new(shared),
            open: HashMap::new(),
            peers: HashMap::new(),
            closing: 0,
            tasks: JoinSet::new(),
            report: Report::new(max, report),
        }
    }

    /// Returns whether another connection can be accepted. Connections that were asked to close and have received a
    /// request in the meantime finish it first.
    pub(super) fn can_accept(&self) -> bool {
        self.open.len() < self.max.saturating_add(2 * OVERFLOW)
    }

    /// Returns whether no connection is open.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Returns whether a connection has not begun its first request.
    pub(super) fn any_is_new(&self) -> bool {
        self.open.values().any(|connection| connection.is_new())
    }

    /// Waits until a connection has ended. Waits forever if none is open.
    pub(super) async fn ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return std::future::pending().await,
        };
        let Some(connection) = self.open.remove(&id) else { return };
        self.closing -= usize::from(connection.is_closing());
        if let Some(count) = self.peers.get_mut(&connection.peer()) {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&connection.peer());
            }
        }
        self.report.ended();
    }

    /// Serves a new connection. At the limit, another one is closed for it.
    pub(super) fn add(&mut self, stream: TcpStream, address: SocketAddr) {
        let excess = (self.in_use() + 1).saturating_sub(self.max);
        let is_limited = excess > 0 && !self.close_unused(excess);
        if is_limited {
            self.report.rejected();
            if excess > OVERFLOW && !self.close_unused(1) {
                return;
            }
        }
        let connection = Arc::new(Connection::new(address, is_limited));
        // As a trait object: see `crate::spawn`.
        let task: BoxFuture<'static, ()> =
            Box::pin(connection::serve(stream, Arc::clone(&connection), Arc::clone(&self.shared)));
        let id = self.tasks.spawn(task).id();
        *self.peers.entry(connection.peer()).or_default() += 1;
        self.open.insert(id, connection);
        self.report.opened();
    }

    /// Number of connections that were not asked to close.
    fn in_use(&self) -> usize {
        self.open.len() - self.closing
    }

    /// Handles an error of `accept`, which means that the process or the machine has no more descriptors or memory: closes
    /// some unused connections.
    pub(super) fn accept_failed(&mut self, error: &io::Error) {
        let closed = (0..OVERFLOW).take_while(|_| self.close_unused(1)).count();
        tracing::debug!(closed, "closed connections to free descriptors");
        self.report.accept_failed(error);
    }

    /// Closes this number of connections that are not in use. Closes none and returns `false` if there are fewer.
    ///
    /// The peer with the most connections loses them first; of its connections, an idle one before one that has sent a
    /// part of a request, and the one that has been so for the longest time. A connection whose client does not read the
    /// response is closed only if all others are in use.
    fn close_unused(&mut self, number: usize) -> bool {
        let now = connection::uptime();
        let open = self.open.values().filter(|connection| !connection.is_closing());
        let mut unused: Vec<_> = open
            .filter_map(|connection| {
                let (reason, since) = connection.closable(now)?;
                let count = self.peers.get(&connection.peer()).copied();
                Some(((reason == CloseReason::UnreadResponse, Reverse(count), reason, since), connection))
            })
            .collect();
        if unused.len() < number {
            return false;
        }
        unused.select_nth_unstable_by_key(number - 1, |&(rank, _)| rank);
        for &((.., reason, _), connection) in &unused[..number] {
            connection.close(reason);
            self.closing += 1;
            self.report.closed(reason);
        }
        true
    }

    /// Asks every connection to end after its current request.
    pub(super) fn shut_down(&mut self) {
        for connection in self.open.values() {
            connection.close(CloseReason::Shutdown);
        }
        self.closing = self.open.len();
    }

    /// Waits until every connection has ended.
    pub(super) async fn all_ended(&mut self) {
        while !self.is_empty() {
            self.ended().await;
        }
    }

    /// Aborts the connections that are still open.
    pub(super) async fn abort(&mut self) {
        self.tasks.abort_all();
        self.all_ended().await;
    }
}

/// Metrics and log messages about the limit.
struct Report {
    max: usize,
    /// Whether the connections are those of the server and not of another listener.
    is_enabled: bool,
    gauge: GaugeHandle,
    counters: CounterSet<ClosedConnection>,
    last_logged: Option<Instant>,
    /// Connections since the last log message.
    closed: usize,
    rejected: usize,
    last_logged_error: Option<Instant>,
}

impl Report {
    fn new(max: usize, is_enabled: bool) -> Self {
        Self {
            max,
            is_enabled,
            gauge: GaugeHandle::new(CONNECTIONS),
            counters: CounterSet::new(CONNECTIONS_CLOSED),
            last_logged: None,
            closed: 0,
            rejected: 0,
            last_logged_error: None,
        }
    }

    fn opened(&self) {
        if self.is_enabled {
            self.gauge.increment();
        }
    }

    fn ended(&self) {
        if self.is_enabled {
            self.gauge.decrement();
        }
    }

    fn closed(&mut self, reason: CloseReason) {
        self.closed += 1;
        self.count(match reason {
            CloseReason::Idle | CloseReason::Shutdown => ClosedConnection::Idle,
            CloseReason::IncompleteHead => ClosedConnection::IncompleteHead,
            CloseReason::UnreadResponse => ClosedConnection::UnreadResponse,
        });
    }

    fn rejected(&mut self) {
        self.rejected += 1;
        self.count(ClosedConnection::Rejected);
    }

    fn count(&mut self, reason: ClosedConnection) {
        if !self.is_enabled {
            return;
        }
        self.counters.increment(reason);
        if is_due(&mut self.last_logged) {
            tracing::warn!(
                max_connections = self.max,
                closed = self.closed,
                rejected = self.rejected,
                "the limit on connections is reached: unused connections are closed for new ones, and requests on \
                 new ones get 503 if there are none; if these are your clients, raise `http.max_connections` or the limit on \
                 open files (`ulimit -n`) that it depends on"
            );
            (self.closed, self.rejected) = (0, 0);
        }
    }

    fn accept_failed(&mut self, error: &io::Error) {
        if is_due(&mut self.last_logged_error) {
            tracing::error!(
                %error,
                max_connections = self.max,
                "cannot accept connections: if the limit on open files is reached, raise it (`ulimit -n`) or lower \
                 `http.max_connections`"
            );
        }
    }
}

/// Returns whether a message may be logged again, and takes the time if so.
fn is_due(last: &mut Option<Instant>) -> bool {
    let is_due = last.is_none_or(|at| at.elapsed() >= LOG_INTERVAL);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}
