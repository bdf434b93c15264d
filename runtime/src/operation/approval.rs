//! The step of a call in which a person approves it, outside of the client.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use rmcp::model::{
    CallToolResult, ContentBlock, ElicitRequest, ElicitRequestParams, InputRequest, InputRequests,
    InputRequiredResult, ProtocolVersion,
};
use serde_json::{Map, Value, json};

use super::{CallBinding, Context, OperationDescriptor, Provided, ToolError};
use crate::auth::Caller;

/// Key of the request for an approval among the requests for input of a result.
pub(crate) const APPROVAL_KEY: &str = "toolgate/approval";

/// Decides whether a call was approved. The approvals of the server implement it.
#[async_trait]
pub(crate) trait Approver: Send + Sync {
    /// Consumes the approval of a call. Sets [`ApprovalCall::refer_to`] if there is one, in any state.
    ///
    /// # Errors
    ///
    /// The call is not approved yet, the person declined, or the state of the approval is not available.
    async fn approve(&self, call: &ApprovalCall<'_>, message: &str) -> Result<(), ToolError>;

    /// Makes the approval that the call consumed valid again, because the call had no effect and will be repeated.
    async fn restore(&self, call: &ApprovalCall<'_>);

    /// Withdraws the request for an approval, because the client declined it for its user.
    async fn withdraw(&self, call: &ApprovalCall<'_>);

    /// Decides the approval with this identifier as its person, without a login. Only [`testing`](crate::testing) calls it.
    /// Returns whether the approval was pending.
    ///
    /// # Errors
    ///
    /// The state of the approval is not available.
    #[cfg(all(feature = "approvals", feature = "testing"))]
    async fn decide_in_test(
        &self,
        id: &str,
        is_approved: bool,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>>;
}

/// A call that needs an approval.
#[cfg_attr(not(feature = "approvals"), expect(dead_code, reason = "only approvals read it"))]
pub(crate) struct ApprovalCall<'a> {
    pub(crate) tool: &'static OperationDescriptor,
    pub(crate) caller: &'a Caller,
    pub(crate) context: Option<&'a Context>,
    /// The arguments as the client sent them.
    pub(crate) arguments: &'a Map<String, Value>,
    pub(crate) binding: &'a CallBinding,
    /// Time limit of the call, which includes the time that it waits for the person.
    pub(crate) time_limit: Option<Duration>,
    reference: &'a OnceLock<String>,
    is_authorized: &'a IsAuthorized<'a>,
}

/// Decides again whether the caller may call the tool.
pub(crate) type IsAuthorized<'a> = dyn Fn() -> bool + Send + Sync + 'a;

#[cfg_attr(not(feature = "approvals"), expect(dead_code, reason = "only approvals use them"))]
impl ApprovalCall<'_> {
    /// Sets the reference of the approval for the audit record of the call.
    pub(crate) fn refer_to(&self, reference: &str) {
        let _ = self.reference.set(reference.to_owned());
    }

    /// Decides again whether the caller may call the tool, for a call that waited.
    pub(crate) fn is_authorized(&self) -> bool {
        (self.is_authorized)()
    }

    /// Returns the reference of the approval.
    pub(crate) fn reference(&self) -> Option<&str> {
        self.reference.get().map(String::as_str)
    }
}

/// The step of one call.
pub(crate) struct ApprovalStep<'a> {
    approver: Arc<dyn Approver>,
    tool: &'static OperationDescriptor,
    caller: &'a Caller,
    arguments: Map<String, Value>,
    binding: CallBinding,
    time_limit: Option<Duration>,
    reference: OnceLock<String>,
    is_consumed: OnceLock<()>,
    is_authorized: Box<IsAuthorized<'a>>,
}

impl<'a> ApprovalStep<'a> {
    pub(crate) fn new(
        approver: Arc<dyn Approver>,
        tool: &'static OperationDescriptor,
        caller: &'a Caller,
        arguments: &Map<String, Value>,
        time_limit: Option<Duration>,
        is_authorized: Box<IsAuthorized<'a>>,
    ) -> Self {
        Self {
            approver,
            tool,
            caller,
            arguments: arguments.clone(),
            binding: CallBinding::new(tool.kind(), tool.name, caller, arguments),
            time_limit,
            reference: OnceLock::new(),
            is_consumed: OnceLock::new(),
            is_authorized,
        }
    }

