//! The admin API: JSON for scripts and tests.

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

use crate::api_key::{ApiKeyError, CreatedApiKey, KeyOwner, NewApiKey};
use crate::config::{Organization, Person, Role, ScopeInfo};
use crate::fault::Fault;
use crate::http::origin::{is_cross_site, is_own_origin};
use crate::mint::{Mint, MintError};
use crate::state::{ApiKey, GrantView, HistoryEntry};
use crate::tenant::{Tenant, TenantError};
use crate::text::shown;

/// Maximum number of grants in a response.
const MAX_GRANTS: usize = 1000;

type SharedTenant = State<Arc<Tenant>>;

/// Reasons why a request to the admin API was rejected.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("the admin API is not available to pages of other origins")]
    ForeignOrigin,
    #[error("the event has no `event_type`; add one")]
    NoEventType,
    #[error("no webhook endpoint is configured; start the tenant with --webhook-url and --webhook-secret")]
    NoWebhookEndpoint,
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error("a key has one owner; send `person`, or `generic`, or neither for the organization")]
    TwoOwners,
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NoWebhookEndpoint => StatusCode::CONFLICT,
            Self::Tenant(
                TenantError::UnknownPerson(_) | TenantError::UnknownGrant(_) | TenantError::UnknownApiKey(_),
            )
            | Self::Mint(MintError::UnknownPerson(_))
            | Self::ApiKey(ApiKeyError::UnknownPerson(_)) => StatusCode::NOT_FOUND,
            Self::NoEventType
            | Self::TwoOwners
            | Self::Tenant(TenantError::UnknownRole(_))
            | Self::Mint(_)
            | Self::ApiKey(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, Json(json!({"error": shown(&self.to_string())}))).into_response()
    }
}

/// Rejects requests from pages of other origins.
///
/// Browsers send `Origin` with every such request that could change something; other clients do not. The API has no CORS
/// headers, so pages of other origins cannot read its responses either.
pub(super) async fn require_own_origin(request: Request, next: Next) -> Result<Response, ApiError> {
    let headers = request.headers();
    let foreign = headers.get(ORIGIN).is_some_and(|origin| !is_own_origin(headers, origin.as_bytes()));
    if foreign || is_cross_site(headers) {
        return Err(ApiError::ForeignOrigin);
    }
    Ok(next.run(request).await)
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
    mcp_servers: Vec<McpServerView<'a>>,
    webhook_url: Option<&'a str>,
    fault: Option<Fault>,
    introspections: u64,
    api_key_fault: Option<Fault>,
    api_key_validations: u64,
}

#[derive(Serialize)]
struct McpServerView<'a> {
    name: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct PersonView {
    #[serde(flatten)]
    person: Person,
    /// Number of grants that the person has given.
    grants: usize,
}

/// `GET /admin/api/tenant`
pub(super) async fn tenant(State(tenant): SharedTenant) -> Response {
    let people = tenant.people();
    let state = tenant.state();
    let people = people.into_iter().map(|person| PersonView { grants: state.grants_of(&person.id), person });
    let servers = tenant.settings.mcp_servers.iter();
    let view = TenantView {
        auth_url: &tenant.auth_url,
        issuer: tenant.issuer(),
        organization: tenant.config.organization(),
        scopes: tenant.config.scopes(),
        roles: tenant.config.roles(),
        people: people.collect(),
        mcp_enabled: tenant.mcp_enabled.load(Ordering::Relaxed),
        mcp_servers: servers.map(|server| McpServerView { name: server.name(), url: server.url() }).collect(),
        webhook_url: tenant.webhooks.url(),
        fault: tenant.fault(),
        introspections: tenant.introspections.load(Ordering::Relaxed),
        api_key_fault: tenant.api_key_fault(),
        api_key_validations: tenant.api_key_validations.load(Ordering::Relaxed),
    };
    Json(view).into_response()
}

/// `POST /admin/api/people/{id}/disable`
pub(super) async fn disable(State(tenant): SharedTenant, Path(id): Path<String>) -> Result<Json<Person>, ApiError> {
    Ok(Json(tenant.set_enabled(&id, false)?))
}

