//! The parameters of the methods that rmcp knows.
//!
//! rmcp takes a request whose parameters do not fit its method for one with an unknown method. This module tells the two
//! apart with rmcp's own types, and says which member has the wrong type.
#![expect(deprecated, reason = "MCP deprecates log messages for clients (SEP-2577); both served revisions have them")]

use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, LoggingLevel};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Parameters that do not fit their method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidShape {
    #[error("`params` of {method} must be an object")]
    Params { method: &'static str },
    #[error("`params.{member}` of {method} must be {expected}")]
    Member { method: &'static str, member: &'static str, expected: &'static str },
    /// A type that the table does not have.
    #[error("the members of `params` of {method} do not have the types that MCP defines")]
    Types { method: &'static str },
}

/// A method and the members of its parameters.
struct Method {
    name: &'static str,
    members: &'static [Member],
}

/// A member of `params`, as a path with dots, after its parents.
struct Member {
    path: &'static str,
    is_required: bool,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    String,
    Object,
    Level,
}

const fn required(path: &'static str, kind: Kind) -> Member {
    Member { path, is_required: true, kind }
}

const fn optional(path: &'static str, kind: Kind) -> Member {
    Member { path, is_required: false, kind }
}

const CURSOR: &[Member] = &[optional("cursor", Kind::String)];
const URI: &[Member] = &[required("uri", Kind::String)];
const TASK: &[Member] = &[required("taskId", Kind::String)];

/// Methods of clients in both revisions, as far as rmcp has types for them.
const METHODS: [Method; 21] = [
    Method {
        name: "initialize",
        members: &[
            required("protocolVersion", Kind::String),
            required("capabilities", Kind::Object),
            required("clientInfo", Kind::Object),
            required("clientInfo.name", Kind::String),
            required("clientInfo.version", Kind::String),
        ],
    },
    Method { name: "server/discover", members: &[required("_meta", Kind::Object)] },
    Method { name: "ping", members: &[] },
    Method { name: "tools/list", members: CURSOR },
    Method {
        name: "tools/call",
        members: &[
            required("name", Kind::String),
            optional("arguments", Kind::Object),
            optional("inputResponses", Kind::Object),
            optional("requestState", Kind::String),
        ],
    },
    Method { name: "prompts/list", members: CURSOR },
    Method {
        name: "prompts/get",
        members: &[
            required("name", Kind::String),
            optional("arguments", Kind::Object),
            optional("inputResponses", Kind::Object),
            optional("requestState", Kind::String),
        ],
    },
    Method { name: "resources/list", members: CURSOR },
    Method { name: "resources/templates/list", members: CURSOR },
    Method {
        name: "resources/read",
        members: &[
            required("uri", Kind::String),
            optional("inputResponses", Kind::Object),
            optional("requestState", Kind::String),
        ],
    },
    Method { name: "resources/subscribe", members: URI },
    Method { name: "resources/unsubscribe", members: URI },
    Method {
        name: "completion/complete",
        members: &[
            required("ref", Kind::Object),
            required("ref.type", Kind::String),
            required("argument", Kind::Object),
            required("argument.name", Kind::String),
            required("argument.value", Kind::String),
        ],
    },
    Method { name: "logging/setLevel", members: &[required("level", Kind::Level)] },
    Method { name: "subscriptions/listen", members: &[required("notifications", Kind::Object)] },
    Method { name: "tasks/get", members: TASK },
    Method { name: "tasks/cancel", members: TASK },
    Method {
        name: "tasks/update",
        members: &[required("taskId", Kind::String), required("inputResponses", Kind::Object)],
    },
    Method { name: "skills/list", members: CURSOR },
    Method { name: "skills/get", members: URI },
    Method {
        name: "resources/directory/read",
        members: &[required("uri", Kind::String), optional("cursor", Kind::String)],
    },
];

/// Methods that the revision 2026-07-28 does not have.
const REMOVED: [&str; 5] = ["initialize", "logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"];

/// Returns whether the revision 2026-07-28 does not have a method of earlier revisions.
pub(crate) fn is_removed(method: &str) -> bool {
    REMOVED.contains(&method)
}

/// A request, as far as its parameters are concerned.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    params: Value,
}

/// Checks the parameters of a request that rmcp took for one with an unknown method.
///
/// # Errors
///
/// rmcp knows the method, and the parameters do not fit it.
pub(crate) fn check_shape(method: &str, body: &[u8]) -> Result<(), InvalidShape> {
    let Some(Method { name: method, members }) = METHODS.iter().find(|known| known.name == method) else {
        return Ok(());
    };
    let is_custom = matches!(
        serde_json::from_slice::<ClientJsonRpcMessage>(body),
        Ok(JsonRpcMessage::Request(request)) if matches!(request.request, ClientRequest::CustomRequest(_))
    );
    if !is_custom {
        return Ok(());
    }
    let params = serde_json::from_slice(body).map_or(Value::Null, |request: Request| request.params);
    let expects_params = members.iter().any(|member| member.is_required);
    if !(params.is_object() || params.is_null() && !expects_params) {
        return Err(InvalidShape::Params { method });
    }
    let wrong = members.iter().find(|member| !member.fits(&params));
    Err(wrong.map_or(InvalidShape::Types { method }, |member| InvalidShape::Member {
        method,
        member: member.path,
        expected: member.kind.expected(),
    }))
}

impl Member {
    /// Returns whether the parameters have this member with its type, or do not need it.
    fn fits(&self, params: &Value) -> bool {
        match self.path.split('.').try_fold(params, |value, name| value.get(name)) {
            None | Some(Value::Null) => !self.is_required,
            Some(value) => match self.kind {
                Kind::String => value.is_string(),
                Kind::Object => value.is_object(),
                Kind::Level => serde_json::from_value::<LoggingLevel>(value.clone()).is_ok(),
            },
        }
    }
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Object => "an object",
            Self::Level => {
                "one of `debug`, `info`, `notice`, `warning`, `error`, `critical`, `alert` and `emergency`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(method: &str, params: &Value) -> Result<(), String> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        check_shape(method, body.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_has_every_method_that_rmcp_has_a_type_for() {
        let valid = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" },
            "name": "n", "uri": "skill://a/SKILL.md", "ref": { "type": "ref/prompt", "name": "p" },
            "argument": { "name": "a", "value": "v" }, "level": "info", "notifications": {}, "taskId": "t",
            "inputResponses": {}, "_meta": {},
        });
        for Method { name, .. } in &METHODS {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": name, "params": valid }).to_string();
            let message: ClientJsonRpcMessage = serde_json::from_str(&body).unwrap();
            let JsonRpcMessage::Request(request) = message else { panic!("{name} is not a request") };
            assert!(!matches!(request.request, ClientRequest::CustomRequest(_)), "rmcp has no type for {name}");
            assert_eq!(check(name, &valid), Ok(()), "{name}");
        }
    }

    #[test]
    fn the_first_member_with_another_type_is_named() {
        let client = json!({ "name": "c", "version": "1" });
        for (params, error) in [
            (json!(null), "`params` of initialize must be an object"),
            (json!({}), "`params.protocolVersion` of initialize must be a string"),
            (
                json!({ "protocolVersion": 7, "capabilities": {}, "clientInfo": client }),
                "`params.protocolVersion` of initialize must be a string",
            ),
            (
                json!({ "protocolVersion": "2025-11-25", "clientInfo": client }),
                "`params.capabilities` of initialize must be an object",
            ),
            (
                json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c" } }),
                "`params.clientInfo.version` of initialize must be a string",
            ),
            (
                json!({ "protocolVersion": "2025-11-25", "capabilities": { "roots": 7 }, "clientInfo": client }),
                "the members of `params` of initialize do not have the types that MCP defines",
            ),
        ] {
            assert_eq!(check("initialize", &params), Err(error.to_owned()), "{params}");
        }
        let level = check("logging/setLevel", &json!({ "level": "loud" })).unwrap_err();
        assert!(level.contains("must be one of `debug`"), "{level}");
        assert_eq!(check("unknown/method", &json!([])), Ok(()));
    }
}
