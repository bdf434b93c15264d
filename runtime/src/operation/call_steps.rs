//! Steps of a call between its arguments and its body: conditional scopes, guards, and the concurrency limit.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ApprovalStep, Background, Denied, OperationDescriptor, Provided, ToolError};
use crate::{auth::Caller, scope::MissingScopes, traces};

/// Scopes that a call requires if a condition on its arguments holds: one `scopes_if(..)`.
#[doc(hidden)]
#[derive(Debug)]
pub struct ConditionalScopes {
    /// Source text of the condition.
    pub condition: &'static str,
    pub scopes: &'static [crate::Scope],
}

/// Maximum number of `scopes_if` of an operation, the bits of [`MetConditions`]. The macro rejects more.
const MAX_CONDITIONS: usize = 64;

/// Conditions of a call that hold, one bit for each `scopes_if` of the operation.
#[derive(Debug, Default)]
pub(crate) struct MetConditions(AtomicU64);

impl MetConditions {
    fn insert(&self, condition: usize) {
        debug_assert!(condition < MAX_CONDITIONS, "the macro limits the number of conditions");
        self.0.fetch_or(1 << condition, Ordering::Relaxed);
    }

    pub(crate) fn contains(&self, condition: usize) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << condition) != 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Returns the scopes of the conditions that hold, each once.
    pub(crate) fn scopes(&self, operation: &OperationDescriptor) -> Vec<&'static str> {
        let mut scopes = Vec::new();
        for (_, conditional) in operation.scopes_if.iter().enumerate().filter(|(i, _)| self.contains(*i)) {
            for scope in conditional.scopes {
                if !scopes.contains(&scope.name()) {
                    scopes.push(scope.name());
                }
            }
        }
        scopes
    }
}

/// The last step that is taken. A call takes all of them; a challenge and an explanation evaluate the policy only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastStep {
    /// Evaluates the conditions, for a challenge that names every scope of the call.
    Conditions,
    /// Evaluates the conditions and checks their scopes, for an explanation without guards.
    ConditionalScopes,
    /// Evaluates the conditions and the guards, for an explanation.
    Guards,
    /// Runs the call.
    Body,
}

/// Outcomes of the guards that ran, in their order.
#[derive(Debug, Default)]
pub(crate) struct GuardTrace(Mutex<Vec<Result<(), String>>>);

impl GuardTrace {
    fn push(&self, outcome: Result<(), String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }

    pub(crate) fn into_outcomes(self) -> Vec<Result<(), String>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The steps of one call. Generated code takes them in order.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct CallSteps<'a> {
    pub(crate) operation: &'static OperationDescriptor,
    pub(crate) caller: &'a Caller,
    pub(crate) met: &'a MetConditions,
    pub(crate) last: LastStep,
    pub(crate) concurrency_limit: Option<&'a Semaphore>,
    pub(crate) trace: Option<&'a GuardTrace>,
    /// `None` if the call needs no approval, or only its policy is evaluated.
    pub(crate) approval: Option<&'a ApprovalStep<'a>>,
    /// What the call becomes before its body starts, if it continues after the response.
    pub(crate) background: Option<&'a dyn Background>,
}

/// What the call of a guard evaluates to: `Result<(), Denied>`, or a future of it. `Kind` is inferred.
#[diagnostic::on_unimplemented(
    message = "this is not a call of a guard",
    label = "not a `Result<(), Denied>`, nor a future of one",
    note = "a guard is a `fn` or an `async fn` that returns `Result<(), Denied>`, called with the function's parameters: \
            `guard = own_ticket(caller, &ticket_id, tickets)`"
)]
#[doc(hidden)]
pub trait GuardCall<Kind>: Send {
    fn decide(self) -> impl Future<Output = Result<(), Denied>> + Send;
}

/// Kind of the guards that are an `async fn`.
#[doc(hidden)]
#[derive(Debug)]
pub enum Async {}

/// Kind of the guards that are a `fn`.
#[doc(hidden)]
#[derive(Debug)]
pub enum Immediate {}

impl<F: Future<Output = Result<(), Denied>> + Send> GuardCall<Async> for F {
    fn decide(self) -> impl Future<Output = Result<(), Denied>> + Send {
        self
    }
}

impl GuardCall<Immediate> for Result<(), Denied> {
    fn decide(self) -> impl Future<Output = Result<(), Denied>> + Send {
        std::future::ready(self)
    }
}

