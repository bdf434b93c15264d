//! The state that a tool gives a client to bring back with its answers, sealed: it went through the client's hands.
//!
//! MCP 2026-07-28, Multi Round-Trip Requests: what fails the check of its integrity MUST be refused.

use std::time::Duration;

use rmcp::model::{RequestStateCodec, RequestStateError, SealOptions};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::auth::Caller;

/// How long a client may take for one round: as long as people take to answer, and no longer.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Seals states, and opens those that it sealed.
#[derive(Clone, Debug)]
pub(crate) struct StateSeal(RequestStateCodec);

/// The call that a state belongs to. It is good for nothing else: not for another caller, tool, or arguments.
pub(crate) struct Belonging([u8; 32]);

impl StateSeal {
    /// A seal that no other process has.
    pub(crate) fn random() -> Self {
        let key = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
        Self(RequestStateCodec::new_unchecked(key))
    }

    /// # Errors
    ///
    /// The key is too short.
    pub(crate) fn with_key(key: Vec<u8>) -> Result<Self, RequestStateError> {
        RequestStateCodec::try_new(key).map(Self)
    }

    pub(crate) fn seal(&self, state: &str, call: &Belonging) -> String {
        let options = SealOptions::new().associated_data(&call.0).ttl(LIFETIME);
        self.0.seal_with(state.as_bytes(), &options)
    }

    /// # Errors
    ///
    /// It was not sealed here, not for this call, or too long ago.
    pub(crate) fn open(&self, sealed: &str, call: &Belonging) -> Result<String, RequestStateError> {
        let state = self.0.open_with(sealed, &call.0)?;
        String::from_utf8(state).map_err(|_| RequestStateError::MalformedFormat)
    }
}

impl Belonging {
    pub(crate) fn to(tool: &str, caller: &Caller, arguments: &Map<String, Value>) -> Self {
        let who = [caller.user_id(), caller.client_id(), caller.org_id()];
        // JSON keeps the parts apart.
        let call = serde_json::to_vec(&(tool, who, arguments)).expect("JSON that was read can be written");
        Self(Sha256::digest(call).into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::auth::Claims;

    fn call(tool: &str, user: &str, arguments: &Value) -> Belonging {
        let caller = Caller::new(&Claims::new().subject(user), Arc::default());
        Belonging::to(tool, &caller, arguments.as_object().unwrap())
    }

    #[test]
    fn a_state_comes_back_as_it_was_given() {
        let (seal, call) = (StateSeal::random(), call("ticket_delete", "sam", &json!({ "id": 1 })));
        let sealed = seal.seal("asked", &call);
        assert_eq!(seal.open(&sealed, &call).unwrap(), "asked");
        assert!(seal.open(&format!("{sealed}A"), &call).is_err());
        assert!(seal.open("asked", &call).is_err());
        assert!(StateSeal::random().open(&sealed, &call).is_err());
    }

    #[test]
    fn a_state_is_good_for_its_own_call_only() {
        let seal = StateSeal::random();
        let sealed = seal.seal("asked", &call("ticket_delete", "sam", &json!({ "id": 1 })));
        for other in [
            call("ticket_delete", "sam", &json!({ "id": 2 })),
            call("ticket_delete", "harriet", &json!({ "id": 1 })),
            call("ticket_read", "sam", &json!({ "id": 1 })),
        ] {
            assert!(seal.open(&sealed, &other).is_err());
        }
    }

    #[test]
    fn replicas_with_one_key_open_what_the_others_sealed() {
        let [one, other] = [(); 2].map(|()| StateSeal::with_key(vec![7; 32]).unwrap());
        let call = call("ticket_delete", "sam", &json!({}));
        assert_eq!(other.open(&one.seal("asked", &call), &call).unwrap(), "asked");
        assert!(StateSeal::with_key(b"short".to_vec()).is_err());
    }
}
