//! Shutdown on signals.

/// Waits for Ctrl-C or SIGTERM, as [`BuiltServer::serve`](crate::BuiltServer::serve) does. Pass it to
/// [`serve_on`](crate::BuiltServer::serve_on).
///
/// ```no_run
/// # async fn run(server: toolgate::BuiltServer, listener: tokio::net::TcpListener) -> Result<(), toolgate::Error> {
/// server.serve_on(listener, toolgate::shutdown_signal()).await
/// # }
/// ```
pub async fn shutdown_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot handle Ctrl-C; stop the server with SIGTERM");
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
