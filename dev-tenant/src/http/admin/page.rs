//! The admin page.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::browser::{Form, SessionId};
use crate::config::{Person, Role, ScopeInfo};
use crate::http::login::stale_form;
use crate::http::page::{Link, Message, page, see_other};
use crate::http::same_origin::is_cross_site;
use crate::oauth::Params;
use crate::tenant::{Tenant, TenantError};

#[derive(Template)]
#[template(path = "admin.html")]
struct Admin<'a> {
    organization: &'a str,
    auth_url: &'a str,
    issuer: String,
    changed: Option<String>,
    people: Vec<Row>,
    roles: &'a [Role],
    scopes: &'a [ScopeInfo],
    webhook_url: Option<&'a str>,
    fault: bool,
    form_token: String,
}

struct Row {
    person: Person,
    grants: usize,
}

/// `GET /`
pub(super) async fn to_admin() -> Response {
    see_other("/admin")
}

/// `GET /admin`
pub(super) async fn show(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let known = SessionId::from_headers(&headers, &tenant.cookie());
    let session = known.clone().unwrap_or_else(SessionId::random);
    let people = tenant.people();
    let rows = {
        let state = tenant.state();
        let rows = people.into_iter().map(|person| Row { grants: state.grants_of(&person.id), person });
        rows.collect()
    };
    let admin = Admin {
        organization: &tenant.config.organization().name,
        auth_url: &tenant.auth_url,
        issuer: tenant.issuer(),
        changed: changed(&tenant, &Params::parse(query.unwrap_or_default().as_bytes())),
        people: rows,
        roles: tenant.config.roles(),
        scopes: tenant.config.scopes(),
        webhook_url: tenant.webhooks.url(),
        fault: tenant.fault().is_some(),
        form_token: tenant.form_tokens.issue(form(&session)),
    };
    let response = page(StatusCode::OK, &admin);
    match known {
        Some(_) => response,
        None => tenant.with_cookie(&session, response),
    }
}

/// What the last form did, from the address that it led to.
fn changed(tenant: &Tenant, params: &Params) -> Option<String> {
    if params.all("done").any(|done| done == "clear-fault") {
        return Some("Introspection works again.".to_owned());
    }
    let person = tenant.person(params.all("person").next()?).ok()?;
    let name = &person.name;
    match params.all("done").next()? {
        "disable" => Some(format!("{name} is disabled; none of their tokens is active.")),
        "enable" => Some(format!("{name} is enabled.")),
        "role" => Some(format!("{name} now has the role {}.", person.role)),
        "revoke" => Some(format!("All tokens of {name} are revoked.")),
        _ => None,
    }
}

/// `POST /admin`
pub(super) async fn submit(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let field = |name| params.all(name).next().unwrap_or_default();
    let trusted = SessionId::from_headers(&headers, &tenant.cookie())
        .is_some_and(|session| tenant.form_tokens.accepts(form(&session), field("form_token")));
    if !trusted || is_cross_site(&headers) {
        return stale_form("");
    }
    let (action, id) = (field("action"), field("person"));
    match act(&tenant, action, id, field("role")) {
        Ok(()) => {
            let encoded: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
            see_other(&format!("/admin?done={action}&person={encoded}"))
        }
        Err(error) => {
            let message = Message {
                heading: "Nothing was changed",
                paragraphs: &[&format!("The reason: {error}.")],
                link: Some(Link { href: "/admin".to_owned(), text: "Back to the admin page" }),
            };
            page(StatusCode::BAD_REQUEST, &message)
        }
    }
}

/// Why a form of the page did nothing.
#[derive(Debug, thiserror::Error)]
enum ActionError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error("the form names no action of this page; load the page again")]
    Unknown,
}

fn act(tenant: &Tenant, action: &str, person: &str, role: &str) -> Result<(), ActionError> {
    match action {
        "disable" => drop(tenant.set_enabled(person, false)?),
        "enable" => drop(tenant.set_enabled(person, true)?),
        "role" => drop(tenant.set_role(person, role)?),
        "revoke" => {
            tenant.revoke_all(person)?;
        }
        "clear-fault" => tenant.set_fault(None),
        _ => return Err(ActionError::Unknown),
    }
    Ok(())
}

fn form(session: &SessionId) -> Form<'_> {
    Form { session, purpose: "admin", about: "" }
}
