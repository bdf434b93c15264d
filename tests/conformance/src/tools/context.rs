//! What a tool says to the client while it works.

use std::time::Duration;

use toolgate::{LogLevel, prelude::*};

/// The suite wants to see that messages arrive one by one.
const PAUSE: Duration = Duration::from_millis(50);

/// Report progress three times.
#[tool(scopes = "conformance:context", read_only)]
async fn test_tool_with_progress(context: &Context) -> &'static str {
    context.progress(0.0, Some(100.0), None).await;
    tokio::time::sleep(PAUSE).await;
    context.progress(50.0, Some(100.0), None).await;
    tokio::time::sleep(PAUSE).await;
    context.progress(100.0, Some(100.0), None).await;
    "Progress was reported."
}

/// Log three messages.
#[tool(scopes = "conformance:context", read_only)]
async fn test_tool_with_logging(context: &Context) -> &'static str {
    context.log(LogLevel::Info, "Tool execution started").await;
    tokio::time::sleep(PAUSE).await;
    context.log(LogLevel::Info, "Tool processing data").await;
    tokio::time::sleep(PAUSE).await;
    context.log(LogLevel::Info, "Tool execution completed").await;
    "Three messages were logged."
}

/// Log a message, which only a client that asked for it gets.
#[tool(scopes = "conformance:context", read_only)]
async fn test_logging_tool(context: &Context) -> &'static str {
    context.log(LogLevel::Info, "This is for clients that asked for it.").await;
    "A message was logged."
}
