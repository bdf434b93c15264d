//! Runs every example, and the commands in its header against it: each must print what the header shows.
//!
//! The commands run in `sh` and need `curl` 7.82 or later. `cargo test -p toolgate` builds the examples first;
//! `cargo test -p toolgate --test examples` does not.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    env,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// Time limit for a line of an example's log.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Number of free ports to try. Another process can bind a port between its selection and the start of the example.
const MAX_STARTS: usize = 3;

/// A running example. It is killed when it is dropped.
struct Example {
    name: &'static str,
    process: Child,
    output: Receiver<String>,
    /// Addresses in the header, each with the address that replaces it in this test.
    addresses: Vec<(&'static str, String)>,
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Example {
    /// Starts an example that serves on `BIND_ADDR`.
    fn start(name: &'static str) -> Self {
        Self::start_with(name, |_| {})
    }

    /// Starts an example whose process `configure` changes.
    fn start_with(name: &'static str, configure: impl Fn(&mut Command)) -> Self {
        for _ in 0..MAX_STARTS {
            let free =
                TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().to_string();
            let mut example = Self::spawn(name, |command| configure(command.env("BIND_ADDR", &free)));
            if let Some(address) = example.served_address() {
                assert_eq!(address, free);
                example.addresses.push(("127.0.0.1:8000", address));
                return example;
            }
        }
        panic!("{name} did not start");
    }

    fn spawn(name: &'static str, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(binary(name));
        command.env_clear().env("NO_COLOR", "1").stdin(Stdio::null()).stderr(Stdio::piped());
        configure(&mut command);
        let mut process = command.spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                println!("{name}: {line}");
                let _ = sender.send(line);
            }
        });
        Self { name, process, output, addresses: Vec::new() }
    }

    /// Waits for a line of the log that contains `text`. Returns `None` if the example exits before.
    fn line_with(&self, text: &str) -> Option<String> {
        loop {
            match self.output.recv_timeout(TIMEOUT) {
                Ok(line) if line.contains(text) => return Some(line),
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("{}: no line with {text:?}", self.name),
            }
        }
    }

    /// Waits until the example serves, and returns the address of its endpoint.
    fn served_address(&self) -> Option<String> {
        let line = self.line_with("endpoint=\"http://")?;
        let (_, url) = line.split_once("http://").unwrap();
        Some(url.split_once("/mcp").unwrap().0.to_owned())
    }

    /// Runs the commands of the header, and compares what they print with what the header shows.
    fn check_header(&self) {
        check_commands(self.name, &mut Command::new("sh"), &self.addresses);
    }
}

/// Runs the commands of the header of an example in `shell`, and compares what they print with what the header shows.
fn check_commands(name: &str, shell: &mut Command, addresses: &[(&str, String)]) {
    let commands = commands(&header(name));
    assert!(!commands.is_empty(), "{name}: the header has no commands");
    let marked = commands.iter().map(|(command, _)| format!("{command}\nprintf '\\n{MARKER}\\n'\n"));
    let mut script: String = marked.collect();
    for (shown, actual) in addresses {
        script = script.replace(shown, actual);
    }
    let output = shell.arg("-c").arg(&script).stderr(Stdio::inherit()).output().unwrap();
    let mut printed = String::from_utf8(output.stdout).unwrap();
    for (shown, actual) in addresses {
        printed = printed.replace(actual, shown);
    }
    let printed: Vec<_> = printed.split(MARKER).map(str::trim).collect();
    assert_eq!(printed.len(), commands.len() + 1, "{name}: the script stopped early: {printed:?}");
    for ((command, shown), printed) in commands.iter().zip(printed) {
        assert_eq!(printed, shown.trim(), "{name}: {command}");
    }
}

/// Line between the outputs of two commands.
const MARKER: &str = "-- end of the command --";

/// Returns the binary of an example, which Cargo puts beside the directory of this test's binary.
fn binary(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let path =
        test.parent().unwrap().with_file_name("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    let modified = |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    assert!(
        modified(&path) >= modified(&source(name)),
        "{} is missing or older than its source: run `cargo build -p toolgate --examples`",
        path.display()
    );
    path
}

