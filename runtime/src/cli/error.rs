//! Errors of commands.

use std::{io, path::PathBuf};

use thiserror::Error as ThisError;

use crate::policy::{LockError, RolesError};

/// Error of a command. Its text says what to do.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file is not a lock file.
    #[error("{} is not a lock file of a policy: {source}", .path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The line and its problem.
        source: LockError,
    },
    /// A file does not describe the roles of this policy.
    #[error("{}: {source}", .path.display())]
    Roles {
        /// The file.
        path: PathBuf,
        /// The problem.
        source: RolesError,
    },
    /// The server does not have the operation.
    #[error("the server has no operation `{name}`: {}", known(.similar.as_ref()))]
    UnknownOperation {
        /// Label of the operation.
        name: String,
        /// Label of a similar operation.
        similar: Option<String>,
    },
    /// The role of `--role` is unknown.
    #[error("unknown role `{name}`: {known}")]
    UnknownRole {
        /// The name.
        name: String,
        /// The known roles, or how to name them.
        known: String,
    },
    /// `--scopes` names a scope that the server does not declare.
    #[error("the server does not declare the scope `{0}`")]
    UnknownScope(String),
    /// A file that begins with `{` is not a policy as JSON.
    #[error("{} is not JSON of `policy --format json`: {problem}", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The validator or the states of the program cannot be created.
    #[error("{0}")]
    Program(Box<dyn std::error::Error + Send + Sync>),
    /// The server cannot be built, or failed while serving.
    #[error(transparent)]
    Server(#[from] crate::Error),
}

fn known(similar: Option<&String>) -> String {
    similar.map_or_else(|| "`policy` prints them all".to_owned(), |similar| format!("did you mean `{similar}`?"))
}

impl From<crate::BuildError> for Error {
    fn from(error: crate::BuildError) -> Self {
        Self::Server(error.into())
    }
}
