//! Checks of a request head that hyper does not make: line ends, `Host`, and the target.
//!
//! A proxy in front of the server may read a head differently if it is ambiguous, and then forward another request
//! than the one that is served (request smuggling).

use http::{Request, Version, header};
use memchr::memchr;
use thiserror::Error;

use crate::gate::AllowedOrigins;

/// Reason why a request is rejected with 400. It is for the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum MalformedHead {
    #[error("the request has no Host header")]
    MissingHost,
    #[error("the request has several Host headers")]
    SeveralHosts,
    #[error("the target of the request names another host than its Host header, or not this server")]
    ForeignTarget,
    #[error("the head does not end where its lines do")]
    Ambiguous,
}

/// Checks `Host` (RFC 9112, section 3.2) and a target in absolute form (section 3.2.2), which only a proxy needs to
/// serve. The value of `Host` is checked by the gate: health probes may name an address.
pub(super) fn check<B>(request: &Request<B>, allowed: Option<&AllowedOrigins>) -> Result<(), MalformedHead> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(MalformedHead::SeveralHosts);
    }
    if host.is_none() && request.version() == Version::HTTP_11 {
        return Err(MalformedHead::MissingHost);
    }
    if let Some(authority) = request.uri().authority() {
        let is_host = host.is_none_or(|host| host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()));
        if !is_host || !allowed.is_none_or(|allowed| allowed.allows_authority(authority)) {
            return Err(MalformedHead::ForeignTarget);
        }
    }
    Ok(())
}

/// Follows the bytes of a connection from head to head, and invalidates heads with a bare LF.
///
/// hyper accepts a bare LF as the end of a line, which RFC 9112 (section 2.2) permits and proxies do not agree on. The
/// scanner sees the bytes before hyper does and replaces a bare LF in a head by a NUL, to which hyper responds with 400.
#[derive(Debug)]
pub(super) struct HeadScanner(Position);

#[derive(Debug)]
enum Position {
    /// In a head, or before one.
    Head(Head),
    /// After a head whose body length is not known yet. This number of bytes after it was read.
    AfterHead(u64),
    /// In a body that has this number of bytes left.
    Body(u64),
    /// In the last request of the connection.
    Last,
}

/// State of a head at the end of a read.
#[derive(Debug, Default)]
struct Head {
    /// Whether the head has a line that is not empty. Empty lines before it are ignored.
    started: bool,
    /// Number of bytes of the unfinished line.
    line: usize,
    /// Whether the unfinished line ends with a CR.
    ends_with_cr: bool,
}

impl Default for HeadScanner {
    fn default() -> Self {
        Self(Position::Head(Head::default()))
    }
}

impl HeadScanner {
    /// Scans the bytes of one read.
    pub(super) fn scan(&mut self, mut bytes: &mut [u8]) {
        loop {
            match &mut self.0 {
                Position::Head(head) => {
                    match head.scan(bytes) {
                        Scanned::Partial => {}
                        Scanned::Complete(end) => self.0 = Position::AfterHead((bytes.len() - end) as u64),
                        Scanned::Invalid => self.0 = Position::Last,
                    }
                    return;
                }
                Position::AfterHead(rest) => {
                    *rest += bytes.len() as u64;
                    return;
                }
                Position::Body(remaining) => match usize::try_from(*remaining) {
                    Ok(end) if end <= bytes.len() => {
                        bytes = &mut bytes[end..];
                        self.0 = Position::Head(Head::default());
                    }
                    _ => {
                        *remaining -= bytes.len() as u64;
                        return;
                    }
                },
                Position::Last => return,
            }
        }
    }

    /// Takes the length of the body that follows the head which hyper has parsed; `None` if it is not known in advance.
    ///
    /// Returns whether another request may follow. It may not if bytes beyond the body have already been read and could
    /// not be scanned as a head: after a body in chunks, or if a client sends a request before the previous one has been
    /// answered (pipelining), which proxies do not do.
    pub(super) fn body_follows(&mut self, length: Option<u64>) -> Result<bool, MalformedHead> {
        let Position::AfterHead(read) = self.0 else {
            self.0 = Position::Last;
            return Err(MalformedHead::Ambiguous);
        };
        let remaining = length.and_then(|length| length.checked_sub(read));
        self.0 = remaining.map_or(Position::Last, Position::Body);
        Ok(remaining.is_some())
    }

