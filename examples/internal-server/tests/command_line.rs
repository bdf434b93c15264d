//! The program, started as a process.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use toolgate::{OperationKind, Policy};

use support::Client;

/// Returns the command for the program, without the variables that it reads.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_internal-server"));
    command.current_dir(folder);
    for variable in [
        "BIND_ADDR",
        "SERVER_URL",
        "PROPELAUTH_AUTH_URL",
        "PROPELAUTH_INTROSPECTION_CLIENT_ID",
        "PROPELAUTH_INTROSPECTION_CLIENT_SECRET",
        "PROPELAUTH_API_KEY",
        "PROPELAUTH_WEBHOOK_SECRET",
        "RUST_LOG",
        "TOOLGATE_CONFIG",
        "TOOLGATE_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program, which must not start, and returns its error message.
fn start_error(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).args(arguments).envs(variables.iter().copied()).output().unwrap();
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(!error.contains("panicked"), "{error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    error
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running program, which is killed on drop.
struct Running {
    child: Child,
    first_line: String,
    url: String,
    /// Tokens by role.
    tokens: BTreeMap<String, String>,
}

impl Running {
    /// Starts the program with the development tenant and parses its banner.
    fn start(folder: &Path) -> Self {
        Self::start_with_stderr(folder, Stdio::null())
    }

    fn start_with_stderr(folder: &Path, stderr: Stdio) -> Self {
        Self::spawn(program(folder).args(["--bind", "localhost:0"]).stderr(stderr))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first_line = lines.next().unwrap();
        let url = lines.find_map(|line| line.strip_prefix("MCP URL: ").map(str::to_owned)).unwrap();
        let tokens = lines
            .skip_while(|line| !line.contains("Authorization: Bearer"))
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                (words[0].to_owned(), words[words.len() - 1].to_owned())
            })
            .collect();
        Self { child, first_line, url, tokens }
    }

    /// Sends SIGTERM and waits for the program. Returns whether its exit status is 0.
    #[cfg(unix)]
    fn terminate(&mut self) -> bool {
        self.signal("-TERM");
        self.child.wait().unwrap().success()
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_development_tenant_issues_a_valid_token_for_each_role() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    assert!(running.first_line.contains("development tenant"), "{}", running.first_line);
    assert!(folder.path().join("data/company.db").is_file());

    let output = program(folder.path()).args(["policy", "--format", "json"]).output().unwrap();
    let policy: Policy = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(policy.roles.len(), running.tokens.len());
    for role in policy.roles.iter().map(|role| &role.name) {
        let tools = policy.operations.iter().filter(|operation| operation.kind == OperationKind::Tool);
        let tools = tools.map(|tool| tool.name.as_str());
        let expected: Vec<_> = tools.filter(|tool| policy.access(role, tool).may_allow()).collect();
        let client = Client::new(&running.url, &running.tokens[role]);
        assert_eq!(client.tools().await, expected, "{role}");

        let (_, response) = client.call("whoami", json!({})).await;
        let identity = &response["result"]["structuredContent"];
        assert_eq!(identity["role"], *role, "{response}");
        assert_eq!(identity["tools"], json!(expected), "{response}");
    }
    let (status, _) = Client::new(&running.url, &running.tokens["HR"]).call("ticket_list", json!({})).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn arguments_are_completed_from_the_data_that_the_caller_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let client = |role: &str| Client::new(&running.url, &running.tokens[role]);
    let prompt = |name: &str| json!({ "type": "ref/prompt", "name": name });
    let (_, own) = client("Support").complete(prompt("support_reply"), "ticket_id", "tkt_000").await;
    // Sanna works in the queue `product`, which has odd numbers.
    let own = own.as_array().unwrap();
    assert!(own.contains(&json!("tkt_0005")), "{own:?}");
    assert!(own.iter().all(|ticket| ticket.as_str().unwrap().ends_with(['1', '3', '5', '7', '9'])), "{own:?}");
    let (_, tones) = client("Support").complete(prompt("support_reply"), "tone", "f").await;
    assert_eq!(tones, json!(["friendly", "formal"]));
    let (_, quarters) = client("Management").complete(prompt("quarterly_review"), "quarter", "2026").await;
    assert_eq!(quarters, json!(["2026-Q3", "2026-Q2", "2026-Q1"]));
    let employees = json!({ "type": "ref/resource", "uri": "company://employees/{employee_id}" });
    let (_, ids) = client("HR").complete(employees, "employee_id", "emp_0042").await;
    assert_eq!(ids, json!(["emp_0042"]));
    let (status, values) = client("HR").complete(prompt("support_reply"), "ticket_id", "").await;
    assert_eq!((status.as_u16(), values), (403, Value::Null));
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_stops_the_server_with_exit_status_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path());
    // The signal handlers are installed before the first response.
    Client::new(&running.url, &running.tokens["HR"]).tools().await;
    assert!(running.terminate());
}

