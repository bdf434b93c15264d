//! The console: the policy, the latest decisions and a few numbers of a running server, for its operators.
//!
//! It is served on an address of its own, without authentication, so it is on loopback unless the author exposes it. It
//! only reads, holds no token and no argument of a call, and has no script. Its pages are complete without style sheets
//! of other addresses.

mod decisions;
mod overview;
mod policy_page;

use std::{sync::Arc, time::Instant};

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use http::{HeaderValue, StatusCode, header};

use crate::{
    audit::RecentDecisions,
    auth::Readiness,
    gate::{AllowedOrigins, Gate},
    page::{self, ICON_PATH, PageKind},
    policy::Policy,
};

/// What the console shows.
pub(crate) struct Console {
    title: String,
    endpoint: String,
    policy: Policy,
    decisions: Arc<RecentDecisions>,
    gate: Arc<Gate>,
    readiness: Arc<Readiness>,
    started: Instant,
}

impl Console {
    pub(crate) fn new(
        title: String,
        endpoint: String,
        policy: Policy,
        decisions: Arc<RecentDecisions>,
        gate: Arc<Gate>,
        readiness: Arc<Readiness>,
    ) -> Self {
        Self { title, endpoint, policy, decisions, gate, readiness, started: Instant::now() }
    }
}

/// Page of the console that the navigation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Overview,
    Decisions,
    Policy,
}

/// Creates the routes of the console for requests that name one of the allowed hosts.
pub(crate) fn router(console: Console, allowed: AllowedOrigins) -> Router {
    Router::new()
        .route("/", get(overview::page))
        .route("/decisions", get(decisions::page))
        .route("/policy", get(policy_page::page))
        .route(ICON_PATH, get(async || page::icon()))
        .layer(middleware::from_fn_with_state(Arc::new(allowed), check_origin))
        .with_state(Arc::new(console))
}

/// Rejects requests of web pages of other sites: those whose name resolves to the address of the console (DNS rebinding),
/// and those with a foreign `Origin`.
async fn check_origin(State(allowed): State<Arc<AllowedOrigins>>, request: Request, next: Next) -> Response {
    if allowed.check(request.uri(), request.headers()).is_ok() {
        return next.run(request).await;
    }
    let text = "The console has no such host. If it should have, add the host to `http.console_hosts`.\n";
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let plain_text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain_text);
    page::protect(response.headers_mut());
    response
}

fn respond(template: &impl Template) -> Response {
    let html = template.render().expect("writing to a string succeeds");
    let mut response = Response::new(Body::empty());
    page::set_page(&mut response, html, PageKind::Console);
    response
}
