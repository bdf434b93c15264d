//! The webhook endpoint of a validator: its signing secrets, and the route that it has with one.

use std::sync::Arc;

use secrecy::SecretString;

use super::{Webhooks, route, test_delivery::test_delivery};
use crate::{
    auth::{Revocations, Route, TestDelivery},
    propelauth::ConfigError,
};

/// Endpoint of a validator. It has no route without a secret.
#[derive(Default)]
pub(in crate::propelauth) struct WebhookEndpoint {
    secrets: Vec<SecretString>,
    webhooks: Option<Arc<Webhooks>>,
}

impl WebhookEndpoint {
    /// Adds signing secrets, of which each is accepted.
    pub(in crate::propelauth) fn add(
        &mut self,
        secrets: impl IntoIterator<Item = SecretString>,
    ) -> Result<(), ConfigError> {
        self.secrets.extend(secrets);
        if !self.secrets.is_empty() {
            let webhooks = Webhooks::new(&self.secrets).map_err(|_| ConfigError::WebhookSecret)?;
            self.webhooks = Some(Arc::new(webhooks));
        }
        Ok(())
    }

    /// Returns the number of secrets.
    pub(in crate::propelauth) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Returns whether there is a secret, so that the endpoint receives webhooks.
    pub(in crate::propelauth) fn is_enabled(&self) -> bool {
        self.webhooks.is_some()
    }

    /// Returns a request that tests the route, if the endpoint is enabled.
    pub(in crate::propelauth) fn test_deliveries(&self) -> Vec<TestDelivery> {
        self.webhooks.iter().map(|webhooks| test_delivery(webhooks)).collect()
    }

    /// Returns the route, if the endpoint is enabled.
    pub(in crate::propelauth) fn routes(&self, revocations: &Revocations) -> Vec<Route> {
        self.webhooks.iter().map(|webhooks| route(Arc::clone(webhooks), revocations.clone())).collect()
    }
}
