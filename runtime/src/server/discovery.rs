//! Metadata of the authorization server, refreshed periodically and served from memory.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use crate::auth::{AuthorizationServer, TokenValidator, Unavailable};

/// Age at which the metadata is refreshed.
const REFRESH_AFTER: Duration = Duration::from_mins(10);
/// Minimum time between two attempts.
const MIN_INTERVAL: Duration = Duration::from_secs(5);

/// Cached metadata of the authorization server.
pub(crate) struct Discovery {
    validator: Arc<dyn TokenValidator>,
    base_url: String,
    current: ArcSwapOption<Fetched>,
    last_attempt: Mutex<Option<(Instant, Result<(), Unavailable>)>>,
}

struct Fetched {
    server: Arc<AuthorizationServer>,
    at: Instant,
}

impl Discovery {
    pub(crate) fn new(validator: Arc<dyn TokenValidator>, base_url: String) -> Self {
        Self { validator, base_url, current: ArcSwapOption::empty(), last_attempt: Mutex::new(None) }
    }

    /// Returns the metadata. An outdated document is returned while a new one is fetched; only the first request waits.
    ///
    /// # Errors
    ///
    /// No document is cached and none could be fetched.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Arc<AuthorizationServer>, Unavailable> {
        if let Some(fetched) = self.current.load_full() {
            if fetched.at.elapsed() > REFRESH_AFTER {
                let discovery = Arc::clone(self);
                tokio::spawn(async move { discovery.refresh().await });
            }
            return Ok(Arc::clone(&fetched.server));
        }
        self.refresh().await?;
        let fetched = self.current.load_full();
        fetched
            .map(|fetched| Arc::clone(&fetched.server))
            .ok_or_else(|| Unavailable::new("the metadata was not fetched"))
    }

    /// Returns the issuer to advertise, or the default issuer while no document is cached.
    pub(crate) async fn issuer(self: &Arc<Self>) -> Option<String> {
        match self.get().await {
            Ok(server) => server.issuer.clone(),
            Err(_) => self.validator.default_issuer(),
        }
    }

    /// Fetches the metadata. Concurrent calls wait for the same attempt.
    pub(crate) async fn refresh(&self) -> Result<(), Unavailable> {
        let called = Instant::now();
        let mut last = self.last_attempt.lock().await;
        if let Some((at, result)) = &*last {
            let settled_since = *at >= called;
            if settled_since || at.elapsed() < MIN_INTERVAL {
                return result.clone();
            }
        }
        let result = match self.validator.authorization_server(&self.base_url).await {
            Ok(server) => {
                self.current.store(Some(Arc::new(Fetched { server: Arc::new(server), at: Instant::now() })));
                Ok(())
            }
            Err(unavailable) => {
                tracing::warn!(reason = %unavailable, "the authorization server's metadata could not be fetched");
                Err(unavailable)
            }
        };
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::auth::{BearerToken, Claims, ValidationError};

    /// Validator whose metadata is available from the second attempt on.
    #[derive(Default)]
    struct Slow(AtomicUsize);

    #[async_trait]
    impl TokenValidator for Slow {
        async fn validate(&self, _: &BearerToken) -> Result<Claims, ValidationError> {
            Err(ValidationError::Inactive)
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
        let discovery = Arc::new(Discovery::new(validator.clone(), String::new()));
        let results = futures_util::future::join_all((0..20).map(|_| discovery.get())).await;
        assert!(results.iter().all(Result::is_err));
        assert_eq!(validator.0.load(Ordering::SeqCst), 1);
        assert_eq!(discovery.issuer().await.as_deref(), Some("https://default.example"));
    }
}
