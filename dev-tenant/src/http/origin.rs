//! Checks of the `Host` and `Origin` headers.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use url::Url;

use crate::resource::is_loopback;

/// Rejects requests whose `Host` is not a loopback name.
///
/// This prevents DNS rebinding: a website whose name resolves to 127.0.0.1 would have the same origin as the tenant.
pub(super) async fn require_loopback_host(request: Request, next: Next) -> Response {
    if has_loopback_host(request.headers()) {
        next.run(request).await
    } else {
        let text = "The development tenant serves the hosts localhost, 127.0.0.1 and [::1] only.\n";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    }
}

fn has_loopback_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    host.to_str()
        .ok()
        .filter(|host| !host.contains(['/', '@', '?', '#', '\\']))
        .and_then(|host| Url::parse(&format!("http://{host}")).ok())
        .is_some_and(|url| is_loopback(&url))
}

/// Returns whether a browser sent the request for another site. Other clients do not send these headers.
///
/// The tenant's own forms have `Origin: null`, because its pages set `Referrer-Policy: no-referrer`. This check therefore
/// accepts `null` and relies on the form token.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    let cross_site_fetch = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let foreign_origin =
        headers.get(ORIGIN).is_some_and(|origin| origin != "null" && !is_own_origin(headers, origin.as_bytes()));
    cross_site_fetch || foreign_origin
}

/// Returns whether `origin` is the origin that the request was sent to.
pub(super) fn is_own_origin(headers: &HeaderMap, origin: &[u8]) -> bool {
    headers.get(HOST).is_some_and(|host| origin.strip_prefix(b"http://") == Some(host.as_bytes()))
}
