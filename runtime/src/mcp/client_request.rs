//! The rmcp request behind a tool's `Context`.
#![expect(deprecated, reason = "MCP deprecates log messages for clients (SEP-2577); both served revisions have them")]

use std::any::Any;

use async_trait::async_trait;
use rmcp::{
    RoleServer,
    model::{
        ClientCapabilities, GetExtensions as _, Implementation, InputRequest, LoggingLevel,
        LoggingMessageNotification, LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
        ServerNotification,
    },
    service::{OriginatingRequestId, RequestContext},
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    AuthenticatedRequest, peer_request,
    sessions::{ClientRequestId, SessionCall},
};
use crate::{
    auth::Access,
    operation::{ClientRequest, InputUnavailable, LogLevel},
};

/// Request of a call, and what its client accepts before the response.
pub(super) struct CallContext {
    request: RequestContext<RoleServer>,
    accepts_stream: bool,
    session: Option<SessionCall>,
    access: Access,
}

impl CallContext {
    pub(super) fn new(request: RequestContext<RoleServer>, authenticated: &AuthenticatedRequest) -> Self {
        let session = authenticated.session().cloned();
        let access = authenticated.access().clone();
        Self { request, accepts_stream: authenticated.accepts_stream(), session, access }
    }

    /// Returns the minimum level of the log messages that the client asked for.
    fn log_level(&self) -> Option<LogLevel> {
        match &self.session {
            Some(session) => Some(session.session().log_level()),
            None => self.request.meta.log_level().map(LogLevel::from),
        }
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

    fn is_current(&self) -> bool {
        self.access.is_current()
    }

    fn id(&self) -> String {
        request_id(&self.request)
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.request.protocol_version()
    }

    // A request of a revision with `initialize` does not name its client: rmcp would return its own name here.
    fn client_info(&self) -> Option<Implementation> {
        match &self.session {
            Some(_) => self.request.client_info(),
            None => self.request.meta.client_info(),
        }
    }

    fn client_capabilities(&self) -> Option<ClientCapabilities> {
        match &self.session {
            Some(_) => self.request.client_capabilities(),
            None => self.request.meta.client_capabilities(),
        }
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
        self.session.is_some() && self.accepts_stream
    }

    async fn request_input(&self, request: InputRequest) -> Result<Value, InputUnavailable> {
        let Some(session) = self.session.as_ref().filter(|_| self.peer_requests()) else {
            return Err(InputUnavailable::NoSession);
        };
        let timeout = session.session().input_timeout();
        peer_request::send(&self.request, request, self.client_capabilities(), timeout).await
    }

    async fn log(&self, level: LogLevel, data: Value) {
        let minimum = self.log_level().filter(|_| self.accepts_stream);
        if minimum.is_none_or(|minimum| level < minimum) {
            return;
        }
        let params = LoggingMessageNotificationParam::new(level.into(), data);
        let mut message = ServerNotification::from(LoggingMessageNotification::new(params));
        // It is sent on the stream of the call.
        message.extensions_mut().insert(OriginatingRequestId(self.request.id.clone()));
        if let Err(error) = self.request.peer.send_notification(message).await {
            tracing::debug!(%error, "log message for the client was not sent");
        }
    }
}

/// Returns the ID of a request as its client knows it.
pub(super) fn request_id(request: &RequestContext<RoleServer>) -> String {
    match request.extensions.get::<ClientRequestId>() {
        Some(ClientRequestId(id)) => id.to_string(),
        None => request.id.to_string(),
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
