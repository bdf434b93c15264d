//! Whom a task belongs to.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    auth::{Caller, Principal},
    hexadecimal::hexadecimal,
};

/// Digest of the principal and the OAuth client that created a task. No other caller finds the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TaskOwner(String);

/// Digest of a principal, for which tasks are counted. A person can register any number of OAuth clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Payer([u8; 32]);

impl TaskOwner {
    pub(super) fn of(caller: &Caller) -> Self {
        Self(hexadecimal(&digest(caller, caller.client_id())))
    }
}

impl Payer {
    pub(super) fn of(caller: &Caller) -> Self {
        Self(digest(caller, None))
    }
}

fn digest(caller: &Caller, client: Option<&str>) -> [u8; 32] {
    let (user, org, token) = match caller.principal() {
        Principal::User { users, id, org } => (Some((users, id)), org, None),
        Principal::Token(digest) => (None, None, Some(digest.as_bytes())),
    };
    // JSON separates the parts unambiguously.
    let owner = serde_json::to_vec(&("task owner", user, org, token, client));
    Sha256::digest(owner.expect("texts can be serialized")).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::{BearerToken, Claims};

    fn caller(token: &str, claims: &Claims) -> Caller {
        Caller::of_token(&BearerToken::parse(token).unwrap(), claims, Arc::default())
    }

    #[test]
    fn a_task_belongs_to_a_principal_and_a_client() {
        let sam = Claims::new().subject("sam").client_id("one");
        let owner = |token, claims: &Claims| TaskOwner::of(&caller(token, claims));
        assert_eq!(owner("a", &sam), owner("b", &sam.clone().scopes(["other"])));
        for other in [
            Claims::new().subject("harriet").client_id("one"),
            Claims::new().subject("sam").client_id("two"),
            Claims::new().subject("sam"),
            Claims::new().subject("sam").client_id("one").organization("org", "role"),
            Claims::new().client_id("one"),
        ] {
            assert_ne!(owner("a", &sam), owner("a", &other));
        }
        let service = Claims::new().client_id("one");
        assert_ne!(owner("a", &service), owner("b", &service), "tokens without a user are principals of their own");
    }

    #[test]
    fn tasks_are_counted_for_the_person_with_all_clients() {
        let payer = |claims: &Claims| Payer::of(&caller("a", claims));
        let sam = Claims::new().subject("sam");
        assert_eq!(payer(&sam.clone().client_id("one")), payer(&sam.clone().client_id("two")));
        assert_ne!(payer(&sam), payer(&Claims::new().subject("harriet")));
    }
}
