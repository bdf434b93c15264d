//! Rejections of requests whose body has not arrived: the connection stays usable, or the response says that it is closed.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use toolgate_tests::{TestServer, within_deadline};

/// A connection, with what has been received beyond the last response.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::new() }
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends the head of a `POST` without a token.
    async fn send_head(&mut self, length: usize, header: &str) {
        self.send(&format!(
            "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{header}\r\n"
        ))
        .await;
    }

    /// Reads the head of a response and its body. `None` if the server closes the connection before.
    async fn response(&mut self) -> Option<String> {
        let read = async {
            loop {
                let text = String::from_utf8_lossy(&self.received).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let head = head.to_ascii_lowercase();
                    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                    let length: usize = length.map_or(0, |length| length.parse().unwrap());
                    if body.len() >= length {
                        self.received.drain(..head.len() + 4 + length);
                        return Some(head);
                    }
                }
                if self.stream.read_buf(&mut self.received).await.ok()? == 0 {
                    return None;
                }
            }
        };
        within_deadline("a response or the end of the connection", read).await
    }
}

async fn start() -> (TestServer, SocketAddr) {
    let server = TestServer::start().await;
    let address = server.address;
    (server, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_body_follows_its_head_stays_usable_after_a_rejection() {
    let (_server, address) = start().await;
    let mut connection = Connection::open(address).await;
    for _ in 0..300 {
        connection.send_head(2, "").await;
        // The server may have rejected the request before the body arrives.
        tokio::task::yield_now().await;
        connection.send("{}").await;
        let head = connection.response().await.expect("a connection that was not announced as closed is open");
        assert!(head.starts_with("http/1.1 401 "), "{head}");
        if head.contains("connection: close") {
            connection = Connection::open(address).await;
        }
    }
}

#[tokio::test]
async fn a_rejection_is_sent_although_the_body_never_arrives() {
    let (_server, address) = start().await;
    let mut connection = Connection::open(address).await;
    connection.send_head(2, "").await;
    let head = connection.response().await.unwrap();
    assert!(head.starts_with("http/1.1 401 ") && head.contains("connection: close"), "{head}");
    assert_eq!(connection.response().await, None);
}

#[tokio::test]
async fn a_large_body_is_not_waited_for() {
    let (_server, address) = start().await;
    let mut connection = Connection::open(address).await;
    connection.send_head(1024 * 1024, "").await;
    let head = connection.response().await.unwrap();
    assert!(head.starts_with("http/1.1 401 ") && head.contains("connection: close"), "{head}");
}

#[tokio::test]
async fn a_rejected_client_is_not_told_to_send_its_body() {
    let (_server, address) = start().await;
    let mut connection = Connection::open(address).await;
    connection.send_head(2, "Expect: 100-continue\r\n").await;
    let head = connection.response().await.unwrap();
    assert!(head.starts_with("http/1.1 401 ") && head.contains("connection: close"), "{head}");
}
