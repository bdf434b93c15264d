//! The commands, as clap parses them.

use clap::{Parser, Subcommand};

use super::{CheckOptions, ConfigOptions, ExplainOptions, PolicyOptions, ReplayOptions, ServeOptions};

/// The command line of a server without options of its own.
#[derive(Debug, Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    max_term_width = 100,
    disable_version_flag = true,
    after_help = "Exit status:\n  0  success\n  1  a difference, a change, an error of a check, a rejected call, or a server \
                  that cannot start\n  2  an invalid command line, or input that cannot be read\n  3  a warning of `check`, and \
                  no error"
)]
pub(super) struct CommandLine {
    #[command(flatten)]
    pub(super) serve: ServeOptions,

    #[command(subcommand)]
    pub(super) command: Option<Command>,

    /// Print the version
    #[arg(long, short = 'V')]
    pub(super) version: bool,
}

/// Commands of a server.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Serve until Ctrl-C or SIGTERM (the default)
    Serve(ServeOptions),
    /// Commands that inspect the policy or the settings.
    #[command(flatten)]
    Inspect(Inspect),
}

/// Commands that inspect the access policy of a server without serving.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum Inspect {
    /// Print who may use which tool, prompt and resource
    Policy(PolicyOptions),
    /// Print why a caller may or may not use a tool, a prompt or a resource, rule by rule
    Explain(ExplainOptions),
    /// Decide the calls of an audit log again, and print what would change
    Replay(ReplayOptions),
    /// Check the settings, the policy, and the connections of the server
    Check(CheckOptions),
    /// Print the settings and where each is from
    Config(ConfigOptions),
}
