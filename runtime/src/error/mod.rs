//! Errors of building and serving a server.

mod build_error;
mod certificate_error;
mod chain;
mod form_problem;
#[cfg(feature = "logging")]
mod log_error;

use std::{fmt, io, net::SocketAddr};

use thiserror::Error;

pub use self::build_error::{BuildError, BuildProblem, OperationProblem, ServerUrlError};
pub use self::certificate_error::CertificateError;
pub(crate) use self::chain::ErrorChain;
pub use self::form_problem::FormProblem;
#[cfg(feature = "logging")]
pub use self::log_error::LogError;
use crate::auth::{Preflight, SetupError};
#[cfg(feature = "prometheus")]
use crate::metrics::MetricsError;

/// Reason why a server could not be built or served.
///
/// `Debug` prints the same text as `Display`, so `fn main() -> Result<(), toolgate::Error>` prints a readable message.
#[derive(Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration of the server is invalid.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The configuration of the token validator is invalid, or its provider failed.
    #[error(transparent)]
    Validator(Box<dyn std::error::Error + Send + Sync>),
    /// The preflight check failed, and [`Server::require_preflight`](crate::Server::require_preflight) was set.
    #[error("the server was not started: {0}")]
    Preflight(Preflight),
    /// The log cannot be installed.
    #[cfg(feature = "logging")]
    #[error(transparent)]
    Log(#[from] LogError),
    /// The server cannot listen on its address.
    #[error("cannot listen on {address}: {source}; choose another address with BIND_ADDR or `Server::bind`")]
    Listen {
        /// Address that was requested.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The metrics endpoint cannot listen on its address.
    #[error(
        "cannot serve metrics on {address}: {source}; choose another address with METRICS_ADDR or `http.metrics_address`"
    )]
    ListenForMetrics {
        /// Address that was requested.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The console cannot listen on its address.
    #[error(
        "cannot serve the console on {address}: {source}; choose another address with CONSOLE_ADDR or `http.console_address`"
    )]
    ListenForConsole {
        /// Address that was requested.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The Prometheus recorder cannot be installed.
    #[cfg(feature = "prometheus")]
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A server that was added with [`BuiltServer::with_server`](crate::BuiltServer::with_server) has an app, which would
    /// not be served.
    #[error(
        "the server at {endpoint} was passed to `with_server` and has an app of its own, which would not be served: pass \
         one app with the routes of both servers to `with_app` of the first one"
    )]
    AppOfOtherServer {
        /// URL of the MCP endpoint of the other server.
        endpoint: String,
    },
    /// An error of the operating system while serving.
    #[error("the server stopped: {0}")]
    Serve(#[from] io::Error),
}

impl<E: SetupError> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Validator(Box::new(error))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_what_display_prints() {
        let problems = vec![BuildProblem::MissingValidator, BuildProblem::ContradictingPreflight];
        let error = Error::from(BuildError::new(problems));
        let text = error.to_string();
        assert!(text.starts_with("the server cannot be built:\n- "), "{text}");
        assert_eq!(format!("{error:?}"), text);
    }
}
