//! Asking the user during a call: [`Context::ask`](super::Context::ask).

use std::{fmt, pin::Pin};

use rmcp::model::{ElicitResult, ElicitationAction, InputRequest, InputRequiredResult, ProtocolVersion};
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Context, InputRequired, InputUnavailable, ToolError, Violation, undeclared_capabilities};
use crate::error::FormProblem;

mod field_order;
mod fields;
mod form;
mod questions;
mod secrets;

use form::CheckedForm;
pub use form::{Confirm, Form, FormContent, FormType, RegisteredForm, form, form_content};
use questions::LimitExceeded;
pub(crate) use questions::Questions;

/// Future of the answer to [`Context::ask`].
pub type AskFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AskError>> + Send + 'a>>;

impl Context {
    /// Asks the user to fill in a form, and returns what they entered.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// use toolgate::input::Confirm;
    /// # pub static SCOPES: Scopes = Scopes::new(&["ticket:write:delete"]);
    /// # struct Tickets;
    /// # impl Tickets {
    /// #     async fn delete(&self, _: u32) -> std::io::Result<()> {
    /// #         Ok(())
    /// #     }
    /// # }
    ///
    /// /// Delete a ticket after the user has confirmed it.
    /// #[tool(scopes = "ticket:write:delete", destructive)]
    /// async fn ticket_delete(ticket_id: u32, context: &Context, tickets: &Tickets) -> Result<String, ToolError> {
    ///     context.ask::<Confirm>(format!("Delete ticket {ticket_id}?")).await?;
    ///     tickets.delete(ticket_id).await?;
    ///     Ok(format!("ticket {ticket_id} was deleted"))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// The form is a type that derives [`Form`]; [`Confirm`] has no fields. With `?`, a user who declines ends the call
    /// with an error for the model; match on [`AskError`] to continue instead.
    ///
    /// # What runs before a question runs again
    ///
    /// A request of MCP 2026-07-28 is stateless, so nothing waits for the user. A call that needs an answer ends there, as
    /// if the client had cancelled it: its future is dropped. The client shows the form and calls again, with the answers
    /// and with a signed state that holds the answers of earlier rounds. Access is decided again, guards run again, and
    /// the body runs again from its start; `ask` then returns the answer without waiting. Therefore:
    ///
    /// - Ask before you change anything, or make the change idempotent.
    /// - State in the message what the user agrees to. An answer counts for a question with the same message and the same
    ///   form, and not for another one: if the amount in the message has changed in the meantime, the user is asked again.
    /// - Several questions can follow each other. Those that wait at the same time, as in `tokio::join!`, are asked in one
    ///   round.
    /// - A client can send an answer more than once, within one hour. An effect that must happen once for each answer needs
    ///   a record of its own.
    ///
    /// In a session of MCP 2025-11-25 ([`Server::sessions`](crate::Server::sessions)), the server sends the question and waits
    /// for the answer during the call. The time limit of the tool includes the wait.
    ///
    /// # Limits
    ///
    /// A call asks up to 32 questions, and the answers that the client stores take up to 32 KiB. An answer that does not
    /// fit the form is asked for once more, with the reasons.
    ///
    /// # Errors
    ///
    /// The user declined or cancelled, the answer does not fit the form, the client cannot be asked, or the type cannot be
    /// a form; see [`AskError`].
    // A boxed future has no bound on `T`, so that a type that is not a form is one compile error.
    pub fn ask<T: Form>(&self, message: impl Into<String>) -> AskFuture<'_, T> {
        let message = message.into();
        Box::pin(async move {
            let form = CheckedForm::of::<T>().map_err(AskError::Form)?;
            let content = self.obtain(form.request(message.clone())).await?;
            let answer = form.read(content);
            let Err(AskError::Invalid(why)) = answer else { return answer };
            let content = self.obtain(form.request(format!("{message}\n\nThe last answer {why}"))).await?;
            form.read(content)
        })
    }

    /// Returns the content of an answer that the user has accepted.
    async fn obtain(&self, request: InputRequest) -> Result<Map<String, Value>, AskError> {
        let questions = self.questions();
        let key = questions.key(&request)?;
        let response = if let Some(answer) = questions.answer(&key, self.input_responses())? {
            answer
        } else if self.can_request_input() {
            let answer = self.request().request_input(request).await?;
            questions.store(key, answer.clone())?;
            answer
        } else if self.asks_in_rounds() {
            self.check_declared(&request)?;
            match questions.suspend(key, request, self.input_responses()).await? {}
        } else {
            return Err(InputUnavailable::NoSession.into());
        };
        // Rounds pass on only results of an elicitation; a session can pass on another value.
        let response = ElicitResult::deserialize(response).map_err(|_| AskError::Cancelled)?;
        match (response.action, response.content) {
            (ElicitationAction::Accept, Some(Value::Object(content))) => Ok(content),
            (ElicitationAction::Accept, _) => Ok(Map::new()),
            (ElicitationAction::Decline, _) => Err(AskError::Declined),
            _ => Err(AskError::Cancelled),
        }
    }

    /// Returns whether the client calls again with the input that a call needs.
    fn asks_in_rounds(&self) -> bool {
        self.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
    }

    fn check_declared(&self, request: &InputRequest) -> Result<(), AskError> {
        match undeclared_capabilities([request], &self.client_capabilities().unwrap_or_default()) {
            Some(missing) => Err(InputUnavailable::Undeclared(Box::new(missing)).into()),
            None => Ok(()),
        }
    }

    /// Waits until the body waits for the answers of the user, and returns the questions.
    pub(crate) async fn unanswered(&self) -> InputRequiredResult {
        let requests = self.questions().suspended().await;
        // The state is that of the tool, which the next round reads again.
        InputRequiredResult::new(Some(requests), self.request_state().map(str::to_owned))
    }
}

