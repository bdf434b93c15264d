//! Revocation clock: invalidates the introspection responses from before a revocation.
//!
//! Each revocation advances a logical clock and stores the new epoch for its user or organization. Before an
//! introspection request is sent, the current epoch is read; the response is valid only until a revocation with a
//! later epoch exists for its user or organization. So a revocation does not need to find and remove cache entries,
//! and a response that was in flight during a revocation cannot restore access.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{Claims, Revocation};

/// Maximum number of revocation entries. When more are needed, all responses from before are invalidated instead.
const MAX_ENTRIES: usize = 100_000;

/// User and organization of a token, as far as the introspection response names them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenOwner<'a> {
    pub(crate) user: Option<&'a str>,
    pub(crate) org: Option<&'a str>,
}

impl<'a> From<&'a Claims> for TokenOwner<'a> {
    fn from(claims: &'a Claims) -> Self {
        Self { user: claims.subject.as_deref(), org: claims.org_id.as_deref() }
    }
}

/// Point in time on the revocation clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u64);

/// Logical clock that revocations advance, with the epoch of the latest revocation of each user and organization.
pub(crate) struct RevocationClock {
    now: AtomicU64,
    entries: RwLock<Entries>,
    /// Time after which an entry has no effect, because no response is used for longer.
    retention: Duration,
    changed: watch::Sender<Epoch>,
}

#[derive(Default)]
struct Entries {
    users: HashMap<String, Entry>,
    members: HashMap<(String, String), Entry>,
    organizations: HashMap<String, Entry>,
    /// Revocations of the tokens of an organization without a user.
    machines: HashMap<String, Entry>,
    /// Epoch of the latest revocation of all tokens.
    all: Epoch,
}

/// Latest revocation of a user, member or organization.
#[derive(Clone, Copy)]
struct Entry {
    epoch: Epoch,
    created_at: Instant,
}

impl RevocationClock {
    pub(crate) fn new(retention: Duration) -> Self {
        Self {
            now: AtomicU64::new(0),
            entries: RwLock::default(),
            retention,
            changed: watch::Sender::new(Epoch::default()),
        }
    }

    /// Returns the current epoch. Call this before an introspection request is sent.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.now.load(Ordering::Acquire))
    }

    /// Applies a revocation and returns its epoch. When this returns, no response from before is current for its
    /// owner.
    pub(crate) fn revoke(&self, revocation: &Revocation) -> Epoch {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let epoch = Epoch(self.now.load(Ordering::Acquire) + 1);
        entries.insert(revocation, Entry { epoch, created_at: Instant::now() });
        if entries.len() > MAX_ENTRIES {
            entries.evict_older_than(self.retention);
            if entries.len() > MAX_ENTRIES {
                tracing::warn!(
                    revocations = entries.len(),
                    "too many recent revocations to store: all cached tokens were invalidated"
                );
                *entries = Entries { all: epoch, ..Entries::default() };
            }
        }
        // Stored under the lock: a reader that sees the new epoch takes the lock next, and so sees the entry.
        self.now.store(epoch.0, Ordering::Release);
        drop(entries);
        self.changed.send_replace(epoch);
        epoch
    }

    /// Returns whether a response whose request was sent at `epoch` is still valid for the owner of its token.
    pub(crate) fn is_current<'a>(&self, owner: impl Into<TokenOwner<'a>>, epoch: Epoch) -> bool {
        // No revocation since then. This is the usual case, and it takes no lock.
        if self.epoch() == epoch {
            return true;
        }
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.latest_for(owner.into()) <= epoch
    }

    /// Returns a receiver that is notified of every revocation.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Epoch> {
        self.changed.subscribe()
    }
}

impl Entries {
    fn insert(&mut self, revocation: &Revocation, entry: Entry) {
        match revocation {
            Revocation::User(user) => {
                self.users.insert(user.clone(), entry);
            }
            Revocation::Member { user, org } => {
                self.members.insert((user.clone(), org.clone()), entry);
            }
            Revocation::Organization(org) => {
                self.organizations.insert(org.clone(), entry);
            }
            Revocation::Machines(org) => {
                self.machines.insert(org.clone(), entry);
            }
            Revocation::All => self.all = entry.epoch,
        }
    }

    /// Returns the epoch of the latest revocation that affects the owner. A token without an organization may have
    /// been issued for any organization of its user, and a token without a user for any user.
    fn latest_for(&self, TokenOwner { user, org }: TokenOwner<'_>) -> Epoch {
        let epoch = |entry: Option<&Entry>| entry.map_or(Epoch::default(), |entry| entry.epoch);
        let member = match (user, org) {
            (Some(user), Some(org)) => epoch(self.members.get(&(user.to_owned(), org.to_owned()))),
            (Some(user), None) => {
                latest(self.members.iter().filter(|((member, _), _)| member == user).map(|(_, entry)| entry))
            }
            (None, _) => Epoch::default(),
        };
        let organization = match org {
            Some(org) => epoch(self.organizations.get(org)),
            None => latest(self.organizations.values()),
        };
        let machine = match (user, org) {
            (Some(_), _) => Epoch::default(),
            (None, Some(org)) => epoch(self.machines.get(org)),
            (None, None) => latest(self.machines.values()),
        };
        let user = match user {
            Some(user) => epoch(self.users.get(user)),
            None => latest(self.users.values().chain(self.members.values())),
        };
        self.all.max(user).max(member).max(organization).max(machine)
    }

