//! Markdown tables for `docs/performance.md` from the results of the other commands.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{Result, server::Server};

/// Figure and title of each table.
const FIGURES: [(&str, &str); 4] = [
    ("requests/s", "Requests per second, 16 connections"),
    ("CPU us", "CPU time of the server per request, microseconds"),
    ("p99 us", "p99 latency under that load, microseconds"),
    ("equal p99 us", "p99 latency at equal load, microseconds"),
];

pub(crate) fn run() -> Result<()> {
    let results = std::env::current_exe()?.with_file_name("bench-results");
    let load = read(&results, "load.json")?;
    let machine = &load["machine"];
    println!(
        "{} cores of {}, {} MiB, {}, {}; {} rounds of {} s.\n",
        machine["cores"],
        text(&machine["cpu"]),
        machine["memory_mib"],
        text(&machine["kernel"]),
        text(&machine["rustc"]),
        load["rounds"],
        load["seconds"],
    );
    targets(&load);
    // Compile times are measured by another command.
    match read(&results, "compile.json") {
        Ok(compile) => compile_targets(&compile),
        Err(error) => eprintln!("no compile times: {error}"),
    }
    println!();
    for (figure, title) in FIGURES {
        table(&load, title, |case| !is_process_figure(case), |of| cell(&of[figure]));
    }
    table(&load, "Time from start to first response, ms", |case| case.starts_with("start"), |of| cell(&of["ms"]));
    table(&load, "Resident memory after the run, MiB", |case| case.starts_with("memory"), |of| cell(&of["MiB"]));
    Ok(())
}

fn is_process_figure(case: &str) -> bool {
    case.starts_with("start") || case.starts_with("memory")
}

fn targets(load: &Value) {
    println!("| | what | measured | rounds | target | |\n|---|---|---|---|---|---|");
    for target in load["targets"].as_array().into_iter().flatten() {
        let ratio = &target["ratio"];
        row(&target["name"], &target["what"], ratio, text(&target["bound"]), target["met"] == true);
    }
}

fn compile_targets(compile: &Value) {
    for figure in compile["figures"].as_array().into_iter().flatten() {
        let what = format!("`cargo {}`, {}", text(&figure["command"]), text(&figure["scenario"]));
        let ratio = &figure["ratio_cpu"];
        row(&"P8".into(), &what.into(), ratio, "<= 1", ratio["median"].as_f64().is_some_and(|ratio| ratio <= 1.0));
    }
    for figure in compile["minimal"]["figures"].as_array().into_iter().flatten() {
        let what = format!("clean build of a minimal server, {}", text(&figure["features"]));
        let (ratio, target) = (&figure["ratio_cpu"], figure["target"].as_f64().unwrap_or_default());
        let is_met = ratio["median"].as_f64().is_some_and(|ratio| ratio <= target);
        row(&"P16".into(), &what.into(), ratio, &format!("<= {target}"), is_met);
    }
}

fn row(name: &Value, what: &Value, ratio: &Value, bound: &str, met: bool) {
    let number = |key: &str| short(ratio[key].as_f64().unwrap_or(f64::NAN));
    println!(
        "| {} | {} | **{}** | {} to {} | {} | {} |",
        text(name),
        text(what),
        number("median"),
        number("min"),
        number("max"),
        bound.replace(">=", "≥").replace("<=", "≤"),
        if met { "met" } else { "**missed**" },
    );
}

/// Prints a row for each included case, and a column for each server with at least one value.
fn table(load: &Value, title: &str, includes: impl Fn(&str) -> bool, cell: impl Fn(&Value) -> Option<String>) {
    let cases: Vec<_> =
        load["cases"].as_object().into_iter().flatten().filter(|(case, _)| includes(case.as_str())).collect();
    let has_any = |server: &Server| cases.iter().any(|(_, servers)| cell(&servers[server.name()]).is_some());
    let servers: Vec<_> = Server::ALL.into_iter().filter(has_any).collect();
    println!("{title}:\n");
    println!("| | {} |", servers.iter().map(|server| server.name()).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---:|".repeat(servers.len()));
    for (case, of) in cases {
        let cells: Vec<_> =
            servers.iter().map(|server| cell(&of[server.name()]).unwrap_or_else(|| "–".to_owned())).collect();
        if cells.iter().any(|cell| cell != "–") {
            println!("| {case} | {} |", cells.join(" | "));
        }
    }
    println!();
}

fn cell(summary: &Value) -> Option<String> {
    summary["median"].as_f64().map(short)
}

/// Formats a number with three significant digits below 100, and with thousands separators above.
fn short(number: f64) -> String {
    if number < 100.0 {
        let digits = if number < 10.0 { 2 } else { 1 };
        return format!("{number:.digits$}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn read(results: &Path, name: &str) -> Result<Value> {
    let file = results.join(name);
    let json = fs::read(&file).map_err(|error| format!("{}: {error}; run the benchmark first", file.display()))?;
    Ok(serde_json::from_slice(&json)?)
}
