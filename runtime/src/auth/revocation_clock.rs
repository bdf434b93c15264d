//! Revocation clock: invalidates the introspection responses from before a revocation.
//!
//! Each revocation advances a logical clock and stores the new epoch for its user or organization. Before an
//! introspection request is sent, the current epoch is read; the response is valid only until a revocation with a
//! later epoch exists for its user or organization. So a revocation does not need to find and remove cache entries,
//! and a response that was in flight during a revocation cannot restore access.
//!
//! A self-contained token, such as a JWT, is validated without its issuer, so that a validation after the revocation
//! would accept it again. For such tokens, the clock also stores the time of each revocation, which is compared with the
//! time at which the token was issued. What is evicted counts as a revocation of all tokens from then on, so that
//! forgetting never accepts a token.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::Instant};

use super::{Claims, Revocation};

/// Maximum number of revocation entries. When more are needed, all tokens from before are revoked instead.
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
    /// Time after which an entry has no effect, because no response is used for longer and no self-contained token from
    /// before is valid.
    retention: Duration,
    /// Maximum time for which a self-contained token is valid, if the server accepts such tokens.
    self_contained_lifetime: Option<Duration>,
    changed: watch::Sender<Epoch>,
}

/// When access was revoked for the last time.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp {
    epoch: Epoch,
    /// The time. `None` if no self-contained token was revoked.
    at: Option<SystemTime>,
}

impl Stamp {
    fn latest(self, other: Self) -> Self {
        Self { epoch: self.epoch.max(other.epoch), at: self.at.max(other.at) }
    }
}

/// Latest revocation of a user, member or organization.
#[derive(Clone, Copy)]
struct Entry {
    stamp: Stamp,
    created_at: Instant,
}

#[derive(Default)]
struct Entries {
    users: HashMap<String, UserEntries>,
    organizations: HashMap<String, Entry>,
    /// Revocations of the tokens of an organization without a user.
    machines: HashMap<String, Entry>,
    /// Number of entries.
    len: usize,
    /// Latest revocation of any user or member, for tokens that name no user.
    any_user: Stamp,
    /// Latest revocation of any organization, for tokens that name none.
    any_organization: Stamp,
    /// Latest revocation of the machines of any organization, for tokens that name neither.
    any_machines: Stamp,
    /// Latest revocation of all tokens.
    all: Stamp,
}

/// Revocations of one user.
#[derive(Default)]
struct UserEntries {
    user: Option<Entry>,
    /// By organization.
    members: HashMap<String, Entry>,
    /// Latest revocation in any organization, for tokens that name none.
    any_member: Stamp,
}

impl RevocationClock {
    pub(crate) fn new(retention: Duration) -> Self {
        Self {
            now: AtomicU64::new(0),
            entries: RwLock::default(),
            retention,
            self_contained_lifetime: None,
            changed: watch::Sender::new(Epoch::default()),
        }
    }

    /// Stores revocations for as long as self-contained tokens from before them can be valid.
    pub(crate) fn for_self_contained_tokens(mut self, lifetime: Option<Duration>) -> Self {
        self.self_contained_lifetime = lifetime;
        self.retention = self.retention.max(lifetime.unwrap_or_default());
        self
    }

    /// Returns the maximum time for which a self-contained token is valid, if the server accepts such tokens.
    #[cfg(feature = "redis")]
    pub(crate) fn self_contained_lifetime(&self) -> Option<Duration> {
        self.self_contained_lifetime
    }