    /// Returns whether a part of a head has been read.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(&self.0, Position::Head(head) if head.started || head.line > 0)
    }
}

enum Scanned {
    Partial,
    /// The head ends at this index.
    Complete(usize),
    Invalid,
}

impl Head {
    fn scan(&mut self, bytes: &mut [u8]) -> Scanned {
        let mut start = 0;
        while let Some(length) = memchr(b'\n', &bytes[start..]) {
            let end = start + length;
            let after_cr = if length > 0 { bytes[end - 1] == b'\r' } else { self.ends_with_cr };
            if !after_cr {
                bytes[end] = 0;
                return Scanned::Invalid;
            }
            let is_empty = self.line + length == 1;
            if is_empty && self.started {
                return Scanned::Complete(end + 1);
            }
            *self = Self { started: self.started || !is_empty, ..Self::default() };
            start = end + 1;
        }
        if let Some(&last) = bytes[start..].last() {
            self.line += bytes.len() - start;
            self.ends_with_cr = last == b'\r';
        }
        Scanned::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans a connection in reads of `size` bytes. Each head is followed by a body of the next length.
    fn scan(text: &str, size: usize, lengths: &[u64]) -> (String, Vec<bool>) {
        let mut bytes = text.as_bytes().to_vec();
        let mut scanner = HeadScanner::default();
        let mut reusable = Vec::new();
        for read in bytes.chunks_mut(size) {
            scanner.scan(read);
            if matches!(scanner.0, Position::AfterHead(_)) {
                reusable.push(scanner.body_follows(lengths.get(reusable.len()).copied()).unwrap());
            }
        }
        (String::from_utf8(bytes).unwrap(), reusable)
    }

    #[test]
    fn heads_with_crlf_and_bodies_are_unchanged_in_reads_of_any_size() {
        let text = "\r\nPOST / HTTP/1.1\r\nA: b\r\n\r\n{\n\"a\":\n1}GET / HTTP/1.1\r\nC: d\r\n\r\n";
        // In larger reads, the second head begins in the same read as the end of the first.
        for size in (1..=12).chain([27]) {
            let (scanned, reusable) = scan(text, size, &[9, 0]);
            assert_eq!((scanned.as_str(), reusable), (text, vec![true, true]), "{size}");
        }
    }

    #[test]
    fn a_bare_lf_in_a_head_is_invalidated_in_reads_of_any_size() {
        for (head, at) in [
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", 14),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", 23),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", 25),
            ("\nGET / HTTP/1.1\r\n\r\n", 0),
            ("\r\n\nGET / HTTP/1.1\r\n\r\n", 2),
            ("\r\n\r\nGET / HTTP/1.1\n\n", 18),
        ] {
            let expected = format!("{}\0{}", &head[..at], &head[at + 1..]);
            for size in 1..=head.len() {
                assert_eq!(scan(head, size, &[0]).0, expected, "{head:?} {size}");
                // The second head of a connection, in another read than the end of the first body.
                let second = scan(&format!("GET / HTTP/1.1\r\n\r\n{head}"), 18, &[0, 0]);
                assert_eq!(second.0, format!("GET / HTTP/1.1\r\n\r\n{expected}"), "{head:?}");
            }
        }
    }

    #[test]
    fn a_connection_ends_with_a_request_whose_end_was_not_scanned() {
        let pipelined = "POST / HTTP/1.1\r\n\r\n{}GET / HTTP/1.1\n\n";
        assert_eq!(scan(pipelined, 100, &[2]), (pipelined.to_owned(), vec![false]));
        assert_eq!(scan("POST / HTTP/1.1\r\n\r\n", 100, &[]).1, [false], "a body in chunks");
        let mut scanner = HeadScanner::default();
        assert_eq!(scanner.body_follows(Some(0)), Err(MalformedHead::Ambiguous));
    }

    #[test]
    fn a_head_is_partial_until_its_last_line() {
        let mut scanner = HeadScanner::default();
        for (bytes, expected) in
            [("", false), ("\r\n", false), ("G", true), ("ET / HTTP/1.1\r\n", true), ("\r\n", false)]
        {
            scanner.scan(&mut bytes.as_bytes().to_vec());
            assert_eq!(scanner.is_in_head(), expected, "{bytes:?}");
        }
    }
}
