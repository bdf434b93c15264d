//! Round trips to the authorization server that the validation of a token costs, counted on real TLS connections.
//!
//! The trusted authorities are read from environment variables, which a test cannot set for its own process. Each test
//! therefore runs itself again in another process.

use std::{
    env, fs,
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
    serve::Listener,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs},
    server::TlsStream,
};
use toolgate::{
    PropelAuth,
    auth::{BearerToken, Resource, TokenValidator, ValidationError},
    oauth::Introspection,
    propelauth::PropelAuthApiKeys,
};
use toolgate_tests::{TestServer, eventually};

/// Round trips of a request on a new connection: TCP, TLS 1.3, and the request.
const NEW_CONNECTION: usize = 3;

/// Authorization server over TLS, behind a relay that counts round trips.
struct CountedServer {
    url: String,
    round_trips: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    close: watch::Sender<()>,
}

impl CountedServer {
    /// Starts the server, whose authority is written to the file of trusted ones.
    async fn start(trusted: &str) -> Self {
        let listener = TestServer::listener().await;
        let url = TestServer::url_of(&listener).replacen("http://", "https://", 1);
        let target = serve(&url, tls_acceptor(trusted)).await;
        let (round_trips, open, close) = (Arc::default(), Arc::default(), watch::Sender::new(()));
        let server = Self { url, round_trips, open, close };
        let (round_trips, open, close) =
            (Arc::clone(&server.round_trips), Arc::clone(&server.open), server.close.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = TcpStream::connect(target).await.unwrap();
                open.fetch_add(1, Ordering::SeqCst);
                // The handshake of TCP.
                round_trips.fetch_add(1, Ordering::SeqCst);
                let (round_trips, open, close) = (Arc::clone(&round_trips), Arc::clone(&open), close.subscribe());
                tokio::spawn(async move {
                    relay(client, connection, &round_trips, close).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    /// Validates a token that has not been validated before, and returns the round trips.
    async fn round_trips_of(&self, validator: &impl TokenValidator, token: &str) -> usize {
        let before = self.round_trips.load(Ordering::SeqCst);
        let resource = Resource::new("https://mcp.example.com/mcp");
        let result = validator.validate(&BearerToken::parse(token).unwrap(), &resource).await;
        assert!(!matches!(result, Err(ValidationError::Unavailable(_))), "{result:?}");
        let round_trips = self.round_trips.load(Ordering::SeqCst) - before;
        settle().await;
        round_trips
    }

    /// Closes the idle connections, and waits until the client has noticed it.
    async fn close_idle_connections(&self) {
        assert_ne!(self.open.load(Ordering::SeqCst), 0);
        self.close.send_replace(());
        eventually("the client has closed its connections", async || self.open.load(Ordering::SeqCst) == 0).await;
        settle().await;
    }
}

/// Lets the client return its connection to the pool, which a task of the same thread does.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Forwards bytes until a side closes. Bytes of the client after bytes of the server, or at the start, begin a round trip.
async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    round_trips: &AtomicUsize,
    mut close: watch::Receiver<()>,
) {
    let (mut from_client, mut from_server) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut client_was_last = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(read @ 1..) = read else { return };
                if !client_was_last {
                    round_trips.fetch_add(1, Ordering::SeqCst);
                }
                client_was_last = true;
                server.write_all(&from_client[..read]).await.unwrap();
            }
            read = server.read(&mut from_server) => {
                let Ok(read @ 1..) = read else { return };
                client_was_last = false;
                client.write_all(&from_server[..read]).await.unwrap();
            }
            _ = close.changed() => {
                let _ = client.shutdown().await;
                while let Ok(1..) = client.read(&mut from_client).await {}
                return;
            }
        }
    }
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (connection, address) = self.tcp.accept().await.unwrap();
            if let Ok(connection) = self.acceptor.accept(connection).await {
                return (connection, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

fn tls_acceptor(trusted: &str) -> TlsAcceptor {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(trusted, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key.into())
        .unwrap();
    // Session tickets are sent without being requested, and would look like responses.
    config.send_tls13_tickets = 0;
    Arc::new(config).into()
}

/// Serves the metadata, introspection, and validation of API keys of an authorization server at its URL.
async fn serve(url: &str, acceptor: TlsAcceptor) -> SocketAddr {
    let tcp = TestServer::listener().await;
    let address = tcp.local_addr().unwrap();
    let url = url.to_owned();
    let respond = async move |uri: Uri, body: String| -> Response {
        match uri.path() {
            path if path.starts_with("/.well-known/") => Json(json!({
                "issuer": url, "introspection_endpoint": format!("{url}/introspect"),
            }))
            .into_response(),
            path if path.ends_with("/introspect") => {
                Json(json!({"active": body.starts_with("token=cold"), "sub": "harriet"})).into_response()
            }
            _ => (StatusCode::BAD_REQUEST, Json(json!({"api_key_token": "unknown"}))).into_response(),
        }
    };
    let router = Router::new().fallback(respond);
    tokio::spawn(async move { axum::serve(TlsListener { tcp, acceptor }, router).await.unwrap() });
    address
}

/// In the other process, returns the path of the trusted authorities, which the test writes. In the first process, runs
/// the test in the other one and returns `None`.
fn rerun_with_trusted_authorities(test: &str) -> Option<String> {
    const TRUSTED: &str = "TEST_TRUSTED";
    if let Ok(trusted) = env::var(TRUSTED) {
        return Some(trusted);
    }
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("authorities.pem");
    let mut process = Command::new(env::current_exe().unwrap());
    process.args(["--exact", &format!("round_trips::{test}")]);
    process.env(TRUSTED, &trusted).env("SSL_CERT_FILE", &trusted).env_remove("SSL_CERT_DIR");
    let output = process.output().unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    None
}

/// Checks what tokens cost after the preflight check, and after the server has closed the idle connections.
async fn assert_round_trips(server: &CountedServer, validator: &impl TokenValidator, tokens: [&str; 4]) {
    let [first, second, after_close, last] = tokens;
    // The preflight check leaves a connection, so that the first token needs no new one.
    validator.preflight().await.unwrap();
    settle().await;
    assert_eq!(server.round_trips_of(validator, first).await, 1);
    assert_eq!(server.round_trips_of(validator, second).await, 1);
    server.close_idle_connections().await;
    assert_eq!(server.round_trips_of(validator, after_close).await, NEW_CONNECTION);
    assert_eq!(server.round_trips_of(validator, last).await, 1);
}

const TOKENS: [&str; 4] = ["cold-1", "cold-2", "cold-3", "cold-4"];

#[tokio::test]
async fn a_cold_token_costs_one_round_trip_to_the_introspection_endpoint() {
    let test = "a_cold_token_costs_one_round_trip_to_the_introspection_endpoint";
    let Some(trusted) = rerun_with_trusted_authorities(test) else { return };
    let server = CountedServer::start(&trusted).await;
    assert_round_trips(&server, &Introspection::new(&server.url, "id", "secret").unwrap(), TOKENS).await;
}

#[tokio::test]
async fn a_cold_token_costs_one_round_trip_to_propelauth() {
    let Some(trusted) = rerun_with_trusted_authorities("a_cold_token_costs_one_round_trip_to_propelauth") else {
        return;
    };
    let server = CountedServer::start(&trusted).await;
    assert_round_trips(&server, &PropelAuth::new(&server.url, "id", "secret").unwrap(), TOKENS).await;
}

#[tokio::test]
async fn a_cold_api_key_costs_one_round_trip_to_propelauth() {
    let Some(trusted) = rerun_with_trusted_authorities("a_cold_api_key_costs_one_round_trip_to_propelauth") else {
        return;
    };
    let server = CountedServer::start(&trusted).await;
    let keys = PropelAuthApiKeys::new(&server.url, "backend-key").unwrap();
    assert_round_trips(&server, &keys, ["00", "01", "02", "03"]).await;
}

#[tokio::test]
async fn without_a_preflight_check_the_first_token_also_pays_for_the_connection_and_the_discovery() {
    let test = "without_a_preflight_check_the_first_token_also_pays_for_the_connection_and_the_discovery";
    let Some(trusted) = rerun_with_trusted_authorities(test) else { return };
    let server = CountedServer::start(&trusted).await;
    let validator = Introspection::new(&server.url, "id", "secret").unwrap();
    assert_eq!(server.round_trips_of(&validator, "cold-1").await, NEW_CONNECTION + 1);
    assert_eq!(server.round_trips_of(&validator, "cold-2").await, 1);
}
