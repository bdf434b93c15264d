//! How the cost of a request grows, with tools, scopes, tokens and connections; as plots.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use serde_json::json;

use crate::{
    Result,
    client::{self, Pace},
    load::{Stub, free_address},
    machine,
    plot::{Line, Plot},
    request::{Kind, Revision, Template},
    server::{Running, Server},
    stats::Summary,
};

const CONNECTIONS: usize = 16;

struct Growth {
    address: SocketAddr,
    stub: Stub,
    answers: PathBuf,
    rounds: usize,
    time: Duration,
}

/// What is measured for one point of a line.
struct Point {
    server: Server,
    tools: usize,
    /// Further arguments of the server.
    options: &'static [&'static str],
    connections: usize,
    /// Requests before the load; all their answers are checked.
    warm_up: usize,
    template: Template,
    /// Tools in the answer to a list.
    listed: usize,
}

impl Point {
    /// A server as it comes, with a token that may do everything.
    fn new(address: SocketAddr, server: Server, kind: Kind, tools: usize) -> Self {
        let template = Template::new(address, kind, Revision::New, tools, server.has_auth());
        Self { server, tools, options: &[], connections: CONNECTIONS, warm_up: 100, template, listed: tools }
    }
}

/// What one point costs: processor time in microseconds, and requests per second.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    rate: f64,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// 2 rounds of 0.5 seconds instead of 3 of one, to see whether everything works
    #[arg(long)]
    quick: bool,
    /// Where the plots are written
    folder: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (rounds, time) = if options.quick { (2, Duration::from_millis(500)) } else { (3, Duration::from_secs(1)) };
    let folder = &options.folder;
    let address = free_address()?;
    let results = std::env::current_exe()?.with_file_name("bench-results");
    let growth = Growth {
        address,
        stub: Stub::start(&format!("http://{address}/mcp"))?,
        answers: results.join("answers"),
        rounds,
        time,
    };
    fs::create_dir_all(folder)?;
    fs::create_dir_all(&results)?;
    let plots = [
        ("tools-list", growth.tools(Kind::List, "A list, by the number of tools")?),
        ("tools-call", growth.tools(Kind::Call, "A call, by the number of tools")?),
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
    let json = json!({ "machine": machine::facts(), "plots": all });
    fs::write(results.join("growth.json"), serde_json::to_string_pretty(&json)?)?;
    Ok(())
}

impl Growth {
    fn servers() -> impl Iterator<Item = Server> {
        Server::ALL.into_iter().filter(|server| server.is_built() && !server.is_slow() && *server != Server::Floor)
    }

    /// The median of some rounds.
    #[allow(clippy::cast_precision_loss)]
    fn cost(&self, point: &Point) -> Result<Cost> {
        let Point { server, tools, options, connections, warm_up, ref template, listed } = *point;
        let mut costs = Vec::new();
        for _ in 0..self.rounds {
            let running = Running::start(server, self.address, tools, &self.stub.url, &self.answers, options)?;
            let mut template = template.clone();
            client::check(self.address, &mut template, listed, warm_up)?;
            let before = running.cpu_seconds()?;
            let run = client::load(self.address, &mut template, connections, Pace::Closed, self.time)?;
            let cpu = (running.cpu_seconds()? - before) * 1e6 / run.requests as f64;
            costs.push(Cost { cpu, rate: run.per_second() });
        }
        let median = |of: fn(&Cost) -> f64| Summary::of(costs.iter().map(of)).map_or(0.0, |summary| summary.median);
        Ok(Cost { cpu: median(|cost| cost.cpu), rate: median(|cost| cost.rate) })
    }

    #[allow(clippy::cast_precision_loss)]
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
        Ok(Plot { title, x: "tools", y: "processor time of a request, µs", lines })
    }

    /// 500 tools, and a token with so many scopes.
    #[allow(clippy::cast_precision_loss)]
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
            title: "toolgate with 500 tools, by the scopes that the token has",
            x: "scopes of the token, and so tools that it may call",
            y: "processor time of a request, µs",
            lines,
        })
    }

    /// So many tokens in turn, all of them seen before.
    #[allow(clippy::cast_precision_loss)]
    fn tokens(&self) -> Result<Plot> {
        let mut points = Vec::new();
        for tokens in [1, 100, 10_000, 100_000] {
            eprintln!("tokens: {tokens}");
            let mut point = Point::new(self.address, Server::Toolgate, Kind::Cold, 20);
            point.template = point.template.with_tokens(tokens);
            // No token is asked about again while the run lasts.
            let cost = self.cost(&Point { options: &["600"], warm_up: usize::try_from(tokens)?, ..point })?;
            points.push((f64::from(tokens), cost.cpu));
        }
        Ok(Plot {
            title: "A call to toolgate, by the number of warm tokens in turn",
            x: "tokens",
            y: "processor time of a call, µs",
            lines: vec![Line { name: Server::Toolgate.name().to_owned(), points }],
        })
    }

    #[allow(clippy::cast_precision_loss)]
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
        Ok(Plot { title: "Calls, by the number of connections", x: "connections", y: "calls per second", lines })
    }
}
