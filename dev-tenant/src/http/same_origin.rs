//! Where a request came from, as browsers tell.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Whether a browser says that another site sent the request. Programs say nothing.
///
/// Form posts of our own pages have `Origin: null`, because the pages send no referrer; so `null` decides nothing
/// here, and the form token beside this check does.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    let fetched_from_elsewhere =
        headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let foreign_origin =
        headers.get(ORIGIN).is_some_and(|origin| origin != "null" && !is_own_origin(headers, origin.as_bytes()));
    fetched_from_elsewhere || foreign_origin
}

/// Whether `origin` is the one that the request was sent to.
pub(super) fn is_own_origin(headers: &HeaderMap, origin: &[u8]) -> bool {
    headers.get(HOST).is_some_and(|host| origin.strip_prefix(b"http://") == Some(host.as_bytes()))
}
