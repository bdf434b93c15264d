//! The page for browsers: what this server is, and how to connect a client. It is at the root of the server, and the body
//! of the 401 response for a browser.
//!
//! It is public. It names no tool, no scope and no version, and it depends on nothing in the request.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::get,
};

use super::discovery::Discovery;
use crate::{
    audit,
    auth::{Readiness, ValidatorTexts},
    connect::{self, ClientSetup, Step},
    gate::{Gate, UnauthorizedPage},
    page::{self, ICON_PATH, PageKind},
};

/// Input of [`LandingPage::new`].
pub(crate) struct LandingPageConfig<'a> {
    pub(crate) name: &'a str,
    /// Title of the server, if it has one beside its name.
    pub(crate) title: Option<&'a str>,
    pub(crate) endpoint: &'a str,
    /// Path of the public URL; empty for the root.
    pub(crate) base_path: &'a str,
    /// Public URL of the server.
    pub(crate) base_url: &'a str,
    pub(crate) texts: ValidatorTexts,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) readiness: Arc<Readiness>,
}

/// The page of one server.
pub(crate) struct LandingPage {
    title: String,
    endpoint: String,
    base_path: String,
    base_url: String,
    clients: Vec<ClientSetup>,
    texts: ValidatorTexts,
    discovery: Arc<Discovery>,
    readiness: Arc<Readiness>,
}

#[derive(Template)]
#[template(path = "landing.html")]
struct LandingTemplate<'a> {
    style: &'static str,
    icon: &'a str,
    title: &'a str,
    endpoint: &'a str,
    clients: &'a [ClientSetup],
    authorization_server: &'a str,
    issuer: Option<String>,
    ready: bool,
    unauthorized: bool,
}

impl LandingPage {
    pub(crate) fn new(config: LandingPageConfig<'_>) -> Self {
        Self {
            title: config.title.unwrap_or(config.name).to_owned(),
            endpoint: config.endpoint.to_owned(),
            base_path: config.base_path.to_owned(),
            base_url: config.base_url.to_owned(),
            clients: connect::clients(config.name, config.endpoint),
            texts: config.texts,
            discovery: config.discovery,
            readiness: config.readiness,
        }
    }

    fn is_own_url(&self, url: &str) -> bool {
        url.strip_prefix(&self.base_url).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn write(&self, response: &mut Response, unauthorized: bool) {
        let icon = format!("{}{ICON_PATH}", self.base_path);
        let template = LandingTemplate {
            style: PageKind::Landing.style(),
            icon: &icon,
            title: &self.title,
            endpoint: &self.endpoint,
            clients: &self.clients,
            authorization_server: &self.texts.name,
            // An issuer that is this server names no place to log in.
            issuer: self.discovery.known_issuer().filter(|issuer| !self.is_own_url(issuer)),
            ready: self.readiness.reasons().is_empty() && audit::is_available(),
            unauthorized,
        };
        let html = template.render().expect("writing to a string succeeds");
        page::set_page(response, html, PageKind::Landing);
    }
}

impl UnauthorizedPage for LandingPage {
    fn replace_body(&self, response: &mut Response) {
        self.write(response, true);
    }
}

struct Landing {
    page: Arc<LandingPage>,
    gate: Arc<Gate>,
}

/// Creates the routes of the page and of its icon below `base`, which is the path of `SERVER_URL` or empty, except for paths
/// that other routes have: `taken`, which can be below the path of `SERVER_URL`, too.
pub(crate) fn router(page: Arc<LandingPage>, gate: Arc<Gate>, taken: &[&str], base: &str) -> Router {
    let base_path = page.base_path.clone();
    let is_taken = |path: &str| {
        // Whether there is a slash at the end does not matter.
        let path = path.trim_end_matches('/');
        let below_base = path.strip_prefix(&base_path);
        taken.iter().map(|taken| taken.trim_end_matches('/')).any(|taken| taken == path || Some(taken) == below_base)
    };
    let (root, icon) = (format!("{base}/"), format!("{base}{ICON_PATH}"));
    let state = Arc::new(Landing { page, gate });
    let landing = get(landing).with_state(Arc::clone(&state));
    let mut router = Router::new();
    if !base.is_empty() && !is_taken(base) {
        router = router.route(base, landing.clone());
    }
    if !is_taken(&root) {
        router = router.route(&root, landing);
    }
    if !is_taken(&icon) {
        router = router.route(&icon, get(icon_image).with_state(state));
    }
    router
}

async fn landing(State(landing): State<Arc<Landing>>, request: Request) -> Response {
    if let Some(rejected) = landing.gate.reject_foreign_origin(request.uri(), request.headers()) {
        return rejected;
    }
    let mut response = Response::new(Body::empty());
    landing.page.write(&mut response, false);
    response
}

async fn icon_image(State(landing): State<Arc<Landing>>, request: Request) -> Response {
    landing.gate.reject_foreign_origin(request.uri(), request.headers()).unwrap_or_else(page::icon)
}
