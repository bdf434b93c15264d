//! Servers on free ports of loopback.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use toolgate::{
    Server,
    auth::{Claims, Revocations, StaticTokens},
};

use crate::{Client, Revision, SCOPES, ToolBodies, within_deadline};

/// A running server, which stops when this value is dropped.
#[derive(Debug)]
pub struct TestServer {
    /// Address of the listener.
    pub address: SocketAddr,
    /// `SERVER_URL`, unless the test sets another one.
    pub url: String,
    /// URL of the MCP endpoint.
    pub endpoint: String,
    /// State of the tools.
    pub bodies: ToolBodies,
    /// Ends access on the server.
    pub revocations: Revocations,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), toolgate::Error>>,
}

impl TestServer {
    /// Starts a server with the tools of [`SCOPES`] and the tokens of [`tokens`].
    pub async fn start() -> Self {
        Self::with(|server| server.auth(tokens())).await
    }

    /// Starts a server with the tools of [`SCOPES`], configured by the test.
    pub async fn with(configure: impl FnOnce(Server) -> Server) -> Self {
        // Without the preflight check, the only introspection requests are those for the tokens of the test.
        Self::serve(|url| configure(Server::new("toolgate-tests", &SCOPES).server_url(url).skip_preflight())).await
    }

    /// Starts the server that `server` returns for its own URL.
    pub async fn serve(server: impl FnOnce(String) -> Server) -> Self {
        let listener = Self::listener().await;
        let server = server(Self::url_of(&listener));
        Self::serve_on(listener, server).await
    }

    /// Starts a server whose URL is that of the listener.
    ///
    /// # Panics
    ///
    /// If the server cannot be built.
    #[expect(clippy::unused_async, reason = "spawning a task requires a runtime, which an async function has")]
    pub async fn serve_on(listener: TcpListener, server: Server) -> Self {
        let url = Self::url_of(&listener);
        let address = listener.local_addr().expect("the listener is bound");
        let bodies = ToolBodies::default();
        let built = server.bind(address).state(bodies.clone()).build().unwrap_or_else(|error| panic!("{error}"));
        let endpoint = built.endpoint().to_owned();
        let revocations = built.revocations();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = built.serve_on(listener, async {
            let _ = stopped.await;
        });
        Self { address, url, endpoint, bodies, revocations, stop, task: tokio::spawn(serving) }
    }

    /// Binds a listener to a free port.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn listener() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port")
    }

    /// Returns the URL of a listener.
    ///
    /// # Panics
    ///
    /// Never: a listener is bound.
    pub fn url_of(listener: &TcpListener) -> String {
        format!("http://{}", listener.local_addr().expect("the listener is bound"))
    }

    /// Creates a client without a token.
    pub fn client(&self, revision: Revision) -> Client {
        Client::new(&self.endpoint, revision)
    }

    /// Creates a client with a token.
    pub fn client_with(&self, token: &str, revision: Revision) -> Client {
        self.client(revision).token(token)
    }

    /// Begins to shut down. The returned task ends when the server has stopped.
    pub fn begin_shutdown(self) -> JoinHandle<Result<(), toolgate::Error>> {
        let _ = self.stop.send(());
        self.task
    }

    /// Shuts down and waits until the server has stopped.
    ///
    /// # Panics
    ///
    /// If the server ends with an error.
    pub async fn shut_down(self) {
        let stopped = within_deadline("the server stops", self.begin_shutdown()).await;
        stopped.expect("the server does not panic").unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Returns tokens that are named after what they may call.
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
