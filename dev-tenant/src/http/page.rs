//! HTML pages and their headers.

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::browser::SessionId;
use crate::oauth::Params;
use crate::tenant::Tenant;
use crate::text::shown;

/// Path of the style sheet.
pub(super) const STYLE_SHEET_PATH: &str = "/assets/style.css";

/// Text of a link that restarts an authorization request.
pub(super) const START_AGAIN: &str = "Start again from the application's request";

/// A link below the text of a [`Message`].
pub(super) struct Link {
    pub(super) href: String,
    pub(super) text: &'static str,
}

/// A page with a heading and text.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    pub(super) heading: &'a str,
    pub(super) paragraphs: &'a [&'a str],
    pub(super) link: Option<Link>,
}

/// Returns the paragraph that tells the reason of a rejection, which may quote what a client sent.
pub(super) fn reason(text: &str) -> String {
    // Backticks mark code in a terminal only.
    format!("The reason: {}.", shown(text).replace('`', ""))
}

/// Renders a page whose forms are sent to the tenant.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    page_with_form_target(status, template, "")
}

/// Renders a page whose form may also redirect to `target`, because browsers apply `form-action` to redirects, too.
pub(super) fn page_with_form_target(status: StatusCode, template: &impl Template, target: &str) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "cannot render a page");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {target}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let Ok(policy) = HeaderValue::try_from(policy) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(html)).into_response()
}

/// Redirects with `303 See Other`, so that the browser sends a GET request after a form.
pub(super) fn see_other(location: &str) -> Response {
    ([(CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")], Redirect::to(location)).into_response()
}

/// Returns the page for a form whose token, cookie or origin is wrong. `query` is the authorization request of the form.
pub(super) fn stale_form(query: &str) -> Response {
    let message = Message {
        heading: "This form is out of date",
        paragraphs: &[
            "It is too old, belongs to another window or person, or was sent without a cookie. Nothing was \
             changed.",
        ],
        link: (!query.is_empty()).then(|| restart_link(query, START_AGAIN)),
    };
    page(StatusCode::FORBIDDEN, &message)
}

/// Returns a link that restarts an authorization request.
pub(super) fn restart_link(query: &str, text: &'static str) -> Link {
    // Re-encoding ensures that the link has only query parameters.
    let query = Params::parse(query.as_bytes()).encode_without(&[]);
    Link { href: format!("/oauth/2.1/authorize?{query}"), text }
}

/// `GET /assets/style.css`
pub(super) async fn style_sheet() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/css; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-cache")];
    (headers, include_str!("../../templates/style.css"))
}

impl Tenant {
    /// Returns the name of the session cookie. It contains the port, because browsers share cookies between ports.
    pub(super) fn cookie_name(&self) -> String {
        let port = self.auth_url.rsplit(':').next().unwrap_or_default();
        format!("dev_tenant_{port}")
    }

    /// Adds the session cookie to a response.
    pub(super) fn with_cookie(&self, session: &SessionId, mut response: Response) -> Response {
        if let Ok(cookie) = HeaderValue::try_from(session.set_cookie(&self.cookie_name())) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}
