//! The log of a process, read from its standard error.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::{
    env,
    process::{Command, Stdio},
    thread,
};

/// What a tool may panic with: text of a caller.
const PANIC: &str = "invalid id\n2026-11-22T20:03:12Z  INFO forged\u{1b}[2J\u{202e}";

/// Runs as the child process of the test below.
#[test]
#[ignore = "another test starts this one"]
fn child() {
    let _log = toolgate::logging::init();
    tracing::debug!(target: "rmcp", "a message");
    assert!(thread::Builder::new().name("worker".to_owned()).spawn(|| panic!("{PANIC}")).unwrap().join().is_err());
    tracing::info!("the end");
}

/// Starts the child with a filter and returns the lines of its log, without their times.
fn log_of_child(filter: &str) -> Vec<String> {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("RUST_LOG", filter)
        .env_remove("RUST_BACKTRACE");
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
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
fn an_invalid_filter_is_reported_and_replaced_by_the_default() {
    let lines = log_of_child("toolgate=loud");
    assert!(lines[0].starts_with("WARN toolgate::logging: RUST_LOG is not a valid filter"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "INFO logging: the end");
}
