//! Measures toolgate and its peers. `benches/README.md` says how each figure is taken.

use std::process::ExitCode;

use clap::Parser;

mod client;
mod compile;
mod growth;
mod load;
mod machine;
mod plot;
mod report;
mod server;
mod stats;
mod stub;

use toolgate_benches::request;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Measures toolgate and its peers. Exits with 1 if a target was missed, with 2 if something could not be measured.
#[derive(Parser)]
enum Command {
    /// Starts every server that is built in turn, and loads it
    Load(load::Options),
    /// Compiles 200 tools in toolgate and in rmcp's macros
    Compile(compile::Options),
    /// Draws how the cost of a request grows with tools, scopes, tokens and connections
    Growth(growth::Options),
    /// Prints the results of the other runs as Markdown
    Report,
    /// The introspection endpoint that the servers ask; prints its address, and serves until its input ends
    #[command(hide = true)]
    Stub { resource: String },
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Load(options) => load::run(options),
        Command::Compile(options) => compile::run(&options),
        Command::Growth(options) => growth::run(&options).map(|()| true),
        Command::Report => report::run().map(|()| true),
        Command::Stub { resource } => stub::run(&resource).map(|()| true),
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
