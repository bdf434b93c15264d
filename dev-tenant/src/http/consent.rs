//! Allowing or denying what an application asks for.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::browser::{Answer, Form, SessionId};
use crate::config::Person;
use crate::oauth::{AuthorizationRequest, Params, origin_of};
use crate::resource::is_loopback;
use crate::tenant::Tenant;

use super::login::stale_form;
use super::page::{page_with_form_target, see_other};
use super::request::{already_answered, checked, logged_in};
use super::same_origin::is_cross_site;

const PURPOSE: &str = "consent";

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    organization: &'a str,
    client: &'a str,
    person: &'a Person,
    redirect_host: String,
    on_this_machine: bool,
    resource: &'a str,
    grantable: &'a [AskedScope],
    refused: &'a [AskedScope],
    optional: bool,
    form_token: String,
    request: &'a str,
}

/// A scope as the page shows it.
struct AskedScope {
    name: String,
    description: String,
}

/// What a request asks for, by whether the person can grant it.
struct Asked {
    grantable: Vec<AskedScope>,
    refused: Vec<AskedScope>,
}

impl Asked {
    fn new(tenant: &Tenant, person: &Person, request: &AuthorizationRequest) -> Self {
        let role = tenant.config.role(&person.role);
        let held = role.map_or(&[][..], |role| &role.scopes);
        let describe = |name: &String| {
            let mut known = tenant.config.scopes().iter();
            let known = known.find(|scope| scope.name == *name);
            AskedScope {
                name: name.clone(),
                description: known.map_or_else(
                    || "A scope that this organization does not define.".to_owned(),
                    |scope| scope.description.clone(),
                ),
            }
        };
        let (grantable, refused): (Vec<_>, Vec<_>) =
            request.scopes.as_deref().unwrap_or(held).iter().partition(|scope| held.contains(scope));
        Self {
            grantable: grantable.into_iter().map(describe).collect(),
            refused: refused.into_iter().map(describe).collect(),
        }
    }
}

/// The consent page.
pub(super) fn show(
    tenant: &Tenant,
    session: &SessionId,
    person: &Person,
    request: &AuthorizationRequest,
) -> Response {
    let asked = Asked::new(tenant, person, request);
    let url = &request.redirection.url;
    let consent = Consent {
        organization: &tenant.config.organization().name,
        client: request.client.display_name(),
        person,
        redirect_host: match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) if url.scheme() == "https" => host.to_owned(),
            _ => format!("{}:", url.scheme()),
        },
        on_this_machine: is_loopback(url) || !matches!(url.scheme(), "http" | "https"),
        resource: &request.resource,
        grantable: &asked.grantable,
        refused: &asked.refused,
        optional: tenant.settings.optional_scopes,
        form_token: tenant.form_tokens.issue(form(session, &about(person, &request.query))),
        request: &request.query,
    };
    page_with_form_target(StatusCode::OK, &consent, &origin_of(url))
}

/// `POST /oauth/2.1/consent`
pub(super) async fn submit(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let query = params.all("request").next().unwrap_or_default();
    let token = params.all("form_token").next().unwrap_or_default();
    let session = SessionId::from_headers(&headers, &tenant.cookie());
    let person = session.as_ref().and_then(|session| logged_in(&tenant, session));
    let (Some(session), Some(person)) = (session, person) else {
        return stale_form(query);
    };
    let expected = about(&person, query);
    if is_cross_site(&headers) || !tenant.form_tokens.accepts(form(&session, &expected), token) {
        return stale_form(query);
    }
    let request = match checked(&tenant, &Params::parse(query.as_bytes())).await {
        Ok(request) => request,
        Err(response) => return *response,
    };

    // Held until the answer is remembered: of two submits at once, the second finds the first's answer.
    let mut answers = tenant.answers();
    if let Some(answer) = answers.of_form(token) {
        return repeated(&tenant, answer, &request);
    }
    let answer = decide(&tenant, &person, &request, &params);
    let response = see_other(answer.redirect.as_str());
    answers.remember(&session, &request.query, token, answer);
    response
}

/// A form that was sent before. As long as nobody redeemed the code, the browser is sent on once more: of a double
/// click, it shows only the second answer.
fn repeated(tenant: &Tenant, answer: &Answer, request: &AuthorizationRequest) -> Response {
    let still_good = answer.code.as_deref().is_none_or(|code| tenant.state().code_is_fresh(code));
    if still_good { see_other(answer.redirect.as_str()) } else { already_answered(&request.query) }
}

/// What the person's answer leads to.
fn decide(tenant: &Tenant, person: &Person, request: &AuthorizationRequest, params: &Params) -> Answer {
    let asked = Asked::new(tenant, person, request);
    if asked.grantable.is_empty() && !asked.refused.is_empty() {
        return denied(request, "the person's role can grant nothing of what was asked for");
    }
    if params.all("decision").next() != Some("allow") {
        return denied(request, "the person denied the request");
    }
    let ticked = |name: &str| params.all("scope").any(|scope| scope == name);
    let scopes: Vec<String> = asked
        .grantable
        .into_iter()
        .map(|scope| scope.name)
        .filter(|name| !tenant.settings.optional_scopes || ticked(name))
        .collect();
    if scopes.is_empty() && request.scopes.is_some() {
        return denied(request, "nothing of what was asked for was granted");
    }
    let lifetime = tenant.settings.code_lifetime;
    let code = tenant.state().issue_code(request, &person.id, scopes, lifetime);
    Answer { redirect: request.redirection.with_code(&code), code: Some(code) }
}

fn denied(request: &AuthorizationRequest, reason: &str) -> Answer {
    Answer { redirect: request.redirection.with_error("access_denied", reason), code: None }
}

/// A consent form is about one request and one person: who logs in as somebody else in another window does not
/// answer for them.
fn about(person: &Person, query: &str) -> String {
    format!("{} {query}", person.id)
}

fn form<'a>(session: &'a SessionId, about: &'a str) -> Form<'a> {
    Form { session, purpose: PURPOSE, about }
}
