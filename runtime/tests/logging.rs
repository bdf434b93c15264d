//! The log of a process, read from its standard error.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::{
    env,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What a tool may panic with: text of a caller.
const PANIC: &str = "invalid id\n2026-11-22T20:03:12Z  INFO forged\u{1b}[2J\u{202e}";

/// Runs as the child process of the test below.
#[test]
#[ignore = "another test starts this one"]
fn child() {
    let _log = toolgate::logging::init().unwrap();
    tracing::debug!(target: "rmcp", "a message");
    assert!(thread::Builder::new().name("worker".to_owned()).spawn(|| panic!("{PANIC}")).unwrap().join().is_err());
    tracing::info!("the end");
}

/// Runs the child with these variables.
fn run_child(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env_remove("RUST_BACKTRACE");
    let output = command.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// Runs the child with a filter and returns the lines of its log, without their times.
fn log_of_child(filter: &str) -> Vec<String> {
    let output = run_child(&[("RUST_LOG", filter)]);
    let text = String::from_utf8(output.stderr).unwrap();
    text.lines().map(|line| line.split_once(' ').unwrap().1.trim_start().to_owned()).collect()
}

#[test]
fn a_panic_is_one_line_of_the_log() {
    let lines = log_of_child("debug");
    let [panic, end] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(panic.starts_with("ERROR toolgate::logging::panic_hook: panicked at "), "{panic}");
    let escaped = r#"invalid id\n2026-11-22T20:03:12Z  INFO forged\u{1b}[2J\u{202e} thread="worker""#;
    assert!(panic.ends_with(escaped), "{panic}");
    assert_eq!(end, "INFO logging: the end");
}

#[test]
fn each_event_is_a_json_object_if_the_settings_say_so() {
    let output = run_child(&[("RUST_LOG", "warn"), ("TOOLGATE_LOG", "debug"), ("TOOLGATE_LOG_FORMAT", "json")]);
    let text = String::from_utf8(output.stderr).unwrap();
    let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [panic, end] = events.as_slice() else { panic!("{text}") };
    assert_eq!((&panic["level"], &panic["fields"]["thread"]), (&"ERROR".into(), &"worker".into()));
    let escaped = r"invalid id\n2026-11-22T20:03:12Z  INFO forged\u{1b}[2J\u{202e}";
    assert!(panic["message"].as_str().unwrap().ends_with(escaped), "{panic}");
    assert_eq!((&end["message"], &end["target"]), (&"the end".into(), &"logging".into()));
}

#[test]
fn an_invalid_setting_of_the_log_is_an_error() {
    for (name, value, problem) in [
        ("RUST_LOG", "toolgate=loud", "the filter of the log `toolgate=loud` is invalid"),
        ("TOOLGATE_LOG", "warning", "`warning` is not a level; did you mean `warn`?"),
        ("TOOLGATE_LOG_FORMAT", "xml", "TOOLGATE_LOG_FORMAT must be one of human, json, got `xml`"),
        ("TOOLGATE_LOG_FROMAT", "json", "did you mean `TOOLGATE_LOG_FORMAT`?"),
        ("TOOLGATE_AUDIT_PATH", "/missing/audit.jsonl", "audit"),
    ] {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(name, value)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(problem), "{text}");
    }
}

/// Runs as the child process of the test below.
#[tokio::test]
#[ignore = "another test starts this one"]
async fn child_with_its_own_subscriber() {
    static SCOPES: toolgate::Scopes = toolgate::Scopes::new(&["a:read"]);
    tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    let address: SocketAddr = env::var("ADDRESS").unwrap().parse().unwrap();
    let server = toolgate::Server::new("company", &SCOPES).auth(toolgate::auth::StaticTokens::new());
    server.bind(address).serve().await.unwrap();
}

#[cfg(unix)]
#[test]
fn sighup_keeps_its_default_in_a_program_with_its_own_subscriber() {
    use std::os::unix::process::ExitStatusExt as _;

    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_with_its_own_subscriber", "--ignored"])
        .env("ADDRESS", address.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A response shows that the signals have their handlers.
    while !responds(address) {
        assert!(child.try_wait().unwrap().is_none(), "the child has ended");
        thread::sleep(Duration::from_millis(10));
    }
    let sent = Command::new("kill").args(["-s", "HUP", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let deadline = Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(child.wait().unwrap().signal(), Some(1), "the signal ends the process");
}

#[cfg(unix)]
fn responds(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut response = String::new();
    stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut response)).is_ok()
        && response.starts_with("HTTP/1.1 200")
}
