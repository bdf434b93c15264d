//! Access that ended before its token did.
//!
//! A revocation is a mark with a number on a clock that only clock advance. Whoever learns something about a
//! token remembers the clock from *before* asking; the answer is worth something only while no mark for its user or
//! organization is newer. So nothing has to be found and removed for access to end, and an answer that was under way
//! when the revocation came cannot bring the old access back.

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

use super::Claims;

/// How many marks are kept; past that, everything that was learned before now counts as revoked.
const MAX_MARKS: usize = 100_000;

/// Whose access ended. What was learned about their tokens before is worth nothing any more; a token that is still
/// valid is asked about again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// A user's, everywhere.
    User(String),
    /// A user's in one organization.
    Member {
        /// The user's ID.
        user: String,
        /// The organization's ID.
        org: String,
    },
    /// All's in an organization.
    Organization(String),
    /// All's.
    All,
}

/// Whose access it is, as far as an answer said.
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

/// A moment on the clock of clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u64);

/// All clock that can still matter.
pub(crate) struct RevocationClock {
    clock: AtomicU64,
    marks: RwLock<Marks>,
    /// How long a mark matters: nothing that was learned longer ago is used.
    keep: Duration,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Marks {
    users: HashMap<String, Mark>,
    members: HashMap<(String, String), Mark>,
    organizations: HashMap<String, Mark>,
    /// Everything before counts as revoked.
    everybody: u64,
}

#[derive(Clone, Copy)]
struct Mark {
    moment: u64,
    at: Instant,
}

impl RevocationClock {
    pub(crate) fn new(keep: Duration) -> Self {
        Self { clock: AtomicU64::new(0), marks: RwLock::default(), keep, changed: watch::Sender::new(0) }
    }

    /// Now, to be remembered before asking about a token.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.clock.load(Ordering::Acquire))
    }

    /// Ends access. When this returns, nothing that was learned before is used any more. Returns the revocation's moment.
    pub(crate) fn revoke(&self, revocation: &Revocation) -> Epoch {
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        let moment = self.clock.load(Ordering::Acquire) + 1;
        marks.set(revocation, Mark { moment, at: Instant::now() });
        if marks.len() > MAX_MARKS {
            marks.forget_older_than(self.keep);
            if marks.len() > MAX_MARKS {
                tracing::warn!(
                    marks = marks.len(),
                    "so many clock at once that every cached token is asked about again"
                );
                *marks = Marks { everybody: moment, ..Marks::default() };
            }
        }
        // Only now is the mark looked at, so a reader either has the lock after us or a moment from before.
        self.clock.store(moment, Ordering::Release);
        drop(marks);
        self.changed.send_replace(moment);
        Epoch(moment)
    }

    /// Whether what was learned about this access at `since` still stands.
    pub(crate) fn is_current<'a>(&self, holder: impl Into<TokenOwner<'a>>, since: Epoch) -> bool {
        // Nothing was revoked since: the usual case, and the only one without a lock.
        if self.epoch() == since {
            return true;
        }
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        marks.newest_for(holder.into()) <= since.0
    }

    /// Changes with every revocation.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

impl Marks {
    fn set(&mut self, revocation: &Revocation, mark: Mark) {
        match revocation {
            Revocation::User(user) => {
                self.users.insert(user.clone(), mark);
            }
            Revocation::Member { user, org } => {
                self.members.insert((user.clone(), org.clone()), mark);
            }
            Revocation::Organization(org) => {
                self.organizations.insert(org.clone(), mark);
            }
            Revocation::All => self.everybody = mark.moment,
        }
    }

    /// A token that names no organization may have been granted in any of the user's, so a mark of one counts for it.
    fn newest_for(&self, TokenOwner { user, org }: TokenOwner<'_>) -> u64 {
        let moment = |mark: Option<&Mark>| mark.map_or(0, |mark| mark.moment);
        let member = match (user, org) {
            (Some(user), Some(org)) => moment(self.members.get(&(user.to_owned(), org.to_owned()))),
            (Some(user), None) => self
                .members
                .iter()
                .filter(|((member, _), _)| member == user)
                .map(|(_, mark)| mark.moment)
                .max()
                .unwrap_or(0),
            (None, _) => 0,
        };
        let organization = match org {
            Some(org) => moment(self.organizations.get(org)),
            None => self.organizations.values().map(|mark| mark.moment).max().unwrap_or(0),
        };
        // A token that names no user may be anybody's.
        let user = match user {
            Some(user) => moment(self.users.get(user)),
            None => self.users.values().chain(self.members.values()).map(|mark| mark.moment).max().unwrap_or(0),
        };
        self.everybody.max(user).max(member).max(organization)
    }

