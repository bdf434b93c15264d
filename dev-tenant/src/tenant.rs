//! The tenant that the handle and the HTTP endpoints share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::browser::{CompletedConsents, FormTokens};
use crate::client_document::ClientDocuments;
use crate::clock::{duration, now};
use crate::config::{Person, TenantConfig};
use crate::data::{Journal, TenantData};
use crate::fault::Fault;
use crate::mint::{Audience, Mint, MintError};
use crate::resource_name::ResourceNames;
use crate::settings::Settings;
use crate::state::{Action, Grant, GrantView, HistoryEntry, IntrospectionCredentials, State};
use crate::webhook::{Event, WebhookEndpoint, Webhooks};

/// A running tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) config: TenantConfig,
    pub(crate) settings: Settings,
    pub(crate) auth_url: String,
    pub(crate) credentials: IntrospectionCredentials,
    pub(crate) introspections: AtomicU64,
    pub(crate) mcp_enabled: AtomicBool,
    pub(crate) shutdown: CancellationToken,
    pub(crate) form_tokens: FormTokens,
    pub(crate) client_documents: ClientDocuments,
    pub(crate) resource_names: ResourceNames,
    pub(crate) webhooks: Webhooks,
    pub(crate) journal: Journal,
    completed_consents: Mutex<CompletedConsents>,
    state: Mutex<State>,
    fault: Mutex<Option<Fault>>,
}

/// Reasons why a change to a person was rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// No person has the id.
    #[error("no person has the id `{0}`; use an id of [[people]] in tenant.toml")]
    UnknownPerson(String),
    /// No grant has the id.
    #[error("no grant has the id `{0}`; it may have been revoked, or all its tokens have expired")]
    UnknownGrant(String),
    /// The role is not defined.
    #[error("no role has the name `{0}`; use a name of [[roles]] in tenant.toml")]
    UnknownRole(String),
}

impl Tenant {
    pub(crate) fn new(
        config: TenantConfig,
        settings: Settings,
        auth_url: String,
        data: Option<TenantData>,
        webhook: Option<WebhookEndpoint>,
    ) -> Self {
        let (stored, journal) = data.map(TenantData::into_journal).unwrap_or_default();
        let mut state = State::restore(stored, &journal);
        let shutdown = CancellationToken::new();
        Self {
            config,
            mcp_enabled: AtomicBool::new(settings.mcp_enabled),
            settings,
            auth_url,
            credentials: state.introspection_credentials(),
            introspections: AtomicU64::new(0),
            webhooks: Webhooks::start(webhook, shutdown.clone()),
            shutdown,
            form_tokens: FormTokens::new(&state.form_key()),
            client_documents: ClientDocuments::default(),
            resource_names: ResourceNames::default(),
            journal,
            completed_consents: Mutex::default(),
            state: Mutex::new(state),
            fault: Mutex::default(),
        }
    }