#[cfg(unix)]
#[test]
fn a_second_signal_stops_the_server_while_a_request_is_in_flight() {
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start_with_stderr(folder.path(), Stdio::piped());
        let mut log = BufReader::new(running.child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let (_, address) = running.url.split_once("//").unwrap();
        let (address, _) = address.split_once('/').unwrap();
        let mut request = TcpStream::connect(address).unwrap();
        let token = &running.tokens["HR"];
        write!(
            request,
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\nAccept: \
             application/json, text/event-stream\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\r\n"
        )
        .unwrap();
        let mut interim = [0; 12];
        request.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100", "the server waits for the body");
        running.signal(signal);
        assert!(log.any(|line| line.contains("a second one stops the process immediately")));
        running.signal(signal);
        assert_eq!(running.child.wait().unwrap().code(), Some(status));
        assert!(log.any(|line| line.contains("received a second signal")));
    }
}

#[tokio::test]
async fn settings_are_read_from_a_file_the_environment_and_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("toolgate.toml"),
        "[http]\nbind = 'localhost:1'\n[log]\nformat = 'human'\n[audit]\npath = 'audit.jsonl'\n",
    )
    .unwrap();
    let mut running = Running::spawn(
        program(folder.path())
            .args(["--config", "toolgate.toml", "--bind", "localhost:0"])
            .envs([("TOOLGATE_LOG_FORMAT", "json"), ("TOOLGATE_LOG", "debug")])
            .stderr(File::create(folder.path().join("log")).unwrap()),
    );
    Client::new(&running.url, &running.tokens["HR"]).tools().await;
    #[cfg(unix)]
    assert!(running.terminate());
    #[cfg(not(unix))]
    drop(running);
    let audit = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    assert!(audit.contains(r#""outcome":"listed""#), "{audit}");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let settings: BTreeMap<String, String> = events
        .filter(|event| event["message"] == "read a setting")
        .map(|event| {
            let field = |name: &str| event["fields"][name].as_str().unwrap().to_owned();
            (field("setting"), field("source"))
        })
        .collect();
    let expected = [
        ("audit.path", "toolgate.toml"),
        ("http.bind", "--bind"),
        ("log.filter", "TOOLGATE_LOG"),
        ("log.format", "TOOLGATE_LOG_FORMAT"),
    ];
    assert_eq!(settings, expected.map(|(key, source)| (key.to_owned(), source.to_owned())).into());
}

#[test]
fn an_invalid_setting_stops_the_start_and_is_named() {
    for (variable, value, text) in [
        ("RUST_LOG", "toolgate=loud", "the filter of the log `toolgate=loud` is invalid"),
        ("TOOLGATE_HTTP_BYND", ":80", "did you mean `TOOLGATE_HTTP_BIND`?"),
        (
            "TOOLGATE_TOKEN_CACHE_TTL",
            "soon",
            "TOOLGATE_TOKEN_CACHE_TTL must be a duration such as 30s or 5m, got `soon`",
        ),
        ("SERVER_URL", "https://mcp.example.com/mcp", "https://mcp.example.com/mcp/mcp"),
        ("TOOLGATE_CONFIG", "missing.toml", "cannot read the configuration file missing.toml (TOOLGATE_CONFIG)"),
    ] {
        let error = start_error(&[], &[(variable, value)]);
        assert!(error.contains(text), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_that_is_closed_or_not_read_stops_no_request_and_no_shutdown() {
    // A pipe holds 64 KiB, and each request logs its audit record.
    const REQUESTS: usize = 2000;
    for is_closed in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start_with_stderr(folder.path(), Stdio::piped());
        let unread = running.child.stderr.take().filter(|_| !is_closed);
        let client = Client::new(&running.url, &running.tokens["HR"]);
        let stranger = Client::new(&running.url, "unknown");
        let requests = async {
            for _ in 0..REQUESTS {
                assert_eq!(stranger.call("whoami", json!({})).await.0, 401);
                assert_eq!(client.call("whoami", json!({})).await.0, 200);
            }
            assert_eq!(client.readiness().await, 200);
        };
        let answered = tokio::time::timeout(Duration::from_mins(1), requests).await;
        assert!(answered.is_ok(), "no response; closed: {is_closed}");
        assert!(running.terminate(), "closed: {is_closed}");
        drop(unread);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn text_from_callers_is_escaped_and_cut_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stderr");
    let mut running = Running::start_with_stderr(folder.path(), File::create(&path).unwrap().into());
    let client = Client::new(&running.url, &running.tokens["HR"]);
    let forged = "7\n2026-11-22T20:03:12.123456Z  INFO toolgate::audit: decision\u{1b}[2J\u{202e}";
    let long = "x".repeat(1024 * 1024);
    for sent in [forged, &long] {
        for message in [
            json!({ "jsonrpc": "2.0", "id": sent, "method": "tools/list", "params": { "cursor": sent } }),
            json!({ "jsonrpc": "2.0", "id": 1, "method": sent, "params": {} }),
            json!({ "jsonrpc": "2.0", "id": sent, "method": "tools/call", "params": { "name": sent } }),
            json!({ "jsonrpc": "2.0", "id": sent, "method": "initialize", "params": { "protocolVersion": sent } }),
        ] {
            client.send(&message).await;
        }
    }
    client.send_with_host(&"x".repeat(20_000)).await;
    assert!(running.terminate());
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() > 5, "{text}");
    for line in text.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        let level = rest.split_whitespace().next().unwrap();
        assert!(time.ends_with('Z') && ["INFO", "WARN", "ERROR"].contains(&level), "{line:?}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(line.len() < 5000, "{} bytes", line.len());
    }
    assert!(text.len() < 32 * 1024, "{} bytes", text.len());
}

#[test]
fn the_policy_is_printed_without_starting_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path())
        .arg("policy")
        .env("SERVER_URL", "not a URL")
        .env("PROPELAUTH_AUTH_URL", "https://auth.example.com")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("ticket_update")).unwrap();
    for part in ["destructive", "(x)", "ticket:write:update", "also ticket:write:close when", "if own_queue("] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn the_error_for_incomplete_propelauth_variables_names_the_missing_ones() {
    let error = start_error(
        &["--bind", "127.0.0.1:0"],
        &[("PROPELAUTH_AUTH_URL", "https://auth.example.com"), ("PROPELAUTH_INTROSPECTION_CLIENT_ID", "")],
    );
    assert!(error.contains("PROPELAUTH_INTROSPECTION_CLIENT_ID"), "{error}");
    assert!(error.contains("PROPELAUTH_INTROSPECTION_CLIENT_SECRET"), "{error}");
    assert!(!error.contains("PROPELAUTH_AUTH_URL"), "{error}");
}

#[test]
fn the_error_for_an_invalid_url_names_its_variable() {
    for url in ["not a URL", "https://mcp.example.com?x=y", "https://mcp.example.com#x", "http://mcp.example.com"] {
        let error = start_error(&["--bind", "127.0.0.1:0"], &[("SERVER_URL", url)]);
        assert!(error.contains("SERVER_URL"), "{error}");
    }
    let error = start_error(
        &["--bind", "127.0.0.1:0"],
        &[
            ("PROPELAUTH_AUTH_URL", "http://auth.example.com"),
            ("PROPELAUTH_INTROSPECTION_CLIENT_ID", "id"),
            ("PROPELAUTH_INTROSPECTION_CLIENT_SECRET", "secret"),
        ],
    );
    assert!(error.contains("PROPELAUTH_AUTH_URL"), "{error}");
}

#[test]
fn the_development_tenant_requires_a_loopback_address() {
    let error = start_error(&["--bind", "0.0.0.0:0"], &[]);
    assert!(error.contains("0.0.0.0:0") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
    let error = start_error(&["--bind", "127.0.0.1:0"], &[("SERVER_URL", "https://mcp.example.com")]);
    assert!(error.contains("SERVER_URL") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
}

#[test]
fn the_error_for_a_port_in_use_names_the_address_and_the_option() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let error = start_error(&[], &[("BIND_ADDR", &address)]);
    assert!(error.contains(&address) && error.contains("--bind"), "{error}");
}

#[test]
fn the_error_for_a_path_that_cannot_be_opened_names_the_option() {
    let error = start_error(&["--bind", "127.0.0.1:0", "--repo", "nowhere"], &[]);
    assert!(error.contains("--repo"), "{error}");
    let error = start_error(&["--bind", "127.0.0.1:0", "--data", "."], &[]);
    assert!(error.contains("--data"), "{error}");
}

#[test]
fn an_invalid_command_line_has_exit_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).args(["--bind", "somewhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--bind"));
}

