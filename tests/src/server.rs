//! The test server on a free port.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use toolgate::{
    Server,
    auth::{Claims, StaticTokens},
};

use crate::{Client, Probe, Revision, SCOPES};

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct TestServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its public base URL.
    pub base: String,
    /// The address of its MCP endpoint.
    pub endpoint: String,
    /// What its tools' bodies did.
    pub probe: Probe,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), toolgate::Error>>,
}

impl TestServer {
    /// The server with the tools of [`SCOPES`] and the tokens of [`tokens`].
    pub async fn start() -> Self {
        Self::with(|server| server.auth(tokens())).await
    }

    /// The server with the tools of [`SCOPES`], configured further.
    pub async fn with(configure: impl FnOnce(Server) -> Server) -> Self {
        Self::on(Self::listener().await, configure).await
    }

    /// A listener on a free port, for a test that has to know the address first.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn listener() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port")
    }

    /// The server on a listener.
    ///
    /// # Panics
    ///
    /// When it cannot be built.
    pub async fn on(listener: TcpListener, configure: impl FnOnce(Server) -> Server) -> Self {
        let address = listener.local_addr().expect("it is bound");
        // Tests count what the authorization server is asked, so it is asked about no tokens but theirs.
        let server = Server::new("toolgate-tests", &SCOPES).server_url(format!("http://{address}")).skip_preflight();
        Self::run(listener, configure(server)).await
    }

    /// Any server on a listener. Its `SERVER_URL` has to lead there.
    ///
    /// # Panics
    ///
    /// When it cannot be built.
    #[expect(clippy::unused_async, reason = "it needs a runtime to run in, and says so")]
    pub async fn run(listener: TcpListener, server: Server) -> Self {
        let address = listener.local_addr().expect("it is bound");
        let probe = Probe::default();
        let server = server.bind(address).state(probe.clone());
        let built = server.build().unwrap_or_else(|error| panic!("{error}"));
        let endpoint = built.endpoint().to_owned();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = built.serve_on(listener, async {
            let _ = stopped.await;
        });
        Self { address, base: format!("http://{address}"), endpoint, probe, stop, task: tokio::spawn(serving) }
    }

    /// A client without a token.
    pub fn client(&self, revision: Revision) -> Client {
        Client::new(&self.endpoint, revision)
    }

    /// A client with a token.
    pub fn client_with(&self, token: &str, revision: Revision) -> Client {
        self.client(revision).token(token)
    }

    /// Tells it to stop; it is done when the handle says so.
    pub fn stop(self) -> JoinHandle<Result<(), toolgate::Error>> {
        let _ = self.stop.send(());
        self.task
    }
}

/// Tokens that are named after what they may do.
pub fn tokens() -> StaticTokens {
    let tokens: [(&str, &[&str]); 10] = [
        ("nothing", &[]),
        ("public", &["people:read:public"]),
        ("private", &["people:read:private"]),
        ("people", &["people:read:public", "people:read:private"]),
        ("read", &["files:read"]),
        ("write", &["files:write"]),
        ("admin", &["files:admin"]),
        ("reports", &["reports:read"]),
        ("foreign", &["of:another:server", "files"]),
        ("everything", &["files:admin", "people:read:private", "people:read:public", "reports:read"]),
    ];
    let tokens = tokens.into_iter().fold(StaticTokens::new(), |all, (token, scopes)| {
        all.token(token, Claims::new().subject(format!("user-{token}")).scopes(scopes.iter().copied()))
    });
    tokens.token("owner", Claims::new().subject("user-owner").organization("org-1", "Owner"))
}
