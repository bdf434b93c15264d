//! The consent page, on which a person allows or denies an authorization request.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::browser::{CompletedConsent, Form, SessionId};
use crate::config::{Person, Role};
use crate::oauth::{AuthorizationRequest, Params, form_action_source};
use crate::resource::is_loopback;
use crate::state::{Action, HistoryEntry};
use crate::tenant::Tenant;

use super::authorization_request::{Login, already_completed, validate};
use super::client_redirect::{Outcome, is_web, redirect_to_client};
use super::interruption::{Interruption, interrupted};
use super::origin::is_cross_site;
use super::page::{page_with_form_target, stale_form};

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    organization: &'a str,
    client: String,
    person: &'a Person,
    redirect_host: String,
    on_this_machine: bool,
    server_name: Option<String>,
    resource: &'a str,
    grantable: &'a [RequestedScope],
    not_grantable: &'a [RequestedScope],
    optional: bool,
    form_token: String,
    request: &'a str,
}

/// A requested scope, as the page shows it.
struct RequestedScope {
    name: String,
    description: String,
}

/// The requested scopes, split by whether the person's role can grant them.
struct RequestedScopes {
    grantable: Vec<RequestedScope>,
    not_grantable: Vec<RequestedScope>,
}

impl RequestedScopes {
    fn new(tenant: &Tenant, person: &Person, request: &AuthorizationRequest) -> Self {
        let role = tenant.config.role(&person.role);
        let role_scopes = role.map_or(&[][..], |role| &role.scopes);
        let describe = |name: &String| {
            let scope = tenant.config.scopes().iter().find(|scope| scope.name == *name);
            RequestedScope {
                name: name.clone(),
                description: scope.map_or_else(
                    || "A scope that this organization does not define.".to_owned(),
                    |scope| scope.description.clone(),
                ),
            }
        };
        let requested = request.scopes.as_deref().unwrap_or(role_scopes);
        let (grantable, not_grantable): (Vec<_>, Vec<_>) =
            requested.iter().partition(|scope| role_scopes.contains(scope));
        Self {
            grantable: grantable.into_iter().map(describe).collect(),
            not_grantable: not_grantable.into_iter().map(describe).collect(),
        }
    }

    /// Returns whether scopes were requested and the person can grant none of them.
    fn none_grantable(&self) -> bool {
        self.grantable.is_empty() && !self.not_grantable.is_empty()
    }
}

/// Renders the consent page.
pub(super) async fn show(
    tenant: &Tenant,
    session: &SessionId,
    person: &Person,
    request: &AuthorizationRequest,
) -> Response {
    let scopes = RequestedScopes::new(tenant, person, request);
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
        on_this_machine: is_loopback(url) || !is_web(url),
        server_name: tenant.resource_name(&request.resource).await,
        resource: &request.resource,
        grantable: &scopes.grantable,
        not_grantable: &scopes.not_grantable,
        optional: tenant.settings.optional_scopes,
        form_token: tenant.form_tokens.issue(form(session, &form_subject(person, &request.query))),
        request: &request.query,
    };
    // A page instead of a redirect sends the browser to an application's own scheme.
    let target = if is_web(url) { form_action_source(url) } else { String::new() };
    page_with_form_target(StatusCode::OK, &consent, &target)
}

/// `POST /oauth/2.1/consent`
pub(super) async fn submit(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let (query, token) = (params.first("request"), params.first("form_token"));
    let session = SessionId::from_headers(&headers, &tenant.cookie_name()).filter(|_| !is_cross_site(&headers));
    let Some(session) = session else {
        return stale_form(query);
    };
    let person = match Login::of(&tenant, &session) {
        Login::Enabled(person) => person,
        Login::Disabled(person) => return interrupted(&Interruption::Disabled(&person), query),
        Login::None => return interrupted(&Interruption::LoggedOut, query),
    };
    if !tenant.form_tokens.accepts(form(&session, &form_subject(&person, query)), token) {
        let is_of_role = |role: &Role| {
            let subject = form_subject(&Person { role: role.name.clone(), ..person.clone() }, query);
            tenant.form_tokens.accepts(form(&session, &subject), token)
        };
        let role_changed = tenant.config.roles().iter().any(is_of_role);
        return if role_changed {
            interrupted(&Interruption::RoleChanged(&person), query)
        } else {
            stale_form(query)
        };
    }
    let request = match validate(&tenant, &Params::parse(query.as_bytes())).await {
        Ok(request) => request,
        Err(response) => return response,
    };

    // The lock is held until the consent is stored, so that of two concurrent submits the second finds the first.
    let mut completed = tenant.completed_consents();
    if let Some(consent) = completed.of_form(token) {
        return repeat(&tenant, consent, &request);
    }
    let consent = complete(&tenant, &person, &request, &params);
    let response = send(&consent, &request);
    completed.insert(&session, &request.query, token, consent);
    response
}

/// Responds to a form that was sent before. While the code can be redeemed, this is the same redirect, because after a
/// double click the browser shows only the second response.
fn repeat(tenant: &Tenant, consent: &CompletedConsent, request: &AuthorizationRequest) -> Response {
    let repeatable = consent.code.as_deref().is_none_or(|code| tenant.state().is_code_redeemable(code));
    if repeatable { send(consent, request) } else { already_completed(&request.query) }
}

/// Sends the outcome to the client.
fn send(consent: &CompletedConsent, request: &AuthorizationRequest) -> Response {
    let outcome = if consent.code.is_some() { Outcome::Allowed } else { Outcome::Denied };
    redirect_to_client(&request.client.display_name(), &consent.redirect, outcome)
}

/// Completes a consent: issues a code, or denies access.
fn complete(tenant: &Tenant, person: &Person, request: &AuthorizationRequest, params: &Params) -> CompletedConsent {
    let entry = |action| HistoryEntry::new(action).person(&person.id).application(&request.client.display_name());
    let deny = |reason: &str| {
        tenant.record(entry(Action::Denied).detail(reason));
        CompletedConsent { redirect: request.redirection.with_error("access_denied", reason), code: None }
    };
    let requested = RequestedScopes::new(tenant, person, request);
    if requested.none_grantable() {
        return deny("the person's role can grant none of the requested scopes");
    }
    if params.first("decision") != "allow" {
        return deny("the person denied the request");
    }
    let selected = |name: &str| params.all("scope").any(|scope| scope == name);
    let scopes: Vec<String> = requested
        .grantable
        .into_iter()
        .map(|scope| scope.name)
        .filter(|name| !tenant.settings.optional_scopes || selected(name))
        .collect();
    if scopes.is_empty() && request.scopes.is_some() {
        return deny("the person granted none of the requested scopes");
    }
    let lifetime = tenant.settings.code_lifetime;
    let mut state = tenant.state();
    state.record(entry(Action::Allowed).detail(&scopes.join(" ")));
    let code = state.issue_code(request, &person.id, scopes, lifetime);
    CompletedConsent { redirect: request.redirection.with_code(&code), code: Some(code) }
}

/// Returns the subject of the consent form: one request, one person and their role. After a login as another person in
/// another window, or after a change of the role, the form is therefore rejected.
fn form_subject(person: &Person, query: &str) -> String {
    format!("{}\n{}\n{query}", person.id, person.role)
}

fn form<'a>(session: &'a SessionId, subject: &'a str) -> Form<'a> {
    Form { session, name: "consent", subject }
}
