//! The program around rmcp's client with OAuth: runs the commands that `suites/interop/suite/clients.py` describes, one
//! line of JSON each. Its only argument is the URL of the MCP endpoint.
#![forbid(unsafe_code)]

mod client;
mod redirect_listener;

use std::env;

use anyhow::Context as _;
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout};

use client::OAuthClient;

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "lowercase")]
enum Command {
    Connect,
    List,
    Call { tool: String, arguments: JsonObject },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    /// Set to `"auto"` to negotiate the newest protocol revision first.
    version_negotiation: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = env::args().nth(1).context("missing argument: the URL of the MCP endpoint")?;
    let options: Options = match env::var("INTEROP_OPTIONS") {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Options::default(),
    };
    let modern = options.version_negotiation.as_deref() == Some("auto");
    let mut client = OAuthClient::new(url, modern).await?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let response = match run(&mut client, serde_json::from_str(&line)?).await {
            Ok(mut response) => {
                response["ok"] = true.into();
                response
            }
            Err(error) => json!({"ok": false, "error": format!("{error:#}")}),
        };
        stdout().write_all(format!("{response}\n").as_bytes()).await?;
        stdout().flush().await?;
    }
    Ok(())
}

async fn run(client: &mut OAuthClient, command: Command) -> anyhow::Result<Value> {
    Ok(match command {
        Command::Connect => json!({"protocol_version": client.connect().await?}),
        Command::List => json!({"tools": client.list().await?}),
        Command::Call { tool, arguments } => json!({"content": client.call(&tool, &arguments).await?}),
    })
}
