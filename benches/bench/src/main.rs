//! Benchmarks of toolgate and of other MCP servers. `benches/README.md` describes the method.

use std::process::ExitCode;

use clap::Parser;

mod client;
mod compile;
mod growth;
mod introspection;
mod load;
mod machine;
mod plot;
mod report;
mod server;
mod stats;

use toolgate_benches::request;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Benchmarks toolgate and other MCP servers. Exits with 1 if a target is missed, and with 2 if a measurement fails.
#[derive(Parser)]
enum Command {
    /// Measures each built server in turn under load
    Load(load::Options),
    /// Measures the compile time of 200 tools and of a minimal server, in toolgate and in rmcp
    Compile(compile::Options),
    /// Plots how the cost of a request grows with tools, scopes, tokens and connections
    Growth(growth::Options),
    /// Prints the results of the other commands as Markdown
    Report,
    /// Serves an introspection endpoint until standard input ends, and prints its address
    #[command(hide = true)]
    Introspection { resource: String },
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Load(options) => load::run(options),
        Command::Compile(options) => compile::run(&options),
        Command::Growth(options) => growth::run(&options).map(|()| true),
        Command::Report => report::run().map(|()| true),
        Command::Introspection { resource } => introspection::run(&resource).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
