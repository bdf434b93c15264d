//! Issuer of tokens: its identifier (RFC 8414, section 2), and the URLs of its metadata.

use thiserror::Error;
use url::Url;

use super::http_client::Transport;
use crate::url::is_https_or_loopback;

/// Valid issuer identifier: an `https` URL, or `http` on loopback, without user, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issuer {
    /// The identifier as it was written, because issuers are compared character for character.
    identifier: String,
    origin: String,
    /// Path without a slash at the end.
    path: String,
    transport: Transport,
}

/// Reason why a URL is invalid. The text omits the parts of the URL that may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is not an absolute `http` or `https` URL.
    #[error("must be an https:// URL, such as https://auth.example.com/realms/company")]
    NotAUrl,
    /// It is an `http` URL of a host that is not loopback.
    #[error("must be https:// on a host that is not loopback, because plain http sends tokens unencrypted")]
    PlainHttp,
    /// It has a user name or a password.
    #[error("must not have a user name or a password")]
    UserInfo,
    /// It has a query or a fragment.
    #[error("must not have a query or a fragment")]
    QueryOrFragment,
    /// It has another scheme than the issuer, so that a request would be sent without TLS, or without the certificates to
    /// verify it.
    #[error("must have the scheme of the issuer (https:// or, on loopback, http://)")]
    OtherScheme,
}

/// Checks that a URL is `https`, or `http` on loopback, without user, query and fragment.
fn parse_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::NotAUrl);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::UserInfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::QueryOrFragment);
    }
    if !is_https_or_loopback(&url) {
        return Err(UrlError::PlainHttp);
    }
    Ok(url)
}

impl Issuer {
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let identifier = text.trim().to_owned();
        let url = parse_url(&identifier)?;
        Ok(Self {
            identifier,
            origin: url.origin().ascii_serialization(),
            path: url.path().trim_end_matches('/').to_owned(),
            transport: Transport::of(&url),
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.identifier
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Checks the URL of an endpoint of the issuer, as [`parse_url`] does, and that it has the issuer's scheme.
    pub(super) fn parse_endpoint(&self, text: &str) -> Result<Url, UrlError> {
        let url = parse_url(text.trim())?;
        if Transport::of(&url).plain_http == self.transport.plain_http { Ok(url) } else { Err(UrlError::OtherScheme) }
    }

    /// Returns the URLs at which the metadata may be, in the order in which MCP clients request them (RFC 8414, sections
    /// 3.1 and 5; `OpenID` Connect Discovery 1.0, section 4; MCP, Authorization Server Metadata Discovery).
    pub(super) fn metadata_urls(&self) -> Vec<String> {
        let Self { origin, path, .. } = self;
        let mut urls = vec![
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
            format!("{origin}/.well-known/openid-configuration{path}"),
            format!("{origin}{path}/.well-known/openid-configuration"),
        ];
        urls.dedup();
        urls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_of_an_issuer_is_requested_as_mcp_clients_do() {
        for issuer in ["https://auth.example.com/realms/company", "https://auth.example.com/realms/company/"] {
            assert_eq!(
                Issuer::parse(issuer).unwrap().metadata_urls(),
                [
                    "https://auth.example.com/.well-known/oauth-authorization-server/realms/company",
                    "https://auth.example.com/.well-known/openid-configuration/realms/company",
                    "https://auth.example.com/realms/company/.well-known/openid-configuration",
                ]
            );
        }
        assert_eq!(
            Issuer::parse("https://auth.example.com/").unwrap().metadata_urls(),
            [
                "https://auth.example.com/.well-known/oauth-authorization-server",
                "https://auth.example.com/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn an_issuer_is_kept_as_it_is_written() {
        for issuer in ["https://Auth.example.com/", "https://auth.example.com", "http://127.0.0.1:4000/a"] {
            assert_eq!(Issuer::parse(&format!(" {issuer}\n")).unwrap().as_str(), issuer);
        }
    }

    #[test]
    fn an_endpoint_has_the_scheme_of_the_issuer() {
        let (public, local) = ("https://auth.example.com", "http://127.0.0.1:4000");
        for (issuer, endpoint, expected) in [
            (public, "https://other.example.com/keys", Ok(())),
            (public, "http://127.0.0.1:4000/keys", Err(UrlError::OtherScheme)),
            (public, "http://auth.example.com/keys", Err(UrlError::PlainHttp)),
            (local, "http://127.0.0.1:5000/keys", Ok(())),
            (local, "https://auth.example.com/keys", Err(UrlError::OtherScheme)),
        ] {
            let parsed = Issuer::parse(issuer).unwrap().parse_endpoint(endpoint);
            assert_eq!(parsed.map(|_| ()), expected, "{issuer} {endpoint}");
        }
    }

    #[test]
    fn an_invalid_issuer_is_an_error_that_does_not_repeat_it() {
        for (issuer, expected) in [
            ("", UrlError::NotAUrl),
            ("hunter2", UrlError::NotAUrl),
            ("ftp://hunter2", UrlError::NotAUrl),
            ("http://auth.example.com/hunter2", UrlError::PlainHttp),
            ("https://user:hunter2@auth.example.com", UrlError::UserInfo),
            ("https://auth.example.com/?hunter2", UrlError::QueryOrFragment),
            ("https://auth.example.com/#hunter2", UrlError::QueryOrFragment),
        ] {
            let error = Issuer::parse(issuer).unwrap_err();
            assert_eq!(error, expected, "{issuer}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
