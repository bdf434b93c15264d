//! Key cache: fetches the keys of the authorization server, and keeps them while it does not respond.
//!
//! Anybody can send tokens that name unknown keys. The number of requests therefore depends on time alone: one fetch at a
//! time, and one in each interval.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tokio::{sync::Mutex, time::Instant};

use super::key_set::KeySet;
use crate::{
    auth::Unavailable,
    oauth::{
        discovery::{ADVICE, Discovery},
        request_error::RequestError,
    },
};

/// Maximum size of a key set, in bytes.
const MAX_KEY_SET_BYTES: usize = 256 * 1024;
/// Time that a validation waits for keys if it can use outdated ones.
const REFRESH_PATIENCE: Duration = Duration::from_secs(1);
/// Time that a validation waits for an unknown key.
const UNKNOWN_KEY_PATIENCE: Duration = Duration::from_secs(5);

/// Ages and intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyTimes {
    /// Age at which the keys are fetched again.
    pub(super) refresh_after: Duration,
    /// Age at which keys are no longer used.
    pub(super) max_age: Duration,
    /// Minimum time from one fetch to the next while there are keys.
    pub(super) min_interval: Duration,
    /// Minimum time from one fetch to the next while there are none.
    pub(super) retry_interval: Duration,
}

impl Default for KeyTimes {
    fn default() -> Self {
        Self {
            refresh_after: Duration::from_mins(10),
            max_age: Duration::from_hours(1),
            min_interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(1),
        }
    }
}

/// The latest keys, and the latest attempt to fetch them.
#[derive(Default)]
pub(super) struct KeyCache {
    current: ArcSwapOption<KeySet>,
    /// Locked during an attempt, so that there is one at a time.
    last_attempt: Arc<Mutex<Option<Attempt>>>,
}

struct Attempt {
    finished_at: Instant,
    result: Result<(), Unavailable>,
}

/// Where the keys come from.
#[derive(Clone)]
pub(super) struct KeySource {
    pub(super) discovery: Discovery,
    /// The configured URL; otherwise it is in the metadata.
    pub(super) jwks_uri: Option<String>,
    pub(super) times: KeyTimes,
}

impl KeyCache {
    /// Returns the keys. Fetches them if there are none, or if they are outdated; if that fails, or takes long, outdated
    /// keys are returned until their maximum age.
    ///
    /// # Errors
    ///
    /// There are no keys, or only keys that are too old.
    pub(super) async fn current(
        self: &Arc<Self>,
        times: KeyTimes,
        source: impl FnOnce() -> KeySource,
    ) -> Result<Arc<KeySet>, Unavailable> {
        let cached = self.current.load_full();
        let result = match &cached {
            Some(keys) if keys.fetched_at.elapsed() < times.refresh_after => return Ok(Arc::clone(keys)),
            Some(keys) if keys.fetched_at.elapsed() < times.max_age => {
                // The fetch continues if it takes longer.
                let _ = tokio::time::timeout(REFRESH_PATIENCE, self.refresh(source(), times.min_interval)).await;
                Ok(())
            }
            _ => self.refresh(source(), times.retry_interval).await,
        };
        match self.current.load_full() {
            Some(keys) if keys.fetched_at.elapsed() < times.max_age => Ok(keys),
            _ => Err(result.err().unwrap_or_else(|| Unavailable::new("the keys for signatures are too old"))),
        }
    }

    /// Fetches the keys because a token names an unknown one, unless they were fetched within the minimum interval.
    ///
    /// # Errors
    ///
    /// The keys could not be fetched, so the key may exist.
    pub(super) async fn newest(self: &Arc<Self>, source: KeySource) -> Result<Arc<KeySet>, Unavailable> {
        let interval = source.times.min_interval;
        let refresh = tokio::time::timeout(UNKNOWN_KEY_PATIENCE, self.refresh(source, interval)).await;
        refresh.unwrap_or_else(|_| {
            Err(Unavailable::new(format!("the keys for signatures did not arrive within {UNKNOWN_KEY_PATIENCE:?}")))
        })?;
        self.current.load_full().ok_or_else(|| Unavailable::new("the keys for signatures were not fetched"))
    }

    /// Fetches the keys, unless the last attempt is more recent than `interval`. Concurrent calls wait for the same
    /// attempt.
    pub(super) async fn refresh(self: &Arc<Self>, source: KeySource, interval: Duration) -> Result<(), Unavailable> {
        let called = Instant::now();
        let mut last = Arc::clone(&self.last_attempt).lock_owned().await;
        if let Some(Attempt { finished_at, result }) = &*last {
            let finished_since = *finished_at >= called;
            if finished_since || finished_at.elapsed() < interval {
                return result.clone();
            }
        }
        let this = Arc::clone(self);
        // A task of its own: a client that disconnects cannot cancel the attempt after others have begun to wait for it.
        let attempt = tokio::spawn(async move {
            let result = source.fetch().await.map(|keys| this.current.store(Some(Arc::new(keys))));
            if let Err(error) = &result {
                let has_keys = this.current.load().is_some();
                tracing::warn!(reason = %error, has_keys, "the keys for signatures could not be fetched");
            }
            *last = Some(Attempt { finished_at: Instant::now(), result: result.clone() });
            result
        });
        attempt.await.unwrap_or_else(|_| Err(Unavailable::new("the keys for signatures were not fetched")))
    }
}

#[cfg(test)]
impl KeyCache {
    /// Returns whether no attempt is in progress.
    pub(super) fn refresh_is_idle(&self) -> bool {
        self.last_attempt.try_lock().is_ok()
    }
}

impl KeySource {
    async fn fetch(&self) -> Result<KeySet, Unavailable> {
        let url = self.jwks_uri().await?;
        let fetched = self.fetch_from(&url).await;
        fetched.map_err(|error| error.to_unavailable(&url, &ADVICE))
    }

    async fn jwks_uri(&self) -> Result<String, Unavailable> {
        if let Some(url) = &self.jwks_uri {
            return Ok(url.clone());
        }
        let metadata = self.discovery.fetch().await?;
        self.discovery.endpoint(&metadata, "jwks_uri")?.ok_or_else(|| {
            Unavailable::new(
                "the authorization server's metadata has no `jwks_uri`: set it with `Jwt::jwks_uri`, or validate tokens \
                 with `Introspection`",
            )
            .permanent()
        })
    }

    async fn fetch_from(&self, url: &str) -> Result<KeySet, RequestError> {
        let http = &self.discovery.http;
        let body = http.send(http.client()?.get(url), MAX_KEY_SET_BYTES).await?;
        Ok(KeySet::parse(&body)?)
    }
}
