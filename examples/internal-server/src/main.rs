//! The sample company's internal MCP server.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use internal_server::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match internal_server::run(cli).await {
        Ok(status) => status,
        Err(error) => {
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
