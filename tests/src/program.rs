//! A server in a process of its own, with its environment and its log.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use tempfile::TempDir;

use crate::eventually;

/// A running program in a folder of its own, on a free port. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Program {
    folder: TempDir,
    process: Child,
}

impl Program {
    /// Starts a program with these variables and no others, and waits until it serves. `prepare` is called with its folder
    /// before.
    ///
    /// # Panics
    ///
    /// If the program does not serve within [`DEADLINE`](crate::DEADLINE).
    pub async fn start(program: &str, variables: &[(&str, &str)], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        prepare(folder.path());
        let create = |name| File::create(folder.path().join(name)).expect("the folder is writable");
        let process = Command::new(program)
            .current_dir(folder.path())
            .env_clear()
            .env("BIND_ADDR", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(create("output"))
            .stderr(create("log"))
            .spawn()
            .expect("the program exists");
        let program = Self { folder, process };
        program.wait_for_log(" serving").await;
        program
    }

    /// Returns the folder of the program.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns what the program has logged.
    ///
    /// # Panics
    ///
    /// If the log cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).expect("the log is text")
    }

    /// Waits until the log contains a text.
    pub async fn wait_for_log(&self, text: &str) {
        eventually(text, async || self.log().contains(text)).await;
    }

    /// Returns the URL of the MCP endpoint, from the log.
    ///
    /// # Panics
    ///
    /// If the level of the log hides it.
    pub fn endpoint(&self) -> String {
        let log = self.log();
        let (_, rest) = log.split_once("endpoint=\"").expect("the endpoint is logged");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// Sends a signal, such as `TERM`.
    ///
    /// # Panics
    ///
    /// If the program has ended.
    pub fn send(&self, signal: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send {signal}");
    }

    /// Waits until the program has ended after SIGTERM.
    ///
    /// # Panics
    ///
    /// If it does not end within [`DEADLINE`](crate::DEADLINE).
    pub async fn stop(&mut self) -> ExitStatus {
        self.send("TERM");
        let mut status = None;
        eventually("the program ends", async || {
            status = self.process.try_wait().expect("the program is a child of this process");
            status.is_some()
        })
        .await;
        status.expect("the program has ended")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