/// `POST /admin/api/people/{id}/enable`
pub(super) async fn enable(State(tenant): SharedTenant, Path(id): Path<String>) -> Result<Json<Person>, ApiError> {
    Ok(Json(tenant.set_enabled(&id, true)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetRole {
    role: String,
}

/// `PUT /admin/api/people/{id}/role`
pub(super) async fn set_role(
    State(tenant): SharedTenant,
    Path(id): Path<String>,
    Json(body): Json<SetRole>,
) -> Result<Json<Person>, ApiError> {
    Ok(Json(tenant.set_role(&id, &body.role)?))
}

/// `POST /admin/api/people/{id}/revoke`
pub(super) async fn revoke(State(tenant): SharedTenant, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let revoked = tenant.revoke_all(&id)?;
    Ok(Json(json!({"revoked_grants": revoked})))
}

#[derive(Serialize)]
pub(super) struct Grants {
    /// Number of all grants.
    total: usize,
    /// The newest grants, newest first.
    grants: Vec<GrantView>,
}

/// `GET /admin/api/grants`
pub(super) async fn grants(State(tenant): SharedTenant) -> Json<Grants> {
    let (grants, total) = tenant.state().newest_grants(MAX_GRANTS);
    Json(Grants { total, grants })
}

/// `POST /admin/api/grants/{id}/revoke`
pub(super) async fn revoke_grant(
    State(tenant): SharedTenant,
    Path(id): Path<String>,
) -> Result<Json<GrantView>, ApiError> {
    Ok(Json(tenant.revoke_grant(&id)?))
}

/// `GET /admin/api/events`: the history, newest first
pub(super) async fn events(State(tenant): SharedTenant) -> Json<Vec<HistoryEntry>> {
    Json(tenant.state().history())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MintToken {
    person: String,
    resource: String,
    scopes: Option<Vec<String>>,
    expires_in: Option<u64>,
}

/// `POST /admin/api/tokens`
pub(super) async fn mint(State(tenant): SharedTenant, Json(body): Json<MintToken>) -> Result<Json<Value>, ApiError> {
    let mut mint = Mint::for_person(body.person).resource(body.resource);
    if let Some(scopes) = body.scopes {
        mint = mint.scopes(scopes);
    }
    if let Some(seconds) = body.expires_in {
        mint = mint.expires_in(Duration::from_secs(seconds));
    }
    let token = tenant.mint(&mint)?;
    Ok(Json(json!({"access_token": token})))
}

#[derive(Serialize)]
pub(super) struct ApiKeyView {
    id: String,
    name: String,
    owner: KeyOwner,
    scopes: Vec<String>,
    resource: Option<String>,
    created_at: u64,
    expires_at: Option<u64>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, name, owner, scopes, resource, created_at, expires_at, .. } = key;
        Self { id, name, owner, scopes, resource, created_at, expires_at }
    }
}

/// `GET /admin/api/keys`
pub(super) async fn api_keys(State(tenant): SharedTenant) -> Json<Vec<ApiKeyView>> {
    Json(tenant.api_keys().into_iter().map(ApiKeyView::from).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateApiKey {
    #[serde(default)]
    name: String,
    person: Option<String>,
    #[serde(default)]
    generic: bool,
    #[serde(default)]
    scopes: Vec<String>,
    resource: Option<String>,
    expires_in: Option<u64>,
}

/// `POST /admin/api/keys`
pub(super) async fn create_api_key(
    State(tenant): SharedTenant,
    Json(body): Json<CreateApiKey>,
) -> Result<Json<Value>, ApiError> {
    let mut key = match (body.person, body.generic) {
        (Some(_), true) => return Err(ApiError::TwoOwners),
        (Some(person), false) => NewApiKey::for_person(person),
        (None, true) => NewApiKey::generic(),
        (None, false) => NewApiKey::for_organization(),
    };
    key = key.name(body.name).scopes(body.scopes);
    if let Some(resource) = body.resource {
        key = key.resource(resource);
    }
    if let Some(seconds) = body.expires_in {
        key = key.expires_in(Duration::from_secs(seconds));
    }
    let CreatedApiKey { id, key } = tenant.create_api_key(&key)?;
    Ok(Json(json!({"id": id, "key": key})))
}

/// `DELETE /admin/api/keys/{id}`
pub(super) async fn delete_api_key(
    State(tenant): SharedTenant,
    Path(id): Path<String>,
) -> Result<Json<ApiKeyView>, ApiError> {
    Ok(Json(tenant.delete_api_key(&id)?.into()))
}

/// `POST /admin/api/webhooks`: signs and sends any event
pub(super) async fn send_webhook(
    State(tenant): SharedTenant,
    Json(event): Json<Map<String, Value>>,
) -> Result<StatusCode, ApiError> {
    if !event.get("event_type").is_some_and(Value::is_string) {
        return Err(ApiError::NoEventType);
    }
    if tenant.webhooks.url().is_none() {
        return Err(ApiError::NoWebhookEndpoint);
    }
    tenant.webhooks.send(&event);
    Ok(StatusCode::ACCEPTED)
}

/// `GET /admin/api/fault`
pub(super) async fn fault(State(tenant): SharedTenant) -> Json<Option<Fault>> {
    Json(tenant.fault())
}

/// `PUT /admin/api/fault`, for example with `{"fault": "delay", "milliseconds": 500}`
pub(super) async fn set_fault(State(tenant): SharedTenant, Json(fault): Json<Fault>) -> StatusCode {
    tenant.set_fault(Some(fault));
    StatusCode::NO_CONTENT
}

/// `DELETE /admin/api/fault`
pub(super) async fn clear_fault(State(tenant): SharedTenant) -> StatusCode {
    tenant.set_fault(None);
    StatusCode::NO_CONTENT
}

/// `GET /admin/api/fault/keys`
pub(super) async fn api_key_fault(State(tenant): SharedTenant) -> Json<Option<Fault>> {
    Json(tenant.api_key_fault())
}

/// `PUT /admin/api/fault/keys`
pub(super) async fn set_api_key_fault(State(tenant): SharedTenant, Json(fault): Json<Fault>) -> StatusCode {
    tenant.set_api_key_fault(Some(fault));
    StatusCode::NO_CONTENT
}

/// `DELETE /admin/api/fault/keys`
pub(super) async fn clear_api_key_fault(State(tenant): SharedTenant) -> StatusCode {
    tenant.set_api_key_fault(None);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetMcp {
    enabled: bool,
}

/// `PUT /admin/api/mcp`
pub(super) async fn set_mcp(State(tenant): SharedTenant, Json(body): Json<SetMcp>) -> StatusCode {
    tenant.set_mcp_enabled(body.enabled);
    StatusCode::NO_CONTENT
}
