//! The program around rmcp's client with OAuth: runs the commands that `suites/interop/suite/clients.py` describes, one
//! line of JSON each. Its only argument is the URL of the MCP endpoint.
#![forbid(unsafe_code)]

mod client;
mod handler;
mod operations;
mod redirect_listener;

use std::env;

use anyhow::Context as _;
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout};

use client::OAuthClient;
use operations::Completed;

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Command {
    Connect,
    List,
    Call {
        tool: String,
        arguments: JsonObject,
        answer: Option<JsonObject>,
    },
    CallTask {
        tool: String,
        arguments: JsonObject,
        answer: Option<JsonObject>,
    },
    ListResources,
    Read {
        uri: String,
    },
    ListPrompts,
    GetPrompt {
        prompt: String,
        arguments: JsonObject,
    },
    Complete {
        #[serde(flatten)]
        of: Completed,
        argument: String,
        value: String,
    },
    Subscribe {
        uri: String,
    },
    ReceiveNotifications {
        count: usize,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    /// Set to `"auto"` to negotiate the newest protocol revision first.
    version_negotiation: Option<String>,
    /// Whether to declare the extension for tasks.
    #[serde(default)]
    tasks: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = env::args().nth(1).context("missing argument: the URL of the MCP endpoint")?;
    let options: Options = match env::var("INTEROP_OPTIONS") {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Options::default(),
    };
    let modern = options.version_negotiation.as_deref() == Some("auto");
    let mut client = OAuthClient::new(url, modern, options.tasks).await?;
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
    match command {
        Command::Connect => Ok(json!({"protocol_version": client.connect().await?})),
        Command::List => client.list().await,
        Command::Call { tool, arguments, answer } => client.call(tool, arguments, answer).await,
        Command::CallTask { tool, arguments, answer } => client.call_task(tool, arguments, answer).await,
        Command::ListResources => client.list_resources().await,
        Command::Read { uri } => client.read(uri).await,
        Command::ListPrompts => client.list_prompts().await,
        Command::GetPrompt { prompt, arguments } => client.get_prompt(prompt, arguments).await,
        Command::Complete { of, argument, value } => client.complete(of, argument, value).await,
        Command::Subscribe { uri } => client.subscribe(uri).await,
        Command::ReceiveNotifications { count } => Ok(client.receive_notifications(count).await),
    }
}
