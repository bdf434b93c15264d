//! `check`: the connections of a deployment, with a real tenant and a real server.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use internal_server::company::Company;
use internal_server::repository::Repository;
use internal_server::{TENANT_TOML, server};
use serde_json::Value;
use tempfile::TempDir;
use toolgate::PropelAuth;
use toolgate_dev_tenant::{DevTenant, DevTenantBuilder, Fault, IssuerVariant, Mint, TenantConfig};

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Result of one run.
struct Checked {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Checked {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }

    /// Returns the level and the text of the only result with this code.
    fn result(&self, code: &str) -> (String, String) {
        let json = self.json();
        let results = json["results"].as_array().unwrap().iter().filter(|result| result["code"] == code);
        let [result] =
            results.collect::<Vec<_>>().try_into().unwrap_or_else(|found| panic!("{code}: {found:?}\n{json:#}"));
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        (text("level"), format!("{} {}", text("text"), text("action")))
    }

    /// Returns the codes of the results of a level.
    fn codes(&self, level: &str) -> Vec<String> {
        let json = self.json();
        let results = json["results"].as_array().unwrap().iter().filter(|result| result["level"] == level);
        results.map(|result| result["code"].as_str().unwrap().to_owned()).collect()
    }
}

/// A folder with the reviewed policy, and the variables of the program.
struct Deployment {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Deployment {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("policy.lock"), include_str!("../policy.lock")).unwrap();
        // A free port, which no test uses.
        Self { folder, variables: Vec::new() }
            .with("BIND_ADDR", "127.0.0.1:0")
            .with("SERVER_URL", "http://127.0.0.1:9")
    }

    fn of(tenant: &DevTenant) -> Self {
        Self::new()
            .with("PROPELAUTH_AUTH_URL", tenant.auth_url())
            .with("PROPELAUTH_INTROSPECTION_CLIENT_ID", tenant.introspection_client_id())
            .with("PROPELAUTH_INTROSPECTION_CLIENT_SECRET", tenant.introspection_client_secret())
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self.variables.push((variable, value.to_owned()));
        self
    }

    fn at(self, address: SocketAddr) -> Self {
        self.with("BIND_ADDR", &address.to_string()).with("SERVER_URL", &format!("http://{address}"))
    }

    async fn check(&self, arguments: &[&str]) -> Checked {
        let mut command = Command::new(env!("CARGO_BIN_EXE_internal-server"));
        command.current_dir(self.folder.path()).arg("check").args(arguments).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Checked { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

async fn tenant(configure: impl FnOnce(DevTenantBuilder) -> DevTenantBuilder) -> DevTenant {
    let config = TenantConfig::from_toml(TENANT_TOML).unwrap();
    configure(DevTenant::builder(config)).start().await.unwrap()
}

/// Starts the server in this process, and returns its address.
async fn serve(tenant: &DevTenant, folder: &Path) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let auth =
        PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), tenant.introspection_client_secret());
    let auth = auth.unwrap().webhook_secret(WEBHOOK_SECRET).unwrap();
    let company = Company::open(&folder.join("company.db")).await.unwrap();
    let built =
        server(company, Repository::open(folder).unwrap(), auth).ignore_environment().bind(address).build().unwrap();
    tokio::spawn(built.serve_on(listener, std::future::pending()));
    address
}

fn token(tenant: &DevTenant, role: &str, resource: &str) -> String {
    tenant.mint(&Mint::for_person(tenant.person_of_role(role).unwrap().id).resource(resource)).unwrap()
}

