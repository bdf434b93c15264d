//! The program as people start it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use support::Client;

/// The program, with nothing from the environment of the test.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_internal-server"));
    command.current_dir(folder);
    for variable in [
        "BIND_ADDR",
        "SERVER_URL",
        "PROPELAUTH_AUTH_URL",
        "PROPELAUTH_INTROSPECTION_CLIENT_ID",
        "PROPELAUTH_INTROSPECTION_CLIENT_SECRET",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program with these variables; for when it cannot start.
fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
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

/// A started program; it ends with the test.
struct Running {
    child: Child,
    first_line: String,
    url: String,
    /// Role and token.
    tokens: BTreeMap<String, String>,
}

impl Running {
    /// Starts the program with the development tenant and reads what it prints.
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
async fn without_propelauth_every_role_gets_a_working_token() {
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

        let (_, answer) = client.call("whoami", json!({})).await;
        let identity = &answer["result"]["structuredContent"];
        assert_eq!(identity["role"], *role, "{answer}");
        assert_eq!(identity["tools"], json!(expected), "{answer}");
    }
    let (status, _) = Client::new(&running.url, &running.tokens["HR"]).call("ticket_list", json!({})).await;
    assert_eq!(status, 403);
}

#[cfg(unix)]
#[tokio::test]
async fn a_stop_signal_ends_it_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path());
    // It answers, so it waits for signals too.
    Client::new(&running.url, &running.tokens["HR"]).tools().await;
    let id = running.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(running.child.wait().unwrap().success());
}

#[test]
fn the_scope_table_is_printed_without_starting_anything() {
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
fn some_propelauth_variables_are_an_error_that_names_the_missing_ones() {
    let error = refusal(
        &["--bind", "127.0.0.1:0"],
        &[("PROPELAUTH_AUTH_URL", "https://auth.example.com"), ("PROPELAUTH_INTROSPECTION_CLIENT_ID", "")],
    );
    assert!(error.contains("PROPELAUTH_INTROSPECTION_CLIENT_ID"), "{error}");
    assert!(error.contains("PROPELAUTH_INTROSPECTION_CLIENT_SECRET"), "{error}");
    assert!(!error.contains("PROPELAUTH_AUTH_URL"), "{error}");
}

#[test]
fn a_wrong_url_is_an_error_that_names_its_variable() {
    for url in ["not a URL", "https://mcp.example.com?x=y", "https://mcp.example.com#x", "http://mcp.example.com"] {
        let error = refusal(&["--bind", "127.0.0.1:0"], &[("SERVER_URL", url)]);
        assert!(error.contains("SERVER_URL"), "{error}");
    }
    let error = refusal(
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
fn the_development_tenant_is_for_this_machine_only() {
    let error = refusal(&["--bind", "0.0.0.0:0"], &[]);
    assert!(error.contains("0.0.0.0:0") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
    let error = refusal(&["--bind", "127.0.0.1:0"], &[("SERVER_URL", "https://mcp.example.com")]);
    assert!(error.contains("SERVER_URL") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = refusal(&[], &[("BIND_ADDR", &address)]);
    assert!(error.contains(&address) && error.contains("--bind"), "{error}");
}

#[test]
fn data_or_a_repository_that_cannot_be_opened_is_one_sentence() {
    let error = refusal(&["--bind", "127.0.0.1:0", "--repo", "nowhere"], &[]);
    assert!(error.contains("--repo"), "{error}");
    let error = refusal(&["--bind", "127.0.0.1:0", "--data", "."], &[]);
    assert!(error.contains("--data"), "{error}");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).args(["--bind", "somewhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--bind"));
}

#[test]
fn a_strict_start_stops_where_propelauth_cannot_be_asked() {
    let data = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // Nobody listens there once this is dropped.
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_internal-server"))
        .args(["--bind", "127.0.0.1:0", "--strict", "--data"])
        .arg(data.path().join("company.db"))
        .env("PROPELAUTH_AUTH_URL", nobody)
        .env("PROPELAUTH_INTROSPECTION_CLIENT_ID", "client")
        .env("PROPELAUTH_INTROSPECTION_CLIENT_SECRET", "secret")
        .env_remove("SERVER_URL")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("error: ") && stderr.contains("PROPELAUTH_AUTH_URL"), "{stderr}");
    assert!(!stderr.contains("secret\n"), "{stderr}");
}
