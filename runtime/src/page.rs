//! Pages for browsers: their style, and the headers that protect them.
//!
//! The templates in `templates/` escape every value. The pages have no script, and the policy in
//! `Content-Security-Policy` allows none.

use std::sync::LazyLock;

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use sha2::{Digest as _, Sha256};

/// Kind of a page, which determines its style and what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// The page of the server, which is public. It has no forms.
    #[cfg(feature = "landing-page")]
    Landing,
    /// The page of an approval, which has a form.
    #[cfg(feature = "approvals")]
    Approval,
    /// A page of the console, which may have forms.
    #[cfg(feature = "console")]
    Console,
}

impl PageKind {
    /// Returns the style sheet. The page contains it, so that it is complete at every path and behind every proxy.
    pub(crate) fn style(self) -> &'static str {
        match self {
            #[cfg(feature = "landing-page")]
            Self::Landing => include_str!("../templates/style.css"),
            #[cfg(feature = "approvals")]
            Self::Approval => {
                concat!(include_str!("../templates/style.css"), include_str!("../templates/approval.css"))
            }
            #[cfg(feature = "console")]
            Self::Console => {
                concat!(include_str!("../templates/style.css"), include_str!("../templates/console.css"))
            }
        }
    }

    fn content_security_policy(self) -> HeaderValue {
        #[cfg(feature = "landing-page")]
        static LANDING: LazyLock<HeaderValue> = LazyLock::new(|| PageKind::Landing.new_policy("'none'"));
        #[cfg(feature = "approvals")]
        static APPROVAL: LazyLock<HeaderValue> = LazyLock::new(|| PageKind::Approval.new_policy("'self'"));
        #[cfg(feature = "console")]
        static CONSOLE: LazyLock<HeaderValue> = LazyLock::new(|| PageKind::Console.new_policy("'self'"));
        match self {
            #[cfg(feature = "landing-page")]
            Self::Landing => LANDING.clone(),
            #[cfg(feature = "approvals")]
            Self::Approval => APPROVAL.clone(),
            #[cfg(feature = "console")]
            Self::Console => CONSOLE.clone(),
        }
    }

    fn new_policy(self, form_action: &str) -> HeaderValue {
        let style = STANDARD.encode(Sha256::digest(self.style()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; form-action {form_action}; \
             base-uri 'none'; frame-ancestors 'none'"
        );
        policy.try_into().expect("the policy is ASCII")
    }
}

/// Turns a response into a page: replaces its body and its content type, and adds the headers that protect the page.
pub(crate) fn set_page(response: &mut Response<Body>, html: String, kind: PageKind) {
    *response.body_mut() = Body::from(html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, kind.content_security_policy());
    // What a page shows can change at any time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    protect(headers);
}

/// Path of the icon. Browsers request it from every server.
pub(crate) const ICON_PATH: &str = "/favicon.ico";

/// Returns the icon, which browsers may cache for a day.
#[cfg(any(feature = "console", feature = "landing-page"))]
pub(crate) fn icon() -> Response<Body> {
    let mut response = Response::new(Body::from(include_str!("../templates/icon.svg")));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    // An SVG that is opened as a document has no script either.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    protect(headers);
    response
}

/// Adds the headers that protect every response to a browser.
pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
