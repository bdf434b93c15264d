//! Load benchmark: loads each server in turn, in several rounds, and compares ratios within a round with the targets.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    Result,
    client::{self, Pace},
    machine,
    request::{Kind, Revision, Template},
    server::{Server, ServerProcess},
    stats::Summary,
};

/// Number of connections of a run.
const CONNECTIONS: usize = 16;
/// Number of requests before a run, whose responses are checked in full.
const CHECKED_REQUESTS: usize = 200;
/// Load of the latency runs, as a share of the throughput of bare rmcp.
const EQUAL_LOAD: f64 = 0.5;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs 3 rounds of 0.7 seconds, enough to see that the benchmark works
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    /// Number of rounds, in each of which every server is measured once
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Duration of each measurement
    #[arg(long, default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// Comma-separated servers to measure instead of all that are built
    #[arg(long, value_delimiter = ',')]
    only: Vec<Server>,
    /// Comma-separated kinds of requests to measure instead of all, such as `call,list`
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    kinds: Vec<Kind>,
}

fn kind(text: &str) -> std::result::Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| format!("expected one of: {}", Kind::ALL.map(Kind::name).join(", ")))
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().map_err(|error: std::num::ParseFloatError| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Servers and kinds of requests to measure, and for how long.
struct Plan {
    rounds: usize,
    time: Duration,
    servers: Vec<Server>,
    kinds: Vec<Kind>,
}

impl From<Options> for Plan {
    fn from(options: Options) -> Self {
        let (rounds, time) =
            if options.quick { (3, Duration::from_millis(700)) } else { (options.rounds.into(), options.seconds) };
        let servers = if options.only.is_empty() {
            Server::ALL.into_iter().filter(|server| server.is_built()).collect()
        } else {
            options.only
        };
        let kinds = if options.kinds.is_empty() { Kind::ALL.to_vec() } else { options.kinds };
        Self { rounds, time, servers, kinds }
    }
}

/// Requests of one kind and revision to servers with a given number of tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    kind: Kind,
    revision: Revision,
    tools: usize,
}

impl Case {
    fn name(self) -> String {
        format!("{} {} {}", self.kind.name(), self.revision.name(), self.tools)
    }

    fn all(tools: usize) -> Vec<Self> {
        let kinds = match tools {
            20 => [&[Kind::Call, Kind::List, Kind::Rejected, Kind::Cold], &Kind::OTHERS[..]].concat(),
            _ => vec![Kind::HalfList],
        };
        let both_revisions = |kind| Revision::BOTH.map(|revision| Self { kind, revision, tools });
        kinds.into_iter().flat_map(both_revisions).collect()
    }

    fn applies_to(self, server: Server) -> bool {
        server.supports(self.revision)
            && match self.kind {
                Kind::Call | Kind::List => true,
                Kind::HalfList => !matches!(server, Server::Floor | Server::ToolgateProduction),
                Kind::Rejected => server.rejects(),
                Kind::Cold => matches!(server, Server::Toolgate | Server::Fastmcp),
                Kind::PromptGet | Kind::PromptList | Kind::ResourceRead | Kind::ResourceList => {
                    server.has_prompts_and_resources()
                }
            }
    }

    /// Whether latency is measured at equal load. Slow servers cannot sustain that load.
    fn has_equal_load(self, server: Server) -> bool {
        matches!(self.kind, Kind::Call | Kind::List) && !server.is_slow()
    }
}

/// Measurements of one server in one case: for each figure, its value in each round.
type Figures = BTreeMap<&'static str, Vec<f64>>;
type Table = BTreeMap<(String, &'static str), Figures>;

/// Introspection endpoint in a process of its own, killed on drop.
pub(crate) struct IntrospectionServer {
    process: Child,
    pub(crate) url: String,
}

impl IntrospectionServer {
    pub(crate) fn start(resource: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["introspection", resource])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("the introspection endpoint has no output")?)
            .read_line(&mut line)?;
        Ok(Self { process, url: format!("http://{}", line.trim()) })
    }
}

