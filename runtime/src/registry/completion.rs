//! Completion of the arguments of prompts and of the variables of URI templates.
//!
//! A completion has the policy of what it completes: who is not authorized for a prompt or a resource completes nothing of
//! it. Guards do not run, because they decide about complete arguments.

use std::sync::Arc;

use serde_json::Value;
use tokio::time;

use super::{DecisionError, Dispatcher, RegisteredOperation, Registry};
use crate::{
    audit::{CallOutcome, CallRecord, RequestInfo},
    auth::Caller,
    error::ErrorChain,
    operation::{CompletionArguments, CompletionInvocation, Failure, OperationKind, Provided, ToolError},
    scope::MissingScopes,
};

/// Request for the completion of an argument.
#[derive(Debug)]
pub(crate) struct CompletionRequest<'a> {
    pub(crate) kind: OperationKind,
    /// Name of the prompt, or URI template of the resource.
    pub(crate) name: &'a str,
    pub(crate) argument: &'a str,
    /// What the user has typed so far.
    pub(crate) value: &'a str,
    /// The other arguments that the user has filled in.
    pub(crate) arguments: CompletionArguments,
    pub(crate) info: RequestInfo<'a>,
}

/// Reason why an argument is not completed.
#[derive(Debug)]
pub(crate) enum CompletionError {
    /// No prompt or resource has this name, or it is hidden from this caller.
    Unknown,
    /// The token lacks a scope of the prompt or the resource.
    InsufficientScope(MissingScopes),
    /// The prompt or the resource has no such argument.
    UnknownArgument,
    /// The function of the author failed, with a message for the caller.
    Failed(String),
}

impl Dispatcher {
    /// Returns the values that complete an argument.
    ///
    /// # Errors
    ///
    /// The caller is not authorized for what is completed, it has no such argument, or the function of the author failed.
    pub(crate) async fn complete(
        &self,
        caller: &Arc<Caller>,
        request: CompletionRequest<'_>,
    ) -> Result<Vec<String>, CompletionError> {
        let CompletionRequest { kind, name, info, .. } = request;
        let registry = self.registry();
        let Some(operation) = registry.get(kind, name) else {
            self.audit().unknown(info, caller, kind, name);
            return Err(CompletionError::Unknown);
        };
        match self.decide_declared(operation, caller) {
            Ok(()) => {
                let completed = registry.complete(operation, caller, &request).await;
                match &completed {
                    Err(CompletionError::InsufficientScope(scopes)) => {
                        self.record_insufficient_scope(info, caller, kind, name, scopes);
                    }
                    Err(CompletionError::Failed(_)) => {
                        self.record_completion(info, caller, operation, CallRecord::new(CallOutcome::Failed));
                    }
                    Err(CompletionError::UnknownArgument) => {
                        self.record_completion(
                            info,
                            caller,
                            operation,
                            CallRecord::new(CallOutcome::InvalidArguments),
                        );
                    }
                    Ok(_) | Err(CompletionError::Unknown) => {}
                }
                completed
            }
            Err(DecisionError::InsufficientScope(scopes)) => {
                self.record_insufficient_scope(info, caller, kind, name, &scopes);
                Err(CompletionError::InsufficientScope(scopes))
            }
            Err(DecisionError::Unknown | DecisionError::Hidden) => {
                self.record_completion(info, caller, operation, CallRecord::new(CallOutcome::Hidden));
                Err(CompletionError::Unknown)
            }
        }
    }
}

impl Registry {
    /// Returns whether an argument of the server can be completed.
    pub(crate) fn has_completions(&self) -> bool {
        self.operations().iter().filter(|operation| operation.kind() != OperationKind::Tool).any(|operation| {
            let properties = operation.arguments().schema().get("properties").and_then(Value::as_object);
            !operation.descriptor().completions.is_empty()
                || properties
                    .is_some_and(|properties| properties.values().any(|schema| !values_of(schema).is_empty()))
        })
    }

    async fn complete(
        &self,
        operation: &RegisteredOperation,
        caller: &Caller,
        request: &CompletionRequest<'_>,
    ) -> Result<Vec<String>, CompletionError> {
        let properties = operation.arguments().schema().get("properties");
        let schema = properties.and_then(|properties| properties.get(request.argument));
        let schema = schema.ok_or(CompletionError::UnknownArgument)?;
        let completions = operation.descriptor().completions;
        let Some(completion) = completions.iter().find(|completion| completion.argument == request.argument) else {
            let starts = |value: &String| value.to_lowercase().starts_with(&request.value.to_lowercase());
            return Ok(values_of(schema).into_iter().filter(starts).collect());
        };
        let invocation = CompletionInvocation {
            value: request.value,
            arguments: &request.arguments,
            provided: Provided { caller, context: None, states: self.states() },
        };
        let values = (completion.complete)(invocation);
        let values = match self.time_limit(operation) {
            Some(limit) => time::timeout(limit, values)
                .await
                .unwrap_or_else(|_| Err(ToolError::new("the completion exceeded its time limit"))),
            None => values.await,
        };
        values.map_err(|error| failed(operation, error))
    }
}

/// Returns the values that a schema allows, if it names them.
fn values_of(schema: &Value) -> Vec<String> {
    match schema.get("enum").and_then(Value::as_array) {
        Some(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None if schema.get("type").is_some_and(|ty| ty == "boolean") => vec!["true".to_owned(), "false".to_owned()],
        None => Vec::new(),
    }
}

fn failed(operation: &RegisteredOperation, error: ToolError) -> CompletionError {
    let (kind, name) = (operation.kind().name(), operation.name());
    match error.into_failure() {
        Failure::Shown(message) | Failure::Denied(message) => CompletionError::Failed(message),
        Failure::InsufficientScope(scopes) => CompletionError::InsufficientScope(scopes),
        failure => {
            let reference = super::call::new_reference();
            match failure {
                Failure::Masked(error) | Failure::GuardFailed(error) => {
                    let error = ErrorChain(error.as_ref());
                    tracing::error!(kind, name, reference, %error, "completion failed");
                }
                _ => tracing::error!(kind, name, reference, "completion failed"),
            }
            CompletionError::Failed(format!("internal error (reference {reference})"))
        }
    }
}
