//! The requests of the commands, as an application makes them with rmcp.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use rmcp::{
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ElicitRequestParams, ErrorCode, ErrorData,
        GetPromptRequestParams, GetTaskParams, InputRequest, InputRequests, InputResponses, JsonObject,
        ProtocolVersion, ReadResourceRequestParams, ResourceContents, ServerNotification, SubscribeRequestParams,
        SubscriptionFilter, TaskPayload, UpdateTaskParams,
    },
    service::{ServiceError, Subscription},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{client::OAuthClient, handler::Handler};

const URL_ELICITATION_REQUIRED: ErrorCode = ErrorCode(-32042);

/// What has the argument that is completed.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Completed {
    Prompt(String),
    Template(String),
}

impl OAuthClient {
    pub(crate) async fn list(&self) -> anyhow::Result<Value> {
        let tools = self.request(async |service| service.list_all_tools().await).await?;
        Ok(json!({"tools": tools.iter().map(|tool| &tool.name).collect::<Vec<_>>()}))
    }

    /// Calls the tool. `answer` is what the user enters in its forms.
    pub(crate) async fn call(
        &self,
        tool: String,
        arguments: JsonObject,
        answer: Option<JsonObject>,
    ) -> anyhow::Result<Value> {
        self.handler().set_answer(answer);
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self
            .request(async |service| {
                let result = service.call_tool(params.clone()).await;
                let Err(ServiceError::McpError(error)) = &result else { return result };
                let Some(requests) = requested_urls(error) else { return result };
                for request in requests {
                    self.handler().answer(&request);
                }
                service.call_tool(params.clone()).await
            })
            .await?;
        Ok(json!({"content": content(result)?, "asked": self.handler().take_asked()}))
    }

    /// Calls the tool as a task, and polls until it is complete.
    pub(crate) async fn call_task(
        &self,
        tool: String,
        arguments: JsonObject,
        answer: Option<JsonObject>,
    ) -> anyhow::Result<Value> {
        let service = self.service()?;
        self.handler().set_answer(answer);
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let response = self.request(async |service| service.call_tool_once(params.clone()).await).await?;
        let CallToolResponse::Task(created) = response else { bail!("the call is not a task: {response:?}") };
        let task_id = created.task.task_id;
        let result = loop {
            let task = service.get_task(GetTaskParams::new(task_id.as_str())).await?.task;
            match task.payload {
                TaskPayload::Completed { result } => break serde_json::from_value(Value::Object(result))?,
                TaskPayload::InputRequired { input_requests } => {
                    let responses = responses(self.handler(), &input_requests)?;
                    service.update_task(UpdateTaskParams::new(task_id.as_str(), responses)).await?;
                }
                TaskPayload::Working => {
                    let interval = task.task.poll_interval_ms.context("the task has no interval to poll at")?;
                    tokio::time::sleep(Duration::from_millis(interval)).await;
                }
                other => bail!("the task ended: {other:?}"),
            }
        };
        Ok(json!({"kind": "task", "content": content(result)?, "asked": self.handler().take_asked()}))
    }

    pub(crate) async fn list_resources(&self) -> anyhow::Result<Value> {
        let resources = self.request(async |service| service.list_all_resources().await).await?;
        let templates = self.request(async |service| service.list_all_resource_templates().await).await?;
        Ok(json!({
            "resources": resources.iter().map(|resource| &resource.uri).collect::<Vec<_>>(),
            "templates": templates.iter().map(|template| &template.uri_template).collect::<Vec<_>>(),
        }))
    }

    pub(crate) async fn read(&self, uri: String) -> anyhow::Result<Value> {
        let params = ReadResourceRequestParams::new(uri);
        let result = self.request(async |service| service.read_resource(params.clone()).await).await?;
        Ok(match result.contents.into_iter().next() {
            Some(ResourceContents::TextResourceContents { text, mime_type, .. }) => {
                json!({"text": text, "mime_type": mime_type})
            }
            Some(ResourceContents::BlobResourceContents { blob, mime_type, .. }) => {
                json!({"blob": blob, "mime_type": mime_type})
            }
            other => bail!("a text or bytes were expected: {other:?}"),
        })
    }

