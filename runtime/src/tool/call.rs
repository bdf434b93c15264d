//! One call, from the decision to the answer.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use rmcp::model::{CallToolResult, ContentBlock, InputRequiredResult};
use serde_json::{Map, Value};

use super::{
    Authorized, Context, Registry, ToolError,
    arguments::Violation,
    descriptor::Invocation,
    error::{Chain, Failure},
};
use crate::scope::Shortfall;

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A result, the tool's own or one that says what went wrong.
    Result(CallToolResult),
    /// The client has to answer something first.
    InputRequired(InputRequiredResult),
    /// The body asked for a scope that the token does not have.
    InsufficientScope(Shortfall),
}

/// An answer, and how it is recorded.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) answer: Answer,
    pub(crate) outcome: Outcome,
}

/// How a call ended, for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The body gave a result.
    Completed,
    /// The body gave an error that is shown, or asked for input.
    Failed,
    /// The body failed with an error that is masked.
    Masked,
    /// The body panicked.
    Panicked,
    /// The body took too long.
    TimedOut,
    /// The client went away.
    Cancelled,
    /// The arguments do not fit.
    InvalidArguments,
    /// A guard said no.
    Denied,
    /// The body asked for a scope that the token does not have.
    InsufficientScope,
}

impl Registry {
    /// Spends the proof: checks the arguments, asks the guards, runs the body within its time, and masks what is not
    /// for the caller.
    pub(crate) async fn call(
        &self,
        authorized: Authorized<'_>,
        arguments: Map<String, Value>,
        context: &Context,
    ) -> Called {
        let name = authorized.tool().name();
        let timeout = self.timeout_of(authorized.tool());
        // The body and the guards run inside: a panic there is caught here, and goes no further than this call.
        let run = AssertUnwindSafe(self.run(authorized, arguments, context)).catch_unwind();
        let limit = async {
            match timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The client's leaving is looked at first: nobody waits for the answer.
            biased;
            () = context.cancelled() => Called {
                answer: Answer::Result(failure("the call was cancelled")),
                outcome: Outcome::Cancelled,
            },
            result = run => match result {
                Ok(Ok(result)) => Called { answer: Answer::Result(result), outcome: Outcome::Completed },
                Ok(Err(error)) => failed(name, error.into_failure()),
                Err(panic) => panicked(name, panic.as_ref()),
            },
            () = limit => {
                tracing::warn!(tool = name, limit = ?timeout, "a tool took too long and was stopped");
                Called { answer: Answer::Result(failure("the tool took too long and was stopped")), outcome: Outcome::TimedOut }
            }
        }
    }

    async fn run(
        &self,
        authorized: Authorized<'_>,
        arguments: Map<String, Value>,
        context: &Context,
    ) -> Result<CallToolResult, ToolError> {
        let tool = authorized.tool();
        debug_assert!(
            std::ptr::eq(Arc::as_ptr(authorized.caller()), context.caller()),
            "the caller who was authorized is the one who calls"
        );
        let arguments = tool.arguments().check(arguments).map_err(ToolError::invalid_arguments)?;
        for guard in tool.descriptor().guards {
            guard.check(context.caller(), &arguments).await?;
        }
        let invocation = Invocation { arguments, context, states: self.states() };
        let result = (tool.descriptor().body)(invocation).await?;
        if let (Some(validator), Some(content)) = (tool.output(), &result.structured_content)
            && let Err(error) = validator.validate(content)
        {
            return Err(ToolError::masked(format!(
                "the result does not fit the output schema: its type's `Serialize` and `JsonSchema` disagree at {:?}: {}",
                error.instance_path().to_string(),
                error.masked()
            )));
        }
        Ok(result)
    }
}

fn failed(tool: &'static str, failure_: Failure) -> Called {
    let (answer, outcome) = match failure_ {
        Failure::Shown(message) => (Answer::Result(failure(message)), Outcome::Failed),
        Failure::Denied(denied) => (Answer::Result(failure(format!("not allowed: {denied}"))), Outcome::Denied),
        Failure::InvalidArguments(violations) => {
            (Answer::Result(failure(describe(&violations))), Outcome::InvalidArguments)
        }
        Failure::InputRequired(input) => (Answer::InputRequired(input.into_result()), Outcome::Failed),
        Failure::InsufficientScope(shortfall) => (Answer::InsufficientScope(shortfall), Outcome::InsufficientScope),
        Failure::Masked(error) => {
            let reference = reference();
            tracing::error!(tool, reference, error = %Chain(error.as_ref()), "a tool failed");
            (Answer::Result(masked(&reference)), Outcome::Masked)
        }
    };
    Called { answer, outcome }
}

/// The panic's message is in the log already, by the panic hook; it is the author's and may hold anything, so it is
/// not repeated.
fn panicked(tool: &'static str, _panic: &(dyn Any + Send)) -> Called {
    let reference = reference();
    tracing::error!(tool, reference, "a tool panicked");
    Called { answer: Answer::Result(masked(&reference)), outcome: Outcome::Panicked }
}

/// A result that says what went wrong, for the model.
fn failure(message: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message)])
}

fn masked(reference: &str) -> CallToolResult {
    failure(format!("internal error (reference {reference})"))
}

/// What connects the caller's error with the log's.
fn reference() -> String {
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
