//! The forms of the admin page.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::api_key::{ApiKeyError, CreatedApiKey, NewApiKey};
use crate::browser::SessionId;
use crate::clock::duration;
use crate::config::Person;
use crate::http::origin::is_cross_site;
use crate::http::page::{Link, Message, page, reason, see_other, stale_form};
use crate::mint::{Mint, MintError};
use crate::oauth::Params;
use crate::tenant::{Tenant, TenantError};

use super::page::form;

/// Maximum lifetime of a token that the form creates, in seconds.
const MAX_LIFETIME: u64 = 30 * 24 * 60 * 60;

/// `POST /admin`
pub(super) async fn submit(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let trusted = SessionId::from_headers(&headers, &tenant.cookie_name())
        .is_some_and(|session| tenant.form_tokens.accepts(form(&session), params.first("form_token")));
    if !trusted || is_cross_site(&headers) {
        return stale_form("");
    }
    let done = match params.first("action") {
        "token" => create_token(&tenant, &params),
        "key" => create_api_key(&tenant, &params),
        action => run(&tenant, action, &params).map(|()| {
            let person: String = url::form_urlencoded::byte_serialize(params.first("person").as_bytes()).collect();
            see_other(&format!("/admin?done={action}&person={person}"))
        }),
    };
    done.unwrap_or_else(|error| {
        let message = Message {
            heading: "Nothing was changed",
            paragraphs: &[&reason(&error.to_string())],
            link: Some(Link { href: "/admin".to_owned(), text: "Back to the admin page" }),
        };
        page(StatusCode::BAD_REQUEST, &message)
    })
}

/// Reasons why an action was rejected.
#[derive(Debug, thiserror::Error)]
enum ActionError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    #[error("the lifetime must be 1 to {MAX_LIFETIME} seconds")]
    Lifetime,
    #[error("the form has an unknown action; reload the page")]
    Unknown,
}

fn run(tenant: &Tenant, action: &str, params: &Params) -> Result<(), ActionError> {
    let person = params.first("person");
    match action {
        "disable" => drop(tenant.set_enabled(person, false)?),
        "enable" => drop(tenant.set_enabled(person, true)?),
        "role" => drop(tenant.set_role(person, params.first("role"))?),
        "revoke" => {
            tenant.revoke_all(person)?;
        }
        "revoke-grant" => drop(tenant.revoke_grant(params.first("grant"))?),
        "delete-key" => drop(tenant.delete_api_key(params.first("key"))?),
        "clear-fault" => {
            tenant.set_fault(None);
            tenant.set_api_key_fault(None);
        }
        _ => return Err(ActionError::Unknown),
    }
    Ok(())
}

#[derive(Template)]
#[template(path = "token.html")]
struct TokenPage<'a> {
    person: &'a Person,
    resource: &'a str,
    scopes: &'a [String],
    lifetime: String,
    token: String,
}

/// Creates a token and responds with the only page that shows it.
fn create_token(tenant: &Tenant, params: &Params) -> Result<Response, ActionError> {
    let lifetime = params.first("lifetime").parse().ok().filter(|seconds| (1..=MAX_LIFETIME).contains(seconds));
    let lifetime = lifetime.ok_or(ActionError::Lifetime)?;
    let person = tenant.person(params.first("person"))?;
    let resource = params.first("resource").trim();
    let mint = Mint::for_person(&person.id).resource(resource).expires_in(Duration::from_secs(lifetime));
    let token = tenant.mint(&mint)?;
    let scopes = tenant.config.role(&person.role).map_or(&[][..], |role| &role.scopes);
    Ok(page(StatusCode::OK, &TokenPage { person: &person, resource, scopes, lifetime: duration(lifetime), token }))
}

#[derive(Template)]
#[template(path = "api_key.html")]
struct ApiKeyPage<'a> {
    name: &'a str,
    /// Name of the person who owns the key.
    person: Option<String>,
    resource: Option<&'a str>,
    scopes: &'a [&'a str],
    lifetime: Option<String>,
    key: String,
}

/// Creates an API key and responds with the only page that shows it.
fn create_api_key(tenant: &Tenant, params: &Params) -> Result<Response, ActionError> {
    let (name, owner) = (params.first("name").trim(), params.first("owner"));
    let person = match owner {
        "organization" | "generic" => None,
        id => Some(tenant.person(id)?),
    };
    let mut new_key = match (&person, owner) {
        (Some(person), _) => NewApiKey::for_person(&person.id),
        (None, "generic") => NewApiKey::generic(),
        (None, _) => NewApiKey::for_organization(),
    };
    let scopes: Vec<&str> = params.first("scopes").split_ascii_whitespace().collect();
    new_key = new_key.name(name).scopes(scopes.iter().copied());
    let resource = Some(params.first("resource").trim()).filter(|resource| !resource.is_empty());
    if let Some(resource) = resource {
        new_key = new_key.resource(resource);
    }
    let lifetime = params.first("lifetime").parse().ok().filter(|seconds| *seconds <= MAX_LIFETIME);
    let lifetime = lifetime.ok_or(ActionError::Lifetime)?;
    if lifetime > 0 {
        new_key = new_key.expires_in(Duration::from_secs(lifetime));
    }
    let CreatedApiKey { key, .. } = tenant.create_api_key(&new_key)?;
    let lifetime = (lifetime > 0).then(|| duration(lifetime));
    let person = person.map(|person| person.name);
    Ok(page(StatusCode::OK, &ApiKeyPage { name, person, resource, scopes: &scopes, lifetime, key }))
}
