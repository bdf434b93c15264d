use std::future::Future;

use super::*;
use crate::auth::{BearerToken, Caller, Claims, Revocation, RevocationClock};

const MAX: SessionMaxima = SessionMaxima {
    sessions: 8,
    sessions_per_caller: 8,
    idle_timeout: Duration::from_mins(30),
    max_lifetime: Duration::from_hours(24),
    input_timeout: Duration::from_mins(5),
    buffered_messages: 8,
    buffered_bytes: 1024,
};

/// Sessions, and what ends them.
struct Fixture {
    sessions: Arc<Sessions>,
    clock: Arc<RevocationClock>,
    stopping: CancellationToken,
    shutdown: CancellationToken,
}

impl Fixture {
    fn new() -> Self {
        let (stopping, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let sessions = Arc::new(Sessions::new(MAX, stopping.clone(), &shutdown));
        Self { sessions, clock: Arc::new(RevocationClock::new(Duration::from_mins(5))), stopping, shutdown }
    }

    /// Returns the access of a request that was authenticated now.
    fn access(&self, user: &str) -> Access {
        let claims = Claims::new().subject(user);
        let caller = Caller::of_token(&BearerToken::parse("t").unwrap(), &claims, Arc::default());
        Access { caller: Arc::new(caller), since: self.clock.epoch(), clock: Arc::clone(&self.clock) }
    }

    /// Opens a session and returns the headers that name it.
    fn open(&self, user: &str) -> (Arc<Session>, HeaderMap) {
        let mut opening = self.sessions.open(&self.access(user)).unwrap();
        drop(opening.take_messages());
        (Arc::clone(opening.session().session()), HeaderMap::from_iter([(SESSION_ID, opening.id())]))
    }

    fn find(&self, user: &str, id: &HeaderMap) -> Option<SessionUse> {
        self.sessions.find(id, &self.access(user))
    }
}

/// Waits for the end of a session. The clock advances to the next timer.
async fn ended(session: &Session) {
    session.ended().cancelled().await;
}

/// Returns how long a future takes.
async fn time_of(future: impl Future<Output = ()>) -> Duration {
    let start = tokio::time::Instant::now();
    future.await;
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_after_the_idle_timeout_without_use() {
    let all = Fixture::new();
    let (session, id) = all.open("sam");
    assert_eq!(time_of(ended(&session)).await, MAX.idle_timeout);
    assert!(all.find("sam", &id).is_none() && all.sessions.len() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_in_use_is_not_idle_and_each_use_postpones_its_end() {
    let all = Fixture::new();
    let (session, id) = all.open("sam");
    let stream = all.find("sam", &id).unwrap();
    tokio::time::advance(3 * MAX.idle_timeout).await;
    tokio::task::yield_now().await;
    assert!(!session.ended().is_cancelled());
    drop(stream);
    tokio::time::advance(MAX.idle_timeout / 2).await;
    drop(all.find("sam", &id).unwrap());
    assert_eq!(time_of(ended(&session)).await, MAX.idle_timeout);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_after_its_lifetime_although_it_is_in_use() {
    let all = Fixture::new();
    let (session, id) = all.open("sam");
    let _stream = all.find("sam", &id).unwrap();
    assert_eq!(time_of(ended(&session)).await, MAX.max_lifetime);
    assert!(all.find("sam", &id).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_revoked_session_cannot_be_used_even_before_its_task_has_run() {
    let all = Fixture::new();
    let ((sam, sams), (_, harriets)) = (all.open("sam"), all.open("harriet"));
    all.clock.revoke(&Revocation::User("sam".to_owned()));
    // The caller was authenticated after the revocation.
    assert!(all.find("sam", &sams).is_none() && sam.ended().is_cancelled());
    assert!(all.find("harriet", &harriets).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_revocation_ends_a_session_without_another_request() {
    let all = Fixture::new();
    let (session, _) = all.open("sam");
    all.clock.revoke(&Revocation::User("sam".to_owned()));
    assert_eq!(time_of(ended(&session)).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_use_of_another_caller_does_not_postpone_the_end() {
    let all = Fixture::new();
    let (session, id) = all.open("sam");
    tokio::time::advance(MAX.idle_timeout / 2).await;
    assert!(all.find("harriet", &id).is_none());
    assert_eq!(time_of(ended(&session)).await, MAX.idle_timeout / 2);
}

#[tokio::test(start_paused = true)]
async fn two_ids_in_one_request_name_no_session() {
    let all = Fixture::new();
    let (_, mut id) = all.open("sam");
    assert!(all.find("sam", &id).is_some() && all.find("sam", &HeaderMap::new()).is_none());
    let value = id[SESSION_ID].clone();
    id.append(SESSION_ID, value);
    assert!(all.find("sam", &id).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_initialized_ends() {
    let all = Fixture::new();
    let opening = all.sessions.open(&all.access("sam")).unwrap();
    assert_eq!(all.sessions.len(), 1);
    drop(opening);
    assert_eq!(all.sessions.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_shutdown_and_the_end_of_the_server_end_all_sessions() {
    let all = Fixture::new();
    let (session, _) = all.open("sam");
    all.stopping.cancel();
    tokio::task::yield_now().await;
    assert!(!session.ended().is_cancelled(), "calls may finish");
    all.shutdown.cancel();
    ended(&session).await;
    let other = Fixture::new();
    let (session, _) = other.open("sam");
    drop(other);
    ended(&session).await;
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_id() {
    let all = Fixture::new();
    let (session, id) = all.open("sam");
    let text = format!("{:?} {session:?} {id:?}", all.sessions);
    assert!(text.contains("Session {") && !text.contains(id[SESSION_ID].to_str().unwrap()), "{text}");
}
