//! Parameters of an OAuth request.

use url::form_urlencoded;

use super::error::OAuthError;

/// Form-encoded parameters. A parameter without a value counts as omitted (RFC 6749 section 3.1).
#[derive(Clone, Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns the value of a parameter. A duplicate parameter is an error (RFC 6749 section 3.1).
    pub(crate) fn get(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(OAuthError::InvalidRequest(format!("duplicate parameter `{name}`; send it once"))),
        }
    }

    /// Returns the value of a required parameter.
    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name)?.ok_or_else(|| OAuthError::InvalidRequest(format!("missing parameter `{name}`; send it")))
    }

    /// Returns the first value of a parameter, or an empty string. For forms of this server, not for OAuth requests.
    pub(crate) fn first(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Returns all values of a parameter.
    pub(crate) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Encodes the parameters, except those with these names.
    pub(crate) fn encode_without(&self, names: &[&str]) -> String {
        let rest = self.0.iter().filter(|(key, _)| !names.contains(&key.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish()
    }
}
