//! The approvals of a server: requesting, deciding and consuming them.
//!
//! The approvals of one person are one signed value in the store. Every change replaces it atomically, so that of two
//! calls with one approval, also on two replicas, one runs.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::time::Instant;

use super::{
    Approval, ApprovalId, ApprovalStore, ApprovalStoreError, Decision, State, approval::Person,
    requested_call::RequestedCallOf,
};
use crate::operation::{ApprovalCall, ApprovalRequest, Approver, RequestStateSigner, ToolError, declined};

/// Maximum number of approvals of one person that have not expired.
const MAX_PER_PERSON: usize = 8;
/// Maximum number of attempts to replace a value that others change at the same time.
const MAX_ATTEMPTS: usize = 16;
/// Time between two reads of an approval for which a call waits.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Lifetime of a value that is removed.
const REMOVAL_LIFETIME: Duration = Duration::from_millis(1);

/// Input of [`Approvals::new`].
pub(crate) struct ApprovalsParts {
    pub(crate) store: Arc<dyn ApprovalStore>,
    pub(crate) signer: RequestStateSigner,
    /// Public URL of the server.
    pub(crate) base_url: String,
    /// URL of the MCP endpoint.
    pub(crate) resource: String,
    /// Time for which a person can decide, and after that the call can be repeated.
    pub(crate) lifetime: Duration,
    /// Maximum time that a repeated call waits for the person.
    pub(crate) wait: Duration,
}

/// The approvals of a server.
pub(crate) struct Approvals(ApprovalsParts);

/// Why the state of an approval is not known.
#[derive(Debug, Error)]
pub(crate) enum ApprovalError {
    #[error("the store of approvals failed: {0}")]
    Store(#[from] ApprovalStoreError),
    #[error(
        "a value in the store of approvals has an invalid signature: set `operations.request_state_key` to the same key on all \
         replicas"
    )]
    Signature,
    #[error("a value in the store of approvals is changed all the time")]
    Contention,
}

/// Who opened the page of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opener {
    /// The person whom the call acts for.
    Subject,
    Other,
}

/// The state of the approval of a call.
enum Found {
    Given(ApprovalId),
    Declined(ApprovalId),
    Pending(ApprovalId),
    Requested(ApprovalId),
    TooMany,
}

impl Approvals {
    pub(crate) fn new(config: ApprovalsParts) -> Self {
        Self(config)
    }

    /// Returns the approval with this identifier, if there is one that has not expired.
    pub(crate) async fn find(&self, id: &ApprovalId) -> Result<Option<Approval>, ApprovalError> {
        let Some(key) = self.person_key_of(id).await? else { return Ok(None) };
        let (approvals, _) = self.load(&key).await?;
        Ok(approvals.into_iter().find(|approval| approval.id == *id))
    }

    /// Compares the person who logged in with the one whom the call acts for.
    pub(crate) fn opener(approval: &Approval, user: Option<&str>, org: Option<&str>) -> Opener {
        let is_subject = user == Some(approval.person.user.as_str()) && org == approval.person.org.as_deref();
        if is_subject { Opener::Subject } else { Opener::Other }
    }

    /// Records the decision of the person. Returns whether the approval was pending.
    pub(crate) async fn decide(&self, id: &ApprovalId, decision: Decision) -> Result<bool, ApprovalError> {
        let Some(key) = self.person_key_of(id).await? else { return Ok(false) };
        let state = match decision {
            Decision::Approve => State::Given,
            Decision::Decline => State::Declined,
        };
        self.update(&key, |approvals| {
            let pending =
                approvals.iter_mut().find(|approval| approval.id == *id && approval.state == State::Pending);
            let Some(approval) = pending else { return (false, Change::None) };
            approval.enter(state, self.0.lifetime);
            (true, Change::Changed)
        })
        .await
    }