impl<'a> CallSteps<'a> {
    /// Evaluates the condition of the `scopes_if` with this index.
    ///
    /// # Errors
    ///
    /// The condition panicked, which denies the call.
    pub fn condition(&self, index: usize, condition: impl FnOnce() -> bool) -> Result<(), ToolError> {
        match catch_unwind(AssertUnwindSafe(condition)) {
            Ok(true) => self.met.insert(index),
            Ok(false) => {}
            Err(_) => {
                tracing::error!(
                    operation = self.operation.name,
                    "the condition of a `scopes_if` panicked; the call is denied"
                );
                return Err(Denied::new("a condition of the policy failed").into());
            }
        }
        Ok(())
    }

    /// Checks the scopes of the conditions that hold.
    ///
    /// # Errors
    ///
    /// The token lacks one of them, or the steps end here.
    pub fn check_conditional_scopes(&self) -> Result<(), ToolError> {
        if self.last == LastStep::Conditions {
            return Err(ToolError::stopped());
        }
        if !self.met.is_empty() {
            let required = self.met.scopes(self.operation);
            let missing: Vec<_> = required.iter().copied().filter(|scope| !self.caller.has_name(scope)).collect();
            if !missing.is_empty() {
                return Err(ToolError::insufficient_scope(MissingScopes { missing, required }));
            }
        }
        if self.last == LastStep::ConditionalScopes { Err(ToolError::stopped()) } else { Ok(()) }
    }

    /// Runs a guard. A panic denies the call.
    ///
    /// # Errors
    ///
    /// The guard denied the call.
    // A boxed future, so that the compiler reports a call that is not a guard once and not again at its `.await`.
    pub fn guard<'b, F, C, Kind>(&'b self, guard: F) -> BoxFuture<'b, Result<(), ToolError>>
    where
        F: FnOnce() -> C + Send + 'b,
        C: GuardCall<Kind> + 'b,
    {
        Box::pin(async move {
            let checked = AssertUnwindSafe(traces::step("guard", async move { guard().decide().await }));
            let checked = checked.catch_unwind().await;
            let outcome = checked.unwrap_or_else(|_| {
                tracing::error!(operation = self.operation.name, "guard panicked; the call is denied");
                Err(Denied::new("a guard failed"))
            });
            if let Some(trace) = self.trace {
                trace.push(outcome.as_ref().map(drop).map_err(ToString::to_string));
            }
            outcome.map_err(Into::into)
        })
    }

    /// Consumes the approval of the call by a person, or asks for it. `message` says what is approved.
    ///
    /// # Errors
    ///
    /// The call is not approved yet, the person declined, or the steps end before the body.
    pub fn approve<'b>(
        &'b self,
        provided: Provided<'b>,
        message: impl FnOnce() -> String + Send + 'b,
    ) -> BoxFuture<'b, Result<(), ToolError>> {
        Box::pin(async move {
            if self.last != LastStep::Body {
                return Err(ToolError::stopped());
            }
            let Some(approval) = self.approval else {
                return Err(ToolError::masked("the call needs an approval, and the server has no approvals"));
            };
            let message = catch_unwind(AssertUnwindSafe(message)).map_err(|_| {
                tracing::error!(tool = self.operation.name, "the message of `approve` panicked; the call is denied");
                ToolError::from(Denied::new("the message of the approval failed"))
            })?;
            approval.run(provided, message).await
        })
    }

    /// Starts the body, within the limit of concurrent calls. The permit is held until the body ends. A call that is to
    /// continue in the background becomes a task here.
    ///
    /// # Errors
    ///
    /// The limit is reached, a limit on tasks is reached, or the steps end before the body.
    pub async fn start_body(&self) -> Result<Option<SemaphorePermit<'a>>, ToolError> {
        if self.last != LastStep::Body {
            return Err(ToolError::stopped());
        }
        // No queue: calls beyond the limit fail immediately.
        let permit =
            self.concurrency_limit.map(|limit| limit.try_acquire().map_err(|_| ToolError::busy())).transpose()?;
        if let Some(background) = self.background {
            background.begin(self.met.scopes(self.operation)).await?;
        }
        Ok(permit)
    }
}

impl fmt::Debug for CallSteps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallSteps")
            .field("operation", &self.operation.name)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
