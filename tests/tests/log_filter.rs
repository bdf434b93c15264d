//! The filter of the log of a running process.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use toolgate_tests::eventually;

/// A running server with a configuration file, which is killed when this value is dropped.
struct Program {
    folder: TempDir,
    process: Child,
}

impl Program {
    async fn start(filter: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_config(folder.path(), filter);
        let log = File::create(log_of(folder.path())).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_minimal"))
            .current_dir(folder.path())
            .env_clear()
            .envs(variables.iter().copied())
            .env("TOOLGATE_CONFIG", folder.path().join("toolgate.toml"))
            .env("BIND_ADDR", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("output")).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Self { folder, process };
        // At the level INFO, for all tests begin with it.
        program.wait_for(" serving").await;
        program
    }

    fn set_filter(&self, filter: &str) {
        write_config(self.folder.path(), filter);
        self.send("HUP");
    }

    fn send(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    fn log(&self) -> String {
        fs::read_to_string(log_of(self.folder.path())).unwrap()
    }

    async fn wait_for(&self, text: &str) {
        eventually(text, async || self.log().contains(text)).await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn write_config(folder: &Path, filter: &str) {
    fs::write(folder.join("toolgate.toml"), format!("[log]\nfilter = \"{filter}\"\n")).unwrap();
}

#[tokio::test]
async fn sighup_changes_the_filter_to_that_of_the_file_and_logs_the_change() {
    let program = Program::start("info", &[]).await;
    assert!(!program.log().contains("DEBUG"));
    program.set_filter("info,toolgate=debug");
    program.wait_for("changed the filter of the log from=\"info\" to=\"info,toolgate=debug\"").await;
    // A change is logged even if the old or the new filter disables everything.
    program.set_filter("off");
    program.wait_for("from=\"info,toolgate=debug\" to=\"off\"").await;
    program.set_filter("info");
    program.wait_for("from=\"off\" to=\"info\"").await;
}

#[tokio::test]
async fn an_invalid_filter_has_no_effect_and_is_logged() {
    let program = Program::start("info", &[]).await;
    program.set_filter("toolgate=loud");
    program.wait_for("cannot change the filter of the log").await;
    fs::write(program.folder.path().join("toolgate.toml"), "[log]\nfilter = \n").unwrap();
    program.send("HUP");
    eventually("a broken file is logged", async || program.log().matches("cannot change the filter").count() == 2)
        .await;
    // `info` is still the filter: the next change says so, and SIGTERM is logged and ends the process.
    program.set_filter("debug");
    program.wait_for("from=\"info\" to=\"debug\"").await;
    program.send("TERM");
    program.wait_for("received a signal to shut down").await;
}

#[tokio::test]
async fn a_filter_of_the_environment_is_stronger_than_that_of_the_file() {
    let program = Program::start("debug", &[("RUST_LOG", "info")]).await;
    program.set_filter("trace");
    program.wait_for("the filter of the log is unchanged").await;
    let log = program.log();
    let line = log.lines().find(|line| line.contains("is unchanged")).unwrap();
    assert!(line.contains("filter=\"info\"") && line.contains("RUST_LOG"), "{line}");
}
