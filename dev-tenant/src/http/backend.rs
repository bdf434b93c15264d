//! Users at PropelAuth's backend API: their records, and their tokens of identity providers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::clock::now;
use crate::config::Person;
use crate::secret::{Digest, Purpose, derived_secret};
use crate::tenant::Tenant;

/// Lifetime of a token of an identity provider, in seconds.
const PROVIDER_TOKEN_LIFETIME: u64 = 3600;

/// Returns the response to a wrong key of the backend integration.
pub(super) fn wrong_credentials() -> Response {
    StatusCode::UNAUTHORIZED.into_response()
}

/// Returns whether a request has the key of the backend integration.
pub(super) fn is_authenticated(tenant: &Tenant, headers: &HeaderMap) -> bool {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    bearer.is_some_and(|key| Digest::of(tenant.backend_key.expose()).matches(key))
}

/// `GET /api/backend/v1/user/{id}`
pub(super) async fn show(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    respond(&tenant, &headers, &id, |person| {
        let mut record = user(&tenant, person);
        record["org_id_to_org_info"] = organizations(&tenant, person);
        Some(record)
    })
}

/// `GET /api/backend/v1/user/{id}/oauth_token`
pub(super) async fn provider_tokens(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    respond(&tenant, &headers, &id, |person| {
        let tokens = person.providers.iter().map(|name| (name.clone(), provider_token(&tenant, person, name)));
        Some(tokens.collect::<Map<_, _>>().into())
    })
}

/// `GET /api/backend/v1/user/{id}/{provider}/fresh_token`
pub(super) async fn fresh_provider_token(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    Path((id, provider)): Path<(String, String)>,
) -> Response {
    respond(&tenant, &headers, &id, |person| {
        person.providers.contains(&provider).then(|| provider_token(&tenant, person, &provider))
    })
}

/// Responds with a value about a person, or with 404.
fn respond(tenant: &Tenant, headers: &HeaderMap, id: &str, value: impl FnOnce(&Person) -> Option<Value>) -> Response {
    if !is_authenticated(tenant, headers) {
        return wrong_credentials();
    }
    match tenant.person(id).ok().and_then(|person| value(&person)) {
        Some(value) => ([(CACHE_CONTROL, "no-store")], Json(value)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Returns a person as PropelAuth's backend API describes users, without the organizations.
pub(super) fn user(tenant: &Tenant, person: &Person) -> Value {
    json!({
        "user_id": person.id,
        "email": person.email,
        "email_confirmed": true,
        "has_password": false,
        "username": null,
        "first_name": person.name,
        "last_name": null,
        "picture_url": null,
        "locked": false,
        "enabled": person.enabled,
        "mfa_enabled": false,
        "created_at": tenant.started_at,
        "last_active_at": tenant.started_at,
        "properties": {},
    })
}

fn organizations(tenant: &Tenant, person: &Person) -> Value {
    let organization = tenant.config.organization();
    let info = json!({
        "org_id": organization.id,
        "org_name": organization.name,
        "org_metadata": {},
        "org_role_structure": "single_role_in_hierarchy",
        "user_role": person.role,
        "inherited_user_roles_plus_current_role": [person.role],
        "user_permissions": [],
        "additional_roles": [],
    });
    Value::Object(Map::from_iter([(organization.id.clone(), info)]))
}

/// Returns a token of a person at an identity provider, which no provider accepts.
fn provider_token(tenant: &Tenant, person: &Person, provider: &str) -> Value {
    let name = format!("{provider} token of {}", person.id);
    let secret = derived_secret(tenant.backend_key.expose(), Purpose::ProviderToken, &name);
    json!({
        "access_token": format!("dev-{provider}-{secret}"),
        "token_provider": provider,
        "token_expiration": now().saturating_add(PROVIDER_TOKEN_LIFETIME),
        "authorized_scopes": ["openid", "email"],
    })
}
