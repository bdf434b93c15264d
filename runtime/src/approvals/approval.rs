//! An approval, and its identifier.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    auth::{Caller, UserNamespace},
    duration::millis,
    hexadecimal::hexadecimal,
};

/// Random identifier of an approval, which is in its URL: 256 bits as base64url. It says nothing about the person, and
/// does not suffice to see or to give the approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApprovalId(String);

/// Length of an identifier.
const ID_LENGTH: usize = 43;

impl ApprovalId {
    pub(crate) fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// Reads an identifier in a path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_valid =
            text.len() == ID_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        is_valid.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the reference by which records name the approval. It does not reveal the identifier.
    pub(crate) fn reference(&self) -> String {
        hexadecimal(&Sha256::digest(&self.0)[..6])
    }
}

/// State of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The person has not decided.
    Pending,
    /// The person approved the call, which has not been repeated.
    Given,
    /// The person declined the call, and its client does not know that.
    Declined,
    /// The call ran.
    Used,
}

/// What the person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Decline,
}

/// A call that a person is asked to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approval {
    pub(crate) id: ApprovalId,
    /// Digest of the principal, client, tool and arguments.
    pub(super) call: String,
    pub(crate) state: State,
    pub(crate) person: Person,
    pub(crate) tool: String,
    pub(crate) message: String,
    /// The arguments as JSON, as the client sent them.
    pub(crate) arguments: String,
    /// ID of the OAuth client.
    pub(crate) client_id: Option<String>,
    /// What the client calls itself.
    pub(crate) client_name: Option<String>,
    /// A scope that the token of the call has, if possible one of the tool.
    pub(crate) scope: Option<String>,
    /// In seconds since 1970.
    requested_at: u64,
    /// In milliseconds since 1970.
    expires_at: u64,
}

/// Whom the call acts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) users: UserNamespace,
    pub(crate) user: String,
    pub(crate) org: Option<String>,
    pub(crate) username: Option<String>,
}

impl Person {
    /// Returns the person that a caller acts for, if there is one.
    pub(super) fn of(caller: &Caller) -> Option<Self> {
        Some(Self {
            users: *caller.user_namespace(),
            user: caller.user_id().filter(|user| !user.is_empty())?.to_owned(),
            org: caller.org_id().map(str::to_owned),
            username: caller.username().map(str::to_owned),
        })
    }
}

/// Parts of an approval that its call determines.
pub(super) struct RequestedCall {
    pub(super) call: String,
    pub(super) person: Person,
    pub(super) tool: String,
    pub(super) message: String,
    pub(super) arguments: String,
    pub(super) client_id: Option<String>,
    pub(super) client_name: Option<String>,
    pub(super) scope: Option<String>,
}

impl Approval {
    pub(super) fn new(call: RequestedCall, lifetime: Duration) -> Self {
        let RequestedCall { call, person, tool, message, arguments, client_id, client_name, scope } = call;
        let (id, state) = (ApprovalId::random(), State::Pending);
        let now = since_epoch(SystemTime::now());
        let (requested_at, expires_at) = (now.as_secs(), millis(now + lifetime));
        Self {
            id,
            call,
            state,
            person,
            tool,
            message,
            arguments,
            client_id,
            client_name,
            scope,
            requested_at,
            expires_at,
        }
    }

    pub(crate) fn requested_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.requested_at)
    }

    /// Returns the time for which the approval is valid, or `None` if it has expired.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let remaining = Duration::from_millis(self.expires_at).checked_sub(since_epoch(SystemTime::now()))?;
        (!remaining.is_zero()).then_some(remaining)
    }

    /// Sets the state, in which the approval is valid for this time.
    pub(super) fn enter(&mut self, state: State, lifetime: Duration) {
        self.state = state;
        self.expires_at = millis(since_epoch(SystemTime::now()) + lifetime);
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_256_random_bits_and_its_reference_does_not_reveal_it() {
        let (one, two) = (ApprovalId::random(), ApprovalId::random());
        assert_ne!(one, two);
        assert_eq!(ApprovalId::parse(one.as_str()).as_ref(), Some(&one));
        assert_eq!(URL_SAFE_NO_PAD.decode(one.as_str()).unwrap().len(), 32);
        assert_eq!(one.reference().len(), 12);
        assert!(!one.as_str().contains(&one.reference()));
        for text in ["", "callback", &"a".repeat(42), &"a".repeat(44), &format!("{}/", "a".repeat(42))] {
            assert_eq!(ApprovalId::parse(text), None, "{text}");
        }
    }
}
