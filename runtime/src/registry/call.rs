//! Running one authorized call of a tool, prompt or resource: arguments, guards, time limit, body, and masking of internal
//! errors.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt;
use rmcp::{
    ErrorData,
    model::{
        CallToolResult, ContentBlock, ErrorCode, GetPromptResult, InputRequiredResult, ReadResourceResult,
        ServerResult,
    },
};
use serde_json::{Map, Value};

use super::{Authorized, Found, RegisteredOperation, Registry};
use crate::{
    audit::CallOutcome,
    auth::Caller,
    error::ErrorChain,
    metrics::Label,
    operation::{
        ApprovalPrompt, ApprovalStep, BodyFuture, CallSteps, Context, DescriptorKind, Failure, Invocation, LastStep,
        MetConditions, OperationKind, OperationResult, Provided, ToolError, Violation,
        result_size::{self, BoundedResult},
    },
    scope::MissingScopes,
};

/// Result of a call.
#[derive(Debug)]
pub(crate) enum CallResult {
    /// The result; of a tool also one with `isError` that says what went wrong.
    Complete(McpResult),
    /// A prompt or a resource failed.
    Failed(ErrorData),
    /// The resource does not exist.
    NotFound,
    /// The client must provide input and call again. Only a function that takes a `&Context` can ask for input.
    InputRequired(InputRequiredResult),
    /// A person must open a URL to approve the call. The value is the data of the error for the client.
    UrlElicitationRequired(Value),
    /// The body required a scope that the token lacks.
    InsufficientScope(MissingScopes),
}

/// Result of an operation as MCP has it.
#[derive(Debug)]
pub(crate) enum McpResult {
    Tool(CallToolResult),
    Prompt(GetPromptResult),
    Resource(ReadResourceResult),
}

impl From<McpResult> for ServerResult {
    fn from(result: McpResult) -> Self {
        match result {
            McpResult::Tool(result) => Self::CallToolResult(result),
            McpResult::Prompt(result) => Self::GetPromptResult(result),
            McpResult::Resource(result) => Self::ReadResourceResult(result),
        }
    }
}

/// A finished call.
#[derive(Debug)]
pub(crate) struct FinishedCall {
    pub(crate) result: CallResult,
    pub(crate) outcome: CallOutcome,
    /// Reference that connects a masked error with the log.
    pub(crate) reference: Option<String>,
    /// Reference of the approval that the call needed or used.
    pub(crate) approval: Option<String>,
}

impl FinishedCall {
    /// A call that ended in an error: of a tool a result with `isError`, of other operations a JSON-RPC error.
    fn error(kind: OperationKind, outcome: CallOutcome, message: impl Into<String>) -> Self {
        let result = if kind == OperationKind::Tool {
            CallResult::Complete(McpResult::Tool(CallToolResult::error(vec![ContentBlock::text(message)])))
        } else {
            let is_invalid = outcome == CallOutcome::InvalidArguments;
            let code = if is_invalid { ErrorCode::INVALID_PARAMS } else { ErrorCode::INTERNAL_ERROR };
            CallResult::Failed(ErrorData::new(code, message.into(), None))
        };
        Self::new(result, outcome)
    }

    fn new(result: CallResult, outcome: CallOutcome) -> Self {
        Self { result, outcome, reference: None, approval: None }
    }

    fn referring_to(self, reference: String) -> Self {
        Self { reference: Some(reference), ..self }
    }

    /// A call that ended in an internal error: the caller sees only a reference to the log.
    fn masked(kind: OperationKind, outcome: CallOutcome, reference: String) -> Self {
        Self::error(kind, outcome, format!("internal error (reference {reference})")).referring_to(reference)
    }
}

