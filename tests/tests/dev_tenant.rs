//! The README's first program as a process: it logs people in with a development tenant if PropelAuth is not configured.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use rand::RngExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate_dev_tenant::{DevTenant, TenantConfig};
use toolgate_tests::{Client, HttpResponse, Revision, http_client, send};
use url::Url;

const PROGRAM: &str = env!("CARGO_BIN_EXE_minimal");

/// Difference between the port of a server and that of its tenant.
const PORT_DISTANCE: u16 = 90;

/// Number of free ports to try. Another process can use a port between its selection and the start of the program.
const MAX_STARTS: usize = 5;

/// The program without any variable, in a folder.
fn program(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs the program, which must not start, and returns its error.
fn start_error(folder: &Path, variables: &[(&str, &str)]) -> String {
    let output = program(folder, variables).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(output.stdout.is_empty() && error.starts_with("Error: ") && !error.contains("panicked"), "{error}");
    error
}

/// The running program, which is killed on drop.
struct Running {
    process: Child,
    banner: String,
    port: u16,
}

impl Running {
    /// Starts the program on a port that is free together with that of its tenant.
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        for _ in 0..MAX_STARTS {
            // Below the ports that the operating system selects for other tests.
            let port = rand::rng().random_range(20_000..30_000);
            let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
            if is_free(port)
                && is_free(port + PORT_DISTANCE)
                && let Some(running) = Self::start_on(port, folder, variables)
            {
                return running;
            }
        }
        panic!("the program did not start; see its log");
    }

    /// Returns `None` if the program exits before it has printed its banner.
    fn start_on(port: u16, folder: &Path, variables: &[(&str, &str)]) -> Option<Self> {
        let mut process = program(folder, variables)
            .env("BIND_ADDR", format!("127.0.0.1:{port}"))
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut banner = String::new();
        let has_tenant = !variables.iter().any(|(name, _)| name.starts_with("PROPELAUTH_"));
        let last_section = if has_tenant { "Or send one of these tokens" } else { "Connect a client" };
        let mut is_last = false;
        loop {
            let Some(line) = lines.next() else {
                let _ = process.wait();
                return None;
            };
            is_last |= line.starts_with(last_section);
            if is_last && line.is_empty() {
                break;
            }
            banner.extend([&*line, "\n"]);
        }
        Some(Self { process, banner, port })
    }

    /// Stops the program as its service manager does, and waits for it.
    fn stop(mut self) {
        // The signal handlers are installed before the first response.
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        let terminated = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(terminated.unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }

    /// Returns what follows a text in the banner, up to the end of the word.
    fn word_after(&self, text: &str) -> &str {
        self.banner
            .split_once(text)
            .unwrap_or_else(|| panic!("{text:?} in {}", self.banner))
            .1
            .split_whitespace()
            .next()
            .unwrap()
    }

    fn endpoint(&self) -> &str {
        self.word_after("MCP URL: ")
    }

    fn tenant_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + PORT_DISTANCE)
    }

    /// Returns the printed tokens by role.
    fn tokens(&self) -> BTreeMap<String, String> {
        let lines = self.banner.lines().skip_while(|line| !line.starts_with("Or send")).skip(1);
        lines
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                (words[0].to_owned(), words[words.len() - 1].to_owned())
            })
            .collect()
    }

    /// Returns a client with the printed token of a role.
    fn client(&self, role: &str) -> Client {
        Client::new(self.endpoint(), Revision::Legacy).token(&self.tokens()[role])
    }

    /// Sends a request to the admin page.
    async fn admin(&self, path: &str) -> HttpResponse {
        let response = send(http_client().post(format!("{}/admin/api/{path}", self.tenant_url()))).await;
        assert!((200..300).contains(&response.status), "{response:?}");
        response
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn department() -> Value {
    json!({ "employee_id": "emp_0042" })
}

fn transfer() -> Value {
    json!({ "employee_id": "emp_0042", "department": "Support" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_has_a_login_and_prints_tokens_that_call_its_tools() {
    let folder = folder();
    let running = Running::start(folder.path());
    assert!(running.banner.contains("Wrote tenant.toml"), "{}", running.banner);
    assert_eq!(running.word_after("Admin page: "), format!("{}/admin", running.tenant_url()));

    let config = TenantConfig::from_toml(&fs::read_to_string(folder.path().join("tenant.toml")).unwrap()).unwrap();
    let scopes: Vec<_> = config.scopes().iter().map(|scope| scope.name.as_str()).collect();
    assert_eq!(scopes, ["employees:read:public", "employees:write:department"]);

    let response = running.client("Member").call("department", department()).await;
    assert_eq!(response.json()["result"]["content"][0]["text"], "Engineering");
    assert_eq!(running.client("Member").call("transfer", transfer()).await.status, 403);
    assert_eq!(running.client("Admin").call("transfer", transfer()).await.status, 200);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_read_the_data_of_the_tenant_and_git_ignores_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = folder();
    let running = Running::start(folder.path());
    let data = folder.path().join(".toolgate");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for name in [format!("tenant-{}.jsonl", running.port), format!("tokens-{}.json", running.port)] {
        assert_eq!(mode(&data.join(&name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_to_string(data.join(".gitignore")).unwrap(), "*\n");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    for token in running.tokens().values() {
        assert!(!log.contains(token), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_tokens_clients_and_an_edited_tenant_toml() {
    let folder = folder();
    let first = Running::start(folder.path());
    let (port, tokens, tenant) = (first.port, first.tokens(), first.tenant_url());
    let client = first.client("Member");
    assert_eq!(client.call("department", department()).await.status, 200);
    let metadata = json!({ "redirect_uris": ["http://127.0.0.1:1/callback"], "token_endpoint_auth_method": "none" });
    let registered = send(http_client().post(format!("{tenant}/oauth/2.1/register")).json(&metadata)).await;
    let client_id = registered.json()["client_id"].as_str().unwrap().to_owned();
    first.stop();

    let file = folder.path().join("tenant.toml");
    let edited = fs::read_to_string(&file).unwrap().replace("Mio (sample)", "Mia (sample)");
    fs::write(&file, &edited).unwrap();
    let second = Running::start_on(port, folder.path(), &[]).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), edited);
    assert!(second.banner.contains("Mia (sample)") && !second.banner.contains("Wrote"), "{}", second.banner);
    assert_eq!(second.tokens(), tokens);
    assert_eq!(client.call("department", department()).await.status, 200, "a token from before the restart");
    let parameters = [
        ("response_type", "code"),
        ("client_id", &*client_id),
        ("redirect_uri", "http://127.0.0.1:1/callback"),
        ("resource", second.endpoint()),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let authorize = Url::parse_with_params(&format!("{tenant}/oauth/2.1/authorize"), parameters).unwrap();
    let login = send(http_client().get(authorize)).await;
    assert_eq!(login.status, 200, "a client from before the restart: {}", login.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_token_is_replaced_when_it_was_revoked_or_its_role_changed() {
    let folder = folder();
    let first = Running::start(folder.path());
    let (port, tokens) = (first.port, first.tokens());
    first.admin("people/5a3e1f00-0000-4000-8000-000000001101/revoke").await;
    first.stop();
    let file = folder.path().join("tenant.toml");
    let (roles, members) = fs::read_to_string(&file)
        .unwrap()
        .split_once("name = \"Member\"")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let members = members.replace(
        "    \"employees:read:public\",\n",
        "    \"employees:read:public\",\n    \"employees:write:department\",\n",
    );
    fs::write(&file, format!("{roles}name = \"Member\"{members}")).unwrap();

    let second = Running::start_on(port, folder.path(), &[]).unwrap();
    for (role, token) in &tokens {
        assert_ne!(second.tokens()[role], *token, "{role}");
        assert_eq!(second.client(role).call("transfer", transfer()).await.status, 200, "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_disabled_on_the_admin_page_is_rejected_at_the_next_request() {
    let folder = folder();
    let running = Running::start(folder.path());
    let client = running.client("Member");
    assert_eq!(client.call("department", department()).await.status, 200);
    running.admin("people/5a3e1f00-0000-4000-8000-000000001201/disable").await;
    assert_eq!(client.call("department", department()).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_gets_the_changes_of_the_admin_page_too() {
    let folder = folder();
    let pair = rcgen::generate_simple_self_signed(["mcp.example.com".to_owned()]).unwrap();
    fs::write(folder.path().join("tls.crt"), pair.cert.pem()).unwrap();
    fs::write(folder.path().join("tls.key"), pair.signing_key.serialize_pem()).unwrap();
    let variables = [("TOOLGATE_HTTP_TLS_CERTIFICATE", "tls.crt"), ("TOOLGATE_HTTP_TLS_KEY", "tls.key")];
    let running = Running::start_with(folder.path(), &variables);
    assert!(running.endpoint().starts_with("https://"), "{}", running.banner);
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    let token = &running.tokens()["Member"];
    let call = async || {
        let request = client.post(running.endpoint()).bearer_auth(token).header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        let message = Revision::Legacy.call_message("department", &department());
        request.body(message.to_string()).send().await.unwrap().status()
    };
    assert_eq!(call().await, 200);
    running.admin("people/5a3e1f00-0000-4000-8000-000000001201/disable").await;
    assert_eq!(call().await, 401);
}

#[test]
fn a_scope_that_tenant_toml_lacks_is_shown_with_the_lines_to_add() {
    let folder = folder();
    let file = folder.path().join("tenant.toml");
    let first = Running::start(folder.path());
    let port = first.port;
    first.stop();
    let text = fs::read_to_string(&file).unwrap();
    let without = text.replace("employees:write:department", "employees:write:others");
    fs::write(&file, &without).unwrap();
    let second = Running::start_on(port, folder.path(), &[]).unwrap();
    let banner = &second.banner;
    assert!(banner.contains("Warning: tenant.toml lacks scopes of this server"), "{banner}");
    // The lines are valid as they are.
    let start = banner.find("  [[scopes]]\n").unwrap();
    let lines = &banner[start..start + banner[start..].find("\n\n").unwrap()];
    assert!(lines.contains("name = \"employees:write:department\""), "{banner}");
    assert!(TenantConfig::from_toml(&format!("{without}\n{lines}\n")).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn propelauth_is_used_if_it_is_configured() {
    let folder = folder();
    let tenant = DevTenant::builder(TenantConfig::sample()).start().await.unwrap();
    let variables = [
        ("PROPELAUTH_AUTH_URL", tenant.auth_url()),
        ("PROPELAUTH_INTROSPECTION_CLIENT_ID", tenant.introspection_client_id()),
        ("PROPELAUTH_INTROSPECTION_CLIENT_SECRET", tenant.introspection_client_secret()),
    ];
    let running = Running::start_on(0, folder.path(), &variables).unwrap();
    let expected = format!("Tokens are validated with PropelAuth at {}.\n", tenant.auth_url());
    assert!(running.banner.starts_with(&expected), "{}", running.banner);
    assert!(!folder.path().join("tenant.toml").exists());
    let token = toolgate_tests::token_for(&tenant, "HR", running.endpoint());
    let response = Client::new(running.endpoint(), Revision::Legacy).token(&token).list().await;
    assert_eq!(response.tool_names(), ["department"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_of_the_tenant_calls_tools_until_it_is_deleted() {
    let folder = folder();
    let first = Running::start(folder.path());
    let port = first.port;
    assert!(first.banner.contains(&format!("curl {}/admin/api/keys --json", first.tenant_url())), "{}", first.banner);
    let body = json!({ "name": "CI", "scopes": ["employees:read:public"] });
    let url = format!("{}/admin/api/keys", first.tenant_url());
    let created = send(http_client().post(&url).json(&body)).await;
    let created = created.json();
    let client = Client::new(first.endpoint(), Revision::Legacy).token(created["key"].as_str().unwrap());
    assert_eq!(client.call("department", department()).await.status, 200);
    assert_eq!(client.call("transfer", transfer()).await.status, 403);
    let deleted = send(http_client().delete(format!("{url}/{}", created["id"].as_str().unwrap()))).await;
    assert_eq!(deleted.status, 200);
    assert_eq!(client.call("department", department()).await.status, 401);
    first.stop();

    let file = folder.path().join("tenant.toml");
    let text = fs::read_to_string(&file).unwrap();
    let (_, example) = text.split_once("# [[api_keys]]").unwrap();
    let example = format!("[[api_keys]]{}", example.replace("\n# ", "\n"));
    fs::write(&file, format!("{text}\n{example}")).unwrap();
    let second = Running::start_on(port, folder.path(), &[]).unwrap();
    let key = second.word_after("nightly-report: ").to_owned();
    let client = Client::new(second.endpoint(), Revision::Legacy).token(&key);
    assert_eq!(client.call("department", department()).await.status, 200);
    assert!(!fs::read_to_string(folder.path().join("log")).unwrap().contains(&key));
}

#[tokio::test(flavor = "multi_thread")]
async fn propelauth_validates_api_keys_if_the_key_of_the_backend_integration_is_set() {
    let folder = folder();
    let tenant = DevTenant::builder(TenantConfig::sample()).start().await.unwrap();
    let key = tenant.declared_api_key("nightly-report").unwrap();
    let variables = [
        ("PROPELAUTH_AUTH_URL", tenant.auth_url()),
        ("PROPELAUTH_INTROSPECTION_CLIENT_ID", tenant.introspection_client_id()),
        ("PROPELAUTH_INTROSPECTION_CLIENT_SECRET", tenant.introspection_client_secret()),
        ("PROPELAUTH_API_KEY", tenant.backend_api_key()),
    ];
    let running = Running::start_on(0, folder.path(), &variables[..3]).unwrap();
    let list =
        async |running: &Running| Client::new(running.endpoint(), Revision::Legacy).token(&key).list().await.status;
    assert_eq!(list(&running).await, 401);
    let running = Running::start_on(0, folder.path(), &variables).unwrap();
    assert!(running.banner.starts_with("Tokens and API keys are validated"), "{}", running.banner);
    assert_eq!(list(&running).await, 200);
    let error = start_error(folder.path(), &[("BIND_ADDR", "127.0.0.1:0"), variables[3]]);
    assert!(error.contains("PROPELAUTH_AUTH_URL") && !error.contains(tenant.backend_api_key()), "{error}");
    let error = start_error(folder.path(), &[&variables[..3], &[("PROPELAUTH_API_KEY_FILE", "/missing")]].concat());
    assert!(error.contains("`PROPELAUTH_API_KEY_FILE` names /missing"), "{error}");
}

#[test]
fn an_incomplete_set_of_variables_is_an_error_that_names_the_missing_ones() {
    let folder = folder();
    let error = start_error(
        folder.path(),
        &[
            ("BIND_ADDR", "127.0.0.1:0"),
            ("PROPELAUTH_AUTH_URL", "https://auth.example.com"),
            ("PROPELAUTH_INTROSPECTION_CLIENT_ID", " "),
        ],
    );
    for part in
        ["PROPELAUTH_INTROSPECTION_CLIENT_ID", "PROPELAUTH_INTROSPECTION_CLIENT_SECRET", "unset every PROPELAUTH_"]
    {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("PROPELAUTH_AUTH_URL"), "{error}");
    assert!(!folder.path().join("tenant.toml").exists());
}

#[test]
fn the_tenant_is_used_on_loopback_only() {
    let folder = folder();
    let error = start_error(folder.path(), &[("BIND_ADDR", "0.0.0.0:0")]);
    assert!(error.contains("cannot listen on 0.0.0.0:0") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
    let variables = [("BIND_ADDR", "127.0.0.1:0"), ("SERVER_URL", "https://mcp.example.com")];
    let error = start_error(folder.path(), &variables);
    assert!(error.contains("SERVER_URL") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
    assert!(!folder.path().join("tenant.toml").exists());
}

#[test]
fn a_tenant_port_in_use_is_an_error_that_says_what_to_do() {
    let folder = folder();
    let first = Running::start(folder.path());
    let tenant_port = first.port;
    // The tenant of this server would have the port of the first server.
    let address = format!("127.0.0.1:{}", tenant_port - PORT_DISTANCE);
    let error = start_error(folder.path(), &[("BIND_ADDR", &address)]);
    for part in [&format!("127.0.0.1:{tenant_port}"), "tenant_port", "stop that program"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_server_without_a_fixed_port_stores_no_data() {
    let folder = folder();
    let running = Running::start_on(0, folder.path(), &[]).unwrap();
    assert!(running.banner.contains("MCP URL: http://127.0.0.1:"), "{}", running.banner);
    assert!(!folder.path().join(".toolgate").exists());
}
