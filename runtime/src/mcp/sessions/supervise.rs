//! Ending a session: when its caller's access is revoked, when it is idle, and when it is too old.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::session::Session;
use crate::spawn::spawn;

/// Why a session ended.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// Its client or the server ended it.
    Closed,
    Revoked,
    Idle,
    TooOld,
}

/// Starts the task that ends a session.
pub(super) fn start(session: Arc<Session>, stopping: CancellationToken) {
    // Before the first check, so that no revocation is missed.
    let revocations = session.revocations();
    spawn(async move {
        let cause = wait(&session, revocations, stopping).await;
        session.end();
        tracing::debug!(
            session = session.number(),
            user = session.caller().user_id().map(crate::audit::sanitize),
            ?cause,
            "session ended"
        );
    });
}

async fn wait(
    session: &Session,
    mut revocations: tokio::sync::watch::Receiver<crate::auth::Epoch>,
    stopping: CancellationToken,
) -> Cause {
    let too_old_at = Instant::now() + session.limits.lifetime;
    let mut is_stopping = false;
    loop {
        if session.ended().is_cancelled() {
            return Cause::Closed;
        }
        if !session.is_current() {
            return Cause::Revoked;
        }
        let idle_at = session.idle_since().map(|since| since + session.limits.idle_timeout);
        if idle_at.is_some_and(|at| at <= Instant::now()) {
            return Cause::Idle;
        }
        let idle = async {
            match idle_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = session.ended().cancelled() => return Cause::Closed,
            changed = revocations.changed() => if changed.is_err() { return Cause::Closed },
            () = sleep_until(too_old_at) => return Cause::TooOld,
            () = idle => {}
            () = session.activity() => {}
            () = stopping.cancelled(), if !is_stopping => {
                // Calls may finish, but a stream that waits for events would delay the shutdown.
                is_stopping = true;
                session.outbox.finish_standalone();
            }
        }
    }
}
