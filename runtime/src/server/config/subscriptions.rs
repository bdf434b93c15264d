//! Settings of subscriptions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check_minimum;
use crate::error::BuildProblem;

/// Settings of the streams on which clients are notified of changes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SubscriptionsConfig {
    /// Time after which the lists of subscribed callers are compared with the `visible_to` functions and deny rules again,
    /// and so the longest time until a client is notified of a change that the program does not report
    /// ([`Notifications::access_changed`](crate::Notifications::access_changed)). Each check evaluates these functions for
    /// every subscription. Changes of scopes and roles do not wait for it. Default: 5 seconds.
    #[serde(with = "humantime_serde")]
    pub check_interval: Duration,
    /// Maximum number of resources that one subscription names; a request with more is rejected with 400. The request
    /// must also fit into [`max_message_bytes`](super::HttpConfig::max_message_bytes). Default: 100.
    pub max_resources: usize,
}

impl Default for SubscriptionsConfig {
    fn default() -> Self {
        Self { check_interval: Duration::from_secs(5), max_resources: 100 }
    }
}

impl SubscriptionsConfig {
    pub(super) fn problems(&self) -> impl Iterator<Item = BuildProblem> {
        let interval =
            self.check_interval.is_zero().then_some(BuildProblem::ZeroDuration("subscriptions.check_interval"));
        interval.into_iter().chain(check_minimum("subscriptions.max_resources", self.max_resources, 1))
    }
}
