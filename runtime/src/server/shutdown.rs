//! Shutdown on signals.

use tokio::signal;

use crate::spawn::spawn;

/// Waits for Ctrl-C or SIGTERM, as [`BuiltServer::serve`](crate::BuiltServer::serve) does. Pass it to
/// [`serve_on`](crate::BuiltServer::serve_on).
///
/// A second signal ends the process immediately, with the exit status of a process that the signal has ended: 130 for
/// Ctrl-C, 143 for SIGTERM. Requests in flight are then aborted.
///
/// ```no_run
/// # async fn run(server: toolgate::BuiltServer, listener: tokio::net::TcpListener) -> Result<(), toolgate::Error> {
/// server.serve_on(listener, toolgate::shutdown_signal()).await
/// # }
/// ```
pub async fn shutdown_signal() {
    let mut signals = Signals::new();
    signals.next().await;
    tracing::info!("received a signal to shut down; a second one stops the process immediately");
    spawn(async move {
        let status = signals.next().await;
        tracing::warn!("received a second signal: stopping immediately");
        #[cfg(feature = "logging")]
        crate::logging::flush();
        std::process::exit(status);
    });
}

/// The signals that stop a process.
#[cfg(unix)]
struct Signals([(i32, Option<signal::unix::Signal>); 2]);

#[cfg(unix)]
impl Signals {
    /// Starts to receive the signals, so that none is lost between two calls of [`next`](Self::next).
    fn new() -> Self {
        let listen = |name, kind| {
            let signal = signal::unix::signal(kind);
            signal.inspect_err(|error| tracing::error!(%error, "cannot receive {name}")).ok()
        };
        let interrupt = listen("SIGINT (Ctrl-C)", signal::unix::SignalKind::interrupt());
        let terminate = listen("SIGTERM", signal::unix::SignalKind::terminate());
        Self([(130, interrupt), (143, terminate)])
    }

    /// Waits for a signal, and returns the exit status of a process that it ends.
    async fn next(&mut self) -> i32 {
        let [interrupt, terminate] = self.0.each_mut().map(|(status, signal)| async {
            let received = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            match received {
                Some(()) => *status,
                None => std::future::pending().await,
            }
        });
        tokio::select! {
            status = interrupt => status,
            status = terminate => status,
        }
    }
}

/// The signal that stops a process.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    /// Waits for the signal, and returns the exit status of a process that it ends.
    async fn next(&mut self) -> i32 {
        if let Err(error) = signal::ctrl_c().await {
            tracing::error!(%error, "cannot handle Ctrl-C");
            std::future::pending::<()>().await;
        }
        130
    }
}
