//! SIGHUP: reads the filter of the log again.

use std::io::{self, IsTerminal};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::{AbortHandle, spawn_blocking},
};

use crate::{
    logging::{self, FilterSource},
    spawn::spawn,
};

/// Handle of the task that waits for SIGHUP. Dropping it ends the task.
pub(super) struct HangupListener(AbortHandle);

/// Reads the filter of the log again at each SIGHUP.
///
/// Returns `None` where SIGHUP keeps its default, which ends the process: if the program has a subscriber of its own, whose
/// filter is unknown here, and in a terminal, which sends SIGHUP when it is closed.
pub(super) fn reload_log(source: FilterSource) -> Option<HangupListener> {
    if !logging::is_installed() || io::stdin().is_terminal() || io::stderr().is_terminal() {
        return None;
    }
    let mut hangups =
        signal(SignalKind::hangup()).inspect_err(|error| tracing::error!(%error, "cannot receive SIGHUP")).ok()?;
    let task = spawn(async move {
        while hangups.recv().await.is_some() {
            let source = source.clone();
            // Reads a file.
            let _ = spawn_blocking(move || source.reload()).await;
        }
    });
    Some(HangupListener(task.abort_handle()))
}

impl Drop for HangupListener {
    fn drop(&mut self) {
        self.0.abort();
    }
}
