//! The tenant that the handle and the HTTP endpoints share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::api_key::{ApiKeyError, CreatedApiKey, KeyOwner, NewApiKey};
use crate::browser::{CompletedConsents, FormTokens};
use crate::client_document::ClientDocuments;
use crate::clock::{duration, now};
use crate::config::{Person, TenantConfig};
use crate::data::{Journal, TenantData};
use crate::fault::Fault;
use crate::mint::{Audience, Mint, MintError};
use crate::resource_name::ResourceNames;
use crate::settings::Settings;
use crate::state::{Action, ApiKey, BackendKey, Grant, GrantView, HistoryEntry, IntrospectionCredentials, State};
use crate::text::shown;
use crate::webhook::{Event, WebhookEndpoint, Webhooks};

/// A running tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) config: TenantConfig,
    pub(crate) settings: Settings,
    pub(crate) auth_url: String,
    pub(crate) credentials: IntrospectionCredentials,
    /// Key of resource servers at the backend API.
    pub(crate) backend_key: BackendKey,
    /// Time of the start, in seconds since the Unix epoch.
    pub(crate) started_at: u64,
    pub(crate) introspections: AtomicU64,
    pub(crate) api_key_validations: AtomicU64,
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
    api_key_fault: Mutex<Option<Fault>>,
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
    /// No API key has the id.
    #[error("no API key has the id `{0}`; it may have been deleted, or has expired")]
    UnknownApiKey(String),
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
        let backend_key = state.backend_key();
        state.declare_api_keys(&config, &backend_key);
        let shutdown = CancellationToken::new();
        Self {
            backend_key,
            started_at: now(),
            config,
            mcp_enabled: AtomicBool::new(settings.mcp_enabled),
            settings,
            auth_url,
            credentials: state.introspection_credentials(),
            introspections: AtomicU64::new(0),
            api_key_validations: AtomicU64::new(0),
            webhooks: Webhooks::start(webhook, shutdown.clone()),
            shutdown,
            form_tokens: FormTokens::new(&state.form_key()),
            client_documents: ClientDocuments::default(),
            resource_names: ResourceNames::default(),
            journal,
            completed_consents: Mutex::default(),
            state: Mutex::new(state),
            fault: Mutex::default(),
            api_key_fault: Mutex::default(),
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
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn api_key_fault(&self) -> Option<Fault> {
        self.api_key_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        self.store_fault(&self.fault, fault, "introspection");
    }

    pub(crate) fn set_api_key_fault(&self, fault: Option<Fault>) {
        self.store_fault(&self.api_key_fault, fault, "validation of API keys");
    }

    fn store_fault(&self, stored: &Mutex<Option<Fault>>, fault: Option<Fault>, endpoint: &str) {
        let action = if fault.is_some() { Action::FaultSet } else { Action::FaultCleared };
        *stored.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.record(HistoryEntry::new(action).detail(endpoint));
    }

    pub(crate) fn set_mcp_enabled(&self, enabled: bool) {
        self.mcp_enabled.store(enabled, Ordering::Relaxed);
        self.record(HistoryEntry::new(if enabled { Action::McpEnabled } else { Action::McpDisabled }));
    }

    /// Adds an entry to the history and to the log.
    pub(crate) fn record(&self, entry: HistoryEntry) {
        self.state().record(entry);
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

    pub(crate) fn create_api_key(&self, key: &NewApiKey) -> Result<CreatedApiKey, ApiKeyError> {
        if let KeyOwner::Person(id) = &key.owner {
            self.person(id).map_err(|_| ApiKeyError::UnknownPerson(id.clone()))?;
        }
        let is_defined = |scope: &&String| self.config.scopes().iter().any(|defined| defined.name == **scope);
        if let Some(scope) = key.scopes.iter().find(|scope| !is_defined(scope)) {
            return Err(ApiKeyError::UnknownScope(scope.clone()));
        }
        let resource = key.resource.as_deref().map(|resource| self.settings.resources.check(resource)).transpose()?;
        let mut seen = HashSet::new();
        let mut scopes = key.scopes.clone();
        scopes.retain(|scope| seen.insert(scope.clone()));
        let mut state = self.state();
        let created = state.put_api_key(ApiKey {
            id: String::new(),
            name: shown(&key.name),
            owner: key.owner.clone(),
            scopes,
            resource,
            created_at: 0,
            expires_at: key.lifetime.map(|lifetime| now().saturating_add(lifetime.as_secs())),
            declared: false,
            deleted: false,
        })?;
        state.record(api_key_entry(Action::ApiKeyCreated, &key.owner, &key.name));
        Ok(created)
    }

    pub(crate) fn api_keys(&self) -> Vec<ApiKey> {
        self.state().active_api_keys()
    }

    pub(crate) fn declared_api_key(&self, name: &str) -> Option<String> {
        self.state().declared_api_key(&self.backend_key, name)
    }

    pub(crate) fn delete_api_key(&self, id: &str) -> Result<ApiKey, TenantError> {
        let mut state = self.state();
        let key = state.delete_api_key(id).ok_or_else(|| TenantError::UnknownApiKey(id.to_owned()))?;
        state.record(api_key_entry(Action::ApiKeyDeleted, &key.owner, &key.name));
        drop(state);
        let api_key_id = key.id.clone();
        match &key.owner {
            KeyOwner::Person(id) => {
                self.webhooks.send(&Event::PersonalKeyDeleted { user_id: id.clone(), api_key_id });
            }
            KeyOwner::Organization => {
                let org_id = self.config.organization().id.clone();
                self.webhooks.send(&Event::OrganizationKeyDeleted { org_id, api_key_id });
            }
            // PropelAuth has no event for generic keys.
            KeyOwner::Nobody => {}
        }
        Ok(key)
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

fn api_key_entry(action: Action, owner: &KeyOwner, name: &str) -> HistoryEntry {
    let entry = HistoryEntry::new(action).detail(name);
    if let KeyOwner::Person(id) = owner { entry.person(id) } else { entry }
}