    /// Consumes the approval of a call, or requests one.
    async fn consume_or_request(&self, key: &str, call: &RequestedCallOf<'_>) -> Result<Found, ApprovalError> {
        let mut new = None;
        let mut removed = Vec::new();
        let found = self.update(key, |approvals| {
            removed.clear();
            let found =
                approvals.iter().position(|approval| approval.call == call.id && approval.state != State::Used);
            if let Some(i) = found {
                let id = approvals[i].id.clone();
                return match approvals[i].state {
                    State::Given => {
                        // It stays in the store, for its page and for a call that has no effect and is repeated.
                        approvals[i].state = State::Used;
                        (Found::Given(id), Change::Changed)
                    }
                    State::Declined => {
                        removed.push(approvals.remove(i).id);
                        (Found::Declined(id), Change::Changed)
                    }
                    State::Pending | State::Used => (Found::Pending(id), Change::None),
                };
            }
            if approvals.len() >= MAX_PER_PERSON {
                removed
                    .extend(approvals.extract_if(.., |approval| approval.state == State::Used).map(|used| used.id));
            }
            if approvals.len() >= MAX_PER_PERSON {
                return (Found::TooMany, Change::None);
            }
            let approval = new.get_or_insert_with(|| Approval::new(call.describe(), self.0.lifetime)).clone();
            let id = approval.id.clone();
            approvals.push(approval);
            (Found::Requested(id.clone()), Change::Added(id))
        });
        let found = found.await?;
        self.remove_pages(&removed).await;
        Ok(found)
    }

    /// Removes what the pages of approvals are found by, so that approvals that no longer count for their person take no
    /// place in the store.
    async fn remove_pages(&self, removed: &[ApprovalId]) {
        for id in removed {
            let key = self.id_key(id);
            let removed = async {
                let Some(value) = self.0.store.get(&key).await? else { return Ok(true) };
                // A store has no way to remove a value other than its expiry.
                self.0.store.replace(&key, Some(&value), &[], REMOVAL_LIFETIME).await
            };
            if let Err(error) = removed.await {
                tracing::warn!(%error, "the page of an approval stays in the store until it expires");
            }
        }
    }

    /// Changes the approvals of a person atomically. `change` can be called several times.
    async fn update<T>(
        &self,
        key: &str,
        mut change: impl FnMut(&mut Vec<Approval>) -> (T, Change),
    ) -> Result<T, ApprovalError> {
        for _ in 0..MAX_ATTEMPTS {
            let (mut approvals, current) = self.load(key).await?;
            let (outcome, changed) = change(&mut approvals);
            match changed {
                Change::None => return Ok(outcome),
                Change::Changed => {}
                Change::Added(id) => self.store_person_key(&id, key).await?,
            }
            let lifetime = approvals.iter().filter_map(Approval::remaining).max().unwrap_or(POLL_INTERVAL);
            let value = self.seal(key, &approvals, lifetime);
            if self.0.store.replace(key, current.as_deref(), &value, lifetime).await? {
                return Ok(outcome);
            }
        }
        Err(ApprovalError::Contention)
    }

    /// Returns the approvals of a person that have not expired, and the value that they are from.
    async fn load(&self, key: &str) -> Result<(Vec<Approval>, Option<Vec<u8>>), ApprovalError> {
        let value = self.0.store.get(key).await?;
        let mut approvals: Vec<Approval> = match &value {
            Some(value) => self.open(key, value)?,
            None => Vec::new(),
        };
        approvals.retain(|approval| approval.remaining().is_some());
        Ok((approvals, value))
    }

    /// Returns the key of the person of an approval.
    async fn person_key_of(&self, id: &ApprovalId) -> Result<Option<String>, ApprovalError> {
        let key = self.id_key(id);
        match self.0.store.get(&key).await? {
            // An empty value is removed: it is about to expire.
            Some(value) if !value.is_empty() => self.open(&key, &value).map(Some),
            _ => Ok(None),
        }
    }

    async fn store_person_key(&self, id: &ApprovalId, person_key: &str) -> Result<(), ApprovalError> {
        let key = self.id_key(id);
        // As long as the person can decide, and after that the call can be repeated.
        let lifetime = self.0.lifetime.saturating_mul(2);
        let value = self.seal(&key, &person_key, lifetime);
        // A second attempt finds the value of the first.
        self.0.store.replace(&key, None, &value, lifetime).await?;
        Ok(())
    }

    fn id_key(&self, id: &ApprovalId) -> String {
        self.key("id", &[id.as_str()])
    }

