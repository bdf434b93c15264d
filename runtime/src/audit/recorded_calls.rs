//! Calls recorded in memory, for [`testing`](crate::testing): the outcomes that the wire does not distinguish.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{CallOutcome, RequestInfo};
use crate::scope::MissingScopes;

/// A call, as the audit log has it.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCall {
    pub(crate) outcome: CallOutcome,
    pub(crate) scopes: MissingScopes,
}

/// The recorded calls of one server by their JSON-RPC IDs, which must be unique.
#[derive(Debug, Default)]
pub(crate) struct RecordedCalls(Mutex<HashMap<String, Vec<RecordedCall>>>);

impl RecordedCalls {
    pub(super) fn record(
        &self,
        request: RequestInfo<'_>,
        outcome: CallOutcome,
        required: &[&'static str],
        missing: &[&'static str],
    ) {
        let scopes = MissingScopes { missing: missing.to_vec(), required: required.to_vec() };
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.entry(request.id.to_owned()).or_default().push(RecordedCall { outcome, scopes });
    }

    /// Removes the records of a request and returns them. A request that is not a call, or that was rejected before
    /// its body was read, has none.
    pub(crate) fn take(&self, request_id: &str) -> Vec<RecordedCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(request_id).unwrap_or_default()
    }
}
