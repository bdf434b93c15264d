//! rmcp's client with its OAuth support, driven as `tests/interop/suite/client.py` says: a line of JSON in, a line of
//! JSON out. It takes the MCP endpoint's URL as its only argument.
#![forbid(unsafe_code)]

mod application;
mod callback;

use std::env;

use anyhow::Context as _;
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout};

use application::Application;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Order {
    Connect,
    List,
    Call { tool: String, arguments: JsonObject },
}

#[derive(Default, Deserialize)]
struct Options {
    /// `"auto"` asks for the newest protocol revision first.
    negotiation: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = env::args().nth(1).context("the URL of the MCP endpoint is missing")?;
    let options: Options = match env::var("INTEROP_OPTIONS") {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Options::default(),
    };
    let mut application = Application::new(url, options.negotiation.as_deref() == Some("auto")).await?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match follow(&mut application, serde_json::from_str(&line)?).await {
            Ok(mut answer) => {
                answer["ok"] = true.into();
                answer
            }
            Err(error) => json!({"ok": false, "error": format!("{error:#}")}),
        };
        stdout().write_all(format!("{answer}\n").as_bytes()).await?;
        stdout().flush().await?;
    }
    Ok(())
}

async fn follow(application: &mut Application, order: Order) -> anyhow::Result<Value> {
    Ok(match order {
        Order::Connect => json!({"protocol": application.connect().await?}),
        Order::List => json!({"tools": application.list().await?}),
        Order::Call { tool, arguments } => json!({"content": application.call(&tool, &arguments).await?}),
    })
}
