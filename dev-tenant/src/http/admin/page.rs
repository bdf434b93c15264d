//! The admin page.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::browser::{Form, SessionId};
use crate::config::{Person, Role, ScopeInfo};
use crate::http::origin::is_cross_site;
use crate::http::page::{Link, Message, page, reason, see_other, stale_form};
use crate::oauth::Params;
use crate::tenant::{Tenant, TenantError};

#[derive(Template)]
#[template(path = "admin.html")]
struct Admin<'a> {
    organization: &'a str,
    auth_url: &'a str,
    issuer: String,
    /// Confirmation of the last action.
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
pub(super) async fn redirect() -> Response {
    see_other("/admin")
}

/// `GET /admin`
pub(super) async fn show(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let existing_session = SessionId::from_headers(&headers, &tenant.cookie_name());
    let session = existing_session.clone().unwrap_or_else(SessionId::random);
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
        changed: confirmation(&tenant, &Params::parse(query.unwrap_or_default().as_bytes())),
        people: rows,
        roles: tenant.config.roles(),
        scopes: tenant.config.scopes(),
        webhook_url: tenant.webhooks.url(),
        fault: tenant.fault().is_some(),
        form_token: tenant.form_tokens.issue(form(&session)),
    };
    let response = page(StatusCode::OK, &admin);
    match existing_session {
        Some(_) => response,
        None => tenant.with_cookie(&session, response),
    }
}

/// Returns the confirmation of the last action, which is in the query after its redirect.
fn confirmation(tenant: &Tenant, params: &Params) -> Option<String> {
    let done = params.first("done");
    if done == "clear-fault" {
        return Some("Introspection works again.".to_owned());
    }
    let person = tenant.person(params.first("person")).ok()?;
    let name = &person.name;
    match done {
        "disable" => Some(format!("{name} is disabled, and all their tokens are inactive.")),
        "enable" => Some(format!("{name} is enabled.")),
        "role" => Some(format!("{name} now has the role {}.", person.role)),
        "revoke" => Some(format!("All tokens of {name} are revoked.")),
        _ => None,
    }
}

/// `POST /admin`
pub(super) async fn submit(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let trusted = SessionId::from_headers(&headers, &tenant.cookie_name())
        .is_some_and(|session| tenant.form_tokens.accepts(form(&session), params.first("form_token")));
    if !trusted || is_cross_site(&headers) {
        return stale_form("");
    }
    let (action, id) = (params.first("action"), params.first("person"));
    match run(&tenant, action, id, params.first("role")) {
        Ok(()) => {
            let encoded: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
            see_other(&format!("/admin?done={action}&person={encoded}"))
        }
        Err(error) => {
            let message = Message {
                heading: "Nothing was changed",
                paragraphs: &[&reason(&error.to_string())],
                link: Some(Link { href: "/admin".to_owned(), text: "Back to the admin page" }),
            };
            page(StatusCode::BAD_REQUEST, &message)
        }
    }
}

/// Reasons why an action was rejected.
#[derive(Debug, thiserror::Error)]
enum ActionError {
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error("the form has an unknown action; reload the page")]
    Unknown,
}

fn run(tenant: &Tenant, action: &str, person: &str, role: &str) -> Result<(), ActionError> {
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
    Form { session, name: "admin", subject: "" }
}
