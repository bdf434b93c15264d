//! Metadata of the authorization server, refreshed periodically and served from memory.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    JsonObject,
    auth::{AuthorizationServer, Unavailable, Validators},
    spawn::spawn,
};

/// Age at which the metadata is refreshed.
const REFRESH_AFTER: Duration = Duration::from_mins(10);
/// Minimum time between two attempts.
const MIN_INTERVAL: Duration = Duration::from_secs(5);
/// Time limit of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Cached metadata of the authorization server.
pub(crate) struct Discovery {
    validators: Arc<Validators>,
    base_url: String,
    /// `scopes_supported` of the document, if it is not that of the authorization server.
    scopes: Option<Vec<&'static str>>,
    current: ArcSwapOption<Fetched>,
    /// Locked during an attempt, so that there is one at a time.
    last_attempt: Arc<Mutex<Option<Attempt>>>,
}

/// Metadata of the authorization server, with its document as JSON for every response.
pub(crate) struct Fetched {
    pub(crate) server: AuthorizationServer,
    pub(crate) document: Option<Bytes>,
    at: Instant,
}

struct Attempt {
    finished_at: Instant,
    result: Result<(), Unavailable>,
}

impl Discovery {
    /// `scopes` replaces the `scopes_supported` of the document.
    pub(crate) fn new(validators: Arc<Validators>, base_url: String, scopes: Option<Vec<&'static str>>) -> Self {
        Self { validators, base_url, scopes, current: ArcSwapOption::empty(), last_attempt: Arc::default() }
    }

