//! Command-line arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use toolgate::cli::{Inspect, ServeOptions};

const LONG_ABOUT: &str = "\
The sample company's internal MCP server.

It exposes the company's data (a SQLite file) and source code (a folder) as MCP tools, prompts and \
resources. Each caller sees only those that the scopes of their token allow. The company is fictional: all data is \
sample data.

If the variables below configure PropelAuth, PropelAuth issues the tokens. Otherwise the server starts \
a development tenant on this machine, which replaces PropelAuth, and prints a token for each role. A \
release build has no development tenant.";

const AFTER_LONG_HELP: &str = "\
Environment:
  PROPELAUTH_AUTH_URL
          The Auth URL, from the page Backend Integration of the dashboard
  PROPELAUTH_INTROSPECTION_CLIENT_ID, PROPELAUTH_INTROSPECTION_CLIENT_SECRET
          The introspection credentials, from MCP -> Request Validation -> Create Credentials.
          Set these and PROPELAUTH_AUTH_URL, or none of the three to use the development tenant
  PROPELAUTH_WEBHOOK_SECRET
          The signing secret of PropelAuth's webhooks (whsec_...), which end access immediately
  PROPELAUTH_API_KEY
          The key of the backend integration, to accept the API keys of machines such as CI jobs
  PROPELAUTH_INTROSPECTION_CLIENT_SECRET_FILE, PROPELAUTH_WEBHOOK_SECRET_FILE,
  PROPELAUTH_API_KEY_FILE
          Files with the three secrets, instead of the variables with the values
  TOOLGATE_LOG, RUST_LOG
          The log filter, such as `debug` or `toolgate=debug,info`; logs go to standard error
          [default: info]
  TOOLGATE_*
          Every other setting, such as TOOLGATE_LOG_FORMAT=json; see docs/configuration.md

Examples:
  Run with the development tenant:
      internal-server

  Show which role may use which tool, prompt and resource:
      internal-server policy

  Show why HR may call a tool:
      internal-server explain payroll_summary --role HR

  Run with PropelAuth, behind a proxy that serves https://mcp.example.com:
      export PROPELAUTH_AUTH_URL=https://auth.example.com
      export PROPELAUTH_INTROSPECTION_CLIENT_ID=...
      export PROPELAUTH_INTROSPECTION_CLIENT_SECRET=...
      SERVER_URL=https://mcp.example.com internal-server --bind 0.0.0.0:8000 --repo /srv/code

Exit status:
  0  stopped by Ctrl-C or SIGTERM
  1  the server could not start, or an inspection found a difference, an error or a rejected call
  2  the command line is invalid, or an inspection could not read its input
  3  `check` found warnings, and no error";

/// The arguments, from the command line and the environment.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "internal-server",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    about = "The sample company's internal MCP server",
    long_about = LONG_ABOUT,
    after_help = "Use `--help` for details and examples.",
    after_long_help = AFTER_LONG_HELP,
)]
pub struct Cli {
    /// The options of `serve`, if no command is given.
    #[command(flatten)]
    pub serve: ServeArgs,

    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A command.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Serve until Ctrl-C or SIGTERM (the default)
    Serve(ServeArgs),
    /// Commands that inspect the policy.
    #[command(flatten)]
    Inspect(Inspect),
}

/// Options of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The options that every server has.
    #[command(flatten)]
    pub server: ServeOptions,

    /// The SQLite file with the company's data
    ///
    /// If the file does not exist, the server creates it, including its parent folders, and fills it with
    /// sample data. A relative path starts in the current folder.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_DATA)]
    pub data: PathBuf,

    /// The folder that the repository tools read
    ///
    /// The tools cannot read files outside this folder: they reject `..` and do not follow symbolic
    /// links. They also do not read Git's own files.
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_REPO)]
    pub repo: PathBuf,
}

/// Default of `--data`, relative to the current folder.
pub(crate) const DEFAULT_DATA: &str = "data/company.db";

/// Default of `--repo`, relative to the current folder.
pub(crate) const DEFAULT_REPO: &str = ".";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["internal-server"], arguments].concat())
    }

    #[test]
    fn the_command_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_command() {
        let cli = parse(&["--data", "other.db"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.data, PathBuf::from("other.db"));
        let Some(Command::Serve(serve)) = parse(&["serve", "--data", "other.db"]).unwrap().command else { panic!() };
        assert_eq!(serve.data, PathBuf::from("other.db"));
        assert!(matches!(parse(&["policy"]).unwrap().command, Some(Command::Inspect(Inspect::Policy(_)))));
        assert!(parse(&["policy", "--format", "yaml"]).is_err());
    }

    #[test]
    fn the_help_lists_every_environment_variable() {
        let help = Cli::command().render_long_help().to_string();
        for variable in [
            "BIND_ADDR",
            "SERVER_URL",
            "PROPELAUTH_API_KEY",
            "PROPELAUTH_WEBHOOK_SECRET",
            "PROPELAUTH_AUTH_URL",
            "PROPELAUTH_INTROSPECTION_CLIENT_ID",
            "PROPELAUTH_INTROSPECTION_CLIENT_SECRET",
        ] {
            assert!(help.contains(variable), "{variable}");
        }
    }
}