#[test]
fn require_preflight_exits_if_propelauth_cannot_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    // No server listens on this port after the listener is dropped.
    let unreachable = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let output = program(folder.path())
        .args(["--bind", "127.0.0.1:0", "--require-preflight"])
        .env("PROPELAUTH_AUTH_URL", unreachable)
        .env("PROPELAUTH_INTROSPECTION_CLIENT_ID", "client")
        .env("PROPELAUTH_INTROSPECTION_CLIENT_SECRET", "secret")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = stderr(&output);
    assert!(stderr.contains("error: ") && stderr.contains("PROPELAUTH_AUTH_URL"), "{stderr}");
    assert!(!stderr.contains("secret\n"), "{stderr}");
}

#[test]
fn a_server_whose_policy_differs_from_its_lock_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("policy.lock");
    let reviewed = include_str!("../policy.lock");
    fs::write(&lock, reviewed.replace("tool payroll_summary\n  scopes payroll:read:all\n", "tool payroll_summary\n"))
        .unwrap();
    let output =
        program(folder.path()).args(["--bind", "127.0.0.1:0", "--policy-lock", "policy.lock"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(error.contains("payroll_summary: now requires payroll:read:all instead of any valid token"), "{error}");
}

/// Runs an inspection in the folder of the crate, and returns its exit status and what it printed.
fn inspect(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.lock"), include_str!("../policy.lock")).unwrap();
    let output = program(folder.path()).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output.status.code(), text + &stderr(&output))
}

