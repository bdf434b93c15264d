//! `check`: the settings, the policy, and the connections of a deployment.

mod audit_file;
mod authorization;
mod connections;
mod echo;
mod metadata;
mod probe;
mod proxy;
mod public_url;
#[cfg(feature = "redis")]
mod redis;
mod report;
mod running;
mod time_limit;
mod token;
mod webhook;

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;

use self::report::{CheckResult, Report};
use super::{
    App, Error,
    app::{Status, print, read},
};
use crate::{
    BuildError, BuildProblem,
    policy::{LockDifference, Policy},
};

/// Lock file if no other is named.
const DEFAULT_LOCK: &str = "policy.lock";

/// Options of `check`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The connections are those to the authorization server, to Redis, to the audit file, and from the \
                        public URL to this machine. They are checked if the variables of the authorization server are \
                        set. Run the command where the server runs, as the user of the server, with its settings.\n\n\
                        Exit status:\n  0  nothing worse than a note\n  1  an error, or a policy that differs from the \
                        lock file\n  2  an invalid command line or setting, or a file that cannot be read\n  3  a warning, \
                        and no error"
)]
#[non_exhaustive]
#[allow(clippy::doc_markdown, reason = "clap prints the documentation of the fields")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct CheckOptions {
    /// The lock file, which must exist [default: policy.lock, if it exists]
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,

    /// Write the policy to the lock file instead, which accepts all changes
    #[arg(long)]
    pub accept: bool,

    /// A TOML file with settings [env: TOOLGATE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Roles and their scopes: a TOML file with `[[roles]]`, such as roles.toml or tenant.toml
    #[arg(long, value_name = "FILE")]
    pub roles: Option<PathBuf>,

    /// Check the settings and the policy only, without any connection
    #[arg(long)]
    pub offline: bool,

    /// Fail if the authorization server is not configured, so that the connections cannot be checked
    #[arg(long, conflicts_with = "offline")]
    pub require_connections: bool,

    /// A file with an access token to check; `-` is standard input [env: TOOLGATE_CHECK_TOKEN, with the token]
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    pub token_file: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl CheckOptions {
    pub(super) async fn execute(self, mut app: App) -> Result<Status, Error> {
        let policy = app.policy(self.roles.as_deref())?;
        let lock = self.lock.as_deref().unwrap_or(Path::new(DEFAULT_LOCK));
        if self.accept {
            std::fs::write(lock, policy.to_lock())
                .map_err(|source| Error::Write { path: lock.to_owned(), source })?;
            print(&format!("wrote {}\n", lock.display()));
            return Ok(Status::Clean);
        }
        let settings = app.settings(self.config.as_ref())?;
        let mut results = vec![compare(&policy, lock, self.lock.is_some())?];
        match settings.config().http.public_url() {
            // Where `check` runs, the public URL is often not known.
            Ok(_) | Err(BuildProblem::MissingServerUrl(_)) => {}
            Err(problem) => return Err(BuildError::new(vec![problem]).into()),
        }
        if !self.offline {
            let token = token::read_token(self.token_file.as_deref())?;
            results.extend(connections::check(app, token, self.require_connections).await?);
        }
        let report = Report { settings: &settings, results };
        print(&if self.json { report.to_json() } else { report.to_string() });
        Ok(report.status())
    }
}

/// Compares the policy with the lock file.
fn compare(policy: &Policy, lock: &Path, is_required: bool) -> Result<CheckResult, Error> {
    const CODE: &str = "policy";
    let path = lock.display();
    let text = match read(lock) {
        Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound && !is_required => {
            let note =
                CheckResult::note(CODE, format!("{path} does not exist, so the policy was compared with nothing"));
            return Ok(note.action("run `check --accept` to write it, and check it in"));
        }
        text => text?,
    };
    match policy.check_lock(&text) {
        Ok(()) => Ok(CheckResult::ok(CODE, format!("the policy equals {path}"))),
        Err(LockDifference::Unreadable(source)) => Err(Error::Lock { path: lock.to_owned(), source }),
        Err(LockDifference::Changed(changes)) => {
            let error = CheckResult::error(
                CODE,
                format!("the policy differs from {path}:\n{}", changes.to_string().trim_end()),
            );
            Ok(error.action(format!("to accept the changes, run `check --accept --lock {path}`")))
        }
    }
}
