//! TLS on the listener of a server, with certificates of an authority of the test.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use reqwest::tls::{Certificate, Version};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use toolgate::{CertificateError, Error, Server};
use toolgate_tests::{
    CapturedLog, Revision, SCOPES, TestServer, ToolBodies, eventually, read_to_end, within_deadline,
};

use crate::{AnyToken, SHORT_TIMEOUT};

/// A certification authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM format.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Issues a certificate for loopback.
    fn issue(&self) -> Pair {
        self.issue_with(|_| {})
    }

    fn issue_with(&self, configure: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        configure(&mut params);
        Pair { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Creates a client that trusts this authority only.
    fn client(&self) -> reqwest::ClientBuilder {
        let authority = Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_only([authority])
    }
}

/// Files of a pair, as a Kubernetes secret has them: links to files in a folder that a link names.
struct Secret {
    folder: TempDir,
    version: u32,
}

impl Secret {
    fn new(pair: &Pair) -> Self {
        let mut secret = Self { folder: tempfile::tempdir().unwrap(), version: 0 };
        secret.replace(pair);
        for name in ["tls.crt", "tls.key"] {
            std::os::unix::fs::symlink(Path::new("..data").join(name), secret.path(name)).unwrap();
        }
        secret
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces both files in one step.
    fn replace(&mut self, pair: &Pair) {
        self.version += 1;
        let version = format!("..version-{}", self.version);
        fs::create_dir(self.path(&version)).unwrap();
        fs::write(self.path(&version).join("tls.crt"), &pair.certificate).unwrap();
        fs::write(self.path(&version).join("tls.key"), &pair.key).unwrap();
        std::os::unix::fs::symlink(&version, self.path("..new")).unwrap();
        fs::rename(self.path("..new"), self.path("..data")).unwrap();
    }

    fn configure(&self, server: Server) -> Server {
        let (certificate, key) = (self.path("tls.crt"), self.path("tls.key"));
        server.http(|http| {
            http.tls_certificate = Some(certificate);
            http.tls_key = Some(key);
            http.tls_reload_interval = Duration::from_millis(10);
        })
    }
}

/// A server with TLS.
struct TlsServer {
    address: std::net::SocketAddr,
    endpoint: String,
    bodies: ToolBodies,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl TlsServer {
    async fn start(secret: &Secret, configure: impl FnOnce(Server) -> Server) -> Self {
        let listener = TestServer::listener().await;
        let (address, bodies) = (listener.local_addr().unwrap(), ToolBodies::default());
        let server = Server::new("tls", &SCOPES).ignore_environment().skip_preflight().auth(AnyToken);
        let server = configure(secret.configure(server.bind(address).state(bodies.clone()))).build().unwrap();
        let endpoint = server.endpoint().to_owned();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server.serve_on(listener, async {
            let _ = stopped.await;
        });
        Self { address, endpoint, bodies, stop, task: tokio::spawn(serving) }
    }

    /// Sends a call of a tool, and returns the status of the response.
    async fn call(&self, client: &reqwest::Client, tool: &str) -> Result<u16, reqwest::Error> {
        let message = Revision::Legacy.call_message(tool, &json!({}));
        let mut request = client.post(&self.endpoint).bearer_auth("ann").body(message.to_string());
        for (name, value) in Revision::Legacy.headers() {
            request = request.header(name, value);
        }
        Ok(request.send().await?.status().as_u16())
    }
}

#[tokio::test]
async fn a_server_with_a_certificate_serves_over_tls_1_2_and_1_3_only() {
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.issue());
    let server = TlsServer::start(&secret, |server| server).await;
    assert_eq!(server.endpoint, format!("https://{}/mcp", server.address));
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let client = authority.client().tls_version_min(version).tls_version_max(version).build().unwrap();
        assert_eq!(server.call(&client, "request_info").await.unwrap(), 200, "{version:?}");
        let rejected = client.post(&server.endpoint).send().await.unwrap();
        let challenge = rejected.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains(&format!("https://{}/.well-known/", server.address)), "{challenge}");
    }
    let other = Authority::new("another").client().build().unwrap();
    assert!(server.call(&other, "request_info").await.is_err());
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut response = Vec::new();
    let _ = within_deadline("the end of the connection", plain.read_to_end(&mut response)).await;
    assert!(!response.starts_with(b"HTTP"), "{response:?}");
}

