//! The convention for the metadata of an API key: its scopes, and the resources that it is valid for.

use serde_json::Value;
use thiserror::Error;

use crate::auth::Resource;

/// Members of the metadata that this server interprets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KeyMetadata {
    pub(super) scopes: Vec<String>,
    /// URLs of MCP endpoints. `None` if the metadata does not restrict them.
    pub(super) resources: Option<Vec<String>>,
}

/// Reason why a key that PropelAuth knows is not valid for this server. The text quotes nothing of the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum KeyMetadataError {
    #[error("`{0}` in the metadata of the API key is neither a string nor an array of strings")]
    WrongType(&'static str),
    #[error(
        "the API key is not for this server: add the URL of its MCP endpoint to `resource` in the metadata of the key"
    )]
    OtherResource,
    #[error(
        "the metadata of the API key has no `resource`, which this server requires: add the URL of its MCP endpoint"
    )]
    NoResource,
}

impl KeyMetadata {
    /// Parses the metadata. What is not an object has no members.
    pub(super) fn parse(metadata: &Value) -> Result<Self, KeyMetadataError> {
        let mut scopes = match metadata.get("scopes") {
            Some(Value::String(scopes)) => scopes.split(' ').map(str::to_owned).collect(),
            _ => strings(metadata, "scopes")?.unwrap_or_default(),
        };
        scopes.retain(|scope| !scope.is_empty());
        Ok(Self { scopes, resources: strings(metadata, "resource")? })
    }

    /// Checks whether the key is valid for this server.
    pub(super) fn check_resource(&self, resource: &Resource, is_required: bool) -> Result<(), KeyMetadataError> {
        match &self.resources {
            Some(resources) if resources.iter().any(|other| resource.is_named(other)) => Ok(()),
            Some(_) => Err(KeyMetadataError::OtherResource),
            None if is_required => Err(KeyMetadataError::NoResource),
            None => Ok(()),
        }
    }
}

/// Returns a member that is a string or an array of strings. `null` counts as missing.
fn strings(metadata: &Value, member: &'static str) -> Result<Option<Vec<String>>, KeyMetadataError> {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let strings = match metadata.get(member) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(values)) => values.iter().map(string).collect(),
        Some(value) => string(value).map(|string| vec![string]),
    };
    strings.map(Some).ok_or(KeyMetadataError::WrongType(member))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_are_a_string_or_an_array() {
        for scopes in [json!("a b"), json!(" a  b "), json!(["a", "b"]), json!(["", "a", "b"])] {
            assert_eq!(KeyMetadata::parse(&json!({"scopes": scopes})).unwrap().scopes, ["a", "b"], "{scopes}");
        }
        for metadata in [
            json!(null),
            json!({}),
            json!({"scopes": null}),
            json!({"scopes": ""}),
            json!({"scopes": []}),
            json!("a"),
            json!(["a"]),
        ] {
            assert_eq!(KeyMetadata::parse(&metadata), Ok(KeyMetadata::default()), "{metadata}");
        }
    }

    #[test]
    fn a_member_of_another_type_makes_the_key_invalid() {
        for value in [json!(true), json!(1), json!({"a": true}), json!([1]), json!(["a", null]), json!([["a"]])] {
            for member in ["scopes", "resource"] {
                let metadata = json!({member: value, "other": 1});
                assert_eq!(KeyMetadata::parse(&metadata), Err(KeyMetadataError::WrongType(member)), "{metadata}");
            }
        }
    }

    #[test]
    fn a_resource_must_be_this_server_and_can_be_required() {
        let resource = Resource::new("https://mcp.example.com/mcp");
        let check = |metadata: Value, is_required| {
            KeyMetadata::parse(&metadata).unwrap().check_resource(&resource, is_required)
        };
        for own in
            [json!("https://MCP.example.com/mcp/"), json!(["https://b.example.com", "https://mcp.example.com/mcp"])]
        {
            for is_required in [false, true] {
                assert_eq!(check(json!({"resource": own}), is_required), Ok(()), "{own}");
            }
        }
        for other in [json!("https://b.example.com/mcp"), json!(""), json!([])] {
            assert_eq!(check(json!({"resource": other}), false), Err(KeyMetadataError::OtherResource), "{other}");
        }
        assert_eq!(check(json!({}), false), Ok(()));
        assert_eq!(check(json!({}), true), Err(KeyMetadataError::NoResource));
    }
}
