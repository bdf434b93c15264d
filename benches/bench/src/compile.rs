//! Compile times of a crate with 200 tools in toolgate, and of the same 200 in the macros of rmcp; and of a minimal server
//! with all dependencies.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::json;
use toolgate_bench_tools::{rmcp, toolgate};

use crate::{Result, machine, stats::Summary};

mod minimal;

const TOOLS: usize = 200;
/// Format string in the body of each tool. `change_one_tool` replaces it.
const BODY: &str = "{record_id}: {} entries";

const NAMES: [&str; 2] = ["toolgate", "rmcp"];
const COMMANDS: [&str; 2] = ["check", "build"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs 2 rounds, enough to see that the benchmark works
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Measures only the clean builds of a minimal server
    #[arg(long)]
    minimal: bool,
    /// Number of times each crate is compiled; the minimal servers are compiled at most twice
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
}

pub(crate) fn run(options: &Options) -> Result<bool> {
    let rounds = if options.quick { 2 } else { options.rounds.into() };
    let machine = machine::describe();
    println!("{}", serde_json::to_string_pretty(&machine)?);
    let results = std::env::current_exe()?.with_file_name("bench-results");
    let folder = results.join("compile");
    let (mut met, minimal) = minimal::run(&folder, rounds.min(2))?;
    if options.minimal {
        fs::write(results.join("compile-minimal.json"), serde_json::to_string_pretty(&minimal)?)?;
        return Ok(met);
    }
    for name in NAMES {
        write_crate(&folder, name)?;
        for command in COMMANDS {
            // Builds the dependencies.
            cargo(&folder.join(name), &[command])?;
        }
    }

    let mut figures = Vec::new();
    for command in COMMANDS {
        for scenario in ["clean", "one tool changed"] {
            let mut times = [Vec::new(), Vec::new()];
            for round in 0..rounds {
                eprintln!("{command}, {scenario}: round {} of {rounds}", round + 1);
                for turn in 0..NAMES.len() {
                    let which = (round + turn) % NAMES.len();
                    let root = folder.join(NAMES[which]);
                    if scenario == "clean" {
                        cargo(&root, &["clean", "--quiet", "--package", &package(NAMES[which])])?;
                    } else {
                        change_one_tool(&root, round)?;
                    }
                    times[which].push(cargo(&root, &[command])?);
                }
            }
            figures.push(Figure { command, scenario, times });
        }
    }

    for figure in &figures {
        met &= figure.print();
    }
    let json = json!({
        "machine": machine,
        "tools": TOOLS,
        "rounds": rounds,
        "minimal": minimal,
        "figures": figures.iter().map(Figure::to_json).collect::<Vec<_>>(),
    });
    let file = results.join("compile.json");
    fs::write(&file, serde_json::to_string_pretty(&json)?)?;
    println!("\nresults written to {}", file.display());
    Ok(met)
}

/// Duration of a compilation, in seconds.
#[derive(Clone, Copy)]
struct Time {
    wall: f64,
    /// CPU time of all cores, which depends less on the load of the machine.
    cpu: f64,
}

/// Compile times of both crates in one scenario.
struct Figure {
    command: &'static str,
    scenario: &'static str,
    times: [Vec<Time>; 2],
}

impl Figure {
    fn ratio(&self, of: fn(&Time) -> f64) -> Option<Summary> {
        let [ours, theirs] = &self.times;
        Summary::of(ours.iter().zip(theirs).map(|(ours, theirs)| of(ours) / of(theirs)))
    }

    fn print(&self) -> bool {
        for (name, times) in NAMES.iter().zip(&self.times) {
            let wall = Summary::of(times.iter().map(|time| time.wall)).map_or(0.0, |wall| wall.median);
            let cpu = Summary::of(times.iter().map(|time| time.cpu)).map_or(0.0, |cpu| cpu.median);
            println!("{:6} {:18} {name:9} {wall:.2} s, CPU {cpu:.2} s", self.command, self.scenario);
        }
        let Some(Summary { median, min, max }) = self.ratio(|time| time.cpu) else { return false };
        let met = median <= 1.0;
        let wall = self.ratio(|time| time.wall).map_or(0.0, |wall| wall.median);
        println!(
            "P8     {} {}: CPU time {median:.2} ({min:.2} to {max:.2}), wall-clock time {wall:.2}, target <= 1: {}",
            self.command,
            self.scenario,
            if met { "met" } else { "NOT MET" }
        );
        met
    }

