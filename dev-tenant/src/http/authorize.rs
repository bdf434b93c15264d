//! The authorization endpoint, which shows the login page or the consent page.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::browser::SessionId;
use crate::oauth::Params;
use crate::tenant::Tenant;

use super::authorization_request::{already_completed, logged_in_person, validate};
use super::{consent, login};

/// `GET /oauth/2.1/authorize`
pub(super) async fn authorize(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let request = match validate(&tenant, &params).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    let session = SessionId::from_headers(&headers, &tenant.cookie_name());
    let person = session.as_ref().and_then(|session| logged_in_person(&tenant, session));
    match (session, person) {
        (Some(session), Some(person)) if !request.prompts_login => {
            let completed = tenant.completed_consents().contains_request(&session, &request.query);
            if completed && !request.prompts_consent {
                already_completed(&request.query)
            } else {
                consent::show(&tenant, &session, &person, &request)
            }
        }
        (Some(session), _) => login::show(&tenant, &session, &request),
        (None, _) => {
            let session = SessionId::random();
            let response = login::show(&tenant, &session, &request);
            tenant.with_cookie(&session, response)
        }
    }
}