impl Registry {
    /// Runs a call within its time limit: checks the arguments and the scopes that depend on them, runs the guards and the
    /// body, and masks internal errors. Stores in `met` which conditions of the operation hold. `name` is what the request
    /// names: for a resource, its URI.
    pub(crate) async fn execute(
        &self,
        authorized: Authorized<'_>,
        name: &str,
        arguments: Map<String, Value>,
        context: Option<&Context>,
        met: &MetConditions,
    ) -> FinishedCall {
        let operation = authorized.operation();
        let kind = operation.kind();
        let time_limit = match context.and_then(Context::background) {
            Some(background) => Some(background.remaining_time()),
            None => self.time_limit(operation),
        };
        let approval = self.approval_step(&authorized, &arguments, time_limit, context);
        // A panic in a guard or in the body must end this call only.
        let run =
            AssertUnwindSafe(self.run(authorized, name, arguments, context, met, approval.as_deref())).catch_unwind();
        let cancelled = async {
            match context {
                Some(context) => context.cancelled().await,
                // Without a context, cancellation drops this future.
                None => std::future::pending().await,
            }
        };
        let unanswered = async {
            match context {
                Some(context) => context.unanswered().await,
                None => std::future::pending().await,
            }
        };
        let timed_out = async {
            match time_limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let call = tokio::select! {
            // Cancellation first: the client does not wait for a result.
            biased;
            () = cancelled => FinishedCall::error(kind, CallOutcome::Cancelled, "the call was cancelled"),
            result = run => match result {
                Ok(Ok(result)) => {
                    let result = complete(operation, name, result);
                    FinishedCall::new(CallResult::Complete(result), CallOutcome::Completed)
                }
                Ok(Err(error)) => failed(operation, error.into_failure(), context),
                Err(_) => panicked(operation),
            },
            // After the body, so that the questions are those that it waits for.
            input = unanswered => FinishedCall::new(CallResult::InputRequired(input), CallOutcome::InputRequired),
            () = timed_out => {
                tracing::warn!(
                    kind = kind.name(),
                    name = operation.name(),
                    limit = ?time_limit,
                    "call exceeded its time limit (`operations.timeout`, or `timeout` of the attribute)"
                );
                let text = format!("the {kind} exceeded its time limit and was stopped");
                FinishedCall::error(kind, CallOutcome::TimedOut, text)
            }
        };
        if matches!(call.outcome, CallOutcome::InputRequired)
            && let Some(approval) = &approval
        {
            // A question ended the body before it had an effect.
            Box::pin(approval.restore()).await;
        }
        let mut call = self.limit_size(operation, call);
        call.approval = approval.and_then(|approval| approval.into_reference());
        call
    }

    /// Returns the step in which a person approves the call, if the tool has one and the server has approvals. It is boxed
    /// because few tools have one, and the future of every call would have space for it.
    fn approval_step<'a>(
        &'a self,
        authorized: &Authorized<'a>,
        arguments: &Map<String, Value>,
        time_limit: Option<Duration>,
        context: Option<&'a Context>,
    ) -> Option<Box<ApprovalStep<'a>>> {
        let (operation, caller) = (authorized.operation(), authorized.caller());
        let tool = operation.descriptor();
        let approver = tool.approve.and_then(|_| self.approver())?;
        let is_authorized = move || {
            let is_current = context.map_or_else(|| !caller.is_expired(SystemTime::now()), Context::is_current);
            is_current && self.decide_declared(operation, caller).is_ok()
        };
        let step = ApprovalStep::new(approver, tool, caller, arguments, time_limit, Box::new(is_authorized));
        Some(Box::new(step))
    }

    /// Replaces a result that is larger than the limit by an error result.
    fn limit_size(&self, operation: &RegisteredOperation, call: FinishedCall) -> FinishedCall {
        let limit = self.max_result_bytes();
        let exceeds = match &call.result {
            CallResult::Complete(McpResult::Tool(result)) => result.exceeds(limit),
            CallResult::Complete(McpResult::Prompt(result)) => result.exceeds(limit),
            CallResult::Complete(McpResult::Resource(result)) => result.exceeds(limit),
            CallResult::InputRequired(input) => result_size::exceeds(input, limit),
            CallResult::Failed(_)
            | CallResult::NotFound
            | CallResult::UrlElicitationRequired(_)
            | CallResult::InsufficientScope(_) => false,
        };
        if !exceeds {
            return call;
        }
        let kind = operation.kind();
        tracing::warn!(
            kind = kind.name(),
            name = operation.name(),
            limit,
            outcome = call.outcome.name(),
            "result exceeds `limits.max_result_bytes` and was not sent"
        );
        let text = format!("the result is larger than {limit} bytes and was not sent: request less data");
        FinishedCall::error(kind, CallOutcome::ResultTooLarge, text)
    }

    async fn run(
        &self,
        mut authorized: Authorized<'_>,
        name: &str,
        arguments: Map<String, Value>,
        context: Option<&Context>,
        met: &MetConditions,
        approval: Option<&ApprovalStep<'_>>,
    ) -> Result<OperationResult, ToolError> {
        let operation = authorized.operation();
        if let Some(server) = operation.mounted_server() {
            let Some(context) = context else { return Err(ToolError::masked("a mounted server needs a context")) };
            return server.call(operation.kind(), name, arguments, context).await;
        }
        let arguments = authorized.take_arguments(arguments);
        let steps = CallSteps {
            operation: operation.descriptor(),
            caller: authorized.caller(),
            met,
            last: LastStep::Body,
            concurrency_limit: operation.concurrency_limit(),
            trace: None,
            approval,
            background: context.and_then(Context::background),
        };
        let result = self.take_steps(operation, steps, arguments, context)?.await;
        if let (Err(error), Some(approval)) = (&result, approval) {
            Box::pin(approval.restore_after(error)).await;
        }
        let result = result?;
        #[cfg(feature = "json-schema")]
        if let OperationResult::Tool(result) = &result
            && let (Some(validator), Some(content)) = (operation.result_validator(), &result.structured_content)
        {
            validator.check(content)?;
        }
        Ok(result)
    }

    /// Checks the arguments and returns the future of the steps after them.
    ///
    /// # Errors
    ///
    /// The arguments violate the schema of the operation.
    pub(super) fn take_steps<'a>(
        &'a self,
        operation: &'a RegisteredOperation,
        steps: CallSteps<'a>,
        arguments: Map<String, Value>,
        context: Option<&'a Context>,
    ) -> Result<BodyFuture<'a>, ToolError> {
        let arguments = operation.arguments().check(arguments)?;
        let provided = Provided { caller: steps.caller, context, states: self.states() };
        Ok((operation.descriptor().body)(Invocation {
            arguments,
            parameters: operation.arguments().parameters(),
            provided,
            steps,
        }))
    }

    /// Adds to the missing scopes of a call those that its arguments require, so that one challenge names every scope of
    /// the call. Arguments that do not fit the schema require none.
    pub(crate) async fn add_conditional_scopes(
        &self,
        scopes: &mut MissingScopes,
        mut found: Found<'_>,
        caller: &Caller,
        arguments: Map<String, Value>,
    ) {
        let operation = found.operation;
        if !operation.has_conditional_scopes() {
            return;
        }
        let arguments = found.take_arguments(arguments);
        let met = MetConditions::default();
        let steps = CallSteps {
            operation: operation.descriptor(),
            caller,
            met: &met,
            last: LastStep::Conditions,
            concurrency_limit: None,
            trace: None,
            approval: None,
            background: None,
        };
        let evaluated = AssertUnwindSafe(async {
            if let Ok(conditions) = self.take_steps(operation, steps, arguments, None) {
                // It ends with `Stopped`, or with the error of an argument or a condition, which the call reports.
                let _ = conditions.await;
            }
        });
        // A panic while an argument is read is not reported before the caller has the scopes.
        let _ = evaluated.catch_unwind().await;
        for scope in met.scopes(operation.descriptor()) {
            if !scopes.required.contains(&scope) {
                scopes.required.push(scope);
                if !caller.has_name(scope) {
                    scopes.missing.push(scope);
                }
            }
        }
    }
}

