//! Tests of the program.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use crate::support::http;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_toolgate-dev-tenant"))
}

fn fails(args: &[&str]) -> String {
    let Output { status, stderr, .. } = program().args(args).output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_first_lines_are_the_variables_of_a_server() {
    let mut child =
        program().args(["--bind", "127.0.0.1:0", "--iss-parameter"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = Running(child);
    let values: Vec<_> = lines
        .take(3)
        .zip(["AUTH_URL", "INTROSPECTION_CLIENT_ID", "INTROSPECTION_CLIENT_SECRET"])
        .map(|(line, name)| {
            let line = line.unwrap();
            let prefix = format!("PROPELAUTH_{name}=");
            line.strip_prefix(&prefix).unwrap_or_else(|| panic!("{line}")).to_owned()
        })
        .collect();
    let response = http()
        .post(format!("{}/oauth/2.1/introspect", values[0]))
        .basic_auth(&values[1], Some(&values[2]))
        .form(&[("token", "x")])
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    drop(running);
}

#[test]
fn a_failed_start_prints_its_reason() {
    let remote = fails(&["--bind", "0.0.0.0:0"]);
    assert!(remote.contains("loopback only"), "{remote}");
    let missing = fails(&["--tenant", "no-such-file.toml"]);
    assert!(missing.contains("no-such-file.toml"), "{missing}");
    let half = fails(&["--webhook-url", "http://127.0.0.1:1/"]);
    assert!(half.contains("--webhook-secret"), "{half}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let in_use = fails(&["--bind", &taken]);
    assert!(in_use.contains(&taken), "{in_use}");
    assert!(!in_use.contains("panicked"), "{in_use}");
}

#[test]
fn a_data_file_is_locked_against_other_processes_and_a_dropped_line_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.jsonl");
    fs::write(&path, "{\"format\":\"toolgate-dev-tenant\",\"version\":1}\n{\"put\":{\"ki").unwrap();
    let args = ["--bind", "127.0.0.1:0", "--data", path.to_str().unwrap()];
    let mut child = program().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = Running(child);
    assert!(stdout.next().unwrap().unwrap().starts_with("PROPELAUTH_AUTH_URL="));
    let log = stderr.next().unwrap().unwrap();
    assert!(log.contains("dropped the incomplete last line") && log.contains("tenant.jsonl"), "{log}");

    let in_use = fails(&args);
    assert!(in_use.contains("in use by another development tenant"), "{in_use}");
    assert!(in_use.contains("tenant.jsonl"), "{in_use}");
    drop(running);
    // A killed process leaves no lock.
    drop(toolgate_dev_tenant::TenantData::open(&path).unwrap());
}
