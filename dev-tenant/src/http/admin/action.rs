//! The forms of the admin page.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

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
        "clear-fault" => tenant.set_fault(None),
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
