//! Load generator: one thread, several connections, one request at a time on each connection.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream as StdStream},
    ops::Range,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{Result, request::Template, stats::percentile};

/// Result of one load run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) requests: usize,
    pub(crate) seconds: f64,
    /// Latency of each request in microseconds, sorted.
    pub(crate) latencies: Vec<u32>,
}

impl Run {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    pub(crate) fn latency(&self, share: f64) -> f64 {
        f64::from(percentile(&self.latencies, share))
    }
}

/// Schedule of the requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each connection sends its next request when the response to the last one is complete.
    Closed,
    /// Requests per second, sent in bursts one millisecond apart. A request that finds no free connection waits, and
    /// its latency includes the wait.
    PerSecond(f64),
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    sent_at: Option<Instant>,
    /// Whether the last response was chunked.
    is_chunked: bool,
}

/// Maximum size of a response head, in bytes.
const MAX_HEAD_BYTES: usize = 8 * 1024;

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = StdStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            buffer: vec![0; 256 * 1024],
            filled: 0,
            sent_at: None,
            is_chunked: false,
        })
    }

    fn send(&mut self, request: &[u8], sent_at: Instant) -> Result<()> {
        // A single write suffices: the previous response is complete, so the socket's send buffer is empty, and it is
        // far larger than a request.
        if self.stream.write(request)? != request.len() {
            return Err("the socket did not accept a whole request".into());
        }
        self.filled = 0;
        self.sent_at = Some(sent_at);
        Ok(())
    }

    /// Reads the available bytes. Returns the body's range in the buffer if the response is complete.
    fn receive(&mut self, status: u16) -> Result<Option<Range<usize>>> {
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let available = self.buffer.len() - self.filled;
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(read) => {
                    self.filled += read;
                    if let Some(body) = self.complete_body(status)? {
                        return Ok(Some(body));
                    }
                    if read < available {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn complete_body(&mut self, status: u16) -> Result<Option<Range<usize>>> {
        let received = &self.buffer[..self.filled];
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(received)? else {
            if self.filled > MAX_HEAD_BYTES {
                return Err(format!("the head of a response is longer than {MAX_HEAD_BYTES} bytes").into());
            }
            return Ok(None);
        };
        if response.code != Some(status) {
            return Err(format!("expected status {status}, got: {}", String::from_utf8_lossy(received)).into());
        }
        let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        self.is_chunked = length.is_none();
        match length {
            Some(length) => {
                let length: usize = std::str::from_utf8(length.value)?.parse()?;
                Ok((self.filled >= head + length).then_some(head..head + length))
            }
            // A chunked body ends with an empty chunk.
            None => Ok(received[head..].ends_with(b"0\r\n\r\n").then_some(head..self.filled)),
        }
    }
}

/// Decodes a chunked body (RFC 9112, section 7.1).
fn decode_chunks(mut chunks: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|end| end == b"\r\n").ok_or("a chunk has no length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..line])?.trim(), 16)?;
        if length == 0 {
            return Ok(body);
        }
        let start = line + 2;
        body.extend_from_slice(chunks.get(start..start + length).ok_or("a chunk is truncated")?);
        chunks = &chunks[start + length + 2..];
    }
}

/// Sends requests one after another, checks each response in full, and returns the last response's body.
pub(crate) fn check(address: SocketAddr, template: &mut Template, tools: usize, requests: usize) -> Result<Vec<u8>> {
    let mut connection = Connection::open(address)?;
    let mut last = Vec::new();
    for _ in 0..requests {
        let (request, id) = template.next_request();
        connection.send(request, Instant::now())?;
        let deadline = Instant::now() + Duration::from_secs(5);
        let body = loop {
            if let Some(body) = connection.receive(template.kind.status())? {
                break body;
            }
            if Instant::now() > deadline {
                return Err("no response within 5 seconds".into());
            }
            std::thread::sleep(Duration::from_micros(20));
        };
        last = connection.buffer[body].to_vec();
        if connection.is_chunked {
            last = decode_chunks(&last)?;
        }
        template.check(id, tools, &last)?;
    }
    Ok(last)
}

/// Loads a server for the given time. Checks the status of every response, and that all bodies have the same length.
pub(crate) fn load(
    address: SocketAddr,
    template: &mut Template,
    connection_count: usize,
    pace: Pace,
    time: Duration,
) -> Result<Run> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connection_count.max(64));
    let mut connections = Vec::with_capacity(connection_count);
    for token in 0..connection_count {
        let mut connection = Connection::open(address)?;
        poll.registry().register(&mut connection.stream, Token(token), Interest::READABLE)?;
        connections.push(connection);
    }
    let status = template.kind.status();
    let mut latencies = Vec::with_capacity(1 << 20);
    let mut length = None;
    let mut idle: Vec<usize> = (0..connection_count).collect();
    let start = Instant::now();
    let end = start + time;
    let mut sent = 0_u64;
    let mut last_response = start;
    if matches!(pace, Pace::Closed) {
        for free in idle.drain(..) {
            connections[free].send(template.next_request().0, Instant::now())?;
        }
    }
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if let Pace::PerSecond(rate) = pace {
            // The requests that are due: the burst of this millisecond, and those still waiting for a connection.
            let tick = Duration::from_millis(u64::try_from((now - start).as_millis())?);
            let due = (tick.as_secs_f64() * rate) as u64;
            while sent < due && !idle.is_empty() {
                let free = idle.swap_remove(0);
                let tick = ((sent + 1) as f64 / rate * 1000.0).ceil() / 1000.0;
                let due_at = start + Duration::from_secs_f64(tick);
                // A late wake-up of this thread does not count as latency of the server.
                let sent_at = if now - due_at.min(now) < Duration::from_millis(1) { now } else { due_at };
                connections[free].send(template.next_request().0, sent_at)?;
                sent += 1;
            }
        }
        poll.poll(&mut events, Some(Duration::from_millis(1)))?;
        for event in &events {
            let Token(which) = event.token();
            let connection = &mut connections[which];
            let Some(body) = connection.receive(status)? else { continue };
            let now = Instant::now();
            let expected = *length.get_or_insert(body.len());
            if body.len() != expected {
                return Err(format!("expected a body of {expected} bytes, got {}", body.len()).into());
            }
            if let Some(sent_at) = connection.sent_at.take() {
                latencies.push(u32::try_from((now - sent_at).as_micros())?);
            }
            last_response = now;
            match pace {
                Pace::Closed => connection.send(template.next_request().0, now)?,
                Pace::PerSecond(_) => idle.push(which),
            }
        }
        if last_response.elapsed() > Duration::from_secs(10) {
            return Err("no response for 10 seconds".into());
        }
    }
    latencies.sort_unstable();
    Ok(Run { requests: latencies.len(), seconds: start.elapsed().as_secs_f64(), latencies })
}
