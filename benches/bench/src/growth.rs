//! Plots of how the cost of a request grows with tools, scopes, tokens and connections.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use serde_json::json;

use crate::{
    Result,
    client::{self, Pace},
    load::{IntrospectionServer, free_address},
    machine,
    plot::{Line, Plot},
    request::{Kind, Revision, Template},
    server::{Server, ServerProcess},
    stats::Summary,
};

const CONNECTIONS: usize = 16;

struct Growth {
    address: SocketAddr,
    introspection: IntrospectionServer,
    responses: PathBuf,
    rounds: usize,
    time: Duration,
}

/// Configuration that one point of a line is measured with.
struct Point {
    server: Server,
    tools: usize,
    /// Additional command-line arguments of the server.
    options: &'static [&'static str],
    connections: usize,
    /// Number of requests before the load, whose responses are checked in full.
    warm_up: usize,
    template: Template,
    /// Number of tools expected in the result of `tools/list`.
    listed: usize,
}

impl Point {
    /// A point with default settings and a token that has every scope.
    fn new(address: SocketAddr, server: Server, kind: Kind, tools: usize) -> Self {
        let template = Template::new(address, kind, Revision::New, tools, server.has_auth());
        Self { server, tools, options: &[], connections: CONNECTIONS, warm_up: 100, template, listed: tools }
    }
}

/// CPU time of a request in microseconds, and requests per second.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    rate: f64,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs 2 rounds of 0.5 seconds instead of 3 of 1 second, enough to see that the benchmark works
    #[arg(long)]
    quick: bool,
    /// Folder for the plots
    folder: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (rounds, time) = if options.quick { (2, Duration::from_millis(500)) } else { (3, Duration::from_secs(1)) };
    let folder = &options.folder;
    let address = free_address()?;
    let results = std::env::current_exe()?.with_file_name("bench-results");
    let growth = Growth {
        address,
        introspection: IntrospectionServer::start(&format!("http://{address}/mcp"))?,
        responses: results.join("responses"),
        rounds,
        time,
    };
    fs::create_dir_all(folder)?;
    fs::create_dir_all(&results)?;
    let plots = [
        ("tools-list", growth.tools(Kind::List, "tools/list by number of tools")?),
        ("tools-call", growth.tools(Kind::Call, "tools/call by number of tools")?),
        ("scopes", growth.scopes()?),
        ("tokens", growth.tokens()?),
        ("connections", growth.connections()?),
    ];
    let mut all = serde_json::Map::new();
    for (name, plot) in plots {
        fs::write(PathBuf::from(folder).join(format!("{name}.svg")), plot.to_svg())?;
        let lines: serde_json::Map<_, _> =
            plot.lines.iter().map(|line| (line.name.clone(), json!(line.points))).collect();
        println!("{name}: {}", serde_json::to_string(&lines)?);
        all.insert(name.to_owned(), lines.into());
    }
    let json = json!({ "machine": machine::describe(), "plots": all });
    fs::write(results.join("growth.json"), serde_json::to_string_pretty(&json)?)?;
    Ok(())
}

impl Growth {
    fn servers() -> impl Iterator<Item = Server> {
        Server::ALL.into_iter().filter(|server| {
            server.is_built() && !server.is_slow() && !matches!(server, Server::Floor | Server::ToolgateProduction)
        })
    }

    /// Measures a point and returns the median of the rounds.
    fn cost(&self, point: &Point) -> Result<Cost> {
        let Point { server, tools, options, connections, warm_up, ref template, listed } = *point;
        let mut costs = Vec::new();
        for _ in 0..self.rounds {
            let process =
                ServerProcess::start(server, self.address, tools, &self.introspection.url, &self.responses, options)?;
            let mut template = template.clone();
            client::check(self.address, &mut template, listed, warm_up)?;
            let before = process.cpu_seconds()?;
            let run = client::load(self.address, &mut template, connections, Pace::Closed, self.time)?;
            let cpu = (process.cpu_seconds()? - before) * 1e6 / run.requests as f64;
            costs.push(Cost { cpu, rate: run.per_second() });
        }
        let median = |of: fn(&Cost) -> f64| Summary::of(costs.iter().map(of)).map_or(0.0, |summary| summary.median);
        Ok(Cost { cpu: median(|cost| cost.cpu), rate: median(|cost| cost.rate) })
    }

    fn tools(&self, kind: Kind, title: &'static str) -> Result<Plot> {
        let mut lines = Vec::new();
        for server in Self::servers() {
            let mut points = Vec::new();
            for tools in toolgate_bench_tools::SIZES {
                eprintln!("{title}: {}, {tools}", server.name());
                let cost = self.cost(&Point::new(self.address, server, kind, tools))?;
                points.push((tools as f64, cost.cpu));
            }
            lines.push(Line { name: server.name().to_owned(), points });
        }
        Ok(Plot { title, x: "tools", y: "CPU time per request, µs", lines })
    }

    /// Measures 500 tools with tokens of different numbers of scopes.
    fn scopes(&self) -> Result<Plot> {
        let mut lines = Vec::new();
        for kind in [Kind::Call, Kind::List] {
            let mut points = Vec::new();
            for scopes in [1, 10, 100, 500] {
                eprintln!("scopes: {}, {scopes}", kind.name());
                let point = Point::new(self.address, Server::Toolgate, kind, scopes);
                let cost = self.cost(&Point { tools: 500, ..point })?;
                points.push((scopes as f64, cost.cpu));
            }
            lines.push(Line { name: kind.name().to_owned(), points });
        }
        Ok(Plot {
            title: "toolgate with 500 tools, by number of scopes of the token",
            x: "scopes of the token, each for one tool",
            y: "CPU time per request, µs",
            lines,
        })
    }

    /// Measures calls that use different numbers of cached tokens in turn.
    fn tokens(&self) -> Result<Plot> {
        let mut points = Vec::new();
        for tokens in [1, 100, 10_000, 100_000] {
            eprintln!("tokens: {tokens}");
            let mut point = Point::new(self.address, Server::Toolgate, Kind::Cold, 20);
            point.template = point.template.with_tokens(tokens);
            // The cache lifetime of 600 seconds prevents introspection during the run.
            let cost = self.cost(&Point { options: &["600"], warm_up: usize::try_from(tokens)?, ..point })?;
            points.push((f64::from(tokens), cost.cpu));
        }
        Ok(Plot {
            title: "tools/call to toolgate by number of cached tokens",
            x: "tokens",
            y: "CPU time per call, µs",
            lines: vec![Line { name: Server::Toolgate.name().to_owned(), points }],
        })
    }

    fn connections(&self) -> Result<Plot> {
        let mut lines = Vec::new();
        for server in Self::servers() {
            let mut points = Vec::new();
            for connections in [1, 4, 16, 64, 256] {
                eprintln!("connections: {}, {connections}", server.name());
                let point = Point::new(self.address, server, Kind::Call, 20);
                let cost = self.cost(&Point { connections, ..point })?;
                points.push((connections as f64, cost.rate));
            }
            lines.push(Line { name: server.name().to_owned(), points });
        }
        Ok(Plot { title: "tools/call by number of connections", x: "connections", y: "calls per second", lines })
    }
}
