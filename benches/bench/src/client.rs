//! The load: one thread, some connections, one request at a time on each.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream as StdStream},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{Result, request::Template, stats::percentile};

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) requests: usize,
    pub(crate) seconds: f64,
    /// Of each request, in microseconds, sorted.
    pub(crate) latencies: Vec<u32>,
}

impl Run {
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    pub(crate) fn latency(&self, share: f64) -> f64 {
        f64::from(percentile(&self.latencies, share))
    }
}

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// The next as soon as the last was answered.
    Closed,
    /// So many in a second, in bursts a millisecond apart; one that finds no free connection waits, and its time counts
    /// from when it was due.
    PerSecond(f64),
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    since: Option<Instant>,
    /// Whether the last answer came in chunks.
    is_chunked: bool,
}

/// Longest head of an answer, in bytes.
const HEAD: usize = 8 * 1024;

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = StdStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            buffer: vec![0; 256 * 1024],
            filled: 0,
            since: None,
            is_chunked: false,
        })
    }

    fn send(&mut self, request: &[u8], since: Instant) -> Result<()> {
        // A request is far smaller than the socket's buffer, which is empty: the last one was answered.
        if self.stream.write(request)? != request.len() {
            return Err("the socket did not take a whole request".into());
        }
        self.filled = 0;
        self.since = Some(since);
        Ok(())
    }

    /// Reads what is there; the body's place in the buffer when the answer is whole.
    fn receive(&mut self, status: u16) -> Result<Option<(usize, usize)>> {
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let room = self.buffer.len() - self.filled;
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err("the server closed the connection".into()),
                Ok(read) => {
                    self.filled += read;
                    if let Some(body) = self.whole(status)? {
                        return Ok(Some(body));
                    }
                    if read < room {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn whole(&mut self, status: u16) -> Result<Option<(usize, usize)>> {
        let received = &self.buffer[..self.filled];
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = response.parse(received)? else {
            if self.filled > HEAD {
                return Err("the head of an answer is too long".into());
            }
            return Ok(None);
        };
        if response.code != Some(status) {
            return Err(format!("not {status}: {}", String::from_utf8_lossy(received)).into());
        }
        let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        self.is_chunked = length.is_none();
        match length {
            Some(length) => {
                let length: usize = std::str::from_utf8(length.value)?.parse()?;
                Ok((self.filled >= head + length).then_some((head, head + length)))
            }
            // Chunked: whole when the empty chunk is here.
            None => Ok(received[head..].ends_with(b"0\r\n\r\n").then_some((head, self.filled))),
        }
    }
}

/// The body of an answer that came in chunks (RFC 9112, section 7.1).
fn unchunked(mut chunks: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|end| end == b"\r\n").ok_or("a chunk without a length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..line])?.trim(), 16)?;
        if length == 0 {
            return Ok(body);
        }
        let start = line + 2;
        body.extend_from_slice(chunks.get(start..start + length).ok_or("half a chunk")?);
        chunks = &chunks[start + length + 2..];
    }
}

/// Sends one request at a time and checks each answer in full; then leaves.
pub(crate) fn check(address: SocketAddr, template: &mut Template, tools: usize, requests: usize) -> Result<Vec<u8>> {
    let mut connection = Connection::open(address)?;
    let mut last = Vec::new();
    for _ in 0..requests {
        let (request, id) = template.next_request();
        connection.send(request, Instant::now())?;
        let deadline = Instant::now() + Duration::from_secs(5);
        let (start, end) = loop {
            if let Some(body) = connection.receive(template.kind.status())? {
                break body;
            }
            if Instant::now() > deadline {
                return Err("no answer".into());
            }
            std::thread::sleep(Duration::from_micros(20));
        };
        last = connection.buffer[start..end].to_vec();
        if connection.is_chunked {
            last = unchunked(&last)?;
        }
        template.check(id, tools, &last)?;
    }
    Ok(last)
}

/// Loads a server for some time. Every answer's status is checked; an answer of another length than the first ends
/// the run.
pub(crate) fn load(
    address: SocketAddr,
    template: &mut Template,
    connections: usize,
    pace: Pace,
    time: Duration,
) -> Result<Run> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connections.max(64));
    let mut opened = Vec::with_capacity(connections);
    for token in 0..connections {
        let mut connection = Connection::open(address)?;
        poll.registry().register(&mut connection.stream, Token(token), Interest::READABLE)?;
        opened.push(connection);
    }
    let status = template.kind.status();
    let mut latencies = Vec::with_capacity(1 << 20);
    let mut length = None;
    let mut idle: Vec<usize> = (0..connections).collect();
    let start = Instant::now();
    let end = start + time;
    let mut sent = 0_u64;
    let mut last_answer = start;
    if matches!(pace, Pace::Closed) {
        for free in idle.drain(..) {
            opened[free].send(template.next_request().0, Instant::now())?;
        }
    }
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if let Pace::PerSecond(rate) = pace {
            // The burst of this millisecond, and those that could not be sent in theirs.
            let tick = Duration::from_millis(u64::try_from((now - start).as_millis())?);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let due = (tick.as_secs_f64() * rate) as u64;
            while sent < due && !idle.is_empty() {
                let free = idle.swap_remove(0);
                #[allow(clippy::cast_precision_loss)]
                let tick = ((sent + 1) as f64 / rate * 1000.0).ceil() / 1000.0;
                let due_at = start + Duration::from_secs_f64(tick);
                // A late wake-up of this thread is not the server's.
                let since = if now - due_at.min(now) < Duration::from_millis(1) { now } else { due_at };
                opened[free].send(template.next_request().0, since)?;
                sent += 1;
            }
        }
        poll.poll(&mut events, Some(Duration::from_millis(1)))?;
        for event in &events {
            let Token(which) = event.token();
            let connection = &mut opened[which];
            let Some((body, answer_end)) = connection.receive(status)? else { continue };
            let now = Instant::now();
            if *length.get_or_insert(answer_end - body) != answer_end - body {
                return Err("an answer of another length".into());
            }
            if let Some(since) = connection.since.take() {
                latencies.push(u32::try_from((now - since).as_micros())?);
            }
            last_answer = now;
            match pace {
                Pace::Closed => connection.send(template.next_request().0, now)?,
                Pace::PerSecond(_) => idle.push(which),
            }
        }
        if last_answer.elapsed() > Duration::from_secs(10) {
            return Err("no answer for ten seconds".into());
        }
    }
    latencies.sort_unstable();
    Ok(Run { requests: latencies.len(), seconds: start.elapsed().as_secs_f64(), latencies })
}
