//! Webhooks, as PropelAuth delivers them through Svix.

mod delivery;
mod event;

pub(crate) use delivery::Webhooks;
pub use delivery::{WebhookEndpoint, WebhookError};
pub(crate) use event::Event;