#[tokio::test]
async fn a_replaced_certificate_is_used_for_new_connections_and_open_ones_stay() {
    let log = CapturedLog::start();
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let mut secret = Secret::new(&old.issue());
    let server = TlsServer::start(&secret, |server| server).await;
    let established = old.client().pool_max_idle_per_host(1).build().unwrap();
    assert_eq!(server.call(&established, "request_info").await.unwrap(), 200);
    let fresh = async |authority: &Authority| {
        server.call(&authority.client().build().unwrap(), "request_info").await.is_ok_and(|status| status == 200)
    };
    assert!(!fresh(&new).await);
    secret.replace(&new.issue());
    eventually("the new certificate is used", async || fresh(&new).await).await;
    assert!(!fresh(&old).await);
    assert_eq!(
        server.call(&established, "request_info").await.unwrap(),
        200,
        "the connection of the old certificate"
    );
    assert!(log.of_this_thread().contains("reloaded the TLS certificate"));
}

#[tokio::test]
async fn an_invalid_new_certificate_keeps_the_old_one_and_is_logged_once() {
    const MESSAGE: &str = "the TLS certificate is not reloaded";
    let log = CapturedLog::start();
    let authority = Authority::new("ours");
    let mut secret = Secret::new(&authority.issue());
    let server = TlsServer::start(&secret, |server| server).await;
    let is_served = async || {
        server.call(&authority.client().build().unwrap(), "request_info").await.is_ok_and(|status| status == 200)
    };
    let (one, other) = (authority.issue(), authority.issue());
    secret.replace(&Pair { certificate: one.certificate, key: other.key.clone() });
    eventually("the problem is logged", async || log.of_this_thread().contains(MESSAGE)).await;
    assert!(is_served().await);
    let logged = log.of_this_thread();
    assert!(logged.contains("is not that of the first certificate"), "{logged}");
    secret.replace(&Pair { certificate: "not a certificate".to_owned(), key: other.key });
    eventually("the next problem is logged", async || log.of_this_thread().contains("has no valid certificate"))
        .await;
    fs::remove_file(secret.path("..data")).unwrap();
    eventually("a missing file is logged", async || log.of_this_thread().contains("cannot read")).await;
    assert!(is_served().await);
    secret.replace(&authority.issue());
    eventually("a valid pair is used", async || log.of_this_thread().contains("reloaded the TLS certificate")).await;
    assert!(is_served().await);
    let logged = log.of_this_thread();
    assert_eq!(logged.matches(MESSAGE).count(), 3, "{logged}");
    assert!(!logged.contains("PRIVATE KEY---"), "{logged}");
}

#[tokio::test]
async fn silent_handshakes_take_no_place_from_clients_and_end_at_the_time_limit_of_a_head() {
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.issue());
    let server = TlsServer::start(&secret, |server| {
        server.http(|http| {
            http.max_connections = Some(4);
            http.header_timeout = Duration::from_secs(2);
        })
    })
    .await;
    let mut silent = Vec::new();
    for i in 0..40 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        if i % 2 == 0 {
            // The beginning of a record with a ClientHello.
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    let client = authority.client().build().unwrap();
    assert_eq!(server.call(&client, "request_info").await.unwrap(), 200);
    for stream in &mut silent {
        read_to_end(stream).await;
    }
    assert_eq!(server.call(&client, "request_info").await.unwrap(), 200);
}