    /// Returns a key that is unique to this server, so that several servers can share a store.
    fn key(&self, kind: &str, parts: &[&str]) -> String {
        let text = serde_json::to_vec(&(&self.0.resource, parts)).expect("texts can be serialized");
        format!("{kind}:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
    }

    fn person_key(&self, person: &Person) -> String {
        // An organization and none are different persons.
        let org = person.org.as_deref();
        self.key("person", &[&person.user, if org.is_some() { "in" } else { "" }, org.unwrap_or_default()])
    }

    fn seal<T: Serialize>(&self, key: &str, value: &T, lifetime: Duration) -> Vec<u8> {
        // The value must be valid for as long as the store returns it.
        self.0.signer.seal(&format!("approvals {key}"), value, lifetime + POLL_INTERVAL).into_bytes()
    }

    fn open<T: DeserializeOwned>(&self, key: &str, value: &[u8]) -> Result<T, ApprovalError> {
        let value = str::from_utf8(value).map_err(|_| ApprovalError::Signature)?;
        self.0.signer.open(&format!("approvals {key}"), value).map_err(|_| ApprovalError::Signature)
    }

    fn request(&self, id: &ApprovalId, message: &str) -> ToolError {
        let url = format!("{}/approve/{}", self.0.base_url, id.as_str());
        ToolError::approval_required(ApprovalRequest { id: id.as_str().to_owned(), url, message: message.to_owned() })
    }

    /// Returns the time for which a call waits for the person.
    fn wait(&self, call: &ApprovalCall<'_>) -> Duration {
        // The rest of the time limit is for the body.
        call.time_limit.map_or(self.0.wait, |limit| self.0.wait.min(limit / 2))
    }
}

/// Whether the approvals of a person changed.
enum Change {
    None,
    Changed,
    Added(ApprovalId),
}

/// Error of a call whose access ended before its body started.
fn access_ended() -> ToolError {
    ToolError::not_approved("not approved: the access to the tool ended while the call waited. Nothing was done")
}

#[async_trait]
impl Approver for Approvals {
    async fn approve(&self, call: &ApprovalCall<'_>, message: &str) -> Result<(), ToolError> {
        let requested = RequestedCallOf::new(call, message)?;
        let key = self.person_key(&requested.person);
        let deadline = Instant::now() + self.wait(call);
        loop {
            let found = self.consume_or_request(&key, &requested).await.map_err(ToolError::masked)?;
            if let Found::Given(id) | Found::Declined(id) | Found::Pending(id) | Found::Requested(id) = &found {
                call.refer_to(&id.reference());
            }
            match found {
                // The access can have ended while the call waited.
                Found::Given(_) if call.is_authorized() => return Ok(()),
                Found::Given(_) => return Err(access_ended()),
                Found::Declined(_) => return Err(ToolError::not_approved(declined(&requested.message))),
                Found::Requested(id) => return Err(self.request(&id, &requested.message)),
                Found::Pending(id) if Instant::now() >= deadline => return Err(self.request(&id, &requested.message)),
                Found::Pending(_) => {
                    tokio::time::sleep(POLL_INTERVAL).await;
                    // A rule of the operator can have disabled the tool in the meantime.
                    if !call.is_authorized() {
                        return Err(access_ended());
                    }
                }
                Found::TooMany => {
                    return Err(ToolError::not_approved(format!(
                        "not approved: {MAX_PER_PERSON} other calls wait for an approval of this person. Nothing was done. \
                         Ask them to approve or decline those first"
                    )));
                }
            }
        }
    }

    async fn restore(&self, call: &ApprovalCall<'_>) {
        let Some((person, reference)) = Person::of(call.caller).zip(call.reference()) else { return };
        let restored = self
            .update(&self.person_key(&person), |approvals| {
                let used = approvals
                    .iter_mut()
                    .find(|approval| approval.state == State::Used && approval.id.reference() == reference);
                let Some(approval) = used else { return ((), Change::None) };
                approval.state = State::Given;
                ((), Change::Changed)
            })
            .await;
        if let Err(error) = restored {
            tracing::warn!(%error, tool = call.tool.name(), "the person has to approve the repeated call again");
        }
    }

