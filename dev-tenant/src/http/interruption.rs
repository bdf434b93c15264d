//! Pages for a consent that an administrator or the end of the session interrupted.

use axum::http::StatusCode;
use axum::response::Response;

use crate::config::Person;

use super::page::{Message, page, restart_link};

/// Reasons why a person who saw the consent page can no longer answer it.
pub(super) enum Interruption<'a> {
    /// An administrator disabled the person.
    Disabled(&'a Person),
    /// The session has ended, or an administrator ended it.
    LoggedOut,
    /// An administrator changed the role, so that the page showed other scopes than the person can grant.
    RoleChanged(&'a Person),
}

/// Returns the page for an interrupted consent. `query` is the authorization request of the form.
pub(super) fn interrupted(interruption: &Interruption<'_>, query: &str) -> Response {
    let (heading, what, next) = match interruption {
        Interruption::Disabled(person) => (
            format!("{} is disabled", person.name),
            "An administrator disabled this person while the request was open, so they cannot allow it.".to_owned(),
            "Choose another person",
        ),
        Interruption::LoggedOut => (
            "You are not logged in any more".to_owned(),
            "Your session has ended, or an administrator ended it, while the request was open.".to_owned(),
            "Log in again",
        ),
        Interruption::RoleChanged(person) => (
            "Your role has changed".to_owned(),
            format!(
                "{} now has the role {}. You were asked about scopes of the earlier role.",
                person.name, person.role
            ),
            "Look at the request again",
        ),
    };
    let message = Message {
        heading: &heading,
        paragraphs: &[&what, "Nothing was sent to the application."],
        link: (!query.is_empty()).then(|| restart_link(query, next)),
    };
    page(StatusCode::FORBIDDEN, &message)
}
