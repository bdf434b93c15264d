//! Validation of an authorization request, for the endpoint and for the forms that contain the request.

use axum::http::StatusCode;
use axum::response::Response;

use crate::browser::SessionId;
use crate::client_document::ClientDocumentError;
use crate::config::Person;
use crate::oauth::{AuthorizationError, AuthorizationRequest, Client, Params};
use crate::tenant::Tenant;

use super::page::{Link, Message, page, reason, see_other};

/// Returns the person who is logged in, if they are enabled.
pub(super) fn logged_in_person(tenant: &Tenant, session: &SessionId) -> Option<Person> {
    let state = tenant.state();
    let id = state.session_person(session)?;
    state.person(&tenant.config, id).filter(|person| person.enabled)
}

/// Validates a request. The error is the response: a page if the client or its redirect URI is invalid, otherwise a
/// redirect to the client.
pub(super) async fn validate(tenant: &Tenant, params: &Params) -> Result<AuthorizationRequest, Response> {
    let client = find_client(tenant, params).await?;
    AuthorizationRequest::check(&tenant.settings, &tenant.issuer(), client, params).map_err(|error| match error {
        AuthorizationError::Page(error) => invalid_request(&error.to_string()),
        AuthorizationError::Redirect(redirection, error) => {
            let url = redirection.with_error(error.code(), &error.description());
            see_other(url.as_str())
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
            "the application is not registered here; it may still use a registration from before this tenant was \
             restarted",
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