    /// Locks the state. Each of its methods leaves it consistent, so a poisoned lock is still usable.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the completed consents. To avoid a deadlock, lock them before the state.
    pub(crate) fn completed_consents(&self) -> MutexGuard<'_, CompletedConsents> {
        self.completed_consents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.lock_fault().clone()
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let action = if fault.is_some() { Action::FaultSet } else { Action::FaultCleared };
        *self.lock_fault() = fault;
        self.record(HistoryEntry::new(action));
    }

    pub(crate) fn set_mcp_enabled(&self, enabled: bool) {
        self.mcp_enabled.store(enabled, Ordering::Relaxed);
        self.record(HistoryEntry::new(if enabled { Action::McpEnabled } else { Action::McpDisabled }));
    }

    /// Adds an entry to the history and to the log.
    pub(crate) fn record(&self, entry: HistoryEntry) {
        self.state().record(entry);
    }

    fn lock_fault(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn people(&self) -> Vec<Person> {
        self.state().people(&self.config)
    }

    pub(crate) fn person(&self, id: &str) -> Result<Person, TenantError> {
        self.state().person(&self.config, id).ok_or_else(|| TenantError::UnknownPerson(id.to_owned()))
    }

    pub(crate) fn set_enabled(&self, id: &str, enabled: bool) -> Result<Person, TenantError> {
        let (before, person) = self.change(id, |person| person.enabled = enabled)?;
        let user_id = person.id.clone();
        match (before.enabled, enabled) {
            (true, false) => {
                self.record(HistoryEntry::new(Action::Disabled).person(id));
                self.webhooks.send(&Event::Disabled { user_id });
            }
            (false, true) => {
                self.record(HistoryEntry::new(Action::Enabled).person(id));
                self.webhooks.send(&Event::Enabled { user_id });
            }
            _ => {}
        }
        Ok(person)
    }

    pub(crate) fn set_role(&self, id: &str, role: &str) -> Result<Person, TenantError> {
        if self.config.role(role).is_none() {
            return Err(TenantError::UnknownRole(role.to_owned()));
        }
        let (before, person) = self.change(id, |person| role.clone_into(&mut person.role))?;
        if before.role != person.role {
            let change = format!("from {} to {}", before.role, person.role);
            self.record(HistoryEntry::new(Action::RoleChanged).person(id).detail(&change));
            self.webhooks.send(&Event::RoleChanged {
                user_id: person.id.clone(),
                org_id: self.config.organization().id.clone(),
                old_role: before.role,
                new_role: person.role.clone(),
            });
        }
        Ok(person)
    }

    /// Changes a person. Returns the person before and after the change.
    fn change(&self, id: &str, change: impl FnOnce(&mut Person)) -> Result<(Person, Person), TenantError> {
        let mut state = self.state();
        let before = state.person(&self.config, id).ok_or_else(|| TenantError::UnknownPerson(id.to_owned()))?;
        let mut person = before.clone();
        change(&mut person);
        state.put_person(&person);
        Ok((before, person))
    }

    pub(crate) fn revoke_all(&self, id: &str) -> Result<usize, TenantError> {
        let person = self.person(id)?;
        let mut state = self.state();
        let revoked = state.revoke_grants_of(&person.id);
        state.log_out(&person.id);
        state.record(HistoryEntry::new(Action::AllRevoked).person(id).detail(&format!("{revoked} grants")));
        drop(state);
        self.webhooks.send(&Event::LoggedOut { user_id: person.id });
        Ok(revoked)
    }

    /// Revokes one grant with its codes and tokens.
    pub(crate) fn revoke_grant(&self, id: &str) -> Result<GrantView, TenantError> {
        let mut state = self.state();
        let grant = state.revoke_grant_by_key(id).ok_or_else(|| TenantError::UnknownGrant(id.to_owned()))?;
        let scopes = grant.scopes.join(" ");
        let entry = HistoryEntry::new(Action::GrantRevoked).person(&grant.person).application(&grant.application);
        state.record(entry.detail(&scopes));
        drop(state);
        // PropelAuth has no webhook for one grant. With this one, a server validates all tokens of the person again.
        self.webhooks.send(&Event::LoggedOut { user_id: grant.person.clone() });
        Ok(grant)
    }

    pub(crate) fn mint(&self, mint: &Mint) -> Result<String, MintError> {
        let person = self.person(&mint.person).map_err(|_| MintError::UnknownPerson(mint.person.clone()))?;
        if !person.enabled {
            return Err(MintError::Disabled(person.name));
        }
        let resource = match &mint.audience {
            Audience::Unset => return Err(MintError::NoResource),
            Audience::None => None,
            Audience::Resource(resource) => Some(self.settings.resources.check(resource)?),
        };
        let grantable = self.config.role(&person.role).map_or(&[][..], |role| &role.scopes);
        let mut scopes = mint.scopes.clone().unwrap_or_else(|| grantable.to_vec());
        let mut seen = HashSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        if let Some(scope) = scopes.iter().find(|scope| !grantable.contains(scope)) {
            return Err(MintError::NotGrantable { role: person.role, scope: scope.clone() });
        }
        let mut state = self.state();
        let detail = format!("for {}: {}", duration(mint.lifetime.as_secs()), scopes.join(" "));
        state.record(HistoryEntry::new(Action::TokenCreated).person(&person.id).detail(&detail));
        let grant = state.put_grant(Grant {
            person: person.id,
            client_id: mint.client_id.clone(),
            resource,
            scopes: scopes.clone(),
            issued_at: now(),
        });
        Ok(state.issue_access_token(&grant, scopes, mint.lifetime.as_secs()))
    }
}
