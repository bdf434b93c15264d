//! The JSON API of the admin page, for scripts and tests.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::ORIGIN;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::{Organization, Person, Role, ScopeInfo};
use crate::fault::Fault;
use crate::http::same_origin::{is_cross_site, is_own_origin};
use crate::mint::{Mint, MintError};
use crate::tenant::{Tenant, TenantError};

type Shared = State<Arc<Tenant>>;

/// Refuses what a page of another origin sends. Browsers put `Origin` on every such request that could change
/// something; programs send none. There is no CORS here, so no other page can read an answer either.
pub(super) async fn require_own_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let foreign = headers.get(ORIGIN).is_some_and(|origin| !is_own_origin(headers, origin.as_bytes()));
    if foreign || is_cross_site(headers) {
        let text = "the admin API answers programs and its own page, not pages of other origins";
        problem(StatusCode::FORBIDDEN, text)
    } else {
        next.run(request).await
    }
}

fn problem(status: StatusCode, text: impl std::fmt::Display) -> Response {
    (status, Json(json!({"error": text.to_string()}))).into_response()
}

#[derive(Serialize)]
struct TenantView<'a> {
    auth_url: &'a str,
    issuer: String,
    organization: &'a Organization,
    scopes: &'a [ScopeInfo],
    roles: &'a [Role],
    people: Vec<PersonView>,
    mcp_enabled: bool,
    webhook_url: Option<&'a str>,
    fault: Option<Fault>,
    introspections: u64,
}

#[derive(Serialize)]
struct PersonView {
    #[serde(flatten)]
    person: Person,
    /// How many grants, each with its tokens, the person has given.
    grants: usize,
}

/// `GET /admin/api/tenant`
pub(super) async fn tenant(State(tenant): Shared) -> Response {
    let people = tenant.people();
    let state = tenant.state();
    let people = people.into_iter().map(|person| PersonView { grants: state.grants_of(&person.id), person });
    let view = TenantView {
        auth_url: &tenant.auth_url,
        issuer: tenant.issuer(),
        organization: tenant.config.organization(),
        scopes: tenant.config.scopes(),
        roles: tenant.config.roles(),
        people: people.collect(),
        mcp_enabled: tenant.mcp_enabled.load(Ordering::Relaxed),
        webhook_url: tenant.webhooks.url(),
        fault: tenant.fault(),
        introspections: tenant.introspections.load(Ordering::Relaxed),
    };
    Json(view).into_response()
}

/// `POST /admin/api/people/{id}/disable`
pub(super) async fn disable(State(tenant): Shared, Path(id): Path<String>) -> Response {
    person(tenant.set_enabled(&id, false))
}

/// `POST /admin/api/people/{id}/enable`
pub(super) async fn enable(State(tenant): Shared, Path(id): Path<String>) -> Response {
    person(tenant.set_enabled(&id, true))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleOrder {
    role: String,
}

/// `PUT /admin/api/people/{id}/role`
pub(super) async fn set_role(
    State(tenant): Shared,
    Path(id): Path<String>,
    Json(order): Json<RoleOrder>,
) -> Response {
    person(tenant.set_role(&id, &order.role))
}

/// `POST /admin/api/people/{id}/revoke`
pub(super) async fn revoke(State(tenant): Shared, Path(id): Path<String>) -> Response {
    match tenant.revoke_all(&id) {
        Ok(revoked) => Json(json!({"revoked_grants": revoked})).into_response(),
        Err(error) => error.into_response(),
    }
}

fn person(changed: Result<Person, TenantError>) -> Response {
    match changed {
        Ok(person) => Json(person).into_response(),
        Err(error) => error.into_response(),
    }
}

impl IntoResponse for TenantError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::UnknownPerson(_) => StatusCode::NOT_FOUND,
            Self::UnknownRole(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        problem(status, self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MintOrder {
    person: String,
    resource: String,
    scopes: Option<Vec<String>>,
    expires_in: Option<u64>,
}

/// `POST /admin/api/tokens`
pub(super) async fn mint(State(tenant): Shared, Json(order): Json<MintOrder>) -> Response {
    let mut mint = Mint::for_person(order.person).resource(order.resource);
    if let Some(scopes) = order.scopes {
        mint = mint.scopes(scopes);
    }
    if let Some(seconds) = order.expires_in {
        mint = mint.expires_in(Duration::from_secs(seconds));
    }
    match tenant.mint(&mint) {
        Ok(token) => Json(json!({"access_token": token})).into_response(),
        Err(error @ MintError::UnknownPerson(_)) => problem(StatusCode::NOT_FOUND, error),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

/// `POST /admin/api/webhooks`: sends any event, such as one that this tenant has no button for.
pub(super) async fn send_webhook(State(tenant): Shared, Json(event): Json<Map<String, Value>>) -> Response {
    if !event.get("event_type").is_some_and(Value::is_string) {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "the event has no `event_type`; write one");
    }
    if tenant.webhooks.url().is_none() {
        let text = "there is no webhook address; start the tenant with --webhook-url and --webhook-secret";
        return problem(StatusCode::CONFLICT, text);
    }
    tenant.webhooks.send(&event);
    StatusCode::ACCEPTED.into_response()
}

/// `GET /admin/api/fault`
pub(super) async fn fault(State(tenant): Shared) -> Json<Option<Fault>> {
    Json(tenant.fault())
}

/// `PUT /admin/api/fault`, such as `{"fault": "delay", "milliseconds": 500}`
pub(super) async fn set_fault(State(tenant): Shared, Json(fault): Json<Fault>) -> StatusCode {
    tenant.set_fault(Some(fault));
    StatusCode::NO_CONTENT
}

/// `DELETE /admin/api/fault`
pub(super) async fn clear_fault(State(tenant): Shared) -> StatusCode {
    tenant.set_fault(None);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct McpOrder {
    enabled: bool,
}

/// `PUT /admin/api/mcp`
pub(super) async fn set_mcp(State(tenant): Shared, Json(order): Json<McpOrder>) -> StatusCode {
    tenant.mcp_enabled.store(order.enabled, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}
