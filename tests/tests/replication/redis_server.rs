//! A real Redis on a Unix socket, and TCP proxies to it that simulate network failures.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UnixStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use toolgate_tests::eventually;

/// A running `redis-server`, which is killed when this value is dropped.
pub(crate) struct RedisServer {
    folder: TempDir,
    child: Child,
}

impl RedisServer {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { child: run(folder.path()), folder };
        server.wait_until_ready().await;
        server
    }

    /// Kills the server, as in a crash.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again after [`RedisServer::kill`], with its data.
    pub(crate) async fn restart(&mut self) {
        self.child = run(self.folder.path());
        self.wait_until_ready().await;
    }

    /// Starts the server again without its data.
    pub(crate) async fn restart_empty(&mut self) {
        self.folder = tempfile::tempdir().unwrap();
        self.restart().await;
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Opens a connection for the test.
    pub(crate) async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(format!("redis+unix://{}", self.socket().display())).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    async fn wait_until_ready(&self) {
        let client = redis::Client::open(format!("redis+unix://{}", self.socket().display())).unwrap();
        eventually("redis-server responds", async || {
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
            redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
        })
        .await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(folder: &Path) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
        .arg("--unixsocket")
        .arg(folder.join("redis.sock"))
        .arg("--dir")
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot start `redis-server` ({error}); install it with `apt-get install redis-server`")
        })
}

/// State of the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Up,
    /// Bytes are held back and connections stay open.
    Stalled,
    /// Connections are closed and rejected.
    Down,
}

/// A proxy between one replica and Redis.
pub(crate) struct Proxy {
    pub(crate) url: String,
    network: watch::Sender<Network>,
    target: Arc<watch::Sender<PathBuf>>,
}

impl Proxy {
    pub(crate) async fn to(redis: &RedisServer) -> Self {
        Self::start(redis, None).await
    }

    /// Starts a proxy that uses TLS with the replica.
    pub(crate) async fn with_tls(redis: &RedisServer, acceptor: TlsAcceptor) -> Self {
        Self::start(redis, Some(acceptor)).await
    }

    async fn start(redis: &RedisServer, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let scheme = if tls.is_some() { "rediss" } else { "redis" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let network = watch::Sender::new(Network::Up);
        let target = Arc::new(watch::Sender::new(redis.socket()));
        tokio::spawn(accept(listener, tls, network.subscribe(), Arc::clone(&target)));
        Self { url, network, target }
    }

    /// Connects to a server that was restarted at another path.
    pub(crate) fn set_target(&self, redis: &RedisServer) {
        self.target.send_replace(redis.socket());
    }

    pub(crate) fn stall(&self) {
        self.network.send_replace(Network::Stalled);
    }

    pub(crate) fn disconnect(&self) {
        self.network.send_replace(Network::Down);
    }

    pub(crate) fn restore(&self) {
        self.network.send_replace(Network::Up);
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    network: watch::Receiver<Network>,
    target: Arc<watch::Sender<PathBuf>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (tls, mut network) = (tls.clone(), network.clone());
        let target = target.borrow().clone();
        tokio::spawn(async move {
            if network.wait_for(|network| *network != Network::Stalled).await.is_ok_and(|now| *now == Network::Down) {
                return;
            }
            match tls {
                None => connect(client, &target, network).await,
                Some(tls) => {
                    let Ok(client) = tls.accept(client).await else { return };
                    connect(client, &target, network).await;
                }
            }
        });
    }
}

async fn connect(client: impl AsyncRead + AsyncWrite, target: &Path, mut network: watch::Receiver<Network>) {
    let Ok(redis) = UnixStream::connect(target).await else { return };
    let ((from_client, to_client), (from_redis, to_redis)) = (tokio::io::split(client), redis.into_split());
    tokio::select! {
        () = forward(from_client, to_redis, network.clone()) => {}
        () = forward(from_redis, to_client, network.clone()) => {}
        _ = network.wait_for(|network| *network == Network::Down) => {}
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut network: watch::Receiver<Network>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        if network.wait_for(|network| *network == Network::Up).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
