//! One call, from the decision to the answer.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use rmcp::model::{CallToolResult, ContentBlock, InputRequiredResult};
use serde_json::{Map, Value};

use super::{
    Authorized, Context, Denied, Registry, ToolError, answer_size,
    arguments::Violation,
    descriptor::Invocation,
    error::{Chain, Failure},
};
use crate::{metrics::Label, scope::Shortfall};

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
    /// The body gave an error that is shown.
    Failed,
    /// The body asked for input.
    InputRequired,
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
    /// The token lacks a scope.
    InsufficientScope,
    /// As many calls as the tool allows were running.
    Busy,
    /// The result is larger than what is sent.
    AnswerTooLarge,
    /// The tool does not exist for the caller.
    Hidden,
    /// There is no such tool.
    UnknownTool,
}

impl Label for Outcome {
    const COUNT: usize = Outcome::UnknownTool as usize + 1;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::InputRequired => "input_required",
            Self::Masked => "internal_error",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::InvalidArguments => "invalid_arguments",
            Self::Denied => "denied",
            Self::InsufficientScope => "insufficient_scope",
            Self::Busy => "busy",
            Self::AnswerTooLarge => "answer_too_large",
            Self::Hidden => "hidden",
            Self::UnknownTool => "unknown_tool",
        }
    }
}

impl Registry {
    /// Spends the proof: checks the arguments, asks the guards, runs the body within its time, and masks what is not
    /// for the caller.
    pub(crate) async fn call(
        &self,
        authorized: Authorized<'_>,
        arguments: Map<String, Value>,
        context: Option<&Context>,
    ) -> Called {
        let name = authorized.tool().name();
        let can_ask = authorized.tool().descriptor().takes_context();
        let timeout = self.timeout_of(authorized.tool());
        // The body and the guards run inside: a panic there is caught here, and goes no further than this call.
        let run = AssertUnwindSafe(self.run(authorized, arguments, context)).catch_unwind();
        let cancelled = async {
            match context {
                Some(context) => context.cancelled().await,
                // Whoever waits for the answer is gone with this future.
                None => std::future::pending().await,
            }
        };
        let limit = async {
            match timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let called = tokio::select! {
            // The client's leaving is looked at first: nobody waits for the answer.
            biased;
            () = cancelled => Called {
                answer: Answer::Result(failure("the call was cancelled")),
                outcome: Outcome::Cancelled,
            },
            result = run => match result {
                Ok(Ok(result)) => Called { answer: Answer::Result(result), outcome: Outcome::Completed },
                Ok(Err(error)) => failed(name, without_questions(can_ask, error.into_failure())),
                Err(panic) => panicked(name, panic.as_ref()),
            },
            () = limit => {
                tracing::warn!(tool = name, limit = ?timeout, "a tool took too long and was stopped");
                Called { answer: Answer::Result(failure("the tool took too long and was stopped")), outcome: Outcome::TimedOut }
            }
        };
        self.bounded(name, called)
    }

    /// The same, unless it is larger than what is sent.
    fn bounded(&self, tool: &'static str, called: Called) -> Called {
        let limit = self.max_answer();
        let exceeds = match &called.answer {
            Answer::Result(result) => answer_size::result_exceeds(result, limit),
            Answer::InputRequired(input) => answer_size::exceeds(input, limit),
            Answer::InsufficientScope(_) => false,
        };
        if !exceeds {
            return called;
        }
        tracing::warn!(
            tool,
            limit,
            outcome = called.outcome.name(),
            "a tool's answer is larger than `Server::max_answer_bytes` and was not sent"
        );
        let text = format!("the answer is larger than {limit} bytes and was not sent: ask for less at once");
        Called { answer: Answer::Result(failure(text)), outcome: Outcome::AnswerTooLarge }
    }

    async fn run(
        &self,
        authorized: Authorized<'_>,
        arguments: Map<String, Value>,
        context: Option<&Context>,
    ) -> Result<CallToolResult, ToolError> {
        let tool = authorized.tool();
        let arguments = tool.arguments().check(arguments)?;
        for guard in tool.descriptor().guards {
            let verdict = AssertUnwindSafe(guard.check(authorized.caller(), &arguments)).catch_unwind().await;
            verdict.unwrap_or_else(|_| {
                // Whoever could not say yes said no.
                tracing::error!(tool = tool.name(), "a guard panicked, which denies the call");
                Err(Denied::new("the policy could not be checked"))
            })?;
        }
        // Nobody waits for a turn: a queue would only make everybody slow.
        let _slot = tool.slots().map(|slots| slots.try_acquire().map_err(|_| ToolError::busy())).transpose()?;
        let invocation = Invocation { arguments, caller: authorized.caller(), context, states: self.states() };
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

/// A tool that asks has to take a `&Context`, or it could never see the answer.
fn without_questions(can_ask: bool, failure: Failure) -> Failure {
    match failure {
        Failure::InputRequired(_) if !can_ask => {
            Failure::Masked("the tool asks for input and takes no `&Context` to see the answer".into())
        }
        failure => failure,
    }
}

fn failed(tool: &'static str, failure_: Failure) -> Called {
    let (answer, outcome) = match failure_ {
        Failure::Shown(message) => (Answer::Result(failure(message)), Outcome::Failed),
        Failure::Denied(denied) => (Answer::Result(failure(format!("not allowed: {denied}"))), Outcome::Denied),
        Failure::Busy => {
            let text = "the tool is busy with as many calls as it takes at once: try again in a moment";
            (Answer::Result(failure(text)), Outcome::Busy)
        }
        Failure::InvalidArguments(violations) => {
            (Answer::Result(failure(describe(&violations))), Outcome::InvalidArguments)
        }
        Failure::InputRequired(input) => (Answer::InputRequired(input.into_result()), Outcome::InputRequired),
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
