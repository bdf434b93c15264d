//! Signing of `requestState`, the state of a tool that the client stores between two rounds.
//!
//! MCP 2026-07-28, Multi Round-Trip Requests: a server MUST reject state that fails the integrity check.

use std::time::Duration;

use rmcp::model::{RequestStateCodec, RequestStateError, SealOptions};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::auth::Caller;

/// Validity of a signed state: the time that a person may take to respond.
const LIFETIME: Duration = Duration::from_hours(1);

/// Signs states and verifies signed ones.
#[derive(Clone, Debug)]
pub(crate) struct RequestStateSigner(RequestStateCodec);

/// Digest of the caller, tool and arguments that a state is bound to.
pub(crate) struct CallBinding([u8; 32]);

impl RequestStateSigner {
    /// Creates a signer with a random key, which no other process has.
    pub(crate) fn random() -> Self {
        let key = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
        Self(RequestStateCodec::new_unchecked(key))
    }

    /// Creates a signer with a key that several replicas share.
    ///
    /// # Errors
    ///
    /// The key is shorter than 32 bytes.
    pub(crate) fn with_key(key: Vec<u8>) -> Result<Self, RequestStateError> {
        RequestStateCodec::try_new(key).map(Self)
    }

    pub(crate) fn sign(&self, state: &str, call: &CallBinding) -> String {
        let options = SealOptions::new().associated_data(&call.0).ttl(LIFETIME);
        self.0.seal_with(state.as_bytes(), &options)
    }

    /// Verifies a signed state and returns the state.
    ///
    /// # Errors
    ///
    /// The state was signed with another key or for another call, or it has expired.
    pub(crate) fn verify(&self, signed: &str, call: &CallBinding) -> Result<String, RequestStateError> {
        let state = self.0.open_with(signed, &call.0)?;
        String::from_utf8(state).map_err(|_| RequestStateError::MalformedFormat)
    }
}

impl CallBinding {
    pub(crate) fn new(tool: &str, caller: &Caller, arguments: &Map<String, Value>) -> Self {
        let principal = [caller.user_id(), caller.client_id(), caller.org_id()];
        // JSON separates the parts unambiguously.
        let call = serde_json::to_vec(&(tool, principal, arguments)).expect("a JSON value can be serialized");
        Self(Sha256::digest(call).into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::auth::Claims;

    fn call(tool: &str, user: &str, arguments: &Value) -> CallBinding {
        let caller = Caller::new(&Claims::new().subject(user), Arc::default());
        CallBinding::new(tool, &caller, arguments.as_object().unwrap())
    }

    #[test]
    fn a_signed_state_is_verified() {
        let (signer, call) = (RequestStateSigner::random(), call("ticket_delete", "sam", &json!({ "id": 1 })));
        let state = signer.sign("asked", &call);
        assert_eq!(signer.verify(&state, &call).unwrap(), "asked");
        assert!(signer.verify(&format!("{state}A"), &call).is_err());
        assert!(signer.verify("asked", &call).is_err());
        assert!(RequestStateSigner::random().verify(&state, &call).is_err());
    }

    #[test]
    fn a_state_is_valid_for_its_own_call_only() {
        let signer = RequestStateSigner::random();
        let state = signer.sign("asked", &call("ticket_delete", "sam", &json!({ "id": 1 })));
        for other in [
            call("ticket_delete", "sam", &json!({ "id": 2 })),
            call("ticket_delete", "harriet", &json!({ "id": 1 })),
            call("ticket_read", "sam", &json!({ "id": 1 })),
        ] {
            assert!(signer.verify(&state, &other).is_err());
        }
    }

    #[test]
    fn replicas_with_the_same_key_verify_each_others_states() {
        let [one, other] = [(); 2].map(|()| RequestStateSigner::with_key(vec![7; 32]).unwrap());
        let call = call("ticket_delete", "sam", &json!({}));
        assert_eq!(other.verify(&one.sign("asked", &call), &call).unwrap(), "asked");
        assert!(RequestStateSigner::with_key(b"short".to_vec()).is_err());
    }
}
