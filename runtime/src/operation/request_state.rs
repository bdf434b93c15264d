//! Signing of `requestState`, which the client stores between two rounds: what the body asked for, the answers of earlier
//! rounds, and the body's state.
//!
//! MCP 2026-07-28, Multi Round-Trip Requests: a server MUST reject state that fails the integrity check.

use std::{collections::BTreeMap, time::Duration};

use rmcp::model::{
    ElicitResult, InputRequest, InputRequests, InputRequiredResult, InputResponses, RequestStateCodec,
    RequestStateError, SealOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::OperationKind;
use crate::auth::{Caller, Principal};

/// Validity of a signed state: the time that a person may take to respond.
const LIFETIME: Duration = Duration::from_hours(1);

/// Signs states and verifies signed ones.
#[derive(Clone, Debug)]
pub(crate) struct RequestStateSigner(RequestStateCodec);

/// Digest of the principal, client, operation and arguments that a state is bound to.
pub(crate) struct CallBinding([u8; 32]);

/// Round of a call in which the body asked for input. It is the content of a signed state.
///
/// The default is a call that was not asked for anything, so that every response is unsolicited.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputRound {
    asked: BTreeMap<String, InputKind>,
    /// State of the call ([`InputRequired::state`](super::InputRequired::state)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Responses of earlier rounds that the next one needs.
    #[serde(default, skip_serializing_if = "InputResponses::is_empty")]
    responses: InputResponses,
}

/// Kind of a requested input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum InputKind {
    Elicitation,
    Sampling,
    Roots,
    /// A kind that a later version of rmcp adds. Its responses are not checked.
    Other,
}

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

    /// Signs a value for a purpose, so that a signed value of another purpose is not accepted in its place.
    #[cfg(feature = "approvals")]
    pub(crate) fn seal<T: Serialize>(&self, purpose: &str, value: &T, lifetime: Duration) -> String {
        let options = SealOptions::new().associated_data(purpose.as_bytes()).ttl(lifetime);
        self.0.seal_json_with(value, &options).expect("the value can be serialized")
    }

    /// Verifies a value that was signed for a purpose.
    ///
    /// # Errors
    ///
    /// The value was signed with another key or for another purpose, or it has expired.
    #[cfg(feature = "approvals")]
    pub(crate) fn open<T: serde::de::DeserializeOwned>(
        &self,
        purpose: &str,
        sealed: &str,
    ) -> Result<T, RequestStateError> {
        self.0.open_json_with(sealed, purpose.as_bytes())
    }

    pub(crate) fn sign(&self, round: &InputRound, call: &CallBinding) -> String {
        let options = SealOptions::new().associated_data(&call.0).ttl(LIFETIME);
        self.0.seal_json_with(round, &options).expect("a round can be serialized")
    }

    /// Verifies a signed state and returns the round that it was signed for.
    ///
    /// # Errors
    ///
    /// The state was signed with another key or for another call, or it has expired.
    pub(crate) fn verify(&self, signed: &str, call: &CallBinding) -> Result<InputRound, RequestStateError> {
        self.0.open_json_with(signed, &call.0)
    }
}

impl CallBinding {
    #[cfg(feature = "approvals")]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn new(kind: OperationKind, name: &str, caller: &Caller, arguments: &Map<String, Value>) -> Self {
        let (user, org, token) = match caller.principal() {
            Principal::User { users, id, org } => (Some((users, id)), org, None),
            Principal::Token(digest) => (None, None, Some(digest.as_bytes())),
        };
        // JSON separates the parts unambiguously.
        let call = serde_json::to_vec(&(kind, name, user, org, token, caller.client_id(), arguments));
        Self(Sha256::digest(call.expect("a JSON value can be serialized")).into())
    }
}

impl InputRound {
    /// Returns what a result asks for, and the state of the call in it.
    pub(crate) fn of(input: &InputRequiredResult) -> Self {
        let requests = input.input_requests.iter().flat_map(InputRequests::iter);
        Self {
            asked: requests.map(|(key, request)| (key.clone(), InputKind::of(request))).collect(),
            state: input.request_state.clone(),
            responses: InputResponses::new(),
        }
    }

