use tokio::signal;

/// Waits for Ctrl-C, or for what a service manager sends.
pub(crate) async fn signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => return,
            () = interrupt() => return,
        }
    }
    interrupt().await;
}

/// Waits for Ctrl-C; for ever where the system has no such thing.
async fn interrupt() {
    if let Err(error) = signal::ctrl_c().await {
        tracing::warn!(%error, "cannot wait for Ctrl-C");
        std::future::pending::<()>().await;
    }
}
