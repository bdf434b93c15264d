//! Tests of the program.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;

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
        .take(4)
        .zip(["AUTH_URL", "INTROSPECTION_CLIENT_ID", "INTROSPECTION_CLIENT_SECRET", "API_KEY"])
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
    let validation = http()
        .post(format!("{}/api/backend/v1/end_user_api_keys/validate", values[0]))
        .bearer_auth(&values[3])
        .json(&json!({"api_key_token": "00"}))
        .send()
        .await
        .unwrap();
    assert_eq!(validation.status(), 400);
    drop(running);
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_that_is_closed_or_not_read_stops_no_request_and_no_shutdown() {
    // The tenant queues 1000 webhooks and logs that it drops further ones. A pipe holds 64 KiB.
    const WEBHOOKS: usize = 3000;
    // No server listens on this port after the listener is dropped.
    let unreachable =
        format!("http://{}/", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for is_closed in [true, false] {
        let mut command = program();
        command.args(["--bind", "127.0.0.1:0", "--webhook-url", &unreachable, "--webhook-secret"]);
        command.arg("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let unread = child.stderr.take().filter(|_| !is_closed);
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let mut running = Running(child);
        let url = line.strip_prefix("PROPELAUTH_AUTH_URL=").unwrap();
        let http = http();
        let requests = async {
            for _ in 0..WEBHOOKS {
                let event = json!({ "event_type": "test" });
                let request = http.post(format!("{url}/admin/api/webhooks")).json(&event);
                assert_eq!(request.send().await.unwrap().status(), 202);
            }
        };
        let answered = tokio::time::timeout(Duration::from_mins(1), requests).await;
        assert!(answered.is_ok(), "no response; closed: {is_closed}");
        assert!(Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().unwrap().success());
        assert!(running.0.wait().unwrap().success(), "closed: {is_closed}");
        drop(unread);
    }
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
