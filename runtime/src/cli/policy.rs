//! `policy` and `policy diff`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{
    App, Error,
    app::{Status, json, print, read},
};
use crate::policy::Policy;

/// Options of `policy`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[non_exhaustive]
pub struct PolicyOptions {
    /// The format
    #[arg(long, value_enum, default_value_t)]
    pub format: PolicyFormat,

    /// Roles and their scopes: a TOML file with `[[roles]]`, such as roles.toml or tenant.toml
    #[arg(long, value_name = "FILE")]
    pub roles: Option<PathBuf>,

    /// Command about policies.
    #[command(subcommand)]
    pub command: Option<PolicyCommand>,
}

/// Commands below `policy`.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum PolicyCommand {
    /// Print what changes between two policies, in terms of access
    Diff(DiffOptions),
}

/// Options of `policy diff`.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct DiffOptions {
    /// The old policy: a lock file, or JSON of `policy --format json`; `-` is standard input
    pub old: PathBuf,

    /// The new policy [default: that of this program]
    pub new: Option<PathBuf>,

    /// Roles and their scopes, for the policy of this program
    #[arg(long, value_name = "FILE")]
    pub roles: Option<PathBuf>,
}

/// Format of a printed policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum PolicyFormat {
    /// A table for a terminal
    #[default]
    Text,
    /// A Markdown table
    Markdown,
    /// A JSON object
    Json,
    /// A lock file
    Lock,
}

impl PolicyOptions {
    pub(super) fn execute(self, app: &App) -> Result<Status, Error> {
        if let Some(PolicyCommand::Diff(options)) = self.command {
            return options.execute(app);
        }
        let policy = app.policy(self.roles.as_deref())?;
        print(&match self.format {
            PolicyFormat::Text => policy.to_string(),
            PolicyFormat::Markdown => policy.to_markdown(),
            PolicyFormat::Json => json(&policy),
            PolicyFormat::Lock => policy.to_lock(),
        });
        Ok(Status::Clean)
    }
}

impl DiffOptions {
    fn execute(&self, app: &App) -> Result<Status, Error> {
        let old = parse(&self.old)?;
        let new = match &self.new {
            Some(path) => parse(path)?,
            None => app.policy(self.roles.as_deref())?,
        };
        let diff = old.diff(&new);
        print(&diff.to_string());
        Ok(if diff.is_empty() { Status::Clean } else { Status::Problem })
    }
}

/// Reads a policy from a lock file or from JSON.
pub(super) fn parse(path: &Path) -> Result<Policy, Error> {
    let text = read(path)?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text)
            .map_err(|error| Error::Json { path: path.to_owned(), problem: error.to_string() });
    }
    Policy::from_lock(&text).map_err(|source| Error::Lock { path: path.to_owned(), source })
}
