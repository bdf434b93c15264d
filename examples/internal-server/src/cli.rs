//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

const LONG_ABOUT: &str = "\
The sample company's internal MCP server.

It puts the company's data (a SQLite file) and its source code (a folder) behind MCP tools, and \
shows each caller only the tools that their token's scopes open. The company is made up: everybody \
in it is sample data.

Tokens come from PropelAuth when the three PROPELAUTH_* variables are set. When none of them is, the \
server starts a development tenant on this machine, which stands in for PropelAuth, and prints a \
token for each role.";

const AFTER_LONG_HELP: &str = "\
Environment:
  PROPELAUTH_AUTH_URL
          The Auth URL, from the dashboard's page Backend Integration
  PROPELAUTH_INTROSPECTION_CLIENT_ID, PROPELAUTH_INTROSPECTION_CLIENT_SECRET
          The introspection credentials, from MCP -> Request Validation -> Create Credentials.
          Set all three variables, or none to use the development tenant
  PROPELAUTH_WEBHOOK_SECRET
          The signing secret of PropelAuth's webhooks (whsec_...): access then ends when PropelAuth says so
  RUST_LOG
          What is logged to standard error, such as `debug` or `toolgate=debug,info` [default: info,rmcp=warn]

Examples:
  Try it, with the development tenant:
      internal-server

  See who may call what:
      internal-server --scope-table

  Let people of a PropelAuth project in, behind a proxy that serves https://mcp.example.com:
      export PROPELAUTH_AUTH_URL=https://auth.example.com
      export PROPELAUTH_INTROSPECTION_CLIENT_ID=...
      export PROPELAUTH_INTROSPECTION_CLIENT_SECRET=...
      SERVER_URL=https://mcp.example.com internal-server --bind 0.0.0.0:8000 --repo /srv/code

It exits with 0 when it was stopped by Ctrl-C, with 1 when it cannot start, and with 2 when the command \
line is wrong.";

/// What the command line and the environment say.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "internal-server",
    version,
    max_term_width = 100,
    about = "The sample company's internal MCP server",
    long_about = LONG_ABOUT,
    after_help = "`--help` says more, with examples.",
    after_long_help = AFTER_LONG_HELP,
)]
pub struct Cli {
    /// The address and port to listen on
    #[arg(long, env = "BIND_ADDR", value_name = "IP:PORT", default_value = "127.0.0.1:8000")]
    pub bind: SocketAddr,

    /// The SQLite file with the company's data
    ///
    /// It is created and filled with a sample company when there is none yet, and so are the folders
    /// above it. A relative path starts in the current folder.
    #[arg(long, value_name = "FILE", default_value = "data/company.db")]
    pub data: PathBuf,

    /// The folder that the repository tools read
    ///
    /// Nothing outside of it can be reached: neither by `..` nor by a symbolic link. Git's own files
    /// are left out.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub repo: PathBuf,

    /// The public URL of the server, without the path `/mcp`
    ///
    /// It is what clients are told, and what tokens have to be issued for. When the server listens on
    /// loopback, the default is `http://` and the address that it listens on. Otherwise there is none.
    #[arg(long, env = "SERVER_URL", value_name = "URL")]
    pub server_url: Option<String>,

    /// Do not start while something is wrong that keeps tokens from being checked
    ///
    /// Without it the server starts all the same, says so at `/readyz` and in its log, goes on trying, and
    /// becomes ready by itself.
    #[arg(long)]
    pub strict: bool,

    /// Print every tool with its scopes and hints, and which role sees it, and exit
    ///
    /// `--scope-table=json` prints the same for programs.
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

/// How `--scope-table` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For people
    Text,
    /// For programs
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
    fn the_command_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_scope_table_is_text_unless_it_says_otherwise() {
        assert_eq!(parse(&[]).unwrap().scope_table, None);
        assert_eq!(parse(&["--scope-table"]).unwrap().scope_table, Some(TableFormat::Text));
        assert_eq!(parse(&["--scope-table=json"]).unwrap().scope_table, Some(TableFormat::Json));
        assert!(parse(&["--scope-table=yaml"]).is_err());
    }

    #[test]
    fn the_help_names_every_variable() {
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