    fn to_json(&self) -> serde_json::Value {
        let side = |times: &[Time]| {
            json!({
                "wall": Summary::of(times.iter().map(|time| time.wall)).map(Summary::to_json),
                "cpu": Summary::of(times.iter().map(|time| time.cpu)).map(Summary::to_json),
            })
        };
        json!({
            "command": self.command,
            "scenario": self.scenario,
            "toolgate": side(&self.times[0]),
            "rmcp": side(&self.times[1]),
            "ratio_cpu": self.ratio(|time| time.cpu).map(Summary::to_json),
            "ratio_wall": self.ratio(|time| time.wall).map(Summary::to_json),
        })
    }
}

fn package(name: &str) -> String {
    format!("two-hundred-{name}")
}

fn write_crate(folder: &Path, name: &str) -> Result<()> {
    let root = folder.join(name);
    fs::create_dir_all(root.join("src"))?;
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let runtime = benches.join("../runtime").canonicalize()?;
    let (dependencies, items, main) = match name {
        "toolgate" => (
            format!(
                "toolgate = {{ path = '{}' }}\ntokio = {{ version = \"1\", features = [\"full\"] }}",
                runtime.display()
            ),
            toolgate::items(TOOLS),
            "#[tokio::main]\nasync fn main() -> Result<(), toolgate::Error> {\n    \
             Server::new(\"two hundred\", &SCOPES).auth(PropelAuth::from_env().unwrap()).serve().await\n}\n",
        ),
        _ => (
            "rmcp = { version = \"=3.11.0\", features = [\"transport-streamable-http-server\"] }\n\
             axum = \"0.8\"\nschemars = \"1.2\"\nserde = { version = \"1\", features = [\"derive\"] }\n\
             tokio = { version = \"1\", features = [\"full\"] }"
                .to_owned(),
            rmcp::items(TOOLS),
            "#[tokio::main]\nasync fn main() {\n    use rmcp::transport::streamable_http_server::{\n        \
             StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,\n    };\n    \
             let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false);\n    \
             let sessions = std::sync::Arc::new(NeverSessionManager::default());\n    \
             let service = StreamableHttpService::new(|| Ok(Tools), sessions, config);\n    \
             let listener = tokio::net::TcpListener::bind(\"127.0.0.1:8000\").await.unwrap();\n    \
             axum::serve(listener, axum::Router::new().route_service(\"/mcp\", service)).await.unwrap();\n}\n",
        ),
    };
    let manifest = format!(
        "[package]\nname = {:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n\n\
         [workspace]\n",
        package(name)
    );
    fs::write(root.join("Cargo.toml"), manifest)?;
    fs::write(root.join("src/main.rs"), format!("{items}\n{main}"))?;
    // The dependencies have the same versions as in the other benchmarks.
    fs::copy(benches.join("Cargo.lock"), root.join("Cargo.lock"))?;
    Ok(())
}

/// Changes the body of one tool in the middle of the file.
fn change_one_tool(root: &Path, round: usize) -> Result<()> {
    let file: PathBuf = root.join("src/main.rs");
    let text = fs::read_to_string(&file)?;
    let start = text.find("fn area_100_record").ok_or("main.rs has no function `area_100_record`")?;
    let at = start
        + text[start..]
            .find(BODY)
            .or_else(|| text[start..].find("{record_id}"))
            .ok_or("`area_100_record` has no format string")?;
    let end = at + text[at..].find('"').ok_or("the format string has no end")?;
    fs::write(file, format!("{}{BODY} in round {round}{}", &text[..at], &text[end..]))?;
    Ok(())
}

/// Runs cargo and returns the time that it and its child processes took.
fn cargo(root: &Path, arguments: &[&str]) -> Result<Time> {
    let before = children_cpu_seconds()?;
    let start = Instant::now();
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(arguments)
        .current_dir(root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        .stdin(Stdio::null())
        .output()?;
    let wall = start.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!("cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(Time { wall, cpu: children_cpu_seconds()? - before })
}

/// CPU time of the child processes that have exited, in seconds.
fn children_cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u32 = fields[13].parse::<u32>()? + fields[14].parse::<u32>()?;
    Ok(f64::from(ticks) / 100.0)
}