#[tokio::test]
async fn without_variables_no_connection_is_checked_and_that_is_a_note() {
    let deployment = Deployment::new().with("PROPELAUTH_AUTH_URL", " ");
    let checked = deployment.check(&[]).await;
    assert_eq!(checked.status, Some(0), "{}", checked.stdout);
    assert!(checked.stdout.contains("\nnote     connections  no connection was checked:"), "{}", checked.stdout);
    assert!(checked.stdout.ends_with("1 ok, 1 note, 0 warnings, 0 errors\n"), "{}", checked.stdout);
    assert_eq!(deployment.check(&["--require-connections"]).await.status, Some(1));
    let offline = deployment.check(&["--offline"]).await;
    assert!(offline.status == Some(0) && !offline.stdout.contains("connections"), "{}", offline.stdout);
    fs::remove_file(deployment.folder.path().join("policy.lock")).unwrap();
    let checked = deployment.check(&["--json"]).await;
    assert_eq!(
        (checked.status, checked.codes("note")),
        (Some(0), vec!["policy".to_owned(), "connections".to_owned()])
    );
    assert_eq!(deployment.check(&["--lock", "policy.lock"]).await.status, Some(2));
}

#[tokio::test]
async fn an_incomplete_configuration_is_an_error() {
    for variable in ["PROPELAUTH_AUTH_URL", "PROPELAUTH_INTROSPECTION_CLIENT_SECRET"] {
        let checked = Deployment::new().with(variable, "https://auth.example.com").check(&["--json"]).await;
        let (level, text) = checked.result("configuration");
        assert!(level == "error" && text.contains("PROPELAUTH_INTROSPECTION_CLIENT_ID"), "{text}");
        assert_eq!(checked.status, Some(1));
    }
}

#[tokio::test]
async fn a_healthy_deployment_has_only_good_results_and_no_output_has_a_secret() {
    let tenant = tenant(|tenant| tenant).await;
    let deployment = Deployment::of(&tenant);
    let address = serve(&tenant, deployment.folder.path()).await;
    let token = token(&tenant, "HR", &format!("http://{address}/mcp"));
    let deployment = deployment
        .at(address)
        .with("PROPELAUTH_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .with("TOOLGATE_AUDIT_PATH", "audit.jsonl")
        .with("TOOLGATE_CHECK_TOKEN", &token);
    let checked = deployment.check(&["--json"]).await;
    assert_eq!(checked.codes("error"), [""; 0], "{}", checked.stdout);
    assert_eq!(checked.codes("warning"), [""; 0], "{}", checked.stdout);
    assert_eq!(checked.status, Some(0));
    for code in [
        "policy",
        "tokens",
        "scopes",
        "clock",
        "registration",
        "pkce",
        "refresh",
        "ready",
        "resource_metadata",
        "challenge",
        "proxy_authorization",
        "proxy_stream",
        "webhook",
        "audit_file",
        "token",
        "token_audience",
        "token_operations",
    ] {
        let (level, text) = checked.result(code);
        assert_eq!(level, "ok", "{code}: {text}");
    }
    assert!(checked.result("token_audience").1.contains("exactly as this server names itself"));
    assert!(checked.result("token_operations").1.contains("payroll_summary"));
    let json = checked.json();
    assert_eq!(json["counts"]["ok"], checked.codes("ok").len());
    assert!(json["settings"].as_array().unwrap().iter().any(|setting| setting["key"] == "audit.path"), "{json}");
    assert!(!deployment.folder.path().join("audit.jsonl").exists());
    let text = deployment.check(&[]).await;
    for output in [&checked, &text] {
        for secret in [token.as_str(), tenant.introspection_client_secret(), &WEBHOOK_SECRET["whsec_".len()..]] {
            assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "{}", output.stdout);
        }
    }
}

#[tokio::test]
async fn a_faulty_authorization_server_is_an_error_that_says_what_to_do() {
    let tenant = tenant(|tenant| tenant).await;
    let deployment = Deployment::of(&tenant);
    for (fault, code, expected) in [
        (Fault::WrongCredentials, "credentials_rejected", "MCP -> Request Validation"),
        (Fault::ServerError, "authorization_server_unavailable", "unexpected status 500"),
        (Fault::Redirect, "authorization_server_unavailable", "which is not followed"),
        (Fault::MalformedJson, "authorization_server_unavailable", ""),
        (Fault::Hang, "authorization_server_unavailable", "no complete response within"),
    ] {
        let started = Instant::now();
        tenant.set_fault(fault.clone());
        let checked = deployment.check(&["--json"]).await;
        tenant.clear_fault();
        assert!(started.elapsed() < Duration::from_secs(15), "{fault:?} took {:?}", started.elapsed());
        let (level, text) = checked.result(code);
        assert!(level == "error" && text.contains(expected), "{fault:?}: {text}");
        assert_eq!(checked.status, Some(1));
    }
    tenant.set_mcp_enabled(false);
    let (level, text) = deployment.check(&["--json"]).await.result("mcp_not_enabled");
    assert!(level == "error" && text.contains("MCP -> Enable MCP"), "{text}");
}