/// Returns the result as MCP has it. `name` is what the request names: for a resource, its URI.
fn complete(operation: &RegisteredOperation, name: &str, result: OperationResult) -> McpResult {
    match result {
        OperationResult::Tool(result) => McpResult::Tool(result),
        OperationResult::Prompt(mut result) => {
            if result.description.is_none() {
                result.description = operation.descriptor().description.map(str::to_owned);
            }
            McpResult::Prompt(result)
        }
        OperationResult::Resource(body) => {
            let mime_type = match &operation.descriptor().kind {
                DescriptorKind::Resource(resource) => resource.mime_type,
                DescriptorKind::Tool(_) | DescriptorKind::Prompt => None,
            };
            McpResult::Resource(body.into_result(name, mime_type))
        }
    }
}

fn failed(operation: &RegisteredOperation, failure: Failure, context: Option<&Context>) -> FinishedCall {
    let (kind, name) = (operation.kind(), operation.name());
    match failure {
        Failure::Shown(message) => FinishedCall::error(kind, CallOutcome::Failed, message),
        Failure::NotFound if kind == OperationKind::Resource => {
            FinishedCall::new(CallResult::NotFound, CallOutcome::Failed)
        }
        Failure::NotFound => FinishedCall::error(kind, CallOutcome::Failed, "not found"),
        Failure::Denied(message) => FinishedCall::error(kind, CallOutcome::Denied, format!("not allowed: {message}")),
        Failure::GuardFailed(error) => {
            let reference = new_reference();
            let error = ErrorChain(error.as_ref());
            tracing::error!(kind = kind.name(), name, reference, %error, "guard failed; the call is denied");
            let text = format!("not allowed: a guard failed (reference {reference})");
            FinishedCall::error(kind, CallOutcome::Denied, text).referring_to(reference)
        }
        Failure::Stopped => log_and_mask(operation, "the call ended before its body"),
        Failure::Busy => {
            let text = format!("the {kind} is busy: its limit of concurrent calls is reached; try again in a moment");
            FinishedCall::error(kind, CallOutcome::Busy, text)
        }
        Failure::TooManyTasks(message) => FinishedCall::error(kind, CallOutcome::Busy, message),
        // A URI whose variables do not have their types is a URI that no resource has.
        Failure::InvalidArguments(_) if kind == OperationKind::Resource => {
            FinishedCall::new(CallResult::NotFound, CallOutcome::InvalidArguments)
        }
        Failure::InvalidArguments(violations) => {
            FinishedCall::error(kind, CallOutcome::InvalidArguments, describe(kind, &violations))
        }
        Failure::InputRequired(input)
            if operation.descriptor().takes_context() || operation.mounted_server().is_some() =>
        {
            FinishedCall::new(CallResult::InputRequired(input.into_result()), CallOutcome::InputRequired)
        }
        Failure::InputRequired(_) => log_and_mask(
            operation,
            "the function asks for input but takes no `&Context`, so it cannot read the response",
        ),
        Failure::ApprovalRequired(request) => {
            let result = match request.into_prompt(context) {
                ApprovalPrompt::Input(input) => CallResult::InputRequired(input),
                ApprovalPrompt::Error(data) => CallResult::UrlElicitationRequired(data),
                ApprovalPrompt::Text(result) => CallResult::Complete(McpResult::Tool(result)),
            };
            FinishedCall::new(result, CallOutcome::ApprovalRequired)
        }
        Failure::NotApproved(message) => FinishedCall::error(kind, CallOutcome::NotApproved, message),
        Failure::InsufficientScope(scopes) => {
            FinishedCall::new(CallResult::InsufficientScope(scopes), CallOutcome::InsufficientScope)
        }
        Failure::Protocol(error) => FinishedCall::new(CallResult::Failed(*error), CallOutcome::Failed),
        Failure::Masked(error) => log_and_mask(operation, ErrorChain(error.as_ref())),
    }
}

