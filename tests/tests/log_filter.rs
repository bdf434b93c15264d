//! The filter of the log of a running process.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{fs, path::Path};

use toolgate_tests::{Program, eventually};

fn write_config(folder: &Path, filter: &str) {
    fs::write(folder.join("toolgate.toml"), format!("[log]\nfilter = \"{filter}\"\n")).unwrap();
}

async fn start(filter: &str, variables: &[(&str, &str)]) -> Program {
    let variables = [variables, &[("TOOLGATE_CONFIG", "toolgate.toml")]].concat();
    Program::start(env!("CARGO_BIN_EXE_minimal"), &variables, |folder| write_config(folder, filter)).await
}

fn set_filter(program: &Program, filter: &str) {
    write_config(program.folder(), filter);
    program.send("HUP");
}

#[tokio::test]
async fn sighup_changes_the_filter_to_that_of_the_file_and_logs_the_change() {
    let program = start("info", &[]).await;
    assert!(!program.log().contains("DEBUG"));
    set_filter(&program, "info,toolgate=debug");
    program.wait_for_log("changed the filter of the log from=\"info\" to=\"info,toolgate=debug\"").await;
    // A change is logged even if the old or the new filter disables everything.
    set_filter(&program, "off");
    program.wait_for_log("from=\"info,toolgate=debug\" to=\"off\"").await;
    set_filter(&program, "info");
    program.wait_for_log("from=\"off\" to=\"info\"").await;
}

#[tokio::test]
async fn an_invalid_filter_has_no_effect_and_is_logged() {
    let mut program = start("info", &[]).await;
    set_filter(&program, "toolgate=loud");
    program.wait_for_log("cannot change the filter of the log").await;
    fs::write(program.folder().join("toolgate.toml"), "[log]\nfilter = \n").unwrap();
    program.send("HUP");
    eventually("a broken file is logged", async || program.log().matches("cannot change the filter").count() == 2)
        .await;
    // `info` is still the filter, from which the next change begins.
    set_filter(&program, "debug");
    program.wait_for_log("from=\"info\" to=\"debug\"").await;
    assert!(program.stop().await.success());
    assert!(program.log().contains("received a signal to shut down"));
}

#[tokio::test]
async fn a_filter_of_the_environment_is_stronger_than_that_of_the_file() {
    let program = start("debug", &[("RUST_LOG", "info")]).await;
    set_filter(&program, "trace");
    program.wait_for_log("the filter of the log is unchanged").await;
    let log = program.log();
    let line = log.lines().find(|line| line.contains("is unchanged")).unwrap();
    assert!(line.contains("filter=\"info\"") && line.contains("RUST_LOG"), "{line}");
}
