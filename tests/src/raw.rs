//! Bytes over a socket, for what no HTTP client sends.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{PATIENCE, Reply};

/// Sends a request, word for word, and reads the response. `Host`, `Connection: close` and `Content-Length` are added.
///
/// # Panics
///
/// When no response comes.
pub async fn raw_exchange(address: SocketAddr, head: &str, body: &str) -> Reply {
    let head = head.trim_end().replace('\n', "\r\n");
    let request =
        format!("{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    // A server that refuses the head may close before it has read the rest.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut response = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut response)).await;
    let read = read.expect("the server answers and closes");
    assert!(read.is_ok() || !response.is_empty(), "no response: {read:?}");
    parse(&String::from_utf8_lossy(&response))
}

fn parse(response: &str) -> Reply {
    let (head, body) = response.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header");
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a legal name"),
            HeaderValue::from_str(value.trim()).expect("a legal value"),
        );
    }
    Reply::new(status.parse().expect("a number"), headers, body.to_owned())
}
