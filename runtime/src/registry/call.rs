//! Running one authorized call: arguments, guards, time limit, body, and masking of internal errors.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use rmcp::model::{CallToolResult, ContentBlock, InputRequiredResult};
use serde_json::{Map, Value};

use super::{Authorized, RegisteredTool, ToolRegistry};
use crate::{
    audit::CallOutcome,
    auth::Caller,
    error::ErrorChain,
    metrics::Label,
    scope::MissingScopes,
    tool::{
        BodyFuture, CallSteps, Context, Failure, Invocation, LastStep, MetConditions, Provided, ToolError, Violation,
        result_size,
    },
};

/// Result of a call.
#[derive(Debug)]
pub(crate) enum CallResult {
    /// The tool's result, or a result with `isError` that says what went wrong.
    Complete(CallToolResult),
    /// The client must provide input and call again. Only a tool that takes a `&Context` can ask for input.
    InputRequired(InputRequiredResult),
    /// The tool's body required a scope that the token lacks.
    InsufficientScope(MissingScopes),
}

/// A finished call.
#[derive(Debug)]
pub(crate) struct FinishedCall {
    pub(crate) result: CallResult,
    pub(crate) outcome: CallOutcome,
    /// Reference that connects a masked error with the log.
    pub(crate) reference: Option<String>,
}

impl FinishedCall {
    /// A call that ended in a result with `isError`.
    fn error(outcome: CallOutcome, message: impl Into<String>) -> Self {
        let result = CallToolResult::error(vec![ContentBlock::text(message)]);
        Self::new(CallResult::Complete(result), outcome)
    }

    fn new(result: CallResult, outcome: CallOutcome) -> Self {
        Self { result, outcome, reference: None }
    }

    fn referring_to(self, reference: String) -> Self {
        Self { reference: Some(reference), ..self }
    }

    /// A call that ended in an internal error: the caller sees only a reference to the log.
    fn masked(outcome: CallOutcome, reference: String) -> Self {
        Self::error(outcome, format!("internal error (reference {reference})")).referring_to(reference)
    }
}

impl ToolRegistry {
    /// Runs a call within its time limit: checks the arguments and the scopes that depend on them, runs the guards and the
    /// body, and masks internal errors. Stores in `met` which conditions of the tool hold.
    pub(crate) async fn execute(
        &self,
        authorized: Authorized<'_>,
        arguments: Map<String, Value>,
        context: Option<&Context>,
        met: &MetConditions,
    ) -> FinishedCall {
        let tool = authorized.tool();
        let name = tool.name();
        let time_limit = self.time_limit(tool);
        // A panic in a guard or in the body must end this call only.
        let run = AssertUnwindSafe(self.run_tool(authorized, arguments, context, met)).catch_unwind();
        let cancelled = async {
            match context {
                Some(context) => context.cancelled().await,
                // Without a context, cancellation drops this future.
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
            () = cancelled => FinishedCall::error(CallOutcome::Cancelled, "the call was cancelled"),
            result = run => match result {
                Ok(Ok(result)) => {
                    FinishedCall::new(CallResult::Complete(result), CallOutcome::Completed)
                }
                Ok(Err(error)) => failed(name, error.into_failure(), tool.descriptor().takes_context()),
                Err(_) => panicked(name),
            },
            () = timed_out => {
                tracing::warn!(
                    tool = name,
                    limit = ?time_limit,
                    "tool exceeded its time limit (`tools.timeout`, or `timeout` of `#[tool]`)"
                );
                FinishedCall::error(CallOutcome::TimedOut, "the tool exceeded its time limit and was stopped")
            }
        };
        self.limit_size(name, call)
    }

    /// Replaces a result that is larger than the limit by an error result.
    fn limit_size(&self, tool: &'static str, call: FinishedCall) -> FinishedCall {
        let limit = self.max_result_bytes();
        let exceeds = match &call.result {
            CallResult::Complete(result) => result_size::result_exceeds(result, limit),
            CallResult::InputRequired(input) => result_size::exceeds(input, limit),
            CallResult::InsufficientScope(_) => false,
        };
        if !exceeds {
            return call;
        }
        tracing::warn!(
            tool,
            limit,
            outcome = call.outcome.name(),
            "tool result exceeds `limits.max_result_bytes` and was not sent"
        );
        let text = format!("the result is larger than {limit} bytes and was not sent: request less data");
        FinishedCall::error(CallOutcome::ResultTooLarge, text)
    }

    async fn run_tool(
        &self,
        authorized: Authorized<'_>,
        arguments: Map<String, Value>,
        context: Option<&Context>,
        met: &MetConditions,
    ) -> Result<CallToolResult, ToolError> {
        let tool = authorized.tool();
        let steps = CallSteps {
            tool: tool.descriptor(),
            caller: authorized.caller(),
            met,
            last: LastStep::Body,
            concurrency_limit: tool.concurrency_limit(),
            trace: None,
        };
        let result = self.take_steps(tool, steps, arguments, context)?.await?;
        if let (Some(validator), Some(content)) = (tool.output_validator(), &result.structured_content)
            && let Err(error) = validator.validate(content)
        {
            return Err(ToolError::masked(format!(
                "the result violates the output schema, because `Serialize` and `JsonSchema` of its type disagree at \
                 {:?}: {}",
                error.instance_path().to_string(),
                error.masked()
            )));
        }
        Ok(result)
    }

    /// Checks the arguments and returns the future of the steps after them.
    ///
    /// # Errors
    ///
    /// The arguments violate the schema of the tool.
    pub(super) fn take_steps<'a>(
        &'a self,
        tool: &'a RegisteredTool,
        steps: CallSteps<'a>,
        arguments: Map<String, Value>,
        context: Option<&'a Context>,
    ) -> Result<BodyFuture<'a>, ToolError> {
        let arguments = tool.arguments().check(arguments)?;
        let provided = Provided { caller: steps.caller, context, states: self.states() };
        Ok((tool.descriptor().body)(Invocation {
            arguments,
            parameters: tool.arguments().parameters(),
            provided,
            steps,
        }))
    }

    /// Adds to the missing scopes of a call those that its arguments require, so that one challenge names every scope of
    /// the call. Arguments that do not fit the tool's schema require none.
    pub(crate) async fn add_conditional_scopes(
        &self,
        scopes: &mut MissingScopes,
        tool: &RegisteredTool,
        caller: &Caller,
        arguments: Map<String, Value>,
    ) {
        let met = MetConditions::default();
        let steps = CallSteps {
            tool: tool.descriptor(),
            caller,
            met: &met,
            last: LastStep::Conditions,
            concurrency_limit: None,
            trace: None,
        };
        let evaluated = AssertUnwindSafe(async {
            if let Ok(conditions) = self.take_steps(tool, steps, arguments, None) {
                // It ends with `Stopped`, or with the error of an argument or a condition, which the call reports.
                let _ = conditions.await;
            }
        });
        // A panic while an argument is read is not reported before the caller has the scopes.
        let _ = evaluated.catch_unwind().await;
        for scope in met.scopes(tool.descriptor()) {
            if !scopes.required.contains(&scope) {
                scopes.required.push(scope);
                if !caller.has_name(scope) {
                    scopes.missing.push(scope);
                }
            }
        }
    }
}

