//! The questions of one call: which of them are answered, and which the client has to answer next.
//!
//! In MCP 2026-07-28, a call that needs input ends with the questions, and the client calls again with the answers. The
//! body then runs again from its start. A question is recognized by a digest of its message and form, and by how often the
//! call has asked the same before, so an answer is used for its own question only.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rmcp::model::{InputRequest, InputRequests, InputResponses};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

/// Maximum number of questions of a call.
const MAX_QUESTIONS: usize = 32;
/// Maximum size of the answers that the client stores in the signed state between two rounds, in bytes of JSON. A message
/// may have 64 KiB without its arguments, and the state is encoded.
const MAX_ANSWER_BYTES: usize = 32 * 1024;
/// Prefix of the keys of questions, by which they differ from those that an author chooses.
const KEY_PREFIX: &str = "toolgate.ask.";

/// The call asks more than a call may ask.
#[derive(Debug)]
pub(super) struct LimitExceeded;

/// Progress of a call through its questions.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    progress: Mutex<Progress>,
    /// Notified when a question has no answer.
    unanswered: Notify,
}

#[derive(Debug, Default)]
struct Progress {
    /// How often each question was asked, by its digest.
    asked: HashMap<String, usize>,
    /// Keys of the questions whose answers were used.
    answered: BTreeSet<String>,
    /// Answers that the client of a session gave during the call.
    obtained: InputResponses,
    /// Questions that wait for an answer.
    pending: InputRequests,
    /// Whether the call ended because of the pending questions.
    suspended: bool,
}

impl Questions {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the key of the next question.
    ///
    /// # Errors
    ///
    /// The call has asked too many questions.
    pub(super) fn key(&self, request: &InputRequest) -> Result<String, LimitExceeded> {
        let mut progress = self.progress();
        if progress.asked.values().sum::<usize>() >= MAX_QUESTIONS {
            return Err(LimitExceeded);
        }
        let digest = digest(request);
        let count = progress.asked.entry(digest.clone()).or_default();
        *count += 1;
        Ok(format!("{KEY_PREFIX}{digest}.{count}"))
    }

    /// Returns the answer to a question, if a round has one.
    ///
    /// # Errors
    ///
    /// The answers of the call are too large.
    pub(super) fn answer(&self, key: &str, responses: &InputResponses) -> Result<Option<Value>, LimitExceeded> {
        let Some(answer) = responses.get(key) else { return Ok(None) };
        let mut progress = self.progress();
        progress.answered.insert(key.to_owned());
        let stored = responses.iter().filter(|(key, _)| progress.answered.contains(key.as_str()));
        if size(stored) > MAX_ANSWER_BYTES {
            progress.answered.remove(key);
            return Err(LimitExceeded);
        }
        Ok(Some(answer.clone()))
    }

    /// Stores an answer that the client of a session gave, for the rounds in which the body runs again.
    ///
    /// # Errors
    ///
    /// The answers of the call are too large.
    pub(super) fn store(&self, key: String, answer: Value) -> Result<(), LimitExceeded> {
        let mut progress = self.progress();
        progress.obtained.insert(key, answer);
        if size(progress.obtained.iter()) > MAX_ANSWER_BYTES { Err(LimitExceeded) } else { Ok(()) }
    }

    /// Ends the call with a question, together with those that the body asks at the same time. It never returns: the body
    /// is dropped.
    ///
    /// # Errors
    ///
    /// The responses that the next round needs are too large.
    pub(super) async fn suspend(
        &self,
        key: String,
        request: InputRequest,
        responses: &InputResponses,
    ) -> Result<std::convert::Infallible, LimitExceeded> {
        {
            let mut progress = self.progress();
            if size(responses.iter().filter(|(key, _)| progress.is_carried(key, true))) > MAX_ANSWER_BYTES {
                return Err(LimitExceeded);
            }
            progress.pending.insert(key.clone(), request);
        }
        // If the body drops the question, it does not wait for the answer.
        let _pending = PendingQuestion { questions: self, key };
        self.unanswered.notify_one();
        std::future::pending().await
    }

    /// Waits until the body waits for answers, and returns the questions.
    pub(crate) async fn suspended(&self) -> InputRequests {
        loop {
            self.unanswered.notified().await;
            let mut progress = self.progress();
            if !progress.pending.is_empty() {
                progress.suspended = true;
                return progress.pending.clone();
            }
        }
    }

    /// Returns the responses that the next round needs: those to the questions of this round. The body of a call that ended
    /// with a question continues where it was, so it needs the responses to its own requests too.
    pub(crate) fn carried(&self, responses: &InputResponses) -> InputResponses {
        let progress = self.progress();
        let carried = responses.iter().filter(|(key, _)| progress.is_carried(key, progress.suspended));
        carried.chain(&progress.obtained).map(|(key, response)| (key.clone(), response.clone())).collect()
    }
}

impl Progress {
    fn is_carried(&self, key: &str, suspended: bool) -> bool {
        self.answered.contains(key) || (suspended && !key.starts_with(KEY_PREFIX))
    }
}

/// A question that waits for its answer.
struct PendingQuestion<'a> {
    questions: &'a Questions,
    key: String,
}

impl Drop for PendingQuestion<'_> {
    fn drop(&mut self) {
        self.questions.progress().pending.remove(&self.key);
    }
}

/// Returns the digest of a question: 96 bits of SHA-256, as text.
fn digest(request: &InputRequest) -> String {
    let json = serde_json::to_vec(request).expect("a request for input can be serialized");
    URL_SAFE_NO_PAD.encode(&Sha256::digest(json)[..12])
}

/// Returns the size of responses as JSON, in bytes.
fn size<'a>(responses: impl Iterator<Item = (&'a String, &'a Value)>) -> usize {
    responses.map(|(key, response)| key.len() + response.to_string().len()).sum()
}