#[test]
fn check_compares_the_policy_with_the_lock() {
    let equal = "ok       policy  the policy equals policy.lock\n";
    assert_eq!(inspect(&["check", "--offline"]), (Some(0), equal.to_owned()));
    let (status, text) = inspect(&["check", "--lock", "other.lock"]);
    assert_eq!(status, Some(2));
    assert!(text.contains("other.lock"), "{text}");
}

#[test]
fn check_and_config_print_the_settings_that_are_not_defaults_and_reject_invalid_ones() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.lock"), include_str!("../policy.lock")).unwrap();
    fs::write(
        folder.path().join("toolgate.toml"),
        "[http]\nmax_body_bytes = 65536\n[operations]\nrequest_state_key = 'hunter2-hunter2-hunter2-hunter2-hunter2'\n",
    )
    .unwrap();
    let run = |command: &str, variable: (&str, &str)| {
        let mut program = program(folder.path());
        let offline = (command == "check").then_some("--offline");
        let arguments = [command, "--config", "toolgate.toml"].into_iter().chain(offline);
        let output = program.args(arguments).envs([variable]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output))
    };
    let settings = "http.max_body_bytes          = 65536  (toolgate.toml)\n\
                    token_cache.ttl              = 30s  (TOOLGATE_TOKEN_CACHE_TTL)\n\
                    operations.request_state_key = (secret)  (toolgate.toml)\n";
    let ttl = ("TOOLGATE_TOKEN_CACHE_TTL", "30s");
    assert_eq!(run("check", ttl), (Some(0), format!("{settings}ok       policy  the policy equals policy.lock\n")));
    let (status, text) = run("config", ttl);
    assert!(status == Some(0) && text.starts_with(settings) && text.contains("config --all"), "{text}");
    for command in ["check", "config"] {
        let (status, text) = run(command, ("TOOLGATE_HTTP_MAX_BODY_BYTES", "many"));
        let problem =
            "TOOLGATE_HTTP_MAX_BODY_BYTES must be a number of bytes such as 65536, without a unit, got `many`";
        assert!(status == Some(2) && text.contains(problem), "{text}");
        let (status, text) = run(command, ("TOOLGATE_HTTP_MAX_BODY_BYTES", "0"));
        assert!(status == Some(2) && text.contains("`http.max_body_bytes` must be at least 1"), "{text}");
    }
    assert!(!run("config", ttl).1.contains("hunter2"));
}

