//! The authorization response: a redirect to the client, or a page that opens an application's own scheme.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, REFRESH};
use axum::response::Response;
use url::Url;

use crate::oauth::OAuthError;

use super::page::{page, reason, see_other};

/// What the client learns from the response.
#[derive(Clone, Copy)]
pub(super) enum Outcome<'a> {
    Allowed,
    Denied,
    Invalid(&'a OAuthError),
}

#[derive(Template)]
#[template(path = "return.html")]
struct Return<'a> {
    client: &'a str,
    url: &'a str,
    scheme: &'a str,
    allowed: bool,
    /// Reason why the request was invalid.
    invalid: Option<String>,
}

/// Returns whether a browser opens a URL itself.
pub(super) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Sends an authorization response to a client.
///
/// A browser passes the URL of an application's own scheme, such as `cursor:`, to the application and stays where it is. A
/// redirect would leave an empty or an outdated page, so the response is a page that says what happened, and which opens
/// the URL without a click.
pub(super) fn redirect_to_client(client: &str, url: &Url, outcome: Outcome<'_>) -> Response {
    if is_web(url) {
        return see_other(url.as_str());
    }
    let (status, invalid) = match outcome {
        Outcome::Invalid(error) => (StatusCode::BAD_REQUEST, Some(reason(&error.to_string()))),
        Outcome::Allowed | Outcome::Denied => (StatusCode::OK, None),
    };
    let template = Return {
        client,
        url: url.as_str(),
        scheme: url.scheme(),
        allowed: matches!(outcome, Outcome::Allowed),
        invalid,
    };
    let is_answered = template.invalid.is_none();
    let mut response = page(status, &template);
    // Any website can send an invalid request, so only a person's click opens the application then.
    if is_answered && let Ok(refresh) = HeaderValue::try_from(format!("0; url={url}")) {
        response.headers_mut().insert(REFRESH, refresh);
    }
    response
}
