//! Command-line arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

const LONG_ABOUT: &str = "\
The sample company's internal MCP server.

It exposes the company's data (a SQLite file) and source code (a folder) as MCP tools. Each caller \
sees only the tools that the scopes of their token allow. The company is fictional: all data is \
sample data.

If the variables below configure PropelAuth, PropelAuth issues the tokens. Otherwise the server starts \
a development tenant on this machine, which replaces PropelAuth, and prints a token for each role.";

const AFTER_LONG_HELP: &str = "\
Environment:
  PROPELAUTH_AUTH_URL
          The Auth URL, from the page Backend Integration of the dashboard
  PROPELAUTH_INTROSPECTION_CLIENT_ID, PROPELAUTH_INTROSPECTION_CLIENT_SECRET
          The introspection credentials, from MCP -> Request Validation -> Create Credentials.
          Set these and PROPELAUTH_AUTH_URL, or none of the three to use the development tenant
  PROPELAUTH_WEBHOOK_SECRET
          The signing secret of PropelAuth's webhooks (whsec_...), which end access immediately
  RUST_LOG
          The log filter, such as `debug` or `toolgate=debug,info`; logs go to standard error
          [default: info,rmcp=warn]

Examples:
  Run with the development tenant:
      internal-server

  Show which role may call which tool:
      internal-server --scope-table

  Run with PropelAuth, behind a proxy that serves https://mcp.example.com:
      export PROPELAUTH_AUTH_URL=https://auth.example.com
      export PROPELAUTH_INTROSPECTION_CLIENT_ID=...
      export PROPELAUTH_INTROSPECTION_CLIENT_SECRET=...
      SERVER_URL=https://mcp.example.com internal-server --bind 0.0.0.0:8000 --repo /srv/code

Exit status:
  0  stopped by Ctrl-C or SIGTERM
  1  the server could not start
  2  the command line is invalid";

/// The arguments, from the command line and the environment.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "internal-server",
    version,
    max_term_width = 100,
    about = "The sample company's internal MCP server",
    long_about = LONG_ABOUT,
    after_help = "Use `--help` for details and examples.",
    after_long_help = AFTER_LONG_HELP,
)]
pub struct Cli {
    /// The address and port to listen on
    #[arg(long, env = "BIND_ADDR", value_name = "IP:PORT", default_value = "127.0.0.1:8000")]
    pub bind: SocketAddr,

    /// The SQLite file with the company's data
    ///
    /// If the file does not exist, the server creates it, including its parent folders, and fills it with
    /// sample data. A relative path starts in the current folder.
    #[arg(long, value_name = "FILE", default_value = "data/company.db")]
    pub data: PathBuf,

    /// The folder that the repository tools read
    ///
    /// The tools cannot read files outside this folder: they reject `..` and do not follow symbolic
    /// links. They also do not read Git's own files.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub repo: PathBuf,

    /// The public URL of the server, without the path `/mcp`
    ///
    /// Clients connect to this URL, and tokens must be issued for it. On a loopback address it defaults
    /// to `http://` and that address. On any other address it is required.
    #[arg(long, env = "SERVER_URL", value_name = "URL")]
    pub server_url: Option<String>,

    /// Exit if tokens cannot be validated at startup
    ///
    /// Without this option, the server starts anyway. It reports the problem at `/readyz` and in its log,
    /// retries, and becomes ready when the check passes.
    #[arg(long)]
    pub require_preflight: bool,

    /// Print every tool with its hints, required scopes and roles, and exit
    ///
    /// Use `--scope-table=json` for machine-readable output.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "text",
    )]
    pub scope_table: Option<TableFormat>,
}

/// Output format of `--scope-table`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// A table
    Text,
    /// A JSON object
    Json,
}

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
    fn the_scope_table_defaults_to_text() {
        assert_eq!(parse(&[]).unwrap().scope_table, None);
        assert_eq!(parse(&["--scope-table"]).unwrap().scope_table, Some(TableFormat::Text));
        assert_eq!(parse(&["--scope-table=json"]).unwrap().scope_table, Some(TableFormat::Json));
        assert!(parse(&["--scope-table=yaml"]).is_err());
    }

    #[test]
    fn the_help_lists_every_environment_variable() {
        let help = Cli::command().render_long_help().to_string();
        for variable in [
            "BIND_ADDR",
            "SERVER_URL",
            "PROPELAUTH_WEBHOOK_SECRET",
            "PROPELAUTH_AUTH_URL",
            "PROPELAUTH_INTROSPECTION_CLIENT_ID",
            "PROPELAUTH_INTROSPECTION_CLIENT_SECRET",
        ] {
            assert!(help.contains(variable), "{variable}");
        }
    }
}