impl Drop for IntrospectionServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the benchmark and returns whether all targets were met.
pub(crate) fn run(options: Options) -> Result<bool> {
    let address = free_address()?;
    let introspection = IntrospectionServer::start(&format!("http://{address}/mcp"))?;
    let results = std::env::current_exe()?.with_file_name("bench-results");
    fs::create_dir_all(&results)?;
    let responses = results.join("responses");
    let machine = machine::describe();
    println!("{}", serde_json::to_string_pretty(&machine)?);

    let mut bench = Bench {
        plan: options.into(),
        address,
        introspection,
        responses,
        equal_load: BTreeMap::new(),
        table: Table::new(),
    };
    bench.calibrate()?;
    for round in 0..bench.plan.rounds {
        eprintln!("round {} of {}", round + 1, bench.plan.rounds);
        for tools in [20, 500] {
            bench.round(round, tools)?;
        }
    }
    let targets = targets(&bench.table);
    print_table(&bench.table);
    let met = print_targets(&targets);
    let file = results.join("load.json");
    fs::write(&file, serde_json::to_string_pretty(&bench.to_json(&machine, &targets))?)?;
    println!("\nresults written to {}", file.display());
    Ok(met)
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

struct Bench {
    plan: Plan,
    address: SocketAddr,
    introspection: IntrospectionServer,
    /// Folder of the responses that `floor` replays.
    responses: PathBuf,
    /// Requests per second of the latency runs, by case.
    equal_load: BTreeMap<String, f64>,
    table: Table,
}

impl Bench {
    fn start(&self, server: Server, tools: usize) -> Result<ServerProcess> {
        ServerProcess::start(server, self.address, tools, &self.introspection.url, &self.responses, &[])
    }

    fn template(&self, case: Case, server: Server) -> Template {
        Template::new(self.address, case.kind, case.revision, case.tools, server.has_auth())
    }

    /// Measures the throughput of bare rmcp, and records its responses for `floor`.
    fn calibrate(&mut self) -> Result<()> {
        let process = self.start(Server::Rmcp, 20)?;
        for case in Case::all(20).into_iter().filter(|case| case.has_equal_load(Server::Rmcp)) {
            let mut template = self.template(case, Server::Rmcp);
            let response = client::check(self.address, &mut template, case.tools, CHECKED_REQUESTS)?;
            if case.revision == Revision::New {
                let folder = self.responses.join(case.tools.to_string());
                fs::create_dir_all(&folder)?;
                fs::write(folder.join(case.kind.name()), response)?;
            }
            let run = client::load(self.address, &mut template, CONNECTIONS, Pace::Closed, self.plan.time)?;
            self.equal_load.insert(case.name(), run.per_second() * EQUAL_LOAD);
        }
        drop(process);
        Ok(())
    }

    fn round(&mut self, round: usize, tools: usize) -> Result<()> {
        let mut servers = self.plan.servers.clone();
        let count = servers.len();
        servers.rotate_left(round % count);
        for server in servers {
            if tools != 20 && (matches!(server, Server::Floor | Server::ToolgateProduction) || server.is_slow()) {
                continue;
            }
            let process = self.start(server, tools)?;
            self.figure(format!("start {tools}"), server, "ms", process.startup_time.as_secs_f64() * 1000.0);
            for case in Case::all(tools) {
                if case.applies_to(server) && self.plan.kinds.contains(&case.kind) {
                    self.measure(&process, server, case)?;
                }
            }
            let memory = process.memory_kib()? as f64 / 1024.0;
            self.figure(format!("memory after {tools}"), server, "MiB", memory);
        }
        Ok(())
    }

    fn measure(&mut self, process: &ServerProcess, server: Server, case: Case) -> Result<()> {
        let mut template = self.template(case, server);
        let error = |error| format!("{}, {}: {error}", server.name(), case.name());
        let checked_requests = if server.is_slow() { CHECKED_REQUESTS / 10 } else { CHECKED_REQUESTS };
        client::check(process.address, &mut template, case.tools, checked_requests).map_err(error)?;
        // A slow server needs more time to respond to a significant number of requests.
        let time = if server.is_slow() { self.plan.time.max(Duration::from_secs(4)) } else { self.plan.time };
        client::load(process.address, &mut template, CONNECTIONS, Pace::Closed, time / 4).map_err(error)?;
        let before = process.cpu_seconds()?;
        let run = client::load(process.address, &mut template, CONNECTIONS, Pace::Closed, time).map_err(error)?;
        let cpu = process.cpu_seconds()? - before;
        self.figure(case.name(), server, "requests/s", run.per_second());
        self.figure(case.name(), server, "CPU us", cpu * 1e6 / (run.per_second() * run.seconds));
        self.figure(case.name(), server, "p50 us", run.latency(0.5));
        self.figure(case.name(), server, "p99 us", run.latency(0.99));
        if case.has_equal_load(server) {
            let pace = Pace::PerSecond(self.equal_load[&case.name()]);
            let run = client::load(process.address, &mut template, CONNECTIONS, pace, time).map_err(error)?;
            self.figure(case.name(), server, "equal p50 us", run.latency(0.5));
            self.figure(case.name(), server, "equal p99 us", run.latency(0.99));
        }
        Ok(())
    }

    fn figure(&mut self, case: String, server: Server, figure: &'static str, value: f64) {
        self.table.entry((case, server.name())).or_default().entry(figure).or_default().push(value);
    }

    fn to_json(&self, machine: &Value, targets: &[Target]) -> Value {
        let mut cases = serde_json::Map::new();
        for ((case, server), figures) in &self.table {
            let figures: serde_json::Map<_, _> = figures
                .iter()
                .map(|(name, values)| {
                    let mut summary = Summary::of(values.iter().copied()).map_or(Value::Null, Summary::to_json);
                    summary["rounds"] = json!(values);
                    ((*name).to_owned(), summary)
                })
                .collect();
            cases.entry(case.clone()).or_insert_with(|| json!({}))[*server] = Value::Object(figures);
        }
        json!({
            "machine": machine,
            "connections": CONNECTIONS,
            "seconds": self.plan.time.as_secs_f64(),
            "rounds": self.plan.rounds,
            "equal_load": self.equal_load,
            "cases": cases,
            "targets": targets.iter().map(Target::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Target for the ratio of two measurements.
struct Target {
    name: &'static str,
    what: String,
    ratio: Option<Summary>,
    /// Limit for the median of the rounds.
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(&self) -> Option<bool> {
        self.ratio.map(|ratio| match self.bound {
            Bound::AtLeast(bound) => ratio.median >= bound,
            Bound::AtMost(bound) => ratio.median <= bound,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "what": self.what,
            "ratio": self.ratio.map(Summary::to_json),
            "bound": self.bound.text(),
            "met": self.is_met(),
        })
    }
}

impl Bound {
    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!(">= {bound}"),
            Self::AtMost(bound) => format!("<= {bound}"),
        }
    }
}

fn targets(table: &Table) -> Vec<Target> {
    let ours = Server::Toolgate.name();
    let values = |case: &str, server: &'static str, figure: &str| {
        table.get(&(case.to_owned(), server)).and_then(|figures| figures.get(figure)).cloned().unwrap_or_default()
    };
    let target = |name,
                  figure: &str,
                  (case, server): (&str, &'static str),
                  (other_case, other): (&str, &'static str),
                  bound| {
        let ratios =
            values(case, server, figure).into_iter().zip(values(other_case, other, figure)).map(|(a, b)| a / b);
        let what = if case == other_case {
            format!("{case}, {figure}, against {other}")
        } else {
            format!("{case} against {other_case}, {figure}")
        };
        Target { name, what, ratio: Summary::of(ratios), bound }
    };
    let against = |name, case, figure, other, bound| target(name, figure, (case, ours), (case, other), bound);
    let rate = "requests/s";
    let mut targets = vec![
        against("P1", "call 2026-07-28 20", rate, "rmcp", Bound::AtLeast(2.0)),
        against("P1", "call 2026-07-28 20", rate, "turbomcp", Bound::AtLeast(1.0)),
        against("P1b", "call 2025-11-25 20", rate, "rmcp", Bound::AtLeast(1.3)),
        against("P2", "list 2026-07-28 20", rate, "rmcp", Bound::AtLeast(3.0)),
        against("P2", "list 2025-11-25 20", rate, "rmcp", Bound::AtLeast(3.0)),
        against("P3", "half-list 2026-07-28 500", rate, "rmcp", Bound::AtLeast(20.0)),
        against("P3", "half-list 2025-11-25 500", rate, "rmcp", Bound::AtLeast(20.0)),
    ];
    for case in ["call 2026-07-28 20", "call 2025-11-25 20", "list 2026-07-28 20", "list 2025-11-25 20"] {
        targets.push(against("P4", case, "equal p99 us", "rmcp", Bound::AtMost(1.0)));
    }
    for revision in Revision::BOTH {
        let case = |kind: &str| format!("{kind} {} 20", revision.name());
        let (rejected, allowed) = (case("rejected"), case("call"));
        targets.push(target("P10", rate, (&rejected, ours), (&allowed, ours), Bound::AtLeast(1.0)));
    }
    for case in ["call 2026-07-28 20", "call 2025-11-25 20"] {
        targets.push(against("P13", case, rate, "floor", Bound::AtLeast(0.95)));
        targets.push(against("P14", case, "CPU us", "floor", Bound::AtMost(1.15)));
        let production = Server::ToolgateProduction.name();
        let mut target = target("P15", rate, (case, production), (case, ours), Bound::AtLeast(0.8));
        target.what = format!("{case}, {rate}, {production} against {ours}");
        targets.push(target);
    }
    for case in ["cold 2025-11-25 20", "cold 2026-07-28 20"] {
        targets.push(against("P6", case, rate, "fastmcp", Bound::AtLeast(100.0)));
    }
    targets.push(Target {
        name: "P9",
        what: "start 500, ms".to_owned(),
        ratio: Summary::of(values("start 500", ours, "ms")),
        bound: Bound::AtMost(50.0),
    });
    targets
}

fn print_table(table: &Table) {
    println!("\n{:28} {:12} median (min to max)", "", "");
    for ((case, server), figures) in table {
        let words: Vec<_> = figures
            .iter()
            .filter_map(|(name, values)| {
                let Summary { median, min, max } = Summary::of(values.iter().copied())?;
                Some(format!("{name} {median:.0} ({min:.0} to {max:.0})"))
            })
            .collect();
        println!("{case:28} {server:12} {}", words.join(", "));
    }
}

fn print_targets(targets: &[Target]) -> bool {
    println!();
    for target in targets {
        let bound = target.bound.text();
        match (target.ratio, target.is_met()) {
            (Some(Summary { median, min, max }), Some(met)) => println!(
                "{:4} {:60} {median:.2} ({min:.2} to {max:.2}), target {bound}: {}",
                target.name,
                target.what,
                if met { "met" } else { "NOT MET" }
            ),
            _ => println!("{:4} {:60} not measured", target.name, target.what),
        }
    }
    targets.iter().all(|target| target.is_met() != Some(false))
}