fn log_and_mask(operation: &RegisteredOperation, error: impl std::fmt::Display) -> FinishedCall {
    let reference = new_reference();
    let (kind, name) = (operation.kind(), operation.name());
    tracing::error!(kind = kind.name(), name, reference, %error, "call failed");
    FinishedCall::masked(kind, CallOutcome::Masked, reference)
}

/// Masks a panic. Its message may hold anything, and the panic hook has logged it already, so it is not repeated here.
fn panicked(operation: &RegisteredOperation) -> FinishedCall {
    let reference = new_reference();
    let (kind, name) = (operation.kind(), operation.name());
    tracing::error!(kind = kind.name(), name, reference, "call panicked");
    FinishedCall::masked(kind, CallOutcome::Panicked, reference)
}

/// Random identifier that connects the caller's error with the log.
pub(super) fn new_reference() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id[..12].to_owned()
}

fn describe(kind: OperationKind, violations: &[Violation]) -> String {
    let mut text = match kind {
        OperationKind::Tool => "the arguments do not fit the tool's input schema:".to_owned(),
        OperationKind::Prompt | OperationKind::Resource => format!("the arguments do not fit the {kind}:"),
    };
    for violation in violations {
        text.push_str("\n- ");
        text.push_str(&violation.to_string());
    }
    text
}
