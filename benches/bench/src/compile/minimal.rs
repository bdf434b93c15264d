//! Clean builds of a minimal server in toolgate, and of one in rmcp with axum and reqwest, with all dependencies.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{Time, cargo};
use crate::{Result, stats::Summary};

const REFERENCE: &str = "reference";
/// Each server in toolgate, with the target for its processor time relative to the reference.
const SERVERS: [(&str, &str, f64); 2] =
    [("minimal", "default-features = false", 1.3), ("minimal-default", "default features", 1.7)];

const MAIN: &str = r#"use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

/// Return the department of an employee.
#[tool(scopes = "employees:read:public", read_only)]
async fn department(
    /// The employee's ID, such as `emp_0042`.
    employee_id: String,
) -> Result<String, ToolError> {
    match employee_id.as_str() {
        "emp_0042" => Ok("Engineering".to_owned()),
        _ => Err(ToolError::new(format!("no employee {employee_id}"))),
    }
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    Server::new("My MCP server", &SCOPES).auth(PropelAuth::from_env()?).serve().await
}
"#;

/// The same tool, and a request for the user of a token.
const REFERENCE_MAIN: &str = r#"use std::sync::Arc;

use rmcp::{
    ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Employee {
    /// The employee's ID, such as `emp_0042`.
    employee_id: String,
}

#[derive(Clone)]
struct Tools {
    tool_router: ToolRouter<Self>,
    client: reqwest::Client,
}

#[tool_router]
impl Tools {
    /// Return the department of an employee.
    #[tool]
    async fn department(&self, Parameters(Employee { employee_id }): Parameters<Employee>) -> Result<String, String> {
        let user = self.client.get("https://auth.example.com/user").send().await.map_err(|error| error.to_string())?;
        match employee_id.as_str() {
            "emp_0042" if user.status().is_success() => Ok("Engineering".to_owned()),
            _ => Err(format!("no employee {employee_id}")),
        }
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Tools {}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false);
    let sessions = Arc::new(NeverSessionManager::default());
    let tools = Tools { tool_router: Tools::tool_router(), client: reqwest::Client::new() };
    let service = StreamableHttpService::new(move || Ok(tools.clone()), sessions, config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    axum::serve(listener, axum::Router::new().route_service("/mcp", service)).await
}
"#;

/// Returns whether every target was met, and the results as JSON.
pub(super) fn run(folder: &Path, rounds: usize) -> Result<(bool, Value)> {
    let names = [REFERENCE, SERVERS[0].0, SERVERS[1].0];
    for name in names {
        write_crate(folder, name)?;
        cargo(&folder.join(name), &["fetch"])?;
    }
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..rounds {
        eprintln!("clean build of a minimal server: round {} of {rounds}", round + 1);
        for turn in 0..names.len() {
            let which = (round + turn) % names.len();
            let root = folder.join(names[which]);
            remove_target(&root)?;
            // A dependency from a registry or from Git is not compiled incrementally, and one from a path is.
            times[which].push(cargo(&root, &["--config", "profile.dev.incremental=false", "build", "--offline"])?);
            remove_target(&root)?;
        }
    }
    let [reference, ours @ ..] = &times;
    print_time(REFERENCE, reference);
    let (mut met, mut figures) = (true, Vec::new());
    for ((name, features, target), of) in SERVERS.into_iter().zip(ours) {
        print_time(name, of);
        let ratio = Summary::of(of.iter().zip(reference).map(|(ours, theirs)| ours.cpu / theirs.cpu));
        let ratio = ratio.ok_or("no round was measured")?;
        let is_met = ratio.median <= target;
        println!(
            "P16    minimal server, {features}: CPU time {:.2} ({:.2} to {:.2}), target <= {target}: {}",
            ratio.median,
            ratio.min,
            ratio.max,
            if is_met { "met" } else { "NOT MET" }
        );
        met &= is_met;
        figures.push(json!({
            "features": features,
            "cpu": Summary::of(of.iter().map(|time| time.cpu)).map(Summary::to_json),
            "ratio_cpu": ratio.to_json(),
            "target": target,
        }));
    }
    let reference = Summary::of(reference.iter().map(|time| time.cpu)).map(Summary::to_json);
    Ok((met, json!({ "rounds": rounds, "reference_cpu": reference, "figures": figures })))
}

fn print_time(name: &str, times: &[Time]) {
    let median = |of: fn(&Time) -> f64| Summary::of(times.iter().map(of)).map_or(0.0, |summary| summary.median);
    println!(
        "build  clean, all crates   {name:15} {:.1} s, CPU {:.1} s",
        median(|time| time.wall),
        median(|time| time.cpu)
    );
}

fn remove_target(root: &Path) -> Result<()> {
    match fs::remove_dir_all(root.join("target")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn write_crate(folder: &Path, name: &str) -> Result<()> {
    let root = folder.join(name);
    fs::create_dir_all(root.join("src"))?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let runtime = repository.join("runtime");
    let toolgate = |more: &str| format!("toolgate = {{ path = '{}'{more} }}\n", runtime.display());
    let (dependencies, main) = match name {
        REFERENCE => (
            "rmcp = { version = \"3.11\", features = [\"transport-streamable-http-server\"] }\naxum = \"0.8\"\n\
             reqwest = { version = \"0.13\", default-features = false, features = [\"json\", \"rustls\"] }\n\
             schemars = \"1.2\"\nserde = { version = \"1\", features = [\"derive\"] }\n"
                .to_owned(),
            REFERENCE_MAIN,
        ),
        "minimal" => (toolgate(", default-features = false"), MAIN),
        _ => (toolgate(""), MAIN),
    };
    let manifest = format!(
        "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\
         tokio = {{ version = \"1\", features = [\"macros\", \"net\", \"rt-multi-thread\"] }}\n\n[workspace]\n"
    );
    fs::write(root.join("Cargo.toml"), manifest)?;
    fs::write(root.join("src/main.rs"), main)?;
    // The dependencies have the versions that toolgate is tested with.
    fs::copy(repository.join("Cargo.lock"), root.join("Cargo.lock"))?;
    Ok(())
}
