//! `check`.

use std::path::PathBuf;

use clap::Args;

use super::{
    App, Error,
    app::{Finding, print, read},
};
use crate::policy::LockDifference;

/// Options of `check`.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct CheckOptions {
    /// The lock file
    #[arg(long, value_name = "FILE", default_value = "policy.lock")]
    pub lock: PathBuf,

    /// Write the policy to the lock file instead, which accepts all changes
    #[arg(long)]
    pub accept: bool,

    /// Roles and their scopes: a TOML file with `[[roles]]`, such as roles.toml or tenant.toml
    #[arg(long, value_name = "FILE")]
    pub roles: Option<PathBuf>,
}

impl CheckOptions {
    pub(super) fn execute(&self, app: &App) -> Result<Finding, Error> {
        let policy = app.policy(self.roles.as_deref())?;
        let path = self.lock.display();
        if self.accept {
            std::fs::write(&self.lock, policy.to_lock())
                .map_err(|source| Error::Write { path: self.lock.clone(), source })?;
            print(&format!("wrote {path}\n"));
            return Ok(Finding::Nothing);
        }
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
