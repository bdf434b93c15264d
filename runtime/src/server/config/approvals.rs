//! Settings of approvals.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{error::BuildProblem, settings::value};

/// Settings of the approvals of `#[tool(approve = "..")]`, which need the feature `approvals`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ApprovalsConfig {
    /// ID of the OAuth client with which the page of an approval logs people in. Its redirect URI is the public URL of
    /// the server followed by `/approve/callback`. Default: none, which means that the server registers a client at the
    /// authorization server (RFC 7591).
    pub client_id: Option<String>,
    /// Secret of that client. Default: none, which means that it is a public client.
    #[serde(with = "value::secret")]
    pub client_secret: Option<SecretString>,
    /// Time that a person has to decide, and after that the client to repeat the call. Default: 10 minutes.
    #[serde(with = "humantime_serde")]
    pub lifetime: Duration,
    /// Maximum time that a repeated call waits for the person, at most half of the time limit of its tool. A client that
    /// repeats a call immediately then needs fewer rounds, and occupies a request in flight for this time. Default: 20
    /// seconds.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
}

impl Default for ApprovalsConfig {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            lifetime: Duration::from_mins(10),
            wait: Duration::from_secs(20),
        }
    }
}

impl ApprovalsConfig {
    pub(super) fn problems(&self) -> Vec<BuildProblem> {
        let mut problems = Vec::new();
        let is_set = self.client_id.is_some() || self.client_secret.is_some();
        if is_set && !cfg!(feature = "approvals") {
            problems.push(BuildProblem::MissingFeature { setting: "approvals.*", feature: "approvals" });
        }
        if self.client_secret.is_some() && self.client_id.is_none() {
            problems.push(BuildProblem::ApprovalClient);
        }
        if self.lifetime.is_zero() {
            problems.push(BuildProblem::ZeroDuration("approvals.lifetime"));
        }
        problems
    }
}