    /// Returns the current epoch. Call this before an introspection request is sent.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.now.load(Ordering::Acquire))
    }

    /// Applies a revocation and returns its epoch. When this returns, no response from before is current for its
    /// owner, and no self-contained token that was issued before is valid.
    pub(crate) fn revoke(&self, revocation: &Revocation) -> Epoch {
        self.revoke_at(revocation, SystemTime::now())
    }

    /// Applies a revocation as [`revoke`](Self::revoke) does. It concerns the self-contained tokens that were issued until
    /// `at`.
    pub(crate) fn revoke_at(&self, revocation: &Revocation, at: SystemTime) -> Epoch {
        self.advance(|entries, epoch| {
            entries.insert(revocation, Stamp { epoch, at: Some(at) });
            if entries.len > MAX_ENTRIES {
                entries.evict_older_than(self.retention);
                if entries.len > MAX_ENTRIES {
                    tracing::warn!(
                        revocations = entries.len,
                        "too many recent revocations to store: all cached tokens and all JWTs from before were invalidated"
                    );
                    *entries = Entries { all: Stamp { epoch, at: Some(at.max(SystemTime::now())) }, ..Entries::default() };
                }
            }
        })
    }

    /// Invalidates the responses of all tokens. Self-contained tokens stay valid.
    #[cfg(feature = "redis")]
    pub(crate) fn invalidate_responses(&self) -> Epoch {
        self.advance(|entries, epoch| entries.all.epoch = epoch)
    }

    fn advance(&self, change: impl FnOnce(&mut Entries, Epoch)) -> Epoch {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let epoch = Epoch(self.now.load(Ordering::Acquire) + 1);
        change(&mut entries, epoch);
        // Stored under the lock: a reader that sees the new epoch takes the lock next, and so sees the entry.
        self.now.store(epoch.0, Ordering::Release);
        drop(entries);
        self.changed.send_replace(epoch);
        epoch
    }

    /// Returns whether a response whose request was sent at `epoch` is still valid for the owner of its token.
    pub(crate) fn is_current<'a>(&self, owner: impl Into<TokenOwner<'a>>, epoch: Epoch) -> bool {
        // No revocation since then. This is the usual case, and it takes no lock.
        self.epoch() == epoch || self.latest(|entries| entries.latest_for(owner.into())).epoch <= epoch
    }

    /// Returns whether data about a user that was requested at `epoch` is still valid: no revocation since then
    /// concerns the user, in any organization, or one of these organizations as a whole.
    pub(crate) fn is_current_user<'a>(
        &self,
        user: &str,
        organizations: impl IntoIterator<Item = &'a str>,
        epoch: Epoch,
    ) -> bool {
        self.epoch() == epoch || self.latest(|entries| entries.latest_for_user(user, organizations)).epoch <= epoch
    }

    /// Returns whether a self-contained token that was issued at `since` or later is revoked: a revocation at that time or
    /// later concerns its owner.
    pub(crate) fn is_revoked<'a>(&self, owner: impl Into<TokenOwner<'a>>, since: SystemTime) -> bool {
        self.latest(|entries| entries.latest_for(owner.into())).at.is_some_and(|at| at >= since)
    }

    fn latest(&self, find: impl FnOnce(&Entries) -> Stamp) -> Stamp {
        find(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a receiver that is notified of every revocation.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Epoch> {
        self.changed.subscribe()
    }
}

impl Entries {
    fn insert(&mut self, revocation: &Revocation, stamp: Stamp) {
        let is_new = match revocation {
            Revocation::User(user) => {
                self.any_user = self.any_user.latest(stamp);
                let user = &mut self.users.entry(user.clone()).or_default().user;
                let latest = user.map_or(stamp, |entry| entry.stamp.latest(stamp));
                user.replace(Entry::new(latest)).is_none()
            }
            Revocation::Member { user, org } => {
                self.any_user = self.any_user.latest(stamp);
                let user = self.users.entry(user.clone()).or_default();
                user.any_member = user.any_member.latest(stamp);
                insert(&mut user.members, org, stamp)
            }
            Revocation::Organization(org) => {
                self.any_organization = self.any_organization.latest(stamp);
                insert(&mut self.organizations, org, stamp)
            }
            Revocation::Machines(org) => {
                self.any_machines = self.any_machines.latest(stamp);
                insert(&mut self.machines, org, stamp)
            }
            Revocation::All => {
                self.all = self.all.latest(stamp);
                false
            }
        };
        self.len += usize::from(is_new);
    }

    /// Returns the latest revocation that affects the owner. A token without an organization may have been issued for any
    /// organization of its user, and a token without a user for any user.
    fn latest_for(&self, TokenOwner { user, org }: TokenOwner<'_>) -> Stamp {
        let of_org = |entries: &HashMap<String, Entry>, any: Stamp| org.map_or(any, |org| stamp(entries.get(org)));
        let organization = of_org(&self.organizations, self.any_organization);
        let user = match user {
            Some(user) => self.users.get(user).map_or(Stamp::default(), |user| {
                stamp(user.user.as_ref()).latest(of_org(&user.members, user.any_member))
            }),
            None => self.any_user.latest(of_org(&self.machines, self.any_machines)),
        };
        self.all.latest(organization).latest(user)
    }

    /// Returns the latest revocation that affects a user in any organization, or one of these organizations.
    fn latest_for_user<'a>(&self, user: &str, organizations: impl IntoIterator<Item = &'a str>) -> Stamp {
        let of_user =
            self.users.get(user).map_or(Stamp::default(), |user| stamp(user.user.as_ref()).latest(user.any_member));
        let organizations = organizations.into_iter().map(|org| stamp(self.organizations.get(org)));
        organizations.fold(self.all.latest(of_user), Stamp::latest)
    }

    fn evict_older_than(&mut self, retention: Duration) {
        let mut evicted = Stamp::default();
        let mut is_recent = |entry: &Entry| {
            let is_recent = entry.created_at.elapsed() <= retention;
            if !is_recent {
                evicted = evicted.latest(entry.stamp);
            }
            is_recent
        };
        let mut len = 0;
        self.users.retain(|_, user| {
            user.user = user.user.filter(&mut is_recent);
            user.members.retain(|_, entry| is_recent(entry));
            let remaining = user.members.len() + usize::from(user.user.is_some());
            len += remaining;
            remaining > 0
        });
        for entries in [&mut self.organizations, &mut self.machines] {
            entries.retain(|_, entry| is_recent(entry));
            len += entries.len();
        }
        self.len = len;
        // A response stream can be open for longer than the retention, and a self-contained token may have no time of issue.
        // For both, an evicted entry counts as a revocation of all tokens.
        self.all = self.all.latest(evicted);
    }
}