    fn call<'b>(&'b self, context: Option<&'b Context>) -> ApprovalCall<'b> {
        ApprovalCall {
            tool: self.tool,
            caller: self.caller,
            context,
            arguments: &self.arguments,
            binding: &self.binding,
            time_limit: self.time_limit,
            reference: &self.reference,
            is_authorized: &*self.is_authorized,
        }
    }

    /// Consumes the approval, or asks for it.
    pub(super) async fn run(&self, provided: Provided<'_>, message: String) -> Result<(), ToolError> {
        let call = self.call(provided.context);
        // The client shows the URL to its user, who may not want to open it. That the user wants to says nothing about
        // the approval.
        match provided.context.and_then(|context| context.input_response(APPROVAL_KEY)).map(|input| &input["action"])
        {
            Some(action) if action == "decline" => {
                self.approver.withdraw(&call).await;
                Err(ToolError::not_approved(declined(&message)))
            }
            Some(action) if action == "cancel" => Err(ToolError::not_approved(format!(
                "not approved: the request to approve this was dismissed: {message}. Nothing was done. Call again if it is \
                 still wanted"
            ))),
            _ => {
                self.approver.approve(&call, &message).await?;
                let _ = self.is_consumed.set(());
                Ok(())
            }
        }
    }

    /// Makes the approval valid again if the call consumed it and then ended without an effect.
    pub(crate) async fn restore_after(&self, error: &ToolError) {
        if error.is_repeatable() {
            self.restore().await;
        }
    }

    /// Makes the approval valid again if the call consumed it.
    pub(crate) async fn restore(&self) {
        if self.is_consumed.get().is_some() {
            self.approver.restore(&self.call(None)).await;
        }
    }

    /// Returns the reference of the approval, if the call got as far as to need it.
    pub(crate) fn into_reference(self) -> Option<String> {
        self.reference.into_inner()
    }
}

/// Sentence for the model about a call that the person declined.
pub(crate) fn declined(message: &str) -> String {
    format!(
        "not approved: the person declined this: {message}. Nothing was done. Do not call again unless they ask for it"
    )
}

/// Request to a person to approve a call on a page of the server.
#[derive(Clone, Debug)]
pub(crate) struct ApprovalRequest {
    pub(crate) id: String,
    pub(crate) url: String,
    /// What is to be approved.
    pub(crate) message: String,
}

/// How a client is asked to open the URL of an approval.
#[derive(Debug)]
pub(crate) enum ApprovalPrompt {
    /// A request for input (2026-07-28).
    Input(InputRequiredResult),
    /// The data of the error `URLElicitationRequired` (2025-11-25).
    Error(Value),
    /// A result for the model, because the client did not declare that it can open URLs.
    Text(CallToolResult),
}

impl ApprovalRequest {
    /// Returns what the client of a request can handle.
    pub(crate) fn into_prompt(self, context: Option<&Context>) -> ApprovalPrompt {
        let capabilities = context.and_then(Context::client_capabilities).unwrap_or_default();
        if capabilities.elicitation.is_none_or(|elicitation| elicitation.url.is_none()) {
            return ApprovalPrompt::Text(self.into_text());
        }
        let message = format!("Log in and approve: {}", self.message);
        let revision = context.and_then(Context::protocol_version);
        if revision.is_some_and(|revision| revision >= ProtocolVersion::V_2026_07_28) {
            // This revision has no `elicitationId`, but rmcp always sends it.
            let params = ElicitRequestParams::UrlElicitationParams {
                meta: None,
                message,
                url: self.url,
                elicitation_id: self.id,
            };
            let request = InputRequest::Elicitation(ElicitRequest::new(params));
            let requests = InputRequests::from([(APPROVAL_KEY.to_owned(), request)]);
            return ApprovalPrompt::Input(InputRequiredResult::from_input_requests(requests));
        }
        let elicitation = json!({ "mode": "url", "elicitationId": self.id, "url": self.url, "message": message });
        ApprovalPrompt::Error(json!({ "elicitations": [elicitation] }))
    }

    fn into_text(self) -> CallToolResult {
        let Self { url, message, .. } = self;
        let text = format!(
            "approval required: a person has to approve this: {message}. Ask the user to open {url} in a browser, to log \
             in, and to approve it there. Then call the tool again with the same arguments"
        );
        CallToolResult::error(vec![ContentBlock::text(text)])
    }
}