    pub(crate) async fn list_prompts(&self) -> anyhow::Result<Value> {
        let prompts = self.request(async |service| service.list_all_prompts().await).await?;
        Ok(json!({"prompts": prompts.iter().map(|prompt| &prompt.name).collect::<Vec<_>>()}))
    }

    pub(crate) async fn get_prompt(&self, prompt: String, arguments: JsonObject) -> anyhow::Result<Value> {
        let params = GetPromptRequestParams::new(prompt).with_arguments(arguments);
        let result = self.request(async |service| service.get_prompt(params.clone()).await).await?;
        let texts = result.messages.iter().map(|message| message.content.as_text().map(|text| &text.text));
        Ok(json!({"messages": texts.collect::<Vec<_>>()}))
    }

    pub(crate) async fn complete(&self, of: Completed, argument: String, value: String) -> anyhow::Result<Value> {
        let (of, argument, value) = (&of, argument.as_str(), value.as_str());
        let values = self.request(async |service| match of {
            Completed::Prompt(name) => service.complete_prompt_simple(name, argument, value).await,
            Completed::Template(uri) => service.complete_resource_simple(uri, argument, value).await,
        });
        Ok(json!({"values": values.await?}))
    }

    /// Subscribes to a resource and to all lists.
    pub(crate) async fn subscribe(&self, uri: String) -> anyhow::Result<Value> {
        let service = self.service()?;
        let info = service.peer_info().context("the server sent no information about itself")?;
        if info.protocol_version < ProtocolVersion::V_2026_07_28 {
            #[expect(deprecated, reason = "the request of 2025-11-25")]
            service.subscribe(SubscribeRequestParams::new(uri.as_str())).await?;
            return Ok(json!({"accepted": [uri]}));
        }
        let filter =
            SubscriptionFilter::builder().tools_list_changed().prompts_list_changed().resources_list_changed();
        let subscription = service.listen(filter.resource_subscription(uri).build()).await?;
        let accepted = json!({"accepted": subscription.acknowledged().resource_subscriptions});
        tokio::spawn(read(subscription, Arc::clone(self.handler())));
        Ok(accepted)
    }

    pub(crate) async fn receive_notifications(&self, count: usize) -> Value {
        json!({"notifications": self.handler().receive(count).await})
    }
}

/// Passes the notifications of the subscription to the handler, which receives those of 2025-11-25 from rmcp.
async fn read(mut subscription: Subscription, handler: Arc<Handler>) {
    while let Ok(Some(notification)) = subscription.next().await {
        handler.notify(match notification {
            ServerNotification::ResourceUpdatedNotification(updated) => {
                json!({"method": "notifications/resources/updated", "uri": updated.params.uri})
            }
            ServerNotification::ResourceListChangedNotification(_) => {
                json!({"method": "notifications/resources/list_changed"})
            }
            ServerNotification::PromptListChangedNotification(_) => {
                json!({"method": "notifications/prompts/list_changed"})
            }
            ServerNotification::ToolListChangedNotification(_) => {
                json!({"method": "notifications/tools/list_changed"})
            }
            other => json!({"method": format!("not expected: {other:?}")}),
        });
    }
}

/// Returns the URLs of the error with which 2025-11-25 requests the client to open them.
fn requested_urls(error: &ErrorData) -> Option<Vec<ElicitRequestParams>> {
    if error.code != URL_ELICITATION_REQUIRED {
        return None;
    }
    serde_json::from_value(error.data.as_ref()?.get("elicitations")?.clone()).ok()
}

fn content(result: CallToolResult) -> anyhow::Result<Value> {
    if result.is_error == Some(true) {
        bail!("the tool failed: {:?}", result.content);
    }
    result.structured_content.context("the result has no structured content")
}

fn responses(handler: &Handler, requests: &InputRequests) -> anyhow::Result<InputResponses> {
    requests
        .iter()
        .map(|(key, request)| match request {
            InputRequest::Elicitation(request) => {
                Ok((key.clone(), serde_json::to_value(handler.answer(&request.params))?))
            }
            other => bail!("a form was expected: {other:?}"),
        })
        .collect()
}
