//! Measures toolgate and its peers. `benches/README.md` says how each figure is taken.

use std::process::ExitCode;

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

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["load", options @ ..] => load::run(options),
        ["compile", options @ ..] => compile::run(options),
        ["growth", options @ ..] => growth::run(options),
        ["report"] => report::run(),
        ["stub", resource] => stub::run(resource).map(|()| true),
        _ => Err("toolgate-bench load|compile|growth|report".into()),
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
