//! The `Host` check, against DNS rebinding.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use url::Url;

use crate::resource::is_loopback;

/// Refuses requests that were sent to another name than loopback's: a page whose own name was pointed at
/// 127.0.0.1 would otherwise be of one origin with this tenant.
pub(super) async fn require_loopback(request: Request, next: Next) -> Response {
    if is_loopback_host(request.headers()) {
        next.run(request).await
    } else {
        let text = "This development tenant answers to localhost, 127.0.0.1 and [::1] only.\n";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    }
}

fn is_loopback_host(headers: &HeaderMap) -> bool {
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
