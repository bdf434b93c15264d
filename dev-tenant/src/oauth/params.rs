//! The parameters of an OAuth request.

use url::form_urlencoded;

use super::error::OAuthError;

/// Form-encoded parameters. One without a value counts as left out, and one that stands twice is an error when
/// it is read (RFC 6749 section 3.1).
#[derive(Clone, Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(OAuthError::InvalidRequest(format!("`{name}` stands more than once; send it once"))),
        }
    }

    /// The value of a parameter that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name)?.ok_or_else(|| OAuthError::InvalidRequest(format!("`{name}` is missing; send it")))
    }

    /// All values of a parameter.
    pub(crate) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The same parameters but for some, encoded.
    pub(crate) fn encode_without(&self, left_out: &[&str]) -> String {
        let kept = self.0.iter().filter(|(key, _)| !left_out.contains(&key.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }
}
