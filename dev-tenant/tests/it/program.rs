//! The program: what it prints, and how it ends.

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
async fn the_first_lines_are_what_a_server_needs() {
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
fn what_cannot_start_says_why_in_one_sentence() {
    let refused = fails(&["--bind", "0.0.0.0:0"]);
    assert!(refused.contains("loopback only"), "{refused}");
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
