//! Entry of the stream of revocations, and its ID.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{auth::Revocation, duration::millis};

/// Version of the format of an entry. A replica that reads another version invalidates all cached tokens.
pub(super) const VERSION: &str = "1";

/// ID of an entry: milliseconds of Redis' clock, and a sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(pub(super) u64, pub(super) u64);

impl EntryId {
    /// Returns the ID before all entries that were appended at this time of Redis' clock or later.
    pub(super) fn before(time: SystemTime) -> Self {
        Self(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()).saturating_sub(1), u64::MAX)
    }

    /// Returns the time at which the entry was appended, on Redis' clock.
    pub(super) fn time(self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.0))
    }
}

impl FromStr for EntryId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (time, sequence) = text.split_once('-').unwrap_or((text, "0"));
        Ok(Self(time.parse()?, sequence.parse()?))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// Revocations that one replica publishes, serialized as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// ID of the replica.
    from: String,
    /// Time at which the authorization server sent the event, in milliseconds since the Unix epoch.
    sent: u64,
    /// The revocations. Empty for the marker that a replica appends before it starts to read.
    revoked: Vec<Revoked>,
}

/// Serialized form of a [`Revocation`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Revoked {
    User(String),
    Member { user: String, org: String },
    Organization(String),
    Machines(String),
    All,
}

/// The entry is not JSON of this [`VERSION`]. It may contain any revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidEntry;

impl Entry {
    pub(super) fn new(from: &str, sent: SystemTime, revocations: &[Revocation]) -> Self {
        Self {
            from: from.to_owned(),
            sent: millis(sent.duration_since(UNIX_EPOCH).unwrap_or_default()),
            revoked: revocations.iter().cloned().map(Revoked::from).collect(),
        }
    }

    /// Parses the fields of an entry.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidEntry`] if a replica of another version, or another program, has written the entry.
    pub(super) fn parse(version: Option<&str>, body: Option<&str>) -> Result<Self, InvalidEntry> {
        match (version, body) {
            (Some(VERSION), Some(body)) => serde_json::from_str(body).map_err(|_| InvalidEntry),
            _ => Err(InvalidEntry),
        }
    }

    /// Returns the time at which the access of self-contained tokens ends: when the event was sent, or when the entry was
    /// appended on Redis' clock, if that is later. The entry of another replica cannot end access in the future.
    pub(super) fn revoked_at(&self, id: EntryId, now: SystemTime) -> SystemTime {
        let sent = UNIX_EPOCH.checked_add(Duration::from_millis(self.sent)).unwrap_or(now);
        sent.max(id.time().unwrap_or(now)).min(now)
    }

    pub(super) fn is_from(&self, replica: &str) -> bool {
        self.from == replica
    }

    /// Returns the time since the event was sent. It is inexact if the clocks differ.
    pub(super) fn lag(&self) -> Duration {
        (UNIX_EPOCH + Duration::from_millis(self.sent)).elapsed().unwrap_or_default()
    }

    pub(super) fn into_revocations(self) -> impl ExactSizeIterator<Item = Revocation> {
        self.revoked.into_iter().map(Revocation::from)
    }
}

impl From<Revocation> for Revoked {
    fn from(revocation: Revocation) -> Self {
        match revocation {
            Revocation::User(user) => Self::User(user),
            Revocation::Member { user, org } => Self::Member { user, org },
            Revocation::Organization(org) => Self::Organization(org),
            Revocation::Machines(org) => Self::Machines(org),
            Revocation::All => Self::All,
        }
    }
}

impl From<Revoked> for Revocation {
    fn from(revoked: Revoked) -> Self {
        match revoked {
            Revoked::User(user) => Self::User(user),
            Revoked::Member { user, org } => Self::Member { user, org },
            Revoked::Organization(org) => Self::Organization(org),
            Revoked::Machines(org) => Self::Machines(org),
            Revoked::All => Self::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_entry_has_the_original_revocations() {
        let revocations = [
            Revocation::User("u".into()),
            Revocation::Member { user: "u".into(), org: "o".into() },
            Revocation::Organization("o".into()),
            Revocation::Machines("o".into()),
            Revocation::All,
        ];
        let entry = Entry::new("me", UNIX_EPOCH + Duration::from_millis(5), &revocations);
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            json,
            r#"{"from":"me","sent":5,"revoked":[{"user":"u"},{"member":{"user":"u","org":"o"}},{"organization":"o"},{"machines":"o"},"all"]}"#
        );
        let entry = Entry::parse(Some("1"), Some(&json)).unwrap();
        assert!(entry.is_from("me"));
        assert_eq!(entry.into_revocations().collect::<Vec<_>>(), revocations);
    }

    #[test]
    fn entries_of_another_format_are_invalid() {
        let valid = r#"{"from":"me","sent":5,"revoked":[]}"#;
        assert!(Entry::parse(Some("1"), Some(valid)).is_ok());
        let invalid = [
            (Some("2"), Some(valid)),
            (None, Some(valid)),
            (Some("1"), None),
            (Some("1"), Some("")),
            (Some("1"), Some(r#"{"from":"me","sent":5,"revoked":["unknown"]}"#)),
            (Some("1"), Some(r#"{"from":"me","sent":5,"revoked":[],"until":7}"#)),
        ];
        for (version, body) in invalid {
            assert_eq!(Entry::parse(version, body).err(), Some(InvalidEntry), "{body:?}");
        }
    }

    #[test]
    fn access_of_self_contained_tokens_ends_at_the_latest_time_of_an_entry_that_is_not_in_the_future() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (sent, appended, now, expected) in [(5, 7, 9, 7), (7, 5, 9, 7), (11, 5, 9, 9), (5, 11, 9, 9)] {
            let entry = Entry::new("me", at(sent), &[]);
            assert_eq!(entry.revoked_at(EntryId(appended * 1000, 3), at(now)), at(expected));
        }
        assert!(EntryId::before(at(5)) < EntryId(5000, 0) && EntryId::before(at(5)) > EntryId(4999, 99));
    }

    #[test]
    fn entry_ids_are_ordered_as_numbers() {
        let id = |text: &str| text.parse::<EntryId>().unwrap();
        assert!(id("9-9") < id("10-0") && id("10-9") < id("10-10") && id("10") == id("10-0"));
        assert_eq!(id("17-3").to_string(), "17-3");
        for invalid in ["", "-", "a-1", "1-", "1-2-3", "-1-2"] {
            assert!(invalid.parse::<EntryId>().is_err(), "{invalid}");
        }
    }
}
