//! Measures toolgate and its peers. `benches/README.md` says how each figure is taken.

use std::process::ExitCode;

mod client;
mod compile;
mod load;
mod machine;
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
        ["stub", resource] => stub::run(resource).map(|()| true),
        _ => Err("toolgate-bench load|compile".into()),
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
