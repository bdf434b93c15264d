//! Tools that send progress and log notifications during a call.

use std::time::Duration;

use toolgate::{LogLevel, prelude::*};

/// Pause between two notifications, so that the suite receives them separately.
const PAUSE: Duration = Duration::from_millis(50);

/// Report progress three times.
#[tool(scopes = "conformance:notifications", read_only)]
async fn test_tool_with_progress(context: &Context) -> &'static str {
    context.progress(0.0, Some(100.0), None).await;
    tokio::time::sleep(PAUSE).await;
    context.progress(50.0, Some(100.0), None).await;
    tokio::time::sleep(PAUSE).await;
    context.progress(100.0, Some(100.0), None).await;
    "Progress was reported."
}

/// Send three log messages.
#[tool(scopes = "conformance:notifications", read_only)]
async fn test_tool_with_logging(context: &Context) -> &'static str {
    context.log(LogLevel::Info, "Tool execution started").await;
    tokio::time::sleep(PAUSE).await;
    context.log(LogLevel::Info, "Tool processing data").await;
    tokio::time::sleep(PAUSE).await;
    context.log(LogLevel::Info, "Tool execution completed").await;
    "Three log messages were sent."
}

/// Send a log message, which only clients that requested logging receive.
#[tool(scopes = "conformance:notifications", read_only)]
async fn test_logging_tool(context: &Context) -> &'static str {
    context.log(LogLevel::Info, "This client requested log messages.").await;
    "A log message was sent."
}
