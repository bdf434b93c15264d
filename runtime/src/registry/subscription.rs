//! Subscriptions to resources: of which resources a caller may be notified.

use std::sync::Arc;

use super::{Dispatcher, Registry};
use crate::{
    audit::{CallOutcome, CallRecord, RequestInfo, RequiredBy},
    auth::Caller,
    operation::OperationKind,
    policy::ExplainedDecision,
};

impl Registry {
    /// Returns whether a caller may read a resource now, its guards included. Without the request, the guards of a resource
    /// that takes a `&Context` cannot be evaluated: no caller is notified of such a resource.
    pub(crate) async fn may_read(&self, uri: &str, caller: &Arc<Caller>) -> bool {
        self.decide_read(uri, caller).await == ExplainedDecision::Allowed
    }

    /// Decides whether a caller may read a resource now.
    pub(crate) async fn decide_read(&self, uri: &str, caller: &Arc<Caller>) -> ExplainedDecision {
        self.explain(OperationKind::Resource, uri, caller, None).await.decision
    }
}

impl Dispatcher {
    /// Records a subscription to a resource, and returns whether the caller may have it: whether it
    /// [may read](Registry::decide_read) the resource. Every notification is decided again.
    pub(crate) fn subscribe(
        &self,
        info: RequestInfo<'_>,
        caller: &Arc<Caller>,
        uri: &str,
        decision: ExplainedDecision,
    ) -> bool {
        const KIND: OperationKind = OperationKind::Resource;
        let Some(found) = self.registry().find(KIND, uri) else {
            self.audit().unknown(info, caller, KIND, uri);
            return false;
        };
        let operation = found.operation;
        let outcome = match decision {
            ExplainedDecision::Allowed => {
                self.record_subscribed(info, caller, operation, uri);
                return true;
            }
            ExplainedDecision::MissingScopes { missing, required } => {
                let names = |names: Vec<String>| names.iter().filter_map(|name| caller.scope_name(name)).collect();
                let (missing, required): (Vec<_>, Vec<_>) = (names(missing), names(required));
                let by_operation = missing.iter().any(|scope| operation.required_scopes().contains(scope));
                let record = CallRecord {
                    required: &required,
                    missing: &missing,
                    required_by: Some(if by_operation { RequiredBy::Operation } else { RequiredBy::Arguments }),
                    ..CallRecord::new(CallOutcome::InsufficientScope)
                };
                self.record_rejection(info, caller, KIND, uri, record);
                return false;
            }
            ExplainedDecision::Hidden | ExplainedDecision::Unknown => CallOutcome::Hidden,
            ExplainedDecision::InvalidArguments => CallOutcome::InvalidArguments,
            ExplainedDecision::Denied | ExplainedDecision::MayBeAllowed => CallOutcome::Denied,
        };
        self.record_rejection(info, caller, KIND, uri, CallRecord::new(outcome));
        false
    }
}
