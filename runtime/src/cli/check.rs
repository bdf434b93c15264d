//! `check`.

use std::path::PathBuf;

use clap::Args;

use super::{
    App, Error,
    app::{Finding, print, read},
};
use crate::{
    BuildError, BuildProblem,
    policy::{LockDifference, Policy},
};

/// Options of `check`.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
#[allow(clippy::doc_markdown, reason = "clap prints the documentation of the fields")]
pub struct CheckOptions {
    /// The lock file
    #[arg(long, value_name = "FILE", default_value = "policy.lock")]
    pub lock: PathBuf,

    /// Write the policy to the lock file instead, which accepts all changes
    #[arg(long)]
    pub accept: bool,

    /// A TOML file with settings [env: TOOLGATE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Roles and their scopes: a TOML file with `[[roles]]`, such as roles.toml or tenant.toml
    #[arg(long, value_name = "FILE")]
    pub roles: Option<PathBuf>,
}

impl CheckOptions {
    pub(super) fn execute(&self, app: &mut App) -> Result<Finding, Error> {
        let policy = app.policy(self.roles.as_deref())?;
        let path = self.lock.display();
        if self.accept {
            std::fs::write(&self.lock, policy.to_lock())
                .map_err(|source| Error::Write { path: self.lock.clone(), source })?;
            print(&format!("wrote {path}\n"));
            return Ok(Finding::Nothing);
        }
        let settings = app.settings(self.config.as_ref());
        if let Ok(settings) = &settings {
            print(&settings.to_string());
        }
        let finding = self.compare(&policy)?;
        match settings?.config().http.public_url() {
            // Where `check` runs, the public URL is often not known.
            Ok(_) | Err(BuildProblem::MissingServerUrl(_)) => Ok(finding),
            Err(problem) => Err(BuildError::new(vec![problem]).into()),
        }
    }

    /// Compares the policy with the lock file, and prints the differences.
    fn compare(&self, policy: &Policy) -> Result<Finding, Error> {
        let path = self.lock.display();
        match policy.check_lock(&read(&self.lock)?) {
            Ok(()) => {
                print(&format!("the policy equals {path}\n"));
                Ok(Finding::Nothing)
            }
            Err(LockDifference::Unreadable(source)) => Err(Error::Lock { path: self.lock.clone(), source }),
            Err(LockDifference::Changed(changes)) => {
                let accept = format!("check --accept --lock {path}");
                print(&format!(
                    "the policy differs from {path}:\n\n{changes}\nTo accept the changes, run `{accept}`.\n"
                ));
                Ok(Finding::Something)
            }
        }
    }
}