    async fn withdraw(&self, call: &ApprovalCall<'_>) {
        let Some(person) = Person::of(call.caller) else { return };
        let id = URL_SAFE_NO_PAD.encode(call.binding.as_bytes());
        let withdrawn = self
            .update(&self.person_key(&person), |approvals| {
                let is_pending = |approval: &mut Approval| approval.call == id && approval.state == State::Pending;
                let removed: Vec<_> = approvals.extract_if(.., is_pending).map(|approval| approval.id).collect();
                let change = if removed.is_empty() { Change::None } else { Change::Changed };
                (removed, change)
            })
            .await;
        match withdrawn {
            Ok(removed) => self.remove_pages(&removed).await,
            Err(error) => {
                tracing::warn!(%error, tool = call.tool.name(), "a declined approval stays until it expires");
            }
        }
    }

    #[cfg(feature = "testing")]
    async fn decide_in_test(
        &self,
        id: &str,
        is_approved: bool,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let Some(id) = ApprovalId::parse(id) else { return Ok(false) };
        let decision = if is_approved { Decision::Approve } else { Decision::Decline };
        Ok(self.decide(&id, decision).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approvals::{MemoryApprovalStore, approval::RequestedCall};

    fn approvals() -> Approvals {
        Approvals::new(ApprovalsParts {
            store: Arc::new(MemoryApprovalStore::default()),
            signer: RequestStateSigner::random(),
            base_url: "https://mcp.example.com".to_owned(),
            resource: "https://mcp.example.com/mcp".to_owned(),
            lifetime: Duration::from_mins(1),
            wait: Duration::ZERO,
        })
    }

    fn person(user: &str, org: Option<&str>) -> Person {
        Person {
            users: crate::auth::UserNamespace::default(),
            user: user.to_owned(),
            org: org.map(str::to_owned),
            username: None,
        }
    }

    #[test]
    fn the_opener_is_the_person_in_the_same_organization() {
        let call = RequestedCall {
            call: "c".to_owned(),
            person: person("harriet", Some("company")),
            tool: "t".to_owned(),
            message: "m".to_owned(),
            arguments: "{}".to_owned(),
            client_id: None,
            client_name: None,
            scope: None,
        };
        let approval = Approval::new(call, Duration::from_mins(1));
        let opener = |user, org| Approvals::opener(&approval, user, org);
        assert_eq!(opener(Some("harriet"), Some("company")), Opener::Subject);
        for (user, org) in [
            (Some("harriet"), None),
            (Some("harriet"), Some("other")),
            (Some("sanna"), Some("company")),
            (Some(""), Some("company")),
            (None, Some("company")),
            (None, None),
        ] {
            assert_eq!(opener(user, org), Opener::Other, "{user:?} {org:?}");
        }
    }

    #[test]
    fn keys_are_different_for_every_person_and_say_nothing_about_them() {
        let approvals = approvals();
        let persons = [
            person("harriet", None),
            person("harriet", Some("")),
            person("harriet", Some("in")),
            person("harrietin", None),
            person("sanna", Some("in")),
        ];
        let mut keys: Vec<_> = persons.iter().map(|person| approvals.person_key(person)).collect();
        assert!(keys.iter().all(|key| key.len() <= 64 && !key.contains("harriet")), "{keys:?}");
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), persons.len());
    }

    #[tokio::test]
    async fn a_value_is_valid_for_its_key_only() {
        let approvals = approvals();
        let (one, two) = (ApprovalId::random(), ApprovalId::random());
        approvals.store_person_key(&one, "person").await.unwrap();
        assert_eq!(approvals.person_key_of(&one).await.unwrap().as_deref(), Some("person"));
        assert_eq!(approvals.person_key_of(&two).await.unwrap(), None);
        let value = approvals.0.store.get(&approvals.id_key(&one)).await.unwrap().unwrap();
        let key = approvals.id_key(&two);
        assert!(approvals.0.store.replace(&key, None, &value, Duration::from_mins(1)).await.unwrap());
        assert!(matches!(approvals.person_key_of(&two).await, Err(ApprovalError::Signature)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_page_is_unknown_at_once_and_takes_no_place_later() {
        let approvals = approvals();
        let id = ApprovalId::random();
        approvals.store_person_key(&id, "person").await.unwrap();
        approvals.remove_pages(std::slice::from_ref(&id)).await;
        assert_eq!(approvals.person_key_of(&id).await.unwrap(), None);
        tokio::time::advance(REMOVAL_LIFETIME).await;
        assert_eq!(approvals.0.store.get(&approvals.id_key(&id)).await.unwrap(), None);
    }
}