impl Entry {
    fn new(stamp: Stamp) -> Self {
        Self { stamp, created_at: Instant::now() }
    }
}

/// Stores a revocation. Returns whether there was none before.
fn insert(entries: &mut HashMap<String, Entry>, id: &str, stamp: Stamp) -> bool {
    let latest = entries.get(id).map_or(stamp, |entry| entry.stamp.latest(stamp));
    entries.insert(id.to_owned(), Entry::new(latest)).is_none()
}

fn stamp(entry: Option<&Entry>) -> Stamp {
    entry.map_or(Stamp::default(), |entry| entry.stamp)
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
        assert!(clock.entries.read().unwrap().len <= MAX_ENTRIES);
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
        assert_eq!(clock.entries.read().unwrap().len, 1);
        assert!(clock.is_current(&claims(Some("v"), Some("o")), before));
        assert!(!clock.is_current(&claims(Some("0"), Some("o")), long_ago));
    }

    /// Returns whether the revocation ends a self-contained token that was issued this many seconds after it.
    fn ends(revocation: &Revocation, user: Option<&str>, org: Option<&str>, seconds_after: i64) -> bool {
        let clock = RevocationClock::new(Duration::from_mins(5));
        let revoked_at = SystemTime::now();
        clock.revoke_at(revocation, revoked_at);
        let difference = Duration::from_secs(seconds_after.unsigned_abs());
        let issued_at = if seconds_after < 0 { revoked_at - difference } else { revoked_at + difference };
        clock.is_revoked(&claims(user, org), issued_at)
    }

    #[tokio::test]
    async fn a_revocation_ends_the_self_contained_tokens_that_were_issued_until_then() {
        let user = Revocation::User("u".into());
        for (seconds_after, ended) in [(-3600, true), (-1, true), (0, true), (1, false)] {
            assert_eq!(ends(&user, Some("u"), None, seconds_after), ended, "{seconds_after}");
            assert_eq!(ends(&Revocation::All, Some("v"), Some("o"), seconds_after), ended, "{seconds_after}");
        }
        assert!(!ends(&user, Some("v"), None, -1));
        let member = Revocation::Member { user: "u".into(), org: "o".into() };
        assert!(ends(&member, Some("u"), Some("o"), -1) && ends(&member, Some("u"), None, -1));
        assert!(!ends(&member, Some("u"), Some("p"), -1));
        assert!(ends(&Revocation::Organization("o".into()), Some("u"), Some("o"), -1));
        assert!(!ends(&Revocation::Machines("o".into()), Some("u"), Some("o"), -1));
        assert!(ends(&Revocation::Machines("o".into()), None, Some("o"), -1));
    }

    #[tokio::test]
    async fn a_later_revocation_does_not_restore_what_an_earlier_one_ended() {
        let clock = RevocationClock::new(Duration::from_mins(5));
        let (early, late) = (SystemTime::now() - Duration::from_mins(1), SystemTime::now());
        for revocation in [Revocation::User("u".into()), Revocation::Organization("o".into())] {
            clock.revoke_at(&revocation, late);
            clock.revoke_at(&revocation, early);
        }
        assert!(clock.is_revoked(&claims(Some("u"), Some("p")), late));
        assert!(clock.is_revoked(&claims(Some("v"), Some("o")), late));
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn invalidated_responses_leave_self_contained_tokens_valid() {
        let clock = RevocationClock::new(Duration::from_mins(5));
        let before = clock.epoch();
        clock.invalidate_responses();
        assert!(!clock.is_current(&claims(Some("u"), None), before));
        assert!(!clock.is_revoked(&claims(Some("u"), None), SystemTime::UNIX_EPOCH));
    }

    #[tokio::test(start_paused = true)]
    async fn revocations_are_stored_for_as_long_as_self_contained_tokens_can_be_valid() {
        let lifetime = Duration::from_hours(24);
        let clock = RevocationClock::new(Duration::from_mins(5)).for_self_contained_tokens(Some(lifetime));
        for i in 0..MAX_ENTRIES {
            clock.revoke_at(&Revocation::User(i.to_string()), SystemTime::UNIX_EPOCH + lifetime);
        }
        tokio::time::advance(lifetime + Duration::from_secs(1)).await;
        let other = claims(Some("v"), None);
        assert!(!clock.is_revoked(&other, SystemTime::UNIX_EPOCH));
        clock.revoke_at(&Revocation::User("u".into()), SystemTime::UNIX_EPOCH + 2 * lifetime);
        assert_eq!(clock.entries.read().unwrap().len, 1);
        // What was evicted counts as a revocation of all tokens from then on, which have expired unless they are undated.
        assert!(clock.is_revoked(&other, SystemTime::UNIX_EPOCH));
        assert!(!clock.is_revoked(&other, SystemTime::UNIX_EPOCH + lifetime + Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn data_of_a_user_ends_with_revocations_of_the_user_and_of_the_organizations_that_it_names() {
        let ends = |revocation: &Revocation| {
            let clock = RevocationClock::new(Duration::from_mins(5));
            let before = clock.epoch();
            clock.revoke(revocation);
            !clock.is_current_user("u", ["o"], before)
        };
        assert!(ends(&Revocation::User("u".into())) && ends(&Revocation::All));
        assert!(ends(&Revocation::Member { user: "u".into(), org: "any".into() }));
        assert!(ends(&Revocation::Organization("o".into())));
        assert!(!ends(&Revocation::Organization("p".into())) && !ends(&Revocation::User("v".into())));
        assert!(!ends(&Revocation::Machines("o".into())));
    }
}
