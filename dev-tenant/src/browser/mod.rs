//! What identifies browsers: session cookies, form tokens and completed consents.
//!
//! The completed consents are in memory only, because they contain authorization codes.

mod completed_consents;
mod form_token;
mod session;

pub(crate) use completed_consents::{CompletedConsent, CompletedConsents};
pub(crate) use form_token::{Form, FormKey, FormTokens};
pub(crate) use session::SessionId;
