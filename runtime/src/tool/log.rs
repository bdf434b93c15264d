//! Log messages for the client.
//!
//! MCP deprecates them (SEP-2577) in favour of the server's own log, but both revisions that we serve have them.
#![expect(deprecated, reason = "rmcp marks the types of the deprecated feature")]

use rmcp::{
    RoleServer,
    model::{LoggingLevel, LoggingMessageNotificationParam},
    service::RequestContext,
};
use serde_json::Value;

/// How urgent a message is: the severities of RFC 5424, section 6.2.1, from the least to the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

/// Sends a message to a client that asked for its level.
pub(crate) async fn send(request: &RequestContext<RoleServer>, level: LogLevel, data: Value) {
    if request.meta.log_level().is_none_or(|wanted| level < LogLevel::from(wanted)) {
        return;
    }
    let message = LoggingMessageNotificationParam::new(level.into(), data);
    if let Err(error) = request.peer.notify_logging_message(message).await {
        tracing::debug!(%error, "the client did not hear of the message");
    }
}

macro_rules! same_levels {
    ($($level:ident)*) => {
        impl From<LoggingLevel> for LogLevel {
            fn from(level: LoggingLevel) -> Self {
                match level { $(LoggingLevel::$level => Self::$level,)* }
            }
        }

        impl From<LogLevel> for LoggingLevel {
            fn from(level: LogLevel) -> Self {
                match level { $(LogLevel::$level => Self::$level,)* }
            }
        }
    };
}

same_levels!(Debug Info Notice Warning Error Critical Alert Emergency);
