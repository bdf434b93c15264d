//! Choosing who one is.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::browser::{Form, SessionId};
use crate::config::Person;
use crate::oauth::{AuthorizationRequest, Params};
use crate::tenant::Tenant;

use super::page::{Link, Message, page, see_other};
use super::same_origin::is_cross_site;

const PURPOSE: &str = "login";

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    organization: &'a str,
    client: &'a str,
    groups: Vec<Group<'a>>,
    form_token: String,
    request: &'a str,
}

struct Group<'a> {
    role: &'a str,
    people: Vec<&'a Person>,
}

/// The login page.
pub(super) fn show(tenant: &Tenant, session: &SessionId, request: &AuthorizationRequest) -> Response {
    let people = tenant.people();
    let groups = tenant.config.roles().iter().filter_map(|role| {
        let people: Vec<_> = people.iter().filter(|who| who.role == role.name).collect();
        (!people.is_empty()).then_some(Group { role: &role.name, people })
    });
    let login = Login {
        organization: &tenant.config.organization().name,
        client: request.client.display_name(),
        groups: groups.collect(),
        form_token: tenant.form_tokens.issue(form(session, &request.query)),
        request: &request.query,
    };
    page(StatusCode::OK, &login)
}

/// `POST /oauth/2.1/login`
///
/// It can be sent twice: the second time logs the same person in again.
pub(super) async fn submit(State(tenant): State<Arc<Tenant>>, headers: HeaderMap, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let query = params.all("request").next().unwrap_or_default();
    let token = params.all("form_token").next().unwrap_or_default();
    let Some(session) = SessionId::from_headers(&headers, &tenant.cookie()) else {
        return stale_form(query);
    };
    if is_cross_site(&headers) || !tenant.form_tokens.accepts(form(&session, query), token) {
        return stale_form(query);
    }
    let person = params.all("person").next().unwrap_or_default();
    match tenant.person(person) {
        Ok(person) if person.enabled => {
            let session = tenant.sessions.log_in(&person.id);
            let response = see_other(&format!("/oauth/2.1/authorize?{query}"));
            tenant.with_cookie(&session, response)
        }
        _ => {
            let message = Message {
                heading: "Nobody was logged in",
                paragraphs: &["This person does not exist or is disabled. Choose somebody else."],
                link: Some(again(query)),
            };
            page(StatusCode::BAD_REQUEST, &message)
        }
    }
}

fn form<'a>(session: &'a SessionId, query: &'a str) -> Form<'a> {
    Form { session, purpose: PURPOSE, about: query }
}

/// A form that is not ours, not this browser's, or too old.
pub(super) fn stale_form(query: &str) -> Response {
    let message = Message {
        heading: "This form is out of date",
        paragraphs: &["It was shown too long ago, in another window or for another person, or the browser sent no \
             cookie with it. Nothing was changed."],
        link: (!query.is_empty()).then(|| again(query)),
    };
    page(StatusCode::FORBIDDEN, &message)
}

fn again(query: &str) -> Link {
    // Encoded anew: nothing but parameters of our own address can come of it.
    let query = Params::parse(query.as_bytes()).encode_without(&[]);
    Link { href: format!("/oauth/2.1/authorize?{query}"), text: "Start again from the application's request" }
}
