//! The limit on connections, and the limit on descriptors that it depends on.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use toolgate::{PropelAuth, Server};
use toolgate_tests::{
    CapturedLog, IntrospectionStub, RawRequest, Revision, TestServer, read_to_end, within_deadline,
};

use crate::{AnyToken, SHORT_TIMEOUT, spawn_call};

const PARTIAL_HEAD: &str = "POST /mcp HTTP/1.1\r\nHost: ";
const MESSAGE: &str = "the limit on connections is reached";

async fn start(max_connections: usize) -> TestServer {
    TestServer::with(|server| server.auth(AnyToken).http(|http| http.max_connections = Some(max_connections))).await
}

/// A connection that stays open between requests.
struct KeepAlive(TcpStream);

impl KeepAlive {
    async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Connects from another address of loopback.
    async fn connect_from(source: &str, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        Self(within_deadline("a connection", socket.connect(address)).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends a request and returns whether the response is 200; `false` if the server has closed the connection.
    async fn is_served(&mut self) -> bool {
        const END: &str = "\r\n\r\n{\"status\":\"alive\"}";
        let mut response = Vec::new();
        let exchange = async {
            self.0.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await?;
            while !response.ends_with(END.as_bytes()) {
                if self.0.read_buf(&mut response).await? == 0 {
                    break;
                }
            }
            io::Result::Ok(())
        };
        let _ = within_deadline("a response or the end of the connection", exchange).await;
        String::from_utf8(response).unwrap().starts_with("HTTP/1.1 200 ")
    }
}

#[tokio::test]
async fn at_the_limit_the_connection_that_was_idle_for_the_longest_time_is_closed() {
    let log = CapturedLog::start();
    let server = start(4).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = KeepAlive::connect(server.address).await;
        assert!(client.is_served().await);
        clients.push(client);
    }
    // The second is the one that has been idle for the longest time.
    assert!(clients[0].is_served().await);
    let mut new = KeepAlive::connect(server.address).await;
    assert!(new.is_served().await);
    assert_eq!(read_to_end(&mut clients[1].0).await, "", "closed without a response");
    for open in [0, 2, 3] {
        assert!(clients[open].is_served().await, "{open}");
    }
    assert!(new.is_served().await);
    for _ in 0..20 {
        assert!(KeepAlive::connect(server.address).await.is_served().await);
    }
    let log = log.of_this_thread();
    assert_eq!(log.matches(MESSAGE).count(), 1, "one message for each interval: {log}");
}

#[tokio::test]
async fn a_connection_that_was_used_is_idle_for_the_keep_alive_time_and_not_for_that_of_a_head() {
    let configure = |server: Server| {
        let server = server.auth(AnyToken).http(|http| http.header_timeout = SHORT_TIMEOUT);
        server.http(|http| http.keep_alive_timeout = Duration::from_hours(1))
    };
    let server = TestServer::with(configure).await;
    let mut used = KeepAlive::connect(server.address).await;
    assert!(used.is_served().await);
    let mut late = KeepAlive::connect(server.address).await;
    assert!(late.is_served().await);
    late.send(PARTIAL_HEAD).await;
    let mut silent = KeepAlive::connect(server.address).await;
    assert_eq!(read_to_end(&mut silent.0).await, "", "the first head is late");
    assert_eq!(read_to_end(&mut late.0).await, "", "a later head is late");
    assert!(used.is_served().await, "it was idle for longer than a head may take");
}

#[tokio::test]
async fn a_connection_that_is_idle_for_longer_than_the_keep_alive_time_is_closed() {
    let configure = |server: Server| server.auth(AnyToken).http(|http| http.keep_alive_timeout = SHORT_TIMEOUT);
    let server = TestServer::with(configure).await;
    let mut client = KeepAlive::connect(server.address).await;
    assert!(client.is_served().await);
    assert_eq!(read_to_end(&mut client.0).await, "");
}

#[tokio::test]
async fn a_client_that_sends_a_large_body_receives_the_response_that_rejects_it() {
    const BODY: usize = 16 * 1024 * 1024;
    let server = start(8).await;
    for _ in 0..40 {
        let (mut reader, mut writer) = TcpStream::connect(server.address).await.unwrap().into_split();
        let head = format!("POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Length: {BODY}\r\n\r\n", server.address);
        writer.write_all(head.as_bytes()).await.unwrap();
        let sending = tokio::spawn(async move { writer.write_all(&vec![b'x'; BODY]).await.map(|()| writer) });
        let mut response = String::new();
        within_deadline("the response", reader.read_to_string(&mut response)).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 401 ") && response.contains("connection: close\r\n"), "{response}");
        within_deadline("the end of the body", sending).await.unwrap().expect("the connection is not reset");
    }
}

#[tokio::test]
async fn silent_and_slow_connections_of_one_peer_do_not_close_those_of_another() {
    let server = start(8).await;
    let mut idle = KeepAlive::connect(server.address).await;
    assert!(idle.is_served().await);
    let mut slow = KeepAlive::connect(server.address).await;
    slow.send("GET /healthz HTTP/1.1\r\n").await;
    let mut flood = Vec::new();
    for i in 0..40 {
        let mut client = KeepAlive::connect_from("127.0.0.2", server.address).await;
        if i % 2 == 0 {
            client.send(PARTIAL_HEAD).await;
        }
        flood.push(client);
    }
    assert!(KeepAlive::connect_from("127.0.0.3", server.address).await.is_served().await);
    assert!(KeepAlive::connect(server.address).await.is_served().await);
    slow.send("Host: a\r\n\r\n").await;
    let mut status = [0; 15];
    within_deadline("a response", slow.0.read_exact(&mut status)).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    assert!(idle.is_served().await);
    for client in &mut flood[..30] {
        assert_eq!(read_to_end(&mut client.0).await, "");
    }
}

#[tokio::test]
async fn a_new_connection_gets_503_while_all_are_in_use() {
    let server = start(2).await;
    let calls = [spawn_call(&server, "ann", "waits"), spawn_call(&server, "bob", "waits")];
    server.bodies.wait_for_start(2).await;
    for _ in 0..40 {
        let request = RawRequest::mcp(Revision::Modern).header("Connection", "keep-alive");
        let response = request.send(server.address).await;
        assert_eq!((response.status, response.header("retry-after")), (503, "1"), "{response:?}");
        assert_eq!(
            (response.header("connection"), &*response.text),
            ("close", r#"{"error":"too_many_connections"}"#)
        );
    }
    assert_eq!(server.client(Revision::Modern).list().await.status, 503, "an HTTP client receives the response");
    for _ in 0..40 {
        let probe = RawRequest::new("GET", "/healthz").header("Connection", "keep-alive").send(server.address).await;
        assert_eq!((probe.status, probe.header("connection")), (200, "close"), "health does not depend on clients");
    }
    server.bodies.release(2);
    for call in calls {
        assert!(call.await.unwrap().is_success(), "requests in flight are not affected");
    }
    assert!(KeepAlive::connect(server.address).await.is_served().await);
}

#[tokio::test]
async fn health_is_reported_while_silent_connections_are_beyond_the_limit() {
    let server = start(1).await;
    let call = spawn_call(&server, "ann", "waits");
    server.bodies.wait_for_start(1).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(KeepAlive::connect(server.address).await);
    }
    assert!(KeepAlive::connect(server.address).await.is_served().await);
    // At most 16 connections are beyond the limit.
    for client in &mut silent[..80] {
        assert_eq!(read_to_end(&mut client.0).await, "");
    }
    server.bodies.release(1);
    assert!(call.await.unwrap().is_success());
    let mut new = KeepAlive::connect(server.address).await;
    for _ in 0..2 {
        assert!(new.is_served().await, "all unused connections beyond the limit were closed for it");
    }
}

/// A server in a process of its own, with a limit on descriptors.
struct LimitedServer {
    process: Child,
    /// Stays open, because the test harness of the process writes to it.
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

const AUTH_URL: &str = "TEST_AUTH_URL";
const MAX_CONNECTIONS: &str = "TEST_MAX_CONNECTIONS";

impl LimitedServer {
    fn start(descriptors: usize, max_connections: Option<usize>, stub: &IntrospectionStub) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"")])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "connections::process_of_a_limited_server", "--ignored", "--nocapture"])
            .env(AUTH_URL, stub.auth_url())
            .env(MAX_CONNECTIONS, max_connections.map(|max| max.to_string()).unwrap_or_default())
            .env("RUST_LOG", "toolgate=info")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut lines = stdout.by_ref().lines().map(Result::unwrap);
        let url = lines.find_map(|line| line.split_once("http://").map(|(_, address)| address.to_owned()));
        Self { process, _stdout: stdout, address: url.expect("the process serves").parse().unwrap() }
    }

    fn open_descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// Returns the status of a list with a token.
    async fn list(&self, token: &str) -> u16 {
        let client =
            toolgate_tests::Client::new(&format!("http://{}/mcp", self.address), Revision::Modern).token(token);
        within_deadline("a response", client.list()).await.status
    }

    /// Opens connections that send nothing, a part of a request, or one request.
    async fn flood(&self, connections: usize) -> Vec<KeepAlive> {
        let mut flood = Vec::new();
        for i in 0..connections {
            let mut client = KeepAlive::connect_from("127.0.0.2", self.address).await;
            match i % 3 {
                0 => {}
                1 => client.send(PARTIAL_HEAD).await,
                _ => client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await,
            }
            flood.push(client);
        }
        flood
    }

    /// Stops the process and returns its log.
    fn stop(mut self) -> String {
        drop(self.process.stdin.take());
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.process.wait().unwrap().success(), "{log}");
        log
    }
}

