//! Validation of an authorization request, for the endpoint and for the forms that contain the request.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::browser::SessionId;
use crate::client_document::ClientDocumentError;
use crate::config::Person;
use crate::oauth::{AuthorizationError, AuthorizationRequest, Client, Params};
use crate::tenant::Tenant;
use crate::text::shown;

use super::client_redirect::{Outcome, redirect_to_client};
use super::page::{Link, Message, page, reason};

/// The login of a browser.
pub(super) enum Login {
    Enabled(Person),
    /// An administrator disabled the person after the login.
    Disabled(Person),
    /// No person is logged in, or the session has ended.
    None,
}

impl Login {
    pub(super) fn of(tenant: &Tenant, session: &SessionId) -> Self {
        let state = tenant.state();
        let person = state.session_person(session).and_then(|id| state.person(&tenant.config, id));
        match person {
            Some(person) if person.enabled => Self::Enabled(person),
            Some(person) => Self::Disabled(person),
            None => Self::None,
        }
    }
}

/// Validates a request. The error is the response: a page if the client or its redirect URI is invalid, otherwise an error
/// for the client.
pub(super) async fn validate(tenant: &Tenant, params: &Params) -> Result<AuthorizationRequest, Response> {
    let client = find_client(tenant, params).await?;
    let name = client.display_name();
    AuthorizationRequest::check(&tenant.settings, &tenant.issuer(), client, params).map_err(|error| match error {
        AuthorizationError::Page(error) => invalid_request(&error.to_string()),
        AuthorizationError::RedirectUri { sent, registered } => {
            invalid_redirect_uri(&name, sent.as_deref(), &registered)
        }
        AuthorizationError::Redirect(redirection, error) => {
            let url = redirection.with_error(error.code(), &error.description());
            redirect_to_client(&name, &url, Outcome::Invalid(&error))
        }
    })
}

async fn find_client(tenant: &Tenant, params: &Params) -> Result<Client, Response> {
    let id = params.require("client_id").map_err(|error| invalid_request(&error.to_string()))?;
    if let Some(client) = tenant.cached_client(id) {
        return Ok(client);
    }
    tenant.fetch_client(id).await.map_err(|error| match error {
        ClientDocumentError::NotADocument => invalid_request(
            "the application is not registered here; its registration may be from before this tenant was restarted \
             without its data, or was removed because many others followed",
        ),
        error => invalid_request(&error.to_string()),
    })
}

/// Returns the page for a request that cannot be answered to the client.
pub(super) fn invalid_request(why: &str) -> Response {
    let message = Message {
        heading: "This request cannot be answered",
        paragraphs: &[
            "An application sent you here with an invalid request. The tenant cannot trust its address, so it does not \
             send you back.",
            &reason(why),
            "Go back to the application and connect again. If it stores its registration, delete the registration \
             first.",
        ],
        link: None,
    };
    page(StatusCode::BAD_REQUEST, &message)
}

/// Maximum number of registered redirect URIs on a page.
const MAX_SHOWN_URIS: usize = 5;

#[derive(Template)]
#[template(path = "redirect_uri.html")]
struct InvalidRedirectUri<'a> {
    client: &'a str,
    sent: Option<String>,
    registered: Vec<String>,
    /// Number of registered redirect URIs that are not shown.
    omitted: usize,
}

/// Returns the page for a request whose redirect URI is missing or not registered.
fn invalid_redirect_uri(client: &str, sent: Option<&str>, registered: &[String]) -> Response {
    let template = InvalidRedirectUri {
        client,
        sent: sent.map(shown),
        registered: registered.iter().take(MAX_SHOWN_URIS).map(|uri| shown(uri)).collect(),
        omitted: registered.len().saturating_sub(MAX_SHOWN_URIS),
    };
    page(StatusCode::BAD_REQUEST, &template)
}

/// Returns the page for a consent that was completed before, such as after navigating back.
pub(super) fn already_completed(query: &str) -> Response {
    let message = Message {
        heading: "This request was already completed",
        paragraphs: &[
            "Your answer was sent to the application. Go back to it; you can close this window.",
            "If the application is still waiting, connect from it again, or answer once more here.",
        ],
        link: Some(Link { href: format!("/oauth/2.1/authorize?{query}&prompt=consent"), text: "Open it again" }),
    };
    page(StatusCode::OK, &message)
}