    /// Adds responses that the next round needs, to questions of this round and of those before it.
    pub(crate) fn with_responses(self, responses: InputResponses) -> Self {
        Self { responses, ..self }
    }

    /// Returns the responses to what was asked for in this round and in those before it, and the state of the call.
    /// Unsolicited responses and those of another kind are ignored, so that the body asks again.
    pub(crate) fn accept(self, mut responses: InputResponses) -> (InputResponses, Option<String>) {
        responses.retain(|key, response| self.asked.get(key).is_some_and(|kind| kind.matches(response)));
        // What was asked for in this round replaces what the body asked for under the same key before.
        for (key, response) in self.responses {
            responses.entry(key).or_insert(response);
        }
        (responses, self.state)
    }
}

impl InputKind {
    fn of(request: &InputRequest) -> Self {
        match request {
            InputRequest::Elicitation(_) => Self::Elicitation,
            InputRequest::CreateMessage(_) => Self::Sampling,
            InputRequest::ListRoots(_) => Self::Roots,
            _ => Self::Other,
        }
    }

    /// Returns whether a response is of this kind: an `ElicitResult`, a `CreateMessageResult` or a `ListRootsResult`.
    fn matches(self, response: &Value) -> bool {
        match self {
            Self::Elicitation => ElicitResult::deserialize(response)
                .is_ok_and(|response| response.content.as_ref().is_none_or(Value::is_object)),
            Self::Sampling => response["role"].is_string() && !response["content"].is_null(),
            Self::Roots => response["roots"].is_array(),
            Self::Other => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        auth::{BearerToken, Claims},
        operation::{Confirm, InputRequired, form},
    };

    fn ask(key: &str) -> InputRequired {
        InputRequired::request(key, form::<Confirm>("Sure?").unwrap())
    }

    fn call(tool: &str, user: &str, arguments: &Value) -> CallBinding {
        let caller = Caller::new(&Claims::new().subject(user), Arc::default());
        CallBinding::new(OperationKind::Tool, tool, &caller, arguments.as_object().unwrap())
    }

    fn round() -> InputRound {
        InputRound::of(&ask("confirm").state("asked").into_result())
    }

    #[test]
    fn a_signed_state_is_verified() {
        let (signer, call) = (RequestStateSigner::random(), call("ticket_delete", "sam", &json!({ "id": 1 })));
        let state = signer.sign(&round(), &call);
        assert_eq!(signer.verify(&state, &call).unwrap(), round());
        assert!(signer.verify(&format!("{state}A"), &call).is_err());
        assert!(signer.verify("asked", &call).is_err());
        assert!(RequestStateSigner::random().verify(&state, &call).is_err());
    }

    #[test]
    fn a_state_is_valid_for_its_own_call_only() {
        let signer = RequestStateSigner::random();
        let state = signer.sign(&round(), &call("ticket_delete", "sam", &json!({ "id": 1 })));
        for other in [
            call("ticket_delete", "sam", &json!({ "id": 2 })),
            call("ticket_delete", "harriet", &json!({ "id": 1 })),
            call("ticket_read", "sam", &json!({ "id": 1 })),
        ] {
            assert!(signer.verify(&state, &other).is_err());
        }
    }

    #[test]
    fn a_state_of_a_token_without_a_user_is_valid_for_that_token_only() {
        let signer = RequestStateSigner::random();
        for claims in [Claims::new(), Claims::new().subject(""), Claims::new().client_id("agents")] {
            let call = |token: &str| {
                let caller = Caller::of_token(&BearerToken::parse(token).unwrap(), &claims, Arc::default());
                CallBinding::new(OperationKind::Tool, "ticket_delete", &caller, &Map::new())
            };
            let state = signer.sign(&round(), &call("one"));
            assert!(signer.verify(&state, &call("one")).is_ok());
            assert!(signer.verify(&state, &call("two")).is_err());
        }
    }

    #[test]
    fn a_state_is_valid_with_every_token_of_its_user_and_client() {
        let call = |token: &str, client: &str| {
            let claims = Claims::new().subject("sam").client_id(client);
            let caller = Caller::of_token(&BearerToken::parse(token).unwrap(), &claims, Arc::default());
            CallBinding::new(OperationKind::Tool, "ticket_delete", &caller, &Map::new())
        };
        let signer = RequestStateSigner::random();
        let state = signer.sign(&round(), &call("before-the-refresh", "inspector"));
        assert!(signer.verify(&state, &call("after-the-refresh", "inspector")).is_ok());
        assert!(signer.verify(&state, &call("after-the-refresh", "other")).is_err());
    }

    #[test]
    fn only_responses_to_what_was_asked_for_are_accepted() {
        let sample = json!({ "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 1 } });
        let roots = json!({ "method": "roots/list", "params": {} });
        let all = || {
            let input = ask("user").and("model", serde_json::from_value(sample.clone()).unwrap());
            InputRound::of(&input.and("roots", serde_json::from_value(roots.clone()).unwrap()).into_result())
        };
        let elicited = json!({ "action": "accept", "content": { "ok": true } });
        let sampled = json!({ "role": "assistant", "content": { "type": "text", "text": "Yes." }, "model": "m" });
        let listed = json!({ "roots": [] });
        let accept = |round: InputRound, responses: Value| {
            let (accepted, _) = round.accept(serde_json::from_value(responses).unwrap());
            accepted.into_keys().collect::<Vec<_>>()
        };
        let right = json!({ "user": elicited, "model": sampled, "roots": listed, "other": elicited });
        assert_eq!(accept(all(), right.clone()), ["model", "roots", "user"]);
        assert!(accept(InputRound::default(), right).is_empty(), "nothing was asked for");
        let other_kinds = json!({ "user": sampled, "model": listed, "roots": elicited });
        assert!(accept(all(), other_kinds).is_empty());
        for malformed in [json!(null), json!(7), json!([]), json!({}), json!({ "action": "maybe" })] {
            let responses = json!({ "user": malformed, "model": malformed, "roots": malformed });
            assert!(accept(all(), responses).is_empty(), "{malformed}");
        }
    }

    #[test]
    fn replicas_with_the_same_key_verify_each_others_states() {
        let [one, other] = [(); 2].map(|()| RequestStateSigner::with_key(vec![7; 32]).unwrap());
        let call = call("ticket_delete", "sam", &json!({}));
        assert_eq!(other.verify(&one.sign(&round(), &call), &call).unwrap(), round());
        assert!(RequestStateSigner::with_key(b"short".to_vec()).is_err());
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]", "toolgate\\.ask\\.[a-c]"]
    }

    fn response() -> impl Strategy<Value = Value> {
        prop_oneof![
            (0..9).prop_map(|value| json!({ "action": "accept", "content": { "value": value } })),
            Just(json!({ "action": "decline" })),
            Just(json!({ "role": "assistant", "content": "text" })),
            Just(json!(null)),
        ]
    }

    proptest! {
        #[test]
        fn e3_a_round_passes_on_what_it_asked_for_and_what_it_carries(
            asked in prop::collection::btree_set(key(), 0..4),
            carried in prop::collection::btree_map(key(), response(), 0..4),
            sent in prop::collection::btree_map(key(), response(), 0..6),
            state in prop::option::of(".{0,20}"),
        ) {
            let mut input = InputRequiredResult::from_input_requests(
                asked.iter().map(|key| (key.clone(), form::<Confirm>("Sure?").unwrap())).collect(),
            );
            input.request_state.clone_from(&state);
            let (signer, call) = (RequestStateSigner::random(), call("ticket_delete", "sam", &json!({})));
            let round = InputRound::of(&input).with_responses(carried.clone());
            let verified = signer.verify(&signer.sign(&round, &call), &call).unwrap();
            prop_assert_eq!(&verified, &round);
            let (accepted, accepted_state) = verified.accept(sent.clone());
            prop_assert_eq!(accepted_state, state);
            for (key, response) in &accepted {
                let is_answer = asked.contains(key) && sent.get(key) == Some(response);
                prop_assert!(is_answer || carried.get(key) == Some(response), "{key}");
            }
            for key in carried.keys() {
                prop_assert!(accepted.contains_key(key));
            }
        }
    }
}
