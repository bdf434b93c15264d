//! What stands in the stream, and where.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::auth::Revocation;

/// Of the form of an entry. A replica that does not know it revokes everybody's access.
pub(super) const VERSION: &str = "1";

/// An entry's place: milliseconds by Redis' clock, and a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(pub(super) u64, pub(super) u64);

impl FromStr for EntryId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (time, number) = text.split_once('-').unwrap_or((text, "0"));
        Ok(Self(time.parse()?, number.parse()?))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// What one replica tells the others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Which replica.
    from: String,
    /// When somebody said that access ended, in milliseconds since 1970.
    sent: u64,
    /// Empty where a replica only says that it is there.
    revoked: Vec<Revoked>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Revoked {
    User(String),
    Member { user: String, org: String },
    Organization(String),
    All,
}

impl Entry {
    pub(super) fn new(from: &str, sent: SystemTime, revocations: &[Revocation]) -> Self {
        let sent = sent.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self {
            from: from.to_owned(),
            sent: u64::try_from(sent).unwrap_or(u64::MAX),
            revoked: revocations.iter().cloned().map(Revoked::from).collect(),
        }
    }

    /// # Errors
    ///
    /// Another version wrote it, or something else did. It may say that anybody's access ended.
    pub(super) fn read(version: Option<&str>, body: Option<&str>) -> Result<Self, Unreadable> {
        match (version, body) {
            (Some(VERSION), Some(body)) => serde_json::from_str(body).map_err(|_| Unreadable),
            _ => Err(Unreadable),
        }
    }

    pub(super) fn is_from(&self, replica: &str) -> bool {
        self.from == replica
    }

    /// How long ago it was sent, as far as two clocks can tell.
    pub(super) fn lag(&self) -> Duration {
        (UNIX_EPOCH + Duration::from_millis(self.sent)).elapsed().unwrap_or_default()
    }

    pub(super) fn into_revocations(self) -> impl ExactSizeIterator<Item = Revocation> {
        self.revoked.into_iter().map(Revocation::from)
    }
}

/// Nobody knows what the entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl From<Revocation> for Revoked {
    fn from(revocation: Revocation) -> Self {
        match revocation {
            Revocation::User(user) => Self::User(user),
            Revocation::Member { user, org } => Self::Member { user, org },
            Revocation::Organization(org) => Self::Organization(org),
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
            Revoked::All => Self::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revocation_comes_back_as_it_was_given() {
        let revocations = [
            Revocation::User("u".into()),
            Revocation::Member { user: "u".into(), org: "o".into() },
            Revocation::Organization("o".into()),
            Revocation::All,
        ];
        let entry = Entry::new("me", UNIX_EPOCH + Duration::from_millis(5), &revocations);
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            json,
            r#"{"from":"me","sent":5,"revoked":[{"user":"u"},{"member":{"user":"u","org":"o"}},{"organization":"o"},"all"]}"#
        );
        let read = Entry::read(Some("1"), Some(&json)).unwrap();
        assert!(read.is_from("me"));
        assert_eq!(read.into_revocations().collect::<Vec<_>>(), revocations);
    }

    #[test]
    fn what_is_not_known_is_not_read() {
        let good = r#"{"from":"me","sent":5,"revoked":[]}"#;
        assert!(Entry::read(Some("1"), Some(good)).is_ok());
        let bad = [
            (Some("2"), Some(good)),
            (None, Some(good)),
            (Some("1"), None),
            (Some("1"), Some("")),
            (Some("1"), Some(r#"{"from":"me","sent":5,"revoked":["nobody"]}"#)),
            (Some("1"), Some(r#"{"from":"me","sent":5,"revoked":[],"until":7}"#)),
        ];
        for (version, body) in bad {
            assert_eq!(Entry::read(version, body).err(), Some(Unreadable), "{body:?}");
        }
    }

    #[test]
    fn places_are_in_the_order_of_numbers() {
        let id = |text: &str| text.parse::<EntryId>().unwrap();
        assert!(id("9-9") < id("10-0") && id("10-9") < id("10-10") && id("10") == id("10-0"));
        assert_eq!(id("17-3").to_string(), "17-3");
        for bad in ["", "-", "a-1", "1-", "1-2-3", "-1-2"] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad}");
        }
    }
}
