//! The program, started as a process.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

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
        "PROPELAUTH_WEBHOOK_SECRET",
        "RUST_LOG",
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
        let mut child = program(folder)
            .args(["--bind", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
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

    let output = program(folder.path()).arg("--scope-table=json").output().unwrap();
    let table: Value = serde_json::from_slice(&output.stdout).unwrap();
    let roles = table["roles"].as_array().unwrap();
    assert_eq!(roles.len(), running.tokens.len());
    for role in roles {
        let rows = table["tools"].as_array().unwrap().iter();
        let expected: Vec<&str> = rows
            .filter(|row| row["roles"].as_array().unwrap().contains(role))
            .map(|row| row["name"].as_str().unwrap())
            .collect();
        let client = Client::new(&running.url, &running.tokens[role.as_str().unwrap()]);
        assert_eq!(client.tools().await, expected, "{role}");

        let (_, response) = client.call("whoami", json!({})).await;
        let identity = &response["result"]["structuredContent"];
        assert_eq!(identity["role"], *role, "{response}");
        assert_eq!(identity["tools"], json!(expected), "{response}");
    }
    let (status, _) = Client::new(&running.url, &running.tokens["HR"]).call("ticket_list", json!({})).await;
    assert_eq!(status, 403);
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_stops_the_server_with_exit_status_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path());
    // The signal handlers are installed before the first response.
    Client::new(&running.url, &running.tokens["HR"]).tools().await;
    let id = running.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(running.child.wait().unwrap().success());
}

#[test]
fn the_scope_table_is_printed_without_starting_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path())
        .arg("--scope-table")
        .env("SERVER_URL", "not a URL")
        .env("PROPELAUTH_AUTH_URL", "https://auth.example.com")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("ticket_update")).unwrap();
    assert!(line.contains("destructive") && line.contains("ticket:write:update"), "{line}");
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
