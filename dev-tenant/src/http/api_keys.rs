//! Validation of API keys by PropelAuth's backend API.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api_key::KeyOwner;
use crate::tenant::Tenant;

use super::backend::{is_authenticated, user, wrong_credentials};
use super::fault::{Endpoint, ok, with_fault};

pub(super) const VALIDATE_PATH: &str = "/api/backend/v1/end_user_api_keys/validate";

const ENDPOINT: Endpoint = Endpoint { path: VALIDATE_PATH, wrong_credentials };

#[derive(Deserialize)]
pub(super) struct Request {
    api_key_token: String,
}

/// `POST /api/backend/v1/end_user_api_keys/validate`
pub(super) async fn validate(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    body: Result<Json<Request>, JsonRejection>,
) -> Response {
    tenant.api_key_validations.fetch_add(1, Ordering::Relaxed);
    let fault = tenant.api_key_fault();
    if let Some(fault) = &fault
        && let Some(response) = ENDPOINT.response_to_fault(&tenant, fault).await
    {
        return response;
    }
    if !is_authenticated(&tenant, &headers) {
        return wrong_credentials();
    }
    let Ok(Json(Request { api_key_token })) = body else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let key = api_key_token.strip_prefix("Bearer ").unwrap_or(&api_key_token);
    let Some(members) = members(&tenant, key) else {
        let error = json!({"api_key_token": "The API key is unknown, expired or deleted."});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    match fault {
        Some(fault) => with_fault(&fault, members),
        None => ok(&members),
    }
}

/// Returns the members of the response about a key. `None` if the key is not valid.
fn members(tenant: &Tenant, key: &str) -> Option<Map<String, Value>> {
    let key = tenant.state().active_api_key(key)?.clone();
    let mut metadata = Map::new();
    metadata.insert("scopes".to_owned(), key.scopes.into());
    if let Some(resource) = key.resource {
        metadata.insert("resource".to_owned(), resource.into());
    }
    let (user, org) = match key.owner {
        KeyOwner::Person(id) => {
            let person = tenant.person(&id).ok().filter(|person| person.enabled)?;
            (user(tenant, &person), Value::Null)
        }
        KeyOwner::Organization => {
            let organization = tenant.config.organization();
            let (id, name) = (&organization.id, &organization.name);
            let org = json!({
                "org_id": id, "org_name": name, "can_setup_saml": false, "max_users": null, "metadata": {},
            });
            (Value::Null, org)
        }
        KeyOwner::Nobody => (Value::Null, Value::Null),
    };
    let mut members = Map::new();
    members.insert("metadata".to_owned(), metadata.into());
    members.insert("user".to_owned(), user);
    members.insert("org".to_owned(), org);
    members.insert("user_in_org".to_owned(), Value::Null);
    members.insert("expires_at_seconds".to_owned(), key.expires_at.into());
    Some(members)
}