fn failed(tool: &'static str, failure: Failure, takes_context: bool) -> FinishedCall {
    match failure {
        Failure::Shown(message) => FinishedCall::error(CallOutcome::Failed, message),
        Failure::Denied(message) => FinishedCall::error(CallOutcome::Denied, format!("not allowed: {message}")),
        Failure::GuardFailed(error) => {
            let reference = new_reference();
            tracing::error!(tool, reference, error = %ErrorChain(error.as_ref()), "guard failed; the call is denied");
            FinishedCall::error(CallOutcome::Denied, format!("not allowed: a guard failed (reference {reference})"))
                .referring_to(reference)
        }
        Failure::Stopped => log_and_mask(tool, "the call ended before its body"),
        Failure::Busy => FinishedCall::error(
            CallOutcome::Busy,
            "the tool is busy: its limit of concurrent calls is reached; try again in a moment",
        ),
        Failure::InvalidArguments(violations) => {
            FinishedCall::error(CallOutcome::InvalidArguments, describe(&violations))
        }
        Failure::InputRequired(input) if takes_context => {
            FinishedCall::new(CallResult::InputRequired(input.into_result()), CallOutcome::InputRequired)
        }
        Failure::InputRequired(_) => {
            log_and_mask(tool, "the tool asks for input but takes no `&Context`, so it cannot read the response")
        }
        Failure::InsufficientScope(scopes) => {
            FinishedCall::new(CallResult::InsufficientScope(scopes), CallOutcome::InsufficientScope)
        }
        Failure::Masked(error) => log_and_mask(tool, ErrorChain(error.as_ref())),
    }
}

fn log_and_mask(tool: &'static str, error: impl std::fmt::Display) -> FinishedCall {
    let reference = new_reference();
    tracing::error!(tool, reference, %error, "tool failed");
    FinishedCall::masked(CallOutcome::Masked, reference)
}

/// Masks a panic. Its message may hold anything, and the panic hook has logged it already, so it is not repeated here.
fn panicked(tool: &'static str) -> FinishedCall {
    let reference = new_reference();
    tracing::error!(tool, reference, "tool panicked");
    FinishedCall::masked(CallOutcome::Panicked, reference)
}

/// Random identifier that connects the caller's error with the log.
fn new_reference() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id[..12].to_owned()
}

fn describe(violations: &[Violation]) -> String {
    let mut text = String::from("the arguments do not fit the tool's input schema:");
    for violation in violations {
        text.push_str("\n- ");
        text.push_str(&violation.to_string());
    }
    text
}
