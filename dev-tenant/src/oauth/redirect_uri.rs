//! Redirect URIs of clients.

use url::{Host, Url};

use crate::resource::is_loopback;

/// Schemes that a browser opens itself instead of passing the URI to an application.
const FORBIDDEN_SCHEMES: [&str; 19] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "ms-msdt",
    "search-ms",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Maximum length of a redirect URI, in bytes.
const MAX_LENGTH: usize = 2048;

/// Reasons why a redirect URI cannot be registered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedirectUriError {
    #[error("`redirect_uris` must have 1 to {0} entries")]
    Count(usize),
    #[error("the redirect URI `{0}` must be an absolute URI without a fragment")]
    NotAbsolute(String),
    #[error("the redirect URI `{0}` uses http with a host that is not loopback; use https")]
    PlainHttp(String),
    #[error(
        "the redirect URI `{0}` has a scheme that browsers open themselves; use https or a scheme of the application"
    )]
    Scheme(String),
    #[error("a redirect URI must have at most {MAX_LENGTH} bytes")]
    TooLong,
    #[error(
        "the redirect URI `{0}` is not on the tenant's list of allowed redirect URIs (MCP -> Allowed MCP Clients)"
    )]
    NotAllowed(String),
}

/// Checks a redirect URI for registration: https, http on loopback, or an application's own scheme (RFC 8252 section 7).
pub(crate) fn check_redirect_uri(uri: &str, allowed: Option<&[String]>) -> Result<(), RedirectUriError> {
    if uri.len() > MAX_LENGTH {
        return Err(RedirectUriError::TooLong);
    }
    let not_absolute = || RedirectUriError::NotAbsolute(uri.to_owned());
    let url = Url::parse(uri).map_err(|_| not_absolute())?;
    if uri.contains('#') || uri.chars().any(|char| !char.is_ascii_graphic()) {
        return Err(not_absolute());
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
        Some(allowed) if !is_registered(allowed, uri) => Err(RedirectUriError::NotAllowed(uri.to_owned())),
        _ => Ok(()),
    }
}

/// Returns whether `uri` is one of the registered URIs. The comparison is exact, except that the port of a loopback
/// address may differ (RFC 8252 section 7.3).
pub(crate) fn is_registered(registered: &[String], uri: &str) -> bool {
    let loopback = Loopback::parse(uri);
    registered
        .iter()
        .any(|registered| registered == uri || (loopback.is_some() && Loopback::parse(registered) == loopback))
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

/// Returns the source expression with which `form-action` of a Content-Security-Policy allows a redirect to `uri`.
pub(crate) fn form_action_source(uri: &Url) -> String {
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
    fn accepts_https_loopback_and_application_schemes() {
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
    fn rejects_uris_that_leak_a_code_or_run_in_the_browser() {
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
    fn rejects_a_uri_that_is_not_on_the_list_of_allowed_uris() {
        let allowed = ["http://localhost/callback".to_owned()];
        let check = |uri| check_redirect_uri(uri, Some(&allowed));
        assert_eq!(check("http://localhost:5000/callback"), Ok(()));
        assert!(check("https://app.example.com/callback").is_err());
    }

    #[test]
    fn only_the_port_of_a_loopback_uri_may_differ() {
        let registered = ["http://127.0.0.1:3000/cb".to_owned(), "https://app.example.com/cb".to_owned()];
        for (uri, expected) in [
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
            assert_eq!(is_registered(&registered, uri), expected, "{uri}");
        }
    }

    #[test]
    fn every_kind_of_redirect_uri_has_a_source_expression() {
        for (uri, source) in [
            ("http://127.0.0.1:3000/cb", "http://127.0.0.1:3000"),
            ("https://app.example.com/cb", "https://app.example.com"),
            ("http://[::1]:3000/cb", "http:"),
            ("cursor://anysphere/cb", "cursor:"),
        ] {
            assert_eq!(form_action_source(&Url::parse(uri).unwrap()), source);
        }
    }
}
