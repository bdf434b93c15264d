//! Metrics of the readiness, which has two parts: the state of the server, and whether the audit log can be written.

use std::sync::{Mutex, PoisonError};

use ::metrics::gauge;

use super::definitions::{PREFLIGHT_FATAL, READY};

/// What `toolgate_ready` consists of.
struct Parts {
    is_server_ready: bool,
    is_audit_log_available: bool,
}

static PARTS: Mutex<Parts> = Mutex::new(Parts { is_server_ready: false, is_audit_log_available: true });

/// Records whether the server is ready, except for its audit log.
pub(crate) fn server_ready(is_ready: bool) {
    update(|parts| parts.is_server_ready = is_ready);
}

/// Records whether the audit log can be written.
#[cfg(feature = "audit-file")]
pub(crate) fn audit_log_available(is_available: bool) {
    update(|parts| parts.is_audit_log_available = is_available);
}

/// Records the number of fatal diagnostics of a preflight check.
pub(crate) fn preflight_checked(fatal_diagnostics: usize) {
    gauge!(PREFLIGHT_FATAL.name).set(u32::try_from(fatal_diagnostics).unwrap_or(u32::MAX));
}

fn update(change: impl FnOnce(&mut Parts)) {
    let mut parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut parts);
    // Under the lock, so that the gauge has the latest state.
    gauge!(READY.name).set(f64::from(u8::from(parts.is_server_ready && parts.is_audit_log_available)));
}