    /// Returns the metadata. An outdated document is returned while a new one is fetched; only the first request waits.
    /// Any client can cause an attempt, so there is at most one task, and one attempt in each interval.
    ///
    /// # Errors
    ///
    /// No document is cached and none could be fetched.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Arc<Fetched>, Unavailable> {
        if let Some(fetched) = self.current.load_full() {
            if fetched.at.elapsed() > REFRESH_AFTER {
                self.refresh_in_background();
            }
            return Ok(fetched);
        }
        self.refresh().await?;
        self.current.load_full().ok_or_else(|| Unavailable::new("the metadata was not fetched"))
    }

    /// Returns the issuer to advertise, or the default issuer while no document is cached.
    pub(crate) async fn issuer(self: &Arc<Self>) -> Option<String> {
        match self.get().await {
            Ok(fetched) => fetched.server.issuer.clone(),
            Err(_) => self.validators.default_issuer(),
        }
    }

    /// Returns the issuer to advertise as far as it is known, without fetching the metadata.
    #[cfg(feature = "landing-page")]
    pub(crate) fn known_issuer(&self) -> Option<String> {
        match &*self.current.load() {
            Some(fetched) => fetched.server.issuer.clone(),
            None => self.validators.default_issuer(),
        }
    }

    /// Fetches the metadata. Concurrent calls wait for the same attempt.
    pub(crate) async fn refresh(&self) -> Result<(), Unavailable> {
        let called = Instant::now();
        let mut last = self.last_attempt.lock().await;
        if let Some(Attempt { finished_at, result }) = &*last {
            let finished_since = *finished_at >= called;
            if finished_since || finished_at.elapsed() < MIN_INTERVAL {
                return result.clone();
            }
        }
        self.attempt(&mut last).await
    }

    /// Starts an attempt, unless one is in progress or the last one is too recent.
    fn refresh_in_background(self: &Arc<Self>) {
        let Ok(mut last) = Arc::clone(&self.last_attempt).try_lock_owned() else { return };
        if last.as_ref().is_some_and(|last| last.finished_at.elapsed() < MIN_INTERVAL) {
            return;
        }
        let discovery = Arc::clone(self);
        spawn(async move {
            // Waiting requests read the result.
            let _ = discovery.attempt(&mut last).await;
        });
    }

    async fn attempt(&self, last: &mut Option<Attempt>) -> Result<(), Unavailable> {
        let attempt = tokio::time::timeout(ATTEMPT_TIMEOUT, self.validators.authorization_server(&self.base_url));
        let fetched = attempt.await.unwrap_or_else(|_| {
            Err(Unavailable::new(format!("the metadata did not arrive within {ATTEMPT_TIMEOUT:?}")))
        });
        let result = match fetched {
            Ok(server) => {
                let document = server.document.as_ref().map(|document| self.serialize(document));
                self.current.store(Some(Arc::new(Fetched { server, document, at: Instant::now() })));
                Ok(())
            }
            Err(unavailable) => {
                tracing::warn!(reason = %unavailable, "the authorization server's metadata could not be fetched");
                Err(unavailable)
            }
        };
        *last = Some(Attempt { finished_at: Instant::now(), result: result.clone() });
        result
    }

    fn serialize(&self, document: &JsonObject) -> Bytes {
        let narrowed = self.scopes.as_ref().map(|scopes| {
            let mut document = document.clone();
            document.insert("scopes_supported".to_owned(), scopes.as_slice().into());
            document
        });
        serde_json::to_vec(narrowed.as_ref().unwrap_or(document)).expect("a JSON object can be serialized").into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::auth::{
        BearerToken, Claims, Inactive, IntoValidators as _, Resource, TokenValidator, ValidationError,
    };

    /// Validator whose metadata is available from the second attempt on.
    #[derive(Default)]
    struct Slow(AtomicUsize);

    #[async_trait]
    impl TokenValidator for Arc<Slow> {
        async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
            Err(Inactive::new("unknown").into())
        }

        async fn authorization_server(&self, _: &str) -> Result<AuthorizationServer, Unavailable> {
            let attempt = self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match attempt {
                0 => Err(Unavailable::new("unavailable")),
                _ => Ok(AuthorizationServer {
                    issuer: Some("https://issuer.example".to_owned()),
                    ..Default::default()
                }),
            }
        }

        fn default_issuer(&self) -> Option<String> {
            Some("https://default.example".to_owned())
        }
    }

    #[tokio::test]
    async fn concurrent_requests_share_one_attempt_and_its_failure() {
        let validator = Arc::new(Slow::default());
        let discovery = Arc::new(Discovery::new(Arc::new(validator.clone().into_validators()), String::new(), None));
        let results = futures_util::future::join_all((0..20).map(|_| discovery.get())).await;
        assert!(results.iter().all(Result::is_err));
        assert_eq!(validator.0.load(Ordering::SeqCst), 1);
        assert_eq!(discovery.issuer().await.as_deref(), Some("https://default.example"));
    }

    /// Validator whose metadata is available once; later attempts wait for a permit and then fail.
    struct Fails {
        attempts: AtomicUsize,
        permits: Semaphore,
    }

    #[async_trait]
    impl TokenValidator for Arc<Fails> {
        async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
            Err(Inactive::new("unknown").into())
        }

        async fn authorization_server(&self, _: &str) -> Result<AuthorizationServer, Unavailable> {
            if self.attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                return Ok(AuthorizationServer::new("https://issuer.example"));
            }
            self.permits.acquire().await.expect("the semaphore is open").forget();
            Err(Unavailable::new("unavailable"))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_requests_for_outdated_metadata_start_one_task_per_interval() {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let validator = Arc::new(Fails { attempts: AtomicUsize::new(0), permits: Semaphore::new(0) });
        let attempts = || validator.attempts.load(Ordering::SeqCst);
        let discovery = Arc::new(Discovery::new(Arc::new(validator.clone().into_validators()), String::new(), None));
        let before = tasks();
        let request = async || {
            for _ in 0..1000 {
                assert_eq!(discovery.issuer().await.as_deref(), Some("https://issuer.example"));
            }
            tokio::task::yield_now().await;
        };
        request().await;
        assert_eq!((tasks() - before, attempts()), (0, 1));

        tokio::time::advance(REFRESH_AFTER + Duration::from_secs(1)).await;
        request().await;
        assert_eq!((tasks() - before, attempts()), (1, 2), "one task waits for the authorization server");
        request().await;
        assert_eq!((tasks() - before, attempts()), (1, 2), "an attempt is in progress");

        validator.permits.add_permits(1);
        while tasks() > before {
            tokio::task::yield_now().await;
        }
        request().await;
        assert_eq!((tasks() - before, attempts()), (0, 2), "the failure is too recent");

        tokio::time::advance(MIN_INTERVAL).await;
        request().await;
        assert_eq!((tasks() - before, attempts()), (1, 3));
        // The validator does not return: the attempt ends at its time limit.
        tokio::time::advance(ATTEMPT_TIMEOUT).await;
        while tasks() > before {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(MIN_INTERVAL).await;
        request().await;
        assert_eq!((tasks() - before, attempts()), (1, 4));
    }
}
