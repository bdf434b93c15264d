//! What keeps a server from starting.

use std::{fmt, io, net::SocketAddr};

use thiserror::Error;

use super::Preflight;
#[cfg(feature = "prometheus")]
use crate::metrics::MetricsError;
use crate::propelauth::ConfigError;

/// Why a server could not be built or served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// What the server was built from does not fit together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// PropelAuth's settings are incomplete or wrong.
    #[error(transparent)]
    PropelAuth(#[from] ConfigError),
    /// What the start-up found keeps the server from its work, and [`Server::strict`](super::Server::strict) was set.
    #[error("the server was not started: {0}")]
    Preflight(Preflight),
    /// The port is taken, or the address is not one of this machine.
    #[error("cannot listen on {address}: {source}; choose another address with BIND_ADDR or `Server::bind`")]
    Listen {
        /// Where the server was to listen.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The metrics cannot have their address.
    #[error(
        "cannot serve metrics on {address}: {source}; choose another address with METRICS_ADDR or `Server::metrics_address`"
    )]
    ListenForMetrics {
        /// Where they were to be served.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another recorder is installed already.
    #[cfg(feature = "prometheus")]
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Accepting connections failed.
    #[error("the server stopped: {0}")]
    Serve(#[from] io::Error),
}

/// Every problem that [`Server::build`](super::Server::build) found, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    pub(crate) fn new(problems: Vec<String>) -> Self {
        Self { problems }
    }

    /// The problems, in no particular order.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => f.write_str(problem),
            problems => {
                write!(f, "the server cannot be built:")?;
                problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
            }
        }
    }
}
