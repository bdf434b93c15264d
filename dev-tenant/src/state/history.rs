//! The history: what people and administrators did, bounded in number.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::text::shown;

use super::State;

/// Maximum number of entries. At the maximum, the oldest is removed.
const MAX_ENTRIES: usize = 200;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    LoggedIn,
    Allowed,
    Denied,
    TokenCreated,
    ApiKeyCreated,
    ApiKeyDeleted,
    GrantRevoked,
    AllRevoked,
    Disabled,
    Enabled,
    RoleChanged,
    FaultSet,
    FaultCleared,
    McpEnabled,
    McpDisabled,
}

impl Action {
    /// Returns the action for people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged in",
            Self::Allowed => "allowed access",
            Self::Denied => "denied access",
            Self::TokenCreated => "token created",
            Self::ApiKeyCreated => "API key created",
            Self::ApiKeyDeleted => "API key deleted",
            Self::GrantRevoked => "grant revoked",
            Self::AllRevoked => "all grants revoked",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::RoleChanged => "role changed",
            Self::FaultSet => "fault set",
            Self::FaultCleared => "fault cleared",
            Self::McpEnabled => "MCP enabled",
            Self::McpDisabled => "MCP disabled",
        }
    }
}

/// An entry of the history. It has no token, code or cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistoryEntry {
    /// Number of the entry, counted from 1.
    sequence: u64,
    /// Time, in seconds since the Unix epoch.
    pub(crate) at: u64,
    pub(crate) action: Action,
    /// Id of the person who did it, or to whom it was done.
    pub(crate) person: Option<String>,
    /// Name of the application.
    pub(crate) application: Option<String>,
    /// More about it, such as the granted scopes.
    pub(crate) detail: Option<String>,
}

impl HistoryEntry {
    pub(crate) fn new(action: Action) -> Self {
        Self { sequence: 0, at: now(), action, person: None, application: None, detail: None }
    }

    pub(crate) fn person(mut self, id: &str) -> Self {
        self.person = Some(id.to_owned());
        self
    }

    pub(crate) fn application(mut self, name: &str) -> Self {
        self.application = Some(shown(name));
        self
    }

    pub(crate) fn detail(mut self, detail: &str) -> Self {
        self.detail = Some(shown(detail)).filter(|detail| !detail.is_empty());
        self
    }
}

impl State {
    /// Adds an entry to the history and to the log.
    pub(crate) fn record(&mut self, mut entry: HistoryEntry) {
        let HistoryEntry { action, person, application, detail, .. } = &entry;
        tracing::info!(?action, person, application, detail, "recorded in the history of the development tenant");
        entry.sequence = self.history.values().map(|entry| entry.sequence).max().unwrap_or_default() + 1;
        let key = entry.sequence.to_string();
        self.history.put_bounded(&key, entry, MAX_ENTRIES, |entry| entry.sequence);
    }

    /// Returns the history, newest first.
    pub(crate) fn history(&self) -> Vec<HistoryEntry> {
        let mut history: Vec<_> = self.history.values().cloned().collect();
        history.sort_unstable_by_key(|entry| Reverse(entry.sequence));
        history
    }
}