#[tokio::test]
#[ignore = "is the process that other tests start"]
async fn process_of_a_limited_server() {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_env_filter(env::var("RUST_LOG").unwrap())
        .init();
    let auth = PropelAuth::new(&env::var(AUTH_URL).unwrap(), "client-id", "client-secret").unwrap();
    let max_connections = env::var(MAX_CONNECTIONS).unwrap().parse().ok();
    let configure = |server: Server| server.auth(auth).http(|http| http.max_connections = max_connections);
    let server = TestServer::with(configure).await;
    println!("{}", server.url);
    tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    server.shut_down().await;
}

#[tokio::test]
async fn tokens_are_introspected_at_the_limit_of_descriptors() {
    const DESCRIPTORS: usize = 256;
    let stub = IntrospectionStub::start().await;
    let server = LimitedServer::start(DESCRIPTORS, None, &stub);
    stub.set_response(json!({ "active": true, "aud": format!("http://{}/mcp", server.address) }).to_string());
    let mut established = KeepAlive::connect(server.address).await;
    assert!(established.is_served().await);
    let flood = server.flood(2 * DESCRIPTORS).await;
    for i in 0..20 {
        assert_eq!(server.list(&format!("new-{i}")).await, 200);
    }
    assert!(established.is_served().await, "the connection of another peer is still open");
    assert_eq!(stub.requests().len(), 20);
    let open = server.open_descriptors();
    println!("{open} of {DESCRIPTORS} descriptors are open");
    // 128 connections, the rest are reserved.
    assert!((128..192).contains(&open), "{open}");
    drop(flood);
    let log = server.stop();
    assert!(log.contains("max_connections=128"), "{log}");
    assert_eq!(log.matches(MESSAGE).count(), 1, "{log}");
}

#[tokio::test]
async fn a_process_without_descriptors_closes_unused_connections_and_logs_it_once() {
    let stub = IntrospectionStub::start().await;
    let server = LimitedServer::start(128, Some(10_000), &stub);
    let _flood = server.flood(400).await;
    for _ in 0..10 {
        assert!(KeepAlive::connect(server.address).await.is_served().await);
    }
    let log = server.stop();
    assert_eq!(log.matches("`http.max_connections` is above the limit on open files").count(), 1, "{log}");
    assert_eq!(log.matches("cannot accept connections").count(), 1, "{log}");
}
