//! Where a browser may be sent back to.

use url::{Host, Url};

use crate::resource::is_loopback;

/// Schemes that a browser runs or opens itself instead of handing them to an application.
const FORBIDDEN_SCHEMES: [&str; 12] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// No redirect URI in use is anywhere near this many bytes.
const MAX_LENGTH: usize = 2048;

/// Why a redirect URI cannot be registered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedirectUriError {
    #[error("a client registers at least one redirect URI, and at most {0}")]
    Count(usize),
    #[error("the redirect URI `{0}` is no absolute URI without a fragment")]
    NoUri(String),
    #[error("the redirect URI `{0}` is plain http beyond loopback; use https")]
    PlainHttp(String),
    #[error("the redirect URI `{0}` has a scheme that no application is reached by")]
    Scheme(String),
    #[error("a redirect URI may have {MAX_LENGTH} bytes at most")]
    TooLong,
    #[error("the redirect URI `{0}` is not among those that this tenant allows (MCP -> Allowed MCP Clients)")]
    NotAllowed(String),
}

/// Checks a redirect URI that a client wants to register: https, http on loopback, or an application's own
/// scheme (RFC 8252 section 7).
pub(crate) fn check_redirect_uri(uri: &str, allowed: Option<&[String]>) -> Result<(), RedirectUriError> {
    if uri.len() > MAX_LENGTH {
        return Err(RedirectUriError::TooLong);
    }
    let no_uri = || RedirectUriError::NoUri(uri.to_owned());
    let url = Url::parse(uri).map_err(|_| no_uri())?;
    if uri.contains('#') || uri.chars().any(|char| !char.is_ascii_graphic()) {
        return Err(no_uri());
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(RedirectUriError::PlainHttp(uri.to_owned())),
        scheme if FORBIDDEN_SCHEMES.contains(&scheme) => {
            return Err(RedirectUriError::Scheme(uri.to_owned()));
        }
        _ => {}
    }
    match allowed {
        Some(allowed) if !find_redirect_uri(allowed, uri) => Err(RedirectUriError::NotAllowed(uri.to_owned())),
        _ => Ok(()),
    }
}

/// Whether `uri` is registered: character by character, but for the port of a loopback address
/// (RFC 8252 section 7.3).
pub(crate) fn find_redirect_uri(registered: &[String], uri: &str) -> bool {
    registered.iter().any(|known| {
        known == uri
            || Loopback::parse(known).is_some_and(|known| Loopback::parse(uri).is_some_and(|uri| known == uri))
    })
}

/// A loopback redirect URI without its port.
#[derive(PartialEq, Eq)]
struct Loopback<'a> {
    host: &'a str,
    rest: &'a str,
}

impl<'a> Loopback<'a> {
    fn parse(uri: &'a str) -> Option<Self> {
        let after_scheme = uri.strip_prefix("http://")?;
        let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| after_scheme.starts_with(host))?;
        let after_host = &after_scheme[host.len()..];
        let rest = match after_host.strip_prefix(':') {
            Some(port) => port.trim_start_matches(|char: char| char.is_ascii_digit()),
            None => after_host,
        };
        let ends_the_authority = rest.is_empty() || rest.starts_with(['/', '?']);
        ends_the_authority.then_some(Self { host, rest })
    }
}

/// What a `form-action` of a Content-Security-Policy must name so that a form may end at `uri`.
pub(crate) fn origin_of(uri: &Url) -> String {
    match (uri.scheme(), uri.host()) {
        // A source expression cannot name an IPv6 address.
        ("http" | "https", Some(Host::Ipv4(_) | Host::Domain(_))) => uri.origin().ascii_serialization(),
        (scheme, _) => format!("{scheme}:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registration_takes_what_applications_use() {
        for uri in [
            "https://app.example.com/callback",
            "http://127.0.0.1/callback",
            "http://localhost:33418/",
            "http://[::1]:1/cb?x=y",
            "cursor://anysphere.cursor-retrieval/oauth/callback",
            "com.example.app:/oauth",
        ] {
            assert_eq!(check_redirect_uri(uri, None), Ok(()), "{uri}");
        }
    }

    #[test]
    fn registration_refuses_what_would_leak_or_run() {
        for uri in [
            "http://app.example.com/callback",
            "https://app.example.com/callback#fragment",
            "https://app.example.com/#",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "/callback",
            "https://app.example.com/a b",
            "",
        ] {
            assert!(check_redirect_uri(uri, None).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_list_of_allowed_clients_is_kept_to() {
        let allowed = ["http://localhost/callback".to_owned()];
        let check = |uri| check_redirect_uri(uri, Some(&allowed));
        assert_eq!(check("http://localhost:5000/callback"), Ok(()));
        assert!(check("https://app.example.com/callback").is_err());
    }

    #[test]
    fn only_a_loopback_port_may_differ() {
        let registered = ["http://127.0.0.1:3000/cb".to_owned(), "https://app.example.com/cb".to_owned()];
        for (uri, found) in [
            ("http://127.0.0.1:3000/cb", true),
            ("http://127.0.0.1:4000/cb", true),
            ("http://127.0.0.1/cb", true),
            ("http://127.0.0.1:4000/cb/", false),
            ("http://127.0.0.1:4000/cb?x", false),
            ("http://127.0.0.1:4000/x/../cb", false),
            ("http://localhost:3000/cb", false),
            ("http://127.0.0.1:3000@evil.example/cb", false),
            ("http://127.0.0.1.evil.example/cb", false),
            ("https://app.example.com/cb", true),
            ("https://app.example.com:444/cb", false),
            ("https://APP.example.com/cb", false),
        ] {
            assert_eq!(find_redirect_uri(&registered, uri), found, "{uri}");
        }
    }

    #[test]
    fn a_policy_can_name_every_kind_of_redirect() {
        for (uri, source) in [
            ("http://127.0.0.1:3000/cb", "http://127.0.0.1:3000"),
            ("https://app.example.com/cb", "https://app.example.com"),
            ("http://[::1]:3000/cb", "http:"),
            ("cursor://anysphere/cb", "cursor:"),
        ] {
            assert_eq!(origin_of(&Url::parse(uri).unwrap()), source);
        }
    }
}
