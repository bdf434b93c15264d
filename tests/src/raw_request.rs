//! HTTP/1.1 requests written to a socket as text, for requests that no HTTP client sends.

use std::{
    fmt::{Display, Write},
    net::SocketAddr,
};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{HttpResponse, Revision, within_deadline};

/// A request whose every header can be set, missing or duplicated.
#[derive(Clone, Debug)]
pub struct RawRequest {
    request_line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl RawRequest {
    /// Creates a request without headers.
    pub fn new(method: &str, target: &str) -> Self {
        Self { request_line: format!("{method} {target} HTTP/1.1"), headers: Vec::new(), body: String::new() }
    }

    /// Creates `POST /mcp` with the headers of a revision, without those that repeat the body.
    pub fn mcp(revision: Revision) -> Self {
        let request = Self::new("POST", "/mcp");
        revision.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Adds a header, beside others of the same name.
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a bearer token.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", format_args!("Bearer {token}"))
    }

    /// Adds a header in place of those of the same name.
    pub fn replace_header(mut self, name: &str, value: impl Display) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.header(name, value)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Connects and writes the request. `Host`, `Connection: close` and `Content-Length` are added where they are
    /// missing; `Content-Length` only without `Transfer-Encoding`.
    ///
    /// # Panics
    ///
    /// If nothing listens at the address.
    pub async fn open(&self, address: SocketAddr) -> TcpStream {
        let has = |name: &str| self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let mut text = format!("{}\r\n", self.request_line);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let length = self.body.len().to_string();
        for (name, value) in
            [("Host", address.to_string()), ("Connection", "close".to_owned()), ("Content-Length", length)]
        {
            if !has(name) && (name != "Content-Length" || !has("Transfer-Encoding")) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        // A server that rejects the head may close the connection before it has read the body.
        let _ = stream.write_all(format!("{text}\r\n{}", self.body).as_bytes()).await;
        stream
    }

    /// Sends the request and reads the response.
    ///
    /// # Panics
    ///
    /// If there is no complete response.
    pub async fn send(&self, address: SocketAddr) -> HttpResponse {
        let response = read_to_end(&mut self.open(address).await).await;
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no complete head: {response}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').expect("a header");
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a valid header name"),
                HeaderValue::from_str(value.trim()).expect("a valid header value"),
            );
        }
        HttpResponse::new(status.parse().expect("a status code"), headers, body.to_owned())
    }
}

/// Reads until the server closes or resets the connection.
pub async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let _ = within_deadline("the server closes the connection", stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
