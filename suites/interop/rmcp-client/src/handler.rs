//! The part of a client that the server calls: questions to the user, and notifications of 2025-11-25.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use rmcp::{
    ClientHandler,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationCapability, ErrorData, FormElicitationCapability, Implementation, JsonObject,
        ResourceUpdatedNotificationParam, TASKS_EXTENSION_ID, UrlElicitationCapability,
    },
    service::{NotificationContext, RequestContext, RoleClient},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::redirect_listener::open;

/// What the user enters in forms, and what the server has sent.
pub(crate) struct Handler {
    /// Whether to declare the extension `io.modelcontextprotocol/tasks`.
    tasks: bool,
    questions: Mutex<Questions>,
    sender: mpsc::UnboundedSender<Value>,
    received: AsyncMutex<mpsc::UnboundedReceiver<Value>>,
}

#[derive(Default)]
struct Questions {
    answer: Option<JsonObject>,
    asked: Vec<String>,
}

impl Handler {
    pub(crate) fn new(tasks: bool) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { tasks, questions: Mutex::default(), sender, received: AsyncMutex::new(receiver) }
    }

    /// Sets what the user enters in the next forms. Without an answer, the user declines.
    pub(crate) fn set_answer(&self, answer: Option<JsonObject>) {
        *self.questions.lock().unwrap_or_else(PoisonError::into_inner) = Questions { answer, asked: Vec::new() };
    }

    /// Returns the messages of the questions since [`set_answer`](Self::set_answer).
    pub(crate) fn take_asked(&self) -> Vec<String> {
        mem::take(&mut self.questions.lock().unwrap_or_else(PoisonError::into_inner).asked)
    }

    /// Opens a URL in the browser, and fills in a form.
    pub(crate) fn answer(&self, request: &ElicitRequestParams) -> ElicitResult {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
                questions.asked.push(message.clone());
                let is_open = open(url).is_ok();
                ElicitResult::new(if is_open { ElicitationAction::Accept } else { ElicitationAction::Decline })
            }
            ElicitRequestParams::FormElicitationParams { message, .. } => {
                questions.asked.push(message.clone());
                match questions.answer.clone() {
                    Some(answer) => ElicitResult::new(ElicitationAction::Accept).with_content(answer.into()),
                    None => ElicitResult::new(ElicitationAction::Decline),
                }
            }
            _ => ElicitResult::new(ElicitationAction::Decline),
        }
    }

    /// Records a notification about a list or a resource.
    pub(crate) fn notify(&self, notification: Value) {
        // The receiver lives as long as the handler.
        let _ = self.sender.send(notification);
    }

    /// Waits for this number of notifications.
    pub(crate) async fn receive(&self, count: usize) -> Vec<Value> {
        let mut receiver = self.received.lock().await;
        let mut notifications = Vec::new();
        while notifications.len() < count {
            let left = count - notifications.len();
            receiver.recv_many(&mut notifications, left).await;
        }
        notifications
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut elicitation = ElicitationCapability::new();
        elicitation.form = Some(FormElicitationCapability::new());
        elicitation.url = Some(UrlElicitationCapability::new());
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(elicitation);
        if self.tasks {
            capabilities.extensions = Some([(TASKS_EXTENSION_ID.to_owned(), JsonObject::new())].into());
        }
        ClientConfig::new(capabilities, Implementation::new("interop", "1.0.0"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(self.answer(&request))
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.notify(json!({"method": "notifications/resources/updated", "uri": params.uri}));
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.notify(json!({"method": "notifications/resources/list_changed"}));
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.notify(json!({"method": "notifications/tools/list_changed"}));
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.notify(json!({"method": "notifications/prompts/list_changed"}));
    }
}