/// Why [`Context::ask`](crate::Context::ask) has no answer.
///
/// It converts into [`ToolError`] with `?`, as a message for the model. A [`Form`](Self::Form) is masked, because it is a
/// mistake in the program.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// The user declined.
    #[error("the user declined")]
    Declined,
    /// The user closed the question without a choice.
    #[error("the user closed the question without an answer")]
    Cancelled,
    /// The user's second answer does not fit the form either.
    #[error("the user's answer {0}")]
    Invalid(InvalidAnswer),
    /// The client cannot be asked, or did not respond.
    #[error(transparent)]
    Unavailable(#[from] InputUnavailable),
    /// The call asks more than 32 questions, or the answers take more than 32 KiB.
    #[error("the call asks too many questions, or their answers are too long")]
    LimitExceeded,
    /// The type cannot be a form. `build` of a server reports it.
    #[error("the type cannot be a form: {0}")]
    Form(FormProblem),
}

/// What is wrong with an answer. The text omits what the user entered.
#[derive(Debug)]
pub struct InvalidAnswer(Vec<Violation>);

impl fmt::Display for InvalidAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("does not fit the form:")?;
        for Violation { pointer, message } in &self.0 {
            let place = if pointer.is_empty() { "(form)" } else { pointer };
            write!(f, "\n- {place}: {message}")?;
        }
        Ok(())
    }
}

impl From<LimitExceeded> for AskError {
    fn from(_: LimitExceeded) -> Self {
        Self::LimitExceeded
    }
}

impl AskError {
    /// Returns the error of a tool that did not handle this one.
    pub(super) fn into_tool_error(self) -> ToolError {
        match self {
            Self::Declined => ToolError::new("the user declined: nothing more was done"),
            Self::Cancelled => {
                ToolError::new("the user closed the question without an answer: nothing more was done")
            }
            Self::Unavailable(InputUnavailable::NoSession) => ToolError::new(
                "this call asks the user a question, which the client cannot be asked: use a client that supports MCP \
                 2026-07-28, or one of an earlier revision with a session, if the server offers sessions",
            ),
            // The handler responds to this request with the error that names the capabilities.
            Self::Unavailable(InputUnavailable::Undeclared(_)) => match form::<Confirm>("") {
                Ok(form) => InputRequired::request("ask", form).into(),
                Err(problem) => problem.into(),
            },
            Self::Form(problem) => ToolError::masked(format!("the type of a question cannot be a form: {problem}")),
            error => ToolError::new(error.to_string()),
        }
    }
}
