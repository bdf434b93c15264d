//! The rmcp request behind a tool's `Context`.
#![expect(deprecated, reason = "MCP deprecates log messages for clients (SEP-2577); both served revisions have them")]

use async_trait::async_trait;
use rmcp::{
    RoleServer,
    model::{
        ClientCapabilities, Implementation, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam,
        ProtocolVersion,
    },
    service::RequestContext,
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::tool::{ClientRequest, LogLevel};

#[async_trait]
impl ClientRequest for RequestContext<RoleServer> {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        RequestContext::protocol_version(self)
    }

    fn client_info(&self) -> Option<Implementation> {
        RequestContext::client_info(self)
    }

    fn client_capabilities(&self) -> Option<ClientCapabilities> {
        RequestContext::client_capabilities(self)
    }

    fn meta(&self) -> &Map<String, Value> {
        &self.meta.0
    }

    fn cancellation(&self) -> &CancellationToken {
        &self.ct
    }

    async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let Some(token) = self.meta.get_progress_token() else { return };
        let mut notification = ProgressNotificationParam::new(token, progress);
        notification.total = total;
        notification.message = message.map(str::to_owned);
        if let Err(error) = self.peer.notify_progress(notification).await {
            tracing::debug!(%error, "progress notification was not sent");
        }
    }

    async fn log(&self, level: LogLevel, data: Value) {
        if self.meta.log_level().is_none_or(|minimum| level < LogLevel::from(minimum)) {
            return;
        }
        let message = LoggingMessageNotificationParam::new(level.into(), data);
        if let Err(error) = self.peer.notify_logging_message(message).await {
            tracing::debug!(%error, "log message for the client was not sent");
        }
    }
}

macro_rules! convert_levels {
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

convert_levels!(Debug Info Notice Warning Error Critical Alert Emergency);