    fn len(&self) -> usize {
        self.users.len() + self.members.len() + self.organizations.len() + self.machines.len()
    }

    fn evict_older_than(&mut self, retention: Duration) {
        let evicted = [
            evict_older_than(&mut self.users, retention),
            evict_older_than(&mut self.members, retention),
            evict_older_than(&mut self.organizations, retention),
            evict_older_than(&mut self.machines, retention),
        ];
        // A response stream can be open for longer than the retention. For it, an evicted entry counts as a
        // revocation of all tokens.
        self.all = evicted.into_iter().fold(self.all, Epoch::max);
    }
}

fn latest<'a>(entries: impl Iterator<Item = &'a Entry>) -> Epoch {
    entries.map(|entry| entry.epoch).max().unwrap_or_default()
}

/// Returns the latest epoch of the evicted entries.
fn evict_older_than<K: Eq + Hash>(entries: &mut HashMap<K, Entry>, retention: Duration) -> Epoch {
    let mut latest = Epoch::default();
    entries.retain(|_, entry| {
        let is_recent = entry.created_at.elapsed() <= retention;
        if !is_recent {
            latest = latest.max(entry.epoch);
        }
        is_recent
    });
    latest
}

impl fmt::Debug for RevocationClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationClock").field("now", &self.epoch()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(user: Option<&str>, org: Option<&str>) -> Claims {
        let mut claims = Claims::new();
        claims.subject = user.map(str::to_owned);
        claims.org_id = org.map(str::to_owned);
        claims
    }

    /// Returns whether the revocation invalidates a response from before it. One from after it must stay valid.
    fn invalidates(revocation: &Revocation, user: Option<&str>, org: Option<&str>) -> bool {
        let clock = RevocationClock::new(Duration::from_mins(5));
        let before = clock.epoch();
        clock.revoke(revocation);
        let claims = claims(user, org);
        assert!(clock.is_current(&claims, clock.epoch()), "a response from after the revocation is valid");
        !clock.is_current(&claims, before)
    }

    #[tokio::test]
    async fn a_revocation_invalidates_only_earlier_responses_of_the_tokens_that_it_names() {
        let user = Revocation::User("u".into());
        assert!(invalidates(&user, Some("u"), Some("o")) && invalidates(&user, Some("u"), None));
        assert!(!invalidates(&user, Some("v"), Some("o")));

        let member = Revocation::Member { user: "u".into(), org: "o".into() };
        assert!(invalidates(&member, Some("u"), Some("o")));
        assert!(!invalidates(&member, Some("u"), Some("p")) && !invalidates(&member, Some("v"), Some("o")));

        let org = Revocation::Organization("o".into());
        assert!(invalidates(&org, Some("u"), Some("o")) && invalidates(&org, Some("v"), Some("o")));
        assert!(!invalidates(&org, Some("u"), Some("p")));

        let machines = Revocation::Machines("o".into());
        assert!(invalidates(&machines, None, Some("o")));
        assert!(!invalidates(&machines, Some("u"), Some("o")) && !invalidates(&machines, None, Some("p")));

        assert!(invalidates(&Revocation::All, Some("u"), Some("o")) && invalidates(&Revocation::All, None, None));
    }

    #[tokio::test]
    async fn a_revocation_invalidates_tokens_without_a_user_or_organization() {
        assert!(invalidates(&Revocation::User("u".into()), None, Some("o")));
        assert!(invalidates(&Revocation::Organization("o".into()), Some("u"), None));
        assert!(invalidates(&Revocation::Member { user: "u".into(), org: "o".into() }, Some("u"), None));
        assert!(invalidates(&Revocation::Machines("o".into()), None, None));
    }

    #[tokio::test]
    async fn too_many_revocations_invalidate_all_tokens_and_use_bounded_memory() {
        let clock = RevocationClock::new(Duration::from_mins(5));
        let before = clock.epoch();
        for i in 0..=MAX_ENTRIES {
            clock.revoke(&Revocation::User(i.to_string()));
        }
        assert!(clock.entries.read().unwrap().len() <= MAX_ENTRIES);
        assert!(!clock.is_current(&claims(Some("0"), None), before));
        assert!(!clock.is_current(&claims(Some("not revoked"), None), before));
    }

    #[tokio::test(start_paused = true)]
    async fn entries_past_the_retention_are_evicted_first_and_still_invalidate_older_streams() {
        let clock = RevocationClock::new(Duration::from_mins(5));
        let long_ago = clock.epoch();
        for i in 0..MAX_ENTRIES {
            clock.revoke(&Revocation::User(i.to_string()));
        }
        tokio::time::advance(Duration::from_secs(301)).await;
        let before = clock.epoch();
        clock.revoke(&Revocation::User("u".into()));
        assert_eq!(clock.entries.read().unwrap().len(), 1);
        assert!(clock.is_current(&claims(Some("v"), Some("o")), before));
        assert!(!clock.is_current(&claims(Some("0"), Some("o")), long_ago));
    }
}
