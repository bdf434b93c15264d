//! The admin page.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::api_key::KeyOwner;
use crate::browser::{Form, SessionId};
use crate::clock::{duration, now};
use crate::config::{Person, Role, ScopeInfo};
use crate::http::page::{page, see_other};
use crate::mint::MINT_CLIENT_ID;
use crate::oauth::Params;
use crate::state::{ApiKey, GrantView, HistoryEntry};
use crate::tenant::Tenant;

/// Maximum number of grants on the page.
const MAX_GRANTS: usize = 50;

/// Maximum number of entries of the history on the page.
const MAX_HISTORY: usize = 50;

/// Maximum number of MCP servers on the page.
const MAX_SERVERS: usize = 20;

/// Lifetimes of a token that the form offers, in seconds.
const LIFETIMES: [u64; 4] = [15 * 60, 60 * 60, 12 * 60 * 60, 30 * 24 * 60 * 60];

#[derive(Template)]
#[template(path = "admin.html")]
struct Admin<'a> {
    organization: &'a str,
    auth_url: &'a str,
    issuer: String,
    servers: Vec<Server>,
    /// Confirmation of the last action.
    changed: Option<String>,
    people: Vec<PersonRow>,
    grants: Vec<GrantRow>,
    /// Number of grants that are not shown.
    more_grants: usize,
    api_keys: Vec<ApiKeyRow>,
    history: Vec<HistoryRow>,
    roles: &'a [Role],
    scopes: &'a [ScopeInfo],
    webhook_url: Option<&'a str>,
    fault: bool,
    /// Lifetimes in seconds, with their names.
    lifetimes: [(u64, String); 4],
    form_token: String,
}

/// An MCP server for which tokens can be created.
struct Server {
    name: Option<String>,
    url: String,
}

struct PersonRow {
    person: Person,
    grants: usize,
}

struct GrantRow {
    id: String,
    /// `None` for a token that was created without an application.
    application: Option<String>,
    person: String,
    resource: String,
    scopes: Vec<String>,
    age: String,
}

struct ApiKeyRow {
    id: String,
    name: String,
    owner: String,
    resource: Option<String>,
    scopes: Vec<String>,
    age: String,
}

struct HistoryRow {
    what: &'static str,
    person: Option<String>,
    application: Option<String>,
    detail: Option<String>,
    age: String,
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
    let names: BTreeMap<&str, &str> = people.iter().map(|person| (&*person.id, &*person.name)).collect();
    let name = |id: &str| names.get(id).map_or_else(|| id.to_owned(), |name| (*name).to_owned());
    let now = now();
    let mut state = tenant.state();
    let (grants, all_grants) = state.newest_grants(MAX_GRANTS);
    let history = state.history();
    let api_keys = state.active_api_keys();
    let rows = people.iter().map(|person| PersonRow { grants: state.grants_of(&person.id), person: person.clone() });
    let rows = rows.collect();
    drop(state);
    let admin = Admin {
        organization: &tenant.config.organization().name,
        auth_url: &tenant.auth_url,
        issuer: tenant.issuer(),
        servers: servers(&tenant),
        changed: confirmation(&tenant, &Params::parse(query.unwrap_or_default().as_bytes())),
        people: rows,
        more_grants: all_grants - grants.len(),
        grants: grants.into_iter().map(|grant| GrantRow::new(grant, name, now)).collect(),
        api_keys: api_keys.into_iter().map(|key| ApiKeyRow::new(key, name, now)).collect(),
        history: history.into_iter().take(MAX_HISTORY).map(|entry| HistoryRow::new(entry, name, now)).collect(),
        roles: tenant.config.roles(),
        scopes: tenant.config.scopes(),
        webhook_url: tenant.webhooks.url(),
        fault: tenant.fault().is_some() || tenant.api_key_fault().is_some(),
        lifetimes: LIFETIMES.map(|seconds| (seconds, duration(seconds))),
        form_token: tenant.form_tokens.issue(form(&session)),
    };
    let response = page(StatusCode::OK, &admin);
    match existing_session {
        Some(_) => response,
        None => tenant.with_cookie(&session, response),
    }
}

impl GrantRow {
    fn new(grant: GrantView, name: impl Fn(&str) -> String, now: u64) -> Self {
        Self {
            id: grant.id,
            application: (grant.client_id != MINT_CLIENT_ID).then_some(grant.application),
            person: name(&grant.person),
            resource: grant.resource.unwrap_or_else(|| "no resource".to_owned()),
            scopes: grant.scopes,
            age: age(grant.issued_at, now),
        }
    }
}

impl ApiKeyRow {
    fn new(key: ApiKey, name: impl Fn(&str) -> String, now: u64) -> Self {
        Self {
            id: key.id,
            name: if key.name.is_empty() { "API key".to_owned() } else { key.name },
            owner: match &key.owner {
                KeyOwner::Person(id) => name(id),
                KeyOwner::Organization => "the organization".to_owned(),
                KeyOwner::Nobody => "generic".to_owned(),
            },
            resource: key.resource,
            scopes: key.scopes,
            age: age(key.created_at, now),
        }
    }
}

impl HistoryRow {
    fn new(entry: HistoryEntry, name: impl Fn(&str) -> String, now: u64) -> Self {
        Self {
            what: entry.action.label(),
            person: entry.person.as_deref().map(name),
            application: entry.application,
            detail: entry.detail,
            age: age(entry.at, now),
        }
    }
}

/// Returns the configured MCP servers, and those for which there are grants.
fn servers(tenant: &Tenant) -> Vec<Server> {
    let configured = tenant.settings.mcp_servers.iter().map(|server| server.url().to_owned());
    let mut urls: Vec<String> = configured.collect();
    for resource in tenant.state().resources() {
        if urls.len() < MAX_SERVERS && !urls.iter().any(|url| url == resource) {
            urls.push(resource.to_owned());
        }
    }
    urls.into_iter().map(|url| Server { name: tenant.known_resource_name(&url), url }).collect()
}

/// Returns the time between two times, in seconds since the Unix epoch, for people.
fn age(then: u64, now: u64) -> String {
    let seconds = now.saturating_sub(then);
    match seconds {
        _ if then == 0 => "unknown".to_owned(),
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Returns the confirmation of the last action, which is in the query after its redirect.
fn confirmation(tenant: &Tenant, params: &Params) -> Option<String> {
    let done = params.first("done");
    match done {
        "clear-fault" => return Some("Tokens and API keys are validated again.".to_owned()),
        "delete-key" => return Some("The API key is deleted.".to_owned()),
        "revoke-grant" => return Some("The grant and its tokens are revoked.".to_owned()),
        _ => {}
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

pub(super) fn form(session: &SessionId) -> Form<'_> {
    Form { session, name: "admin", subject: "" }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_has_one_unit() {
        let now = 10_000_000;
        for (seconds, expected) in [
            (0, "just now"),
            (61, "1 min ago"),
            (7300, "2 h ago"),
            (172_800, "2 days ago"),
            (9_000_000, "104 days ago"),
        ] {
            assert_eq!(age(now - seconds, now), expected);
        }
        assert_eq!((age(0, now).as_str(), age(now + 5, now).as_str()), ("unknown", "just now"));
    }
}