#[tokio::test]
async fn shutdown_over_tls_waits_for_requests_and_not_for_handshakes() {
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.issue());
    let server = TlsServer::start(&secret, |server| server).await;
    let client = authority.client().build().unwrap();
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let message = Revision::Legacy.call_message("waits", &json!({}));
    let mut request = client.post(&server.endpoint).bearer_auth("ann").body(message.to_string());
    for (name, value) in Revision::Legacy.headers() {
        request = request.header(name, value);
    }
    let call = tokio::spawn(async move { request.send().await.unwrap().text().await.unwrap() });
    server.bodies.wait_for_start(1).await;
    server.stop.send(()).unwrap();
    let address = server.address;
    eventually("no connection is accepted", async || TcpStream::connect(address).await.is_err()).await;
    assert!(!server.task.is_finished());
    server.bodies.release(1);
    assert!(call.await.unwrap().contains("waited"));
    within_deadline("the server stops", server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_over_tls_is_disconnected() {
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.issue());
    let server = TlsServer::start(&secret, |server| server.http(|http| http.write_timeout = SHORT_TIMEOUT)).await;
    let roots = [authority.0.der().clone()];
    let mut stream = tls_stream(&server, roots).await;
    // Requests whose responses are not read, until the connection is closed.
    let request = format!("GET /.well-known/oauth-protected-resource HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let batch = request.repeat(1000);
    let closed = async { while stream.write_all(batch.as_bytes()).await.is_ok() {} };
    within_deadline("the connection is closed", closed).await;
}

async fn tls_stream(
    server: &TlsServer,
    roots: [tokio_rustls::rustls::pki_types::CertificateDer<'static>; 1],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    use tokio_rustls::{
        TlsConnector,
        rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs},
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    let config = ClientConfig::builder_with_provider(std::sync::Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let name = server.address.ip().into();
    TlsConnector::from(std::sync::Arc::new(config)).connect(name, tcp).await.unwrap()
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_or_soon_will_not_be_is_logged() {
    let authority = Authority::new("ours");
    let now = std::time::SystemTime::now();
    let today = i64::try_from(now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400).unwrap();
    let day =
        |offset: i64| date_time_ymd(1970, 1, 1) + Duration::from_hours(24 * u64::try_from(today + offset).unwrap());
    for (from, until, message) in [
        (-400, -10, Some("is not valid now")),
        (10, 20, Some("is not valid now")),
        (-88, 2, Some("expires soon")),
        (-10, 80, None),
    ] {
        let log = CapturedLog::start();
        let secret = Secret::new(&authority.issue_with(|params| {
            params.not_before = day(from);
            params.not_after = day(until);
        }));
        let server = TlsServer::start(&secret, |server| server).await;
        let path = secret.path("tls.crt").display().to_string();
        let logged =
            || log.of_this_thread().lines().filter(|line| line.contains(&path)).collect::<Vec<_>>().join("\n");
        if let Some(message) = message {
            eventually("the expiry is logged", async || logged().contains(message)).await;
        } else {
            let client = authority.client().build().unwrap();
            assert_eq!(server.call(&client, "request_info").await.unwrap(), 200);
            assert!(!logged().contains("valid now") && !logged().contains("expires soon"), "{}", logged());
        }
    }
}

#[test]
fn each_mistake_in_the_settings_of_tls_is_a_build_problem() {
    let pair = Authority::new("ours").issue();
    let secret = Secret::new(&pair);
    let server = || Server::new("tls", &SCOPES).ignore_environment().auth(AnyToken).state(ToolBodies::default());
    let problem = |server: Server| server.build().unwrap_err().to_string();
    let only_certificate = server().http(|http| http.tls_certificate = Some("tls.crt".into()));
    assert_eq!(problem(only_certificate), "`http.tls_certificate` is set, and `http.tls_key` is not: TLS needs both");
    let only_key = server().http(|http| http.tls_key = Some("tls.key".into()));
    assert_eq!(problem(only_key), "`http.tls_key` is set, and `http.tls_certificate` is not: TLS needs both");
    let plain = problem(secret.configure(server()).server_url("http://127.0.0.1:8000"));
    assert!(
        plain.starts_with("SERVER_URL is http://127.0.0.1:8000, and the server has a TLS certificate"),
        "{plain}"
    );
    let swapped =
        secret.configure(server()).http(|http| std::mem::swap(&mut http.tls_certificate, &mut http.tls_key));
    let swapped = problem(swapped);
    assert!(swapped.contains("tls.key has no valid certificate"), "{swapped}");
    let missing = problem(secret.configure(server()).http(|http| http.tls_key = Some("/does/not/exist".into())));
    assert!(missing.starts_with("`http.tls_key`: cannot read /does/not/exist: "), "{missing}");
    assert!(secret.configure(server()).build().is_ok());
    let error = CertificateError::NoKey("/tls.key".into()).to_string();
    assert!(error.contains("`http.tls_key`") && error.contains("without a password"), "{error}");
}
