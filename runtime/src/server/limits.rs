//! What bounds a server: numbers, sizes and times.

use std::{net::SocketAddr, time::Duration};

use super::Server;

/// The limits of a server, each with its default.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) requests: usize,
    pub(crate) requests_per_caller: usize,
    /// In bytes.
    pub(crate) body: usize,
    pub(crate) body_timeout: Duration,
    /// In bytes.
    pub(crate) headers: usize,
    pub(crate) header_timeout: Duration,
    /// In bytes.
    pub(crate) answer: usize,
    pub(crate) write_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            requests: 1024,
            requests_per_caller: 64,
            body: 4 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            headers: 32 * 1024,
            header_timeout: Duration::from_secs(30),
            answer: 16 * 1024 * 1024,
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl Bounds {
    /// What cannot be meant.
    pub(crate) fn check(&self, problems: &mut Vec<String>) {
        let numbers = [
            ("max_requests_in_flight", self.requests, 1),
            ("max_requests_per_caller", self.requests_per_caller, 1),
            ("max_body_bytes", self.body, 1),
            ("max_header_bytes", self.headers, 1024),
            ("max_answer_bytes", self.answer, 1024),
        ];
        for (name, value, least) in numbers {
            if value < least {
                problems.push(format!("`{name}({value})` lets nobody in: write {least} or more"));
            }
        }
        let times = [
            ("body_timeout", self.body_timeout),
            ("header_timeout", self.header_timeout),
            ("write_timeout", self.write_timeout),
        ];
        for (name, value) in times {
            if value.is_zero() {
                problems.push(format!("`{name}` is zero, which leaves no time at all: write how long it may take"));
            }
        }
    }
}

/// Where the metrics are served, if anywhere.
pub(crate) fn metrics_address(
    set: Option<SocketAddr>,
    variable: Option<String>,
    problems: &mut Vec<String>,
) -> Option<SocketAddr> {
    if set.is_some() {
        return set;
    }
    let text = variable?;
    if !cfg!(feature = "prometheus") {
        tracing::warn!(
            "METRICS_ADDR is set, but toolgate was built without its feature `prometheus`: nobody serves metrics"
        );
        return None;
    }
    let parsed = text.parse();
    if parsed.is_err() {
        problems.push(format!("METRICS_ADDR is `{text}`: write an address and a port, such as 127.0.0.1:9464"));
    }
    parsed.ok()
}

impl Server {
    /// How many requests to the MCP endpoint can be under way at once; default: 1024. The next one gets 429 with
    /// `Retry-After`, before anybody is asked about its token. A request is under way until its response, which may be
    /// a stream, has been handed over.
    pub fn max_requests_in_flight(mut self, requests: usize) -> Self {
        self.bounds.requests = requests;
        self
    }

    /// How many requests one caller can have under way at once; default: 64. The next one gets 429 with `Retry-After`.
    /// A caller is a user in an organization, with however many tokens; a token that names no user counts by itself.
    pub fn max_requests_per_caller(mut self, requests: usize) -> Self {
        self.bounds.requests_per_caller = requests;
        self
    }

    /// The largest request body, in bytes; default: 4 MiB. A larger one gets 413.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.bounds.body = bytes;
        self
    }

    /// How long a request body may take to arrive; default: 30 seconds. A slower one gets 408.
    pub fn body_timeout(mut self, limit: Duration) -> Self {
        self.bounds.body_timeout = limit;
        self
    }

    /// The largest head of a request, in bytes; default: 32 KiB. A larger one gets 431. It holds where the server
    /// listens by itself, as the next three do; a router that was handed out is the business of whoever serves it.
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.bounds.headers = bytes;
        self
    }

    /// How long the head of a request may take to arrive, and how long a connection may stay idle; default: 30 seconds.
    pub fn header_timeout(mut self, limit: Duration) -> Self {
        self.bounds.header_timeout = limit;
        self
    }

    /// How long a client may take nothing of what is ready for it before it is disconnected; default: 30 seconds. A
    /// stream on which nothing happens does not count.
    pub fn write_timeout(mut self, limit: Duration) -> Self {
        self.bounds.write_timeout = limit;
        self
    }

    /// How long requests that are under way may go on when the server stops; default: 30 seconds. Then they are cut,
    /// and the log says how many there were.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.bounds.shutdown_timeout = limit;
        self
    }

    /// The largest result of a tool, in bytes of JSON; default: 16 MiB. A larger one is replaced by a result with
    /// `isError` that says so.
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.bounds.answer = bytes;
        self
    }

    /// Where Prometheus reads the [metrics](crate::metrics): `http://<address>/metrics`, on a listener of its own.
    /// Default: the variable `METRICS_ADDR`, or else nowhere. Whoever reaches it reads it, so bind it to loopback or to
    /// a network of yours.
    ///
    /// It installs the recorder of the process. If you install one of your own, leave this out: it hears everything.
    #[cfg(feature = "prometheus")]
    pub fn metrics_address(mut self, address: SocketAddr) -> Self {
        self.metrics_address = Some(address);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_let_nobody_in_are_problems() {
        let mut problems = Vec::new();
        Bounds::default().check(&mut problems);
        assert_eq!(problems, Vec::<String>::new());
        let nothing = Bounds {
            requests: 0,
            requests_per_caller: 0,
            body: 0,
            body_timeout: Duration::ZERO,
            headers: 0,
            header_timeout: Duration::ZERO,
            answer: 0,
            write_timeout: Duration::ZERO,
            shutdown_timeout: Duration::ZERO,
        };
        nothing.check(&mut problems);
        // To drain nothing is a way to stop.
        assert_eq!(problems.len(), 8, "{problems:?}");
    }
}