#[test]
fn diff_says_who_gains_and_who_loses_access() {
    let folder = tempfile::tempdir().unwrap();
    let old = include_str!("../policy.lock").replace("role Support\n", "role Support\n  payroll:read:all\n");
    fs::write(folder.path().join("old.lock"), old).unwrap();
    let output = program(folder.path()).args(["policy", "diff", "old.lock"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Support loses payroll_export, payroll_summary and company://policies/payroll"), "{text}");
}

#[test]
fn explain_names_the_rule_that_rejects_the_call() {
    let arguments = r#"{"ticket_id":"tkt_0001","status":"waiting","comment":"x"}"#;
    let update = ["explain", "ticket_update", "--arguments", arguments, "--username"];
    let (status, text) = inspect(&[&update[..], &["sanna.support@example.com", "--role", "Support"]].concat());
    assert_eq!(status, Some(0), "{text}");
    assert!(text.ends_with("allowed\n"), "{text}");
    let (status, text) = inspect(&[&update[..], &["silas.support@example.com", "--role", "Support"]].concat());
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("REJECTS (tkt_0001 is in the queue `product`"), "{text}");
    let (status, text) = inspect(&["explain", "repository_read", "--role", "HR"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("missing code:read:repositories"), "{text}");
    let (status, text) = inspect(&["explain", "repository_read", "--role", "Nobody"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("the roles are Management, HR, Engineering, Support"), "{text}");
    let (status, text) = inspect(&["explain", "repository_raed", "--role", "HR"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("no operation `repository_raed`: did you mean `repository_read`?"), "{text}");
}

#[test]
fn replay_reports_the_calls_that_would_be_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let record = |tool: &str, granted: &str| {
        json!({
            "time": "2026-10-02T08:15:00.000000Z", "outcome": "completed", "tool": tool, "user": "u_3", "role": "HR",
            "granted": granted, "policy": "0123456789abcdef",
        })
    };
    let replay = |records: &[Value]| {
        let lines: Vec<_> = records.iter().map(Value::to_string).collect();
        fs::write(folder.path().join("audit.jsonl"), lines.join("\n")).unwrap();
        let output = program(folder.path()).args(["replay", "audit.jsonl"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let unchanged = record("payroll_summary", "payroll:read:all");
    assert_eq!(replay(std::slice::from_ref(&unchanged)).0, Some(0));
    let (status, text) = replay(&[unchanged, record("payroll_summary", "employees:read:public")]);
    assert_eq!(status, Some(1), "{text}");
    let expected =
        "payroll_summary: 1 call by user u_3 (HR) would be rejected: missing payroll:read:all (2026-10-02)";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn check_accepts_a_changed_policy_into_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("policy.lock");
    fs::write(&lock, include_str!("../policy.lock").replace("  read_only\n", "")).unwrap();
    let check = |arguments: &[&str]| program(folder.path()).arg("check").args(arguments).output().unwrap();
    let output = check(&[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("check --accept --lock policy.lock"), "{text}");
    assert!(check(&["--accept"]).status.success());
    assert!(check(&[]).status.success());
    assert_eq!(fs::read_to_string(lock).unwrap(), include_str!("../policy.lock"));
}
