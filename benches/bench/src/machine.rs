//! Description of the machine that the benchmark runs on.

use std::{fs, process::Command};

use serde_json::{Value, json};

/// Returns the properties that the results depend on, and nothing that identifies the machine.
pub(crate) fn describe() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    json!({
        "cpu": model,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_mib": memory_mib(),
        "kernel": output("uname", &["-sr"]),
        "rustc": output("rustc", &["--version"]),
        "load_average_before": fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
    })
}

fn memory_mib() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    total.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
