//! URIs that clients send.

use std::fmt;

use fluent_uri::Uri;

use super::MAX_URI_BYTES;

/// Absolute URI of a request (RFC 3986, section 4.3), as the client wrote it.
///
/// It is valid and has at most [`MAX_URI_BYTES`] bytes. It is not normalized: a resource has one spelling, and every
/// other spelling is the URI of no resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ResourceUri<'a>(&'a str);

impl<'a> ResourceUri<'a> {
    /// Validates a URI.
    pub(crate) fn parse(uri: &'a str) -> Result<Self, ResourceUriError> {
        if uri.len() > MAX_URI_BYTES {
            return Err(ResourceUriError::TooLong);
        }
        let parsed = Uri::parse(uri).map_err(|error| ResourceUriError::Syntax { position: error.index() })?;
        if parsed.has_fragment() {
            return Err(ResourceUriError::Fragment);
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for ResourceUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Why the URI of a request is not valid. The sentences do not repeat the URI, which can contain any character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResourceUriError {
    /// It is longer than [`MAX_URI_BYTES`].
    #[error("the URI is too long: send at most {MAX_URI_BYTES} bytes")]
    TooLong,
    /// It is not a URI, or has no scheme.
    #[error(
        "the URI is not valid at byte {position}: send an absolute URI (RFC 3986), such as \
         `company://policies/handbook`, and percent-encode other characters"
    )]
    Syntax {
        /// Where the URI stops being valid, in bytes.
        position: usize,
    },
    /// It has a fragment.
    #[error("the URI has a fragment: remove `#` and the characters after it")]
    Fragment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_uris_are_accepted_unchanged() {
        for uri in
            ["company://policies/handbook", "urn:company:handbook", "https://a.example:8443/b?c=d", "FILE:///%41/.."]
        {
            assert_eq!(ResourceUri::parse(uri).unwrap().to_string(), uri);
        }
    }

    #[test]
    fn invalid_uris_are_rejected_with_what_to_do() {
        let error = |uri: &str| ResourceUri::parse(uri).unwrap_err();
        assert_eq!(error("company://policies/a#b"), ResourceUriError::Fragment);
        assert_eq!(error(&format!("company://{}", "a".repeat(MAX_URI_BYTES))), ResourceUriError::TooLong);
        for uri in [
            "",
            "policies/handbook",
            "/etc/passwd",
            "//host/a",
            "1x:a",
            ":a",
            "company",
            "company://a b",
            "company://%",
            "company://%4",
            "company://%zz",
            "company://a\0",
            "company://a\r\nb",
            "company://größe",
            "company://a\\b",
            "company://a/{b}",
            "company://a/\u{202e}",
            "https://a:b/",
            "https://[::1",
            "\u{feff}company://a",
            " company://a",
        ] {
            assert!(matches!(error(uri), ResourceUriError::Syntax { .. }), "{uri:?}");
        }
        assert_eq!(
            error("company://a b").to_string(),
            "the URI is not valid at byte 11: send an absolute URI (RFC 3986), such as `company://policies/handbook`, and \
             percent-encode other characters"
        );
    }
}
