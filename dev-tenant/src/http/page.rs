//! HTML answers and the headers that every one of them carries.

use askama::Template;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::browser::SessionId;
use crate::tenant::Tenant;

/// The one style sheet, at its address.
pub(super) const STYLE_SHEET: &str = "/assets/style.css";

/// A link out of a dead end.
pub(super) struct Link {
    pub(super) href: String,
    pub(super) text: &'static str,
}

/// A page that only says something.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    pub(super) heading: &'a str,
    pub(super) paragraphs: &'a [&'a str],
    pub(super) link: Option<Link>,
}

/// Renders a page whose forms end at the tenant.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    page_with_form_target(status, template, "")
}

/// Renders a page whose form may also end at `target`: browsers apply `form-action` to redirects too.
pub(super) fn page_with_form_target(status: StatusCode, template: &impl Template, target: &str) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
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
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    let mut response = (status, headers, html).into_response();
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// `303 See Other`: the browser goes on with a GET, whatever it did before.
pub(super) fn see_other(location: &str) -> Response {
    let headers = [(LOCATION, location), (CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// `GET /assets/style.css`
pub(super) async fn style_sheet() -> Response {
    let headers =
        [(CONTENT_TYPE, "text/css; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "no-cache")];
    (headers, include_str!("../../templates/style.css")).into_response()
}

impl Tenant {
    /// The name of the session cookie. Cookies do not tell ports apart, so the name does.
    pub(super) fn cookie(&self) -> String {
        let port = self.auth_url.rsplit(':').next().unwrap_or_default();
        format!("dev_tenant_{port}")
    }

    /// Gives the browser its session cookie.
    pub(super) fn with_cookie(&self, session: &SessionId, mut response: Response) -> Response {
        if let Ok(cookie) = HeaderValue::try_from(session.set_cookie(&self.cookie())) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}
