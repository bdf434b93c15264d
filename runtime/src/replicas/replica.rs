//! This replica among the others.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    answers::Answers,
    entry::{Entry, EntryId},
    journal::Journal,
    lease::Lease,
    link::{Connection, Link, LinkError, Read},
    reader,
};
use crate::{
    auth::{BearerToken, Claims, PeerAnswer, Peers, Place, Revocation, Revocations, Untold},
    metrics,
};

/// How long a webhook waits for its revocations to stand in the stream.
const TELL_WITHIN: Duration = Duration::from_secs(2);

pub(crate) struct Replica {
    /// What the others know it by, for as long as it runs.
    id: String,
    pub(super) link: Arc<Link>,
    answers: Option<Answers>,
    revocations: Arc<Revocations>,
    lease: Lease,
    journal: Mutex<Journal>,
    /// Whether the log was told that the others are not heard.
    alone: AtomicBool,
}

impl Replica {
    pub(super) fn new(link: Arc<Link>, answers: Option<Answers>, revocations: Arc<Revocations>) -> Self {
        Self {
            id: Uuid::new_v4().simple().to_string(),
            link,
            answers,
            revocations,
            lease: Lease::new(),
            journal: Mutex::default(),
            alone: AtomicBool::new(false),
        }
    }

    /// Hears the others from now on, until it is told to stop or nobody needs it any more.
    pub(crate) fn listen(self: &Arc<Self>, stop: CancellationToken) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::error!(
                "the router was made outside a Tokio runtime: the other replicas are not heard, and webhooks are not \
                 acknowledged"
            );
            return;
        };
        runtime.spawn(stop.run_until_cancelled_owned(reader::read(Arc::downgrade(self))));
    }

    /// Everything until this moment was heard and is in force.
    pub(super) fn heard(&self, until: Instant) {
        self.lease.renew(until);
        metrics::replicas_heard(true);
        if self.alone.swap(false, Ordering::AcqRel) {
            tracing::info!("the other replicas are heard again, and what they revoked meanwhile is in force");
        }
    }

    /// The others are not heard, for this reason.
    pub(super) fn lost(&self, reason: &LinkError) {
        self.lease.end();
        metrics::replicas_heard(false);
        if !self.alone.swap(true, Ordering::AcqRel) {
            tracing::error!(
                %reason,
                "the other replicas are not heard: Redis fails. Until it is back, what is known of a token is used for \
                 10 seconds at most, and webhooks are not acknowledged"
            );
        }
    }

    /// Begins anew: whatever was revoked until now, nothing that was learned before counts.
    pub(super) async fn join(&self, connection: &mut Connection) -> Result<(), LinkError> {
        let hello = Entry::new(&self.id, SystemTime::now(), &[]);
        let entry = self.link.append(connection, &hello).await?;
        let mut journal = self.journal();
        let moment = self.revocations.revoke(&Revocation::Everybody);
        journal.begin(Arc::clone(&connection.history), entry, moment);
        Ok(())
    }

    pub(super) fn position(&self) -> Option<(Arc<str>, EntryId)> {
        self.journal().position()
    }

    /// Puts an entry in force.
    pub(super) fn apply(&self, read: &Read) {
        let entry = Entry::read(read.version.as_deref(), read.body.as_deref());
        let mut journal = self.journal();
        let mut moment = self.revocations.now();
        if let Ok(entry) = entry {
            let (others, lag) = (!entry.is_from(&self.id), entry.lag());
            for revocation in entry.into_revocations() {
                moment = self.revocations.revoke(&revocation);
                if others {
                    tracing::info!(?revocation, "another replica heard of a revocation");
                    metrics::revocation_applied(lag);
                }
            }
        } else {
            tracing::warn!(
                "a replica wrote what this one cannot read: everybody's access is checked again. Do all run the same \
                 version of toolgate?"
            );
            moment = self.revocations.revoke(&Revocation::Everybody);
        }
        journal.applied(read.id, moment);
    }

    /// Tells the others what they could not be told when it came.
    pub(super) async fn catch_up_telling(&self) -> Result<(), LinkError> {
        let untold = self.journal().take_untold();
        if untold.is_empty() {
            return Ok(());
        }
        let telling = Telling { replica: self, revocations: &untold, told: false };
        telling.finish(SystemTime::now()).await
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Revocations on their way to the stream. If they do not arrive, they are kept.
struct Telling<'a> {
    replica: &'a Replica,
    revocations: &'a [Revocation],
    told: bool,
}

impl Telling<'_> {
    async fn finish(mut self, sent: SystemTime) -> Result<(), LinkError> {
        let entry = Entry::new(&self.replica.id, sent, self.revocations);
        let tell = async {
            // A connection that nobody used for long may have been closed; it may stand in the stream twice, then.
            match self.attempt(&entry).await {
                Err(LinkError::Unreachable(_)) => self.attempt(&entry).await,
                result => result,
            }
        };
        let id = tokio::time::timeout(TELL_WITHIN, tell).await.unwrap_or(Err(LinkError::Silent))?;
        self.told = true;
        self.replica.journal().told(id);
        Ok(())
    }

    async fn attempt(&self, entry: &Entry) -> Result<EntryId, LinkError> {
        let link = &self.replica.link;
        let attempt = async {
            let mut connection = link.commands().await?;
            // Whoever listens to another Redis would not hear it.
            if self.replica.position().is_none_or(|(history, _)| history != connection.history) {
                return Err(LinkError::Another);
            }
            link.append(&mut connection, entry).await
        };
        attempt.await.inspect_err(|_| link.hang_up())
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.replica.journal().not_told(self.revocations);
        }
    }
}

#[async_trait]
impl Peers for Replica {
    fn are_heard(&self) -> bool {
        self.lease.holds()
    }

    async fn revoke(&self, revocations: &[Revocation], sent: SystemTime) -> Result<(), Untold> {
        if revocations.is_empty() {
            return Ok(());
        }
        // First of all: from here on, no answer of another replica is taken until this has come back from the stream.
        self.journal().telling();
        let telling = Telling { replica: self, revocations, told: false };
        for revocation in revocations {
            self.revocations.revoke(revocation);
        }
        telling.finish(sent).await.map_err(|error| Untold(error.to_string()))
    }

    fn place(&self) -> Option<Place> {
        self.answers.as_ref()?;
        if self.are_heard() { self.journal().place() } else { None }
    }

    async fn answer(&self, token: &BearerToken) -> Option<PeerAnswer> {
        let answers = self.answers.as_ref()?;
        if !self.are_heard() {
            return None;
        }
        let found = answers.find(token).await?;
        let since = self.journal().moment_of(&found.place)?;
        let stands = self.revocations.still_stands(&found.claims, since);
        stands.then_some(PeerAnswer { claims: found.claims, since, asked_at: found.asked_at })
    }

    fn share(&self, token: &BearerToken, place: &Place, asked_at: Instant, claims: &Claims) {
        if let Some(answers) = &self.answers {
            answers.share(token, place, asked_at, claims);
        }
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("heard", &self.are_heard()).finish_non_exhaustive()
    }
}