    fn len(&self) -> usize {
        self.users.len() + self.members.len() + self.organizations.len()
    }

    fn forget_older_than(&mut self, keep: Duration) {
        let forgotten = [
            retain_recent(&mut self.users, keep),
            retain_recent(&mut self.members, keep),
            retain_recent(&mut self.organizations, keep),
        ];
        // A stream may be older than anything in a cache: for it, a mark that is gone counts as everybody's.
        self.everybody = forgotten.into_iter().fold(self.everybody, u64::max);
    }
}

/// The newest moment that was forgotten.
fn retain_recent<K: Eq + Hash>(marks: &mut HashMap<K, Mark>, keep: Duration) -> u64 {
    let mut forgotten = 0;
    marks.retain(|_, mark| {
        let recent = mark.at.elapsed() <= keep;
        if !recent {
            forgotten = forgotten.max(mark.moment);
        }
        recent
    });
    forgotten
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

    fn ended(revocation: &Revocation, user: Option<&str>, org: Option<&str>) -> bool {
        let clock = RevocationClock::new(Duration::from_secs(300));
        let before = clock.epoch();
        clock.revoke(revocation);
        let claims = claims(user, org);
        assert!(clock.is_current(&claims, clock.epoch()), "what is learned afterwards stands");
        !clock.is_current(&claims, before)
    }

    #[tokio::test]
    async fn a_revocation_ends_what_was_learned_before_and_nothing_else() {
        let user = Revocation::User("u".into());
        assert!(ended(&user, Some("u"), Some("o")) && ended(&user, Some("u"), None));
        assert!(!ended(&user, Some("v"), Some("o")));

        let member = Revocation::Member { user: "u".into(), org: "o".into() };
        assert!(ended(&member, Some("u"), Some("o")));
        assert!(!ended(&member, Some("u"), Some("p")) && !ended(&member, Some("v"), Some("o")));

        let org = Revocation::Organization("o".into());
        assert!(ended(&org, Some("u"), Some("o")) && ended(&org, Some("v"), Some("o")));
        assert!(!ended(&org, Some("u"), Some("p")));

        assert!(ended(&Revocation::All, Some("u"), Some("o")) && ended(&Revocation::All, None, None));
    }

    #[tokio::test]
    async fn a_token_that_names_nobody_may_be_anybodys() {
        assert!(ended(&Revocation::User("u".into()), None, Some("o")));
        assert!(ended(&Revocation::Organization("o".into()), Some("u"), None));
        assert!(ended(&Revocation::Member { user: "u".into(), org: "o".into() }, Some("u"), None));
    }

    #[tokio::test]
    async fn a_flood_of_clock_stays_bounded_and_revokes_more_rather_than_less() {
        let clock = RevocationClock::new(Duration::from_secs(300));
        let before = clock.epoch();
        for i in 0..=MAX_MARKS {
            clock.revoke(&Revocation::User(i.to_string()));
        }
        assert!(clock.marks.read().unwrap().len() <= MAX_MARKS);
        assert!(!clock.is_current(&claims(Some("0"), None), before));
        assert!(!clock.is_current(&claims(Some("somebody else"), None), before));
    }

    #[tokio::test(start_paused = true)]
    async fn marks_that_cannot_matter_any_more_are_forgotten_first() {
        let clock = RevocationClock::new(Duration::from_secs(300));
        let long_ago = clock.epoch();
        for i in 0..MAX_MARKS {
            clock.revoke(&Revocation::User(i.to_string()));
        }
        tokio::time::advance(Duration::from_secs(301)).await;
        let before = clock.epoch();
        clock.revoke(&Revocation::User("u".into()));
        assert_eq!(clock.marks.read().unwrap().len(), 1);
        assert!(clock.is_current(&claims(Some("v"), Some("o")), before));
        assert!(!clock.is_current(&claims(Some("0"), Some("o")), long_ago), "nothing forgotten is forgiven");
    }
}