#[tokio::test]
async fn what_clients_and_scopes_lack_is_a_warning() {
    let config = TENANT_TOML.replace("payroll:read:all", "payroll:read:some");
    let tenant =
        DevTenant::builder(TenantConfig::from_toml(&config).unwrap()).registration(false).start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let checked = Deployment::of(&tenant).at(free).check(&["--json"]).await;
    assert_eq!(checked.status, Some(3), "{}", checked.stdout);
    let mut codes = checked.codes("warning");
    codes.sort();
    assert_eq!(codes, ["registration", "scopes", "scopes"]);
    for scope in ["payroll:read:all", "payroll:read:some"] {
        assert!(checked.stdout.contains(scope), "{}", checked.stdout);
    }
}

#[tokio::test]
async fn while_no_server_runs_check_listens_itself_and_compares_what_arrives() {
    let tenant = tenant(|tenant| tenant.issuer_variant(IssuerVariant::AtRoot)).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let checked = Deployment::of(&tenant).at(address).check(&["--json"]).await;
    assert_eq!(checked.status, Some(0), "{}", checked.stdout);
    for (code, expected) in [
        ("public_url", "reaches this process, from 127.0.0.1"),
        ("proxy_host", "`Host: 127.0.0.1:"),
        ("proxy_authorization", "`Authorization` arrives"),
        ("proxy_body", "4194304 bytes arrives unchanged"),
        ("proxy_stream", "while the stream is open"),
        ("proxy_path", "/.well-known/oauth-protected-resource/mcp reaches this process"),
    ] {
        let (level, text) = checked.result(code);
        assert!(level == "ok" && text.contains(expected), "{code}: {text}");
    }
    let (level, text) = checked.result("issuer");
    assert!(level == "note" && text.contains("this server is advertised as the authorization server"), "{text}");
}

#[tokio::test]
async fn a_public_url_that_reaches_nothing_is_an_error() {
    let tenant = tenant(|tenant| tenant).await;
    let deployment = Deployment::of(&tenant).with("SERVER_URL", "http://127.0.0.1:1");
    let checked = deployment.check(&["--json"]).await;
    let (level, text) = checked.result("public_url");
    assert!(level == "error" && text.contains("cannot be reached from this machine"), "{text}");
}

#[tokio::test]
async fn a_webhook_secret_that_the_running_server_does_not_have_is_an_error() {
    let tenant = tenant(|tenant| tenant).await;
    let deployment = Deployment::of(&tenant);
    let address = serve(&tenant, deployment.folder.path()).await;
    let deployment = deployment.at(address).with("PROPELAUTH_WEBHOOK_SECRET", OTHER_SECRET);
    let checked = deployment.check(&["--json"]).await;
    let (level, text) = checked.result("webhook");
    assert!(level == "error" && text.contains("another PROPELAUTH_WEBHOOK_SECRET"), "{text}");
    // A test delivery revokes nothing: every person still has access.
    let deployment = deployment.with("PROPELAUTH_WEBHOOK_SECRET", WEBHOOK_SECRET);
    assert_eq!(deployment.check(&["--json"]).await.result("webhook").0, "ok");
}

