//! A client's authorization request, looked at before anything is done about it: by the endpoint, and by the forms that
//! carry it.

use axum::http::StatusCode;
use axum::response::Response;

use crate::browser::SessionId;
use crate::client_document::ClientDocumentError;
use crate::config::Person;
use crate::oauth::{AuthorizationError, AuthorizationRequest, Client, OAuthError, Params};
use crate::tenant::Tenant;

use super::page::{Link, Message, page, see_other};

/// The enabled person who is logged in.
pub(super) fn logged_in(tenant: &Tenant, session: &SessionId) -> Option<Person> {
    let id = tenant.sessions.person(session)?;
    tenant.person(&id).ok().filter(|person| person.enabled)
}

/// Checks the request. The error is the answer already: a page if the client or its redirect URI is no good, a
/// redirect to the client for everything else.
pub(super) async fn checked(tenant: &Tenant, params: &Params) -> Result<AuthorizationRequest, Box<Response>> {
    let client = client(tenant, params).await.map_err(Box::new)?;
    AuthorizationRequest::check(&tenant.settings, &tenant.issuer(), client, params).map_err(|error| match error {
        AuthorizationError::Page(error) => Box::new(broken_request(&error.to_string())),
        AuthorizationError::Redirect(to, error) => {
            let url = to.with_error(error.code(), &error.description());
            Box::new(see_other(url.as_str()))
        }
    })
}

async fn client(tenant: &Tenant, params: &Params) -> Result<Client, Response> {
    let id = params.require("client_id").map_err(|error| broken_request(&error.to_string()))?;
    if let Some(client) = tenant.fresh_client(id) {
        return Ok(client);
    }
    match tenant.fetch_client(id).await {
        Ok(client) => Ok(client),
        Err(ClientDocumentError::NotADocument) => Err(broken_request(
            OAuthError::InvalidRequest(
                "the application is not registered here; it may remember a registration from before this \
                 tenant was restarted"
                    .to_owned(),
            )
            .to_string()
            .as_str(),
        )),
        Err(error) => Err(broken_request(&error.to_string())),
    }
}

fn broken_request(reason: &str) -> Response {
    let message = Message {
        heading: "This request cannot be answered",
        paragraphs: &[
            "An application sent you here with a request that this tenant cannot trust, so it does not send \
             you back.",
            // The backticks are for those who read the reason in a terminal.
            &format!("The reason: {}.", reason.replace('`', "")),
            "Go back to the application and connect again; if it keeps its registration, let it forget it \
             first.",
        ],
        link: None,
    };
    page(StatusCode::BAD_REQUEST, &message)
}

/// What the back button and a doubled submit lead to.
pub(super) fn already_answered(query: &str) -> Response {
    let message = Message {
        heading: "You have answered this already",
        paragraphs: &[
            "Your answer was sent to the application. Go back to it; this window can be closed.",
            "If the application is still waiting, let it connect again, or answer once more here.",
        ],
        link: Some(Link { href: format!("/oauth/2.1/authorize?{query}&prompt=consent"), text: "Answer once more" }),
    };
    page(StatusCode::OK, &message)
}
