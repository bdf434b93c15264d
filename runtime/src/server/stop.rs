//! When to stop.

/// Waits for Ctrl-C or SIGTERM: what [`BuiltServer::serve`](crate::BuiltServer::serve) stops at, for those who call
/// [`serve_on`](crate::BuiltServer::serve_on).
///
/// ```no_run
/// # async fn run(server: toolgate::BuiltServer, listener: tokio::net::TcpListener) -> Result<(), toolgate::Error> {
/// server.serve_on(listener, toolgate::stop_signal()).await
/// # }
/// ```
pub async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot wait for Ctrl-C; stop the process instead");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::error!(%error, "cannot wait for SIGTERM");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
