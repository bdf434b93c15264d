//! The rmcp request behind a tool's `Context`.
#![expect(deprecated, reason = "MCP deprecates log messages for clients (SEP-2577); both served revisions have them")]

use std::{any::Any, time::Duration};

use async_trait::async_trait;
use rmcp::{
    RoleServer,
    model::{
        ClientCapabilities, Implementation, InputRequest, LoggingLevel, LoggingMessageNotificationParam,
        ProgressNotificationParam, ProtocolVersion,
    },
    service::RequestContext,
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::peer_request;
use crate::operation::{ClientRequest, InputUnavailable, LogLevel};

/// Request of a call, and what its client accepts before the response.
pub(super) struct CallContext {
    request: RequestContext<RoleServer>,
    accepts_stream: bool,
    /// Time that the client has to respond to a request of the server. `None` without a session.
    input_timeout: Option<Duration>,
}

impl CallContext {
    /// Creates the context of a call whose client accepts notifications before the response, or does not.
    pub(super) fn new(request: RequestContext<RoleServer>, accepts_stream: bool) -> Self {
        Self { request, accepts_stream, input_timeout: None }
    }

    pub(super) fn request(&self) -> &RequestContext<RoleServer> {
        &self.request
    }
}

#[async_trait]
impl ClientRequest for CallContext {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn id(&self) -> String {
        self.request.id.to_string()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.request.protocol_version()
    }

    // A request of a revision with `initialize` does not name its client: rmcp would return its own name here.
    fn client_info(&self) -> Option<Implementation> {
        self.request.meta.client_info()
    }

    fn client_capabilities(&self) -> Option<ClientCapabilities> {
        self.request.meta.client_capabilities()
    }

    fn meta(&self) -> &Map<String, Value> {
        &self.request.meta.0
    }

    fn cancellation(&self) -> &CancellationToken {
        &self.request.ct
    }

    async fn progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let Some(token) = self.request.meta.get_progress_token().filter(|_| self.accepts_stream) else { return };
        let mut notification = ProgressNotificationParam::new(token, progress);
        notification.total = total;
        notification.message = message.map(str::to_owned);
        if let Err(error) = self.request.peer.notify_progress(notification).await {
            tracing::debug!(%error, "progress notification was not sent");
        }
    }

    fn peer_requests(&self) -> bool {
        self.input_timeout.is_some()
    }

    async fn request_input(&self, request: InputRequest) -> Result<Value, InputUnavailable> {
        let Some(timeout) = self.input_timeout else { return Err(InputUnavailable::NoSession) };
        peer_request::send(&self.request, request, self.client_capabilities(), timeout).await
    }

    async fn log(&self, level: LogLevel, data: Value) {
        let minimum = self.request.meta.log_level().filter(|_| self.accepts_stream);
        if minimum.is_none_or(|minimum| level < LogLevel::from(minimum)) {
            return;
        }
        let message = LoggingMessageNotificationParam::new(level.into(), data);
        if let Err(error) = self.request.peer.notify_logging_message(message).await {
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