fn source(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).with_extension("rs")
}

/// Returns the documentation at the beginning of an example.
fn header(name: &str) -> String {
    let source = fs::read_to_string(source(name)).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// Returns each command in the `console` blocks of a header, with the output that the header shows.
fn commands(header: &str) -> Vec<(String, String)> {
    let blocks = header.split("```console\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), String::new()));
            continue;
        }
        let (command, output) = commands.last_mut().expect("a block begins with a command");
        let (text, line) = line.strip_prefix("> ").map_or((output, line), |line| (command, line));
        text.extend(["\n", line]);
    }
    commands
}

#[test]
fn minimal_prints_its_banner_and_its_tokens_call_tools() {
    let folder = tempfile::tempdir().unwrap();
    let banner = folder.path().join("banner");
    let mut example = Example::start_with("minimal", |command| {
        command.current_dir(&folder).stdout(File::create(&banner).unwrap());
    });
    let banner = fs::read_to_string(banner).unwrap();
    let word_after = |text: &str| banner.split_once(text).unwrap().1.split_whitespace().next().unwrap().to_owned();
    example.addresses.extend([
        ("127.0.0.1:8090", word_after("It runs at http://").trim_end_matches(',').to_owned()),
        ("$ADMIN", word_after("Ada (sample)  ")),
        ("$MEMBER", word_after("Mio (sample)  ")),
    ]);
    example.check_header();

    let shown = header("minimal").split("```text\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let clients = |address: &str| toolgate::connect::clients("My MCP server", &format!("http://{address}/mcp"));
    let steps = |address| clients(address).into_iter().flat_map(|client| client.steps);
    // Links contain the URL of the server in encoded form.
    let links = steps("127.0.0.1:8000").zip(steps(&example.addresses[0].1));
    let mut printed =
        links.fold(banner, |text, (shown, actual)| text.replace(&actual.to_string(), &shown.to_string()));
    for (shown, actual) in &example.addresses {
        printed = printed.replace(actual, shown);
    }
    assert_eq!(printed.trim_end(), shown.trim_end());
}

#[test]
fn minimal_is_the_server_of_the_readme() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, code) = readme.split_once("```rust,no_run\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let example = fs::read_to_string(source("minimal")).unwrap();
    let (_, example) = example.split_once("\n\n").unwrap();
    assert_eq!(example, code);
}

#[test]
fn axum_app_serves_its_other_routes() {
    Example::start("axum_app").check_header();
}

#[test]
fn custom_validator_ends_access_when_its_webhook_is_called() {
    Example::start("custom_validator").check_header();
}

#[test]
fn guards_and_visibility_decides_lists_and_calls() {
    Example::start("guards_and_visibility").check_header();
}

#[test]
fn prompts_and_resources_completes_arguments_and_reads_resources() {
    Example::start("prompts_and_resources").check_header();
}

#[test]
fn elicitation_and_progress_asks_reports_and_stops() {
    let example = Example::start("elicitation_and_progress");
    example.check_header();
    example.line_with("the export was cancelled").expect("the example still runs");
}

#[test]
fn two_servers_serve_their_own_tools() {
    let mut example = Example::spawn("two_servers", |command| {
        command.env("HR_ADDR", "127.0.0.1:0").env("SUPPORT_ADDR", "127.0.0.1:0");
    });
    for shown in ["127.0.0.1:8000", "127.0.0.1:8001"] {
        let address = example.served_address().expect("the example still runs");
        example.addresses.push((shown, address));
    }
    example.check_header();
}

#[test]
fn every_example_is_tested() {
    let tested = include_str!("examples.rs");
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(tested.contains(&format!("\"{name}\"")), "{name} has no test");
    }
}

#[test]
fn command_line_prints_explains_and_checks_its_policy() {
    let binary = binary("command_line");
    let mut path = vec![binary.parent().unwrap().to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let folder = source("command_line").with_extension("");
    let mut shell = Command::new("sh");
    shell.current_dir(folder).env("PATH", env::join_paths(path).unwrap());
    check_commands("command_line", &mut shell, &[]);
}
