//! The `WWW-Authenticate` header: RFC 6750, section 3, with the `resource_metadata` of RFC 9728, section 5.1.

use http::HeaderValue;

use crate::audit::is_verbatim;

/// Builder of a challenge.
#[derive(Clone, Debug)]
pub(crate) struct Challenge(String);

impl Challenge {
    /// Creates a challenge with the URL of the protected resource metadata.
    pub(crate) fn bearer(resource_metadata: &str) -> Self {
        Self("Bearer".to_owned()).first("resource_metadata", resource_metadata)
    }

    /// Adds an error code (RFC 6750, section 3.1) and its description.
    pub(crate) fn error(self, code: &'static str, description: &str) -> Self {
        self.parameter("error", code).parameter("error_description", description)
    }

    /// Returns this challenge with the error `insufficient_scope` and the scopes to request.
    pub(crate) fn insufficient_scope(&self, description: &str, scopes: &str) -> Self {
        const CODE: &str = "insufficient_scope";
        // The names, quotation marks and separators of three parameters.
        const SYNTAX: usize = 42;
        let mut text = String::with_capacity(self.0.len() + CODE.len() + description.len() + scopes.len() + SYNTAX);
        text.push_str(&self.0);
        Self(text).error(CODE, description).scope(scopes)
    }

    /// Adds the scopes to request, separated by spaces. An empty string adds nothing.
    pub(crate) fn scope(self, scopes: &str) -> Self {
        if scopes.is_empty() { self } else { self.parameter("scope", scopes) }
    }

    /// Returns the header value. `push` omits characters that a header cannot hold, so the conversion succeeds; `Bearer`
    /// alone is a valid fallback.
    pub(crate) fn into_header(self) -> HeaderValue {
        HeaderValue::try_from(self.0).unwrap_or(HeaderValue::from_static("Bearer"))
    }

    fn first(mut self, name: &str, value: &str) -> Self {
        self.0.push(' ');
        self.push(name, value);
        self
    }

    fn parameter(mut self, name: &str, value: &str) -> Self {
        self.0.push_str(", ");
        self.push(name, value);
        self
    }

    /// Appends `name="value"` with a quoted string (RFC 9110, section 5.6.4). Characters that a header cannot hold are
    /// omitted.
    fn push(&mut self, name: &str, value: &str) {
        self.0.reserve(name.len() + value.len() + 3);
        self.0.push_str(name);
        self.0.push_str("=\"");
        if is_verbatim(value) {
            self.0.push_str(value);
        } else {
            for c in value.chars().filter(|&c| c == ' ' || c.is_ascii_graphic()) {
                if matches!(c, '"' | '\\') {
                    self.0.push('\\');
                }
                self.0.push(c);
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_challenge_has_quoted_parameters_in_a_fixed_order() {
        let challenge = Challenge::bearer("https://mcp.example.com/.well-known/oauth-protected-resource/mcp")
            .insufficient_scope("more scopes are needed", "a:read b:read");
        assert_eq!(
            challenge.into_header(),
            "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", \
             error=\"insufficient_scope\", error_description=\"more scopes are needed\", scope=\"a:read b:read\""
        );
    }

    /// Parses the parameters of a challenge.
    fn parameters(header: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut rest = header.strip_prefix("Bearer ").unwrap();
        while let Some((name, tail)) = rest.split_once("=\"") {
            let mut value = String::new();
            let mut characters = tail.char_indices();
            let end = loop {
                match characters.next() {
                    Some((_, '\\')) => value.extend(characters.next().map(|(_, c)| c)),
                    Some((at, '"')) => break at,
                    Some((_, c)) => value.push(c),
                    None => panic!("unterminated string: {header}"),
                }
            };
            found.push((name.to_owned(), value));
            rest = tail[end + 1..].strip_prefix(", ").unwrap_or("");
        }
        found
    }

    proptest! {
        #[test]
        fn a14_no_value_escapes_its_quotes(url in ".*", description in ".*", scope in "[ -~]{1,40}") {
            let header = Challenge::bearer(&url).error("invalid_token", &description).scope(&scope).into_header();
            let header = header.to_str().unwrap();
            let found = parameters(header);
            let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(names, ["resource_metadata", "error", "error_description", "scope"]);
            prop_assert_eq!(&found[3].1, &scope);
        }
    }
}