#[tokio::test]
async fn a_server_that_is_not_known_to_be_this_one_gets_no_signed_event_and_no_token() {
    let tenant = tenant(|tenant| tenant).await;
    let deployment = Deployment::of(&tenant);
    let address = serve(&tenant, deployment.folder.path()).await;
    // The running server has the webhook secret, and names itself `http://127.0.0.1:..`.
    let deployment = deployment
        .at(address)
        .with("SERVER_URL", &format!("http://localhost:{}/other", address.port()))
        .with("PROPELAUTH_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .with("TOOLGATE_CHECK_TOKEN", "a-token");
    let checked = deployment.check(&["--json"]).await;
    assert_eq!(checked.result("resource_metadata").0, "error", "{}", checked.stdout);
    for (code, expected) in [("webhook", "no test delivery was sent"), ("proxy_stream", "no stream was opened")] {
        let (level, text) = checked.result(code);
        assert!(level == "note" && text.contains(expected), "{code}: {text}");
    }
}

#[tokio::test]
async fn a_token_is_validated_and_its_audience_compared() {
    let tenant = tenant(|tenant| tenant).await;
    let deployment = Deployment::of(&tenant);
    let file = deployment.folder.path().join("token");
    let path = file.to_str().unwrap();
    let resource = "http://127.0.0.1:9/mcp";
    for (token, code, expected_level, expected) in [
        (token(&tenant, "HR", resource), "token_audience", "ok", "exactly"),
        (token(&tenant, "HR", "http://localhost:9/mcp"), "token_audience", "ok", "another form of"),
        (token(&tenant, "HR", "http://127.0.0.1:9/other"), "token_audience", "error", "set SERVER_URL"),
        ("unknown".to_owned(), "token", "error", "not valid"),
        ("not a token".to_owned(), "token", "error", "malformed"),
        (String::new(), "token", "error", "malformed"),
    ] {
        fs::write(&file, format!("{token}\n")).unwrap();
        let (level, text) = deployment.check(&["--json", "--token-file", path]).await.result(code);
        assert!(level == expected_level && text.contains(expected), "{level}: {text}");
    }
    assert_eq!(deployment.check(&["--token-file", "missing"]).await.status, Some(2));
}

#[tokio::test]
async fn an_audit_file_that_cannot_be_written_is_an_error() {
    let tenant = tenant(|tenant| tenant).await;
    let deployment = Deployment::of(&tenant).with("TOOLGATE_AUDIT_PATH", "missing/audit.jsonl");
    let checked = deployment.check(&["--json"]).await;
    let (level, text) = checked.result("audit_file");
    assert!(level == "error" && text.contains("create missing"), "{text}");
    assert!(!deployment.folder.path().join("missing").exists());
}

#[tokio::test]
async fn a_clock_that_differs_by_minutes_is_an_error() {
    let tenant = tenant(|tenant| tenant).await;
    let proxy = with_date(tenant.address(), "Sun, 06 Nov 1994 08:49:37 GMT");
    let deployment = Deployment::of(&tenant).with("PROPELAUTH_AUTH_URL", &format!("http://{proxy}"));
    let checked = deployment.check(&["--json"]).await;
    let (level, text) = checked.result("clock");
    assert!(level == "error" && text.contains("ahead of that of PropelAuth: every webhook is rejected"), "{text}");
}

/// Starts a proxy that replaces the `Date` of every response, and returns its address.
fn with_date(target: SocketAddr, date: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || forward(client, target, date));
        }
    });
    address
}

/// Forwards one request, whose body has the length of its `Content-Length`.
fn forward(mut client: TcpStream, target: SocketAddr, date: &str) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if client.read_exact(&mut byte).is_err() {
            return;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).unwrap();
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).unwrap();
    let mut server = TcpStream::connect(target).unwrap();
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let mut response = Vec::new();
    server.read_to_end(&mut response).unwrap();
    let response = String::from_utf8(response).unwrap();
    let lines = response.split("\r\n").map(|line| match line.split_once(": ") {
        Some((name, _)) if name.eq_ignore_ascii_case("date") => format!("date: {date}"),
        _ => line.to_owned(),
    });
    let _ = client.write_all(lines.collect::<Vec<_>>().join("\r\n").as_bytes());
}
