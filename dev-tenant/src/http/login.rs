//! The login page, on which a person is selected without a password.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::browser::{Form, SessionId};
use crate::config::Person;
use crate::oauth::Params;
use crate::state::{Action, HistoryEntry};
use crate::tenant::Tenant;

use super::interruption::{Interruption, interrupted};
use super::origin::is_cross_site;
use super::page::{Message, START_AGAIN, page, restart_link, see_other, stale_form};

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    organization: &'a str,
    client: &'a str,
    groups: Vec<Group<'a>>,
    form_token: String,
    request: &'a str,
    /// The person who was logged in and is disabled now.
    disabled: Option<&'a Person>,
}

/// The people who have the same role.
struct Group<'a> {
    role: &'a str,
    people: Vec<&'a Person>,
}

/// Renders the login page for a client and the query of its authorization request. `disabled` is the person who is logged in
/// but disabled.
pub(super) fn show(
    tenant: &Tenant,
    session: &SessionId,
    disabled: Option<&Person>,
    client: &str,
    query: &str,
) -> Response {
    let people = tenant.people();
    let groups = tenant.config.roles().iter().filter_map(|role| {
        let people: Vec<_> = people.iter().filter(|person| person.role == role.name).collect();
        (!people.is_empty()).then_some(Group { role: &role.name, people })
    });
    let login = Login {
        organization: &tenant.config.organization().name,
        client,
        groups: groups.collect(),
        form_token: tenant.form_tokens.issue(form(session, query)),
        request: query,
        disabled,
    };
    page(StatusCode::OK, &login)
}

/// `POST /oauth/2.1/login`
pub(super) async fn submit(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let query = params.first("request");
    let Some(session) = SessionId::from_headers(&headers, &tenant.cookie_name()) else {
        return stale_form(query);
    };
    if is_cross_site(&headers) || !tenant.form_tokens.accepts(form(&session, query), params.first("form_token")) {
        return stale_form(query);
    }
    match tenant.person(params.first("person")) {
        Ok(person) if person.enabled => {
            let mut state = tenant.state();
            let session = state.log_in(&person.id);
            state.record(HistoryEntry::new(Action::LoggedIn).person(&person.id));
            drop(state);
            let response = see_other(&format!("/oauth/2.1/authorize?{query}"));
            tenant.with_cookie(&session, response)
        }
        Ok(person) => interrupted(&Interruption::Disabled(&person), query),
        Err(_) => {
            let message = Message {
                heading: "The login failed",
                paragraphs: &["This person does not exist. Choose another person."],
                link: Some(restart_link(query, START_AGAIN)),
            };
            page(StatusCode::BAD_REQUEST, &message)
        }
    }
}

fn form<'a>(session: &'a SessionId, query: &'a str) -> Form<'a> {
    Form { session, name: "login", subject: query }
}
