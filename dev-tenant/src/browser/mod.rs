//! State of browsers: sessions, form tokens and completed consents.
//!
//! It is in memory only, so people log in again after a restart.

mod completed_consents;
mod form_token;
mod session;

pub(crate) use completed_consents::{CompletedConsent, CompletedConsents};
pub(crate) use form_token::{Form, FormTokens};
pub(crate) use session::{SessionId, Sessions};
