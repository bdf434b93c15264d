//! The authorization endpoint, which shows the login page or the consent page.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::browser::SessionId;
use crate::oauth::Params;
use crate::tenant::Tenant;
use crate::text::shown;

use super::authorization_request::{Login, already_completed, invalid_request, validate};
use super::{consent, login};

/// Maximum size of the query of an authorization request, in bytes.
const MAX_QUERY_BYTES: usize = 32 << 10;

/// `GET /oauth/2.1/authorize`
pub(super) async fn authorize(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return invalid_request(&format!("the request has more than {MAX_QUERY_BYTES} bytes"));
    }
    let params = Params::parse(query.as_bytes());
    let session = SessionId::from_headers(&headers, &tenant.cookie_name());
    let login = session.as_ref().map_or(Login::None, |session| Login::of(&tenant, session));
    let client_id = params.first("client_id");
    if !matches!(login, Login::Enabled(_)) && tenant.needs_document(client_id) {
        // The document is fetched, and the request validated, for a person who is logged in.
        return show_login(&tenant, session, &login, &shown(client_id), &params.encode_without(&["prompt"]));
    }
    let request = match validate(&tenant, &params).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    match (session, login) {
        (Some(session), Login::Enabled(person)) if !request.prompts_login => {
            let completed = tenant.completed_consents().contains_request(&session, &request.query);
            if completed && !request.prompts_consent {
                already_completed(&request.query)
            } else {
                consent::show(&tenant, &session, &person, &request).await
            }
        }
        (session, login) => show_login(&tenant, session, &login, &request.client.display_name(), &request.query),
    }
}

/// Renders the login page, with a new session if the browser has none.
fn show_login(tenant: &Tenant, session: Option<SessionId>, login: &Login, client: &str, query: &str) -> Response {
    if let Some(session) = session {
        let disabled = if let Login::Disabled(person) = login { Some(person) } else { None };
        return login::show(tenant, &session, disabled, client, query);
    }
    let session = SessionId::random();
    let response = login::show(tenant, &session, None, client, query);
    tenant.with_cookie(&session, response)
}
