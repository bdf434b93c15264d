//! The log of a process, read from its standard error.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::{
    env,
    process::{Command, Output, Stdio},
    thread,
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
