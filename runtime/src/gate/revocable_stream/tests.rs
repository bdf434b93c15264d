use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use http::header;
use tokio::sync::mpsc;

use super::*;
use crate::auth::{Caller, Claims, Epoch, Revocation, RevocationClock};

type Sender = mpsc::UnboundedSender<Bytes>;

fn access(claims: Claims, since: Epoch, clock: &Arc<RevocationClock>) -> Access {
    let caller = Arc::new(Caller::new(&claims.subject("harriet"), Arc::default()));
    Access { caller, since, clock: Arc::clone(clock) }
}

/// Returns a response whose body is what the sender sends. The sender is closed when the body is dropped.
fn response(content_type: &'static str) -> (Sender, Response<Body>) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Bytes>();
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context).map(|item| item.map(Ok)));
    let body = Body::from_stream(stream.map(|item: Result<Bytes, std::io::Error>| item));
    let response = Response::builder().header(header::CONTENT_TYPE, content_type).body(body);
    (sender, response.unwrap())
}

fn stream(claims: Claims) -> (Sender, BodyDataStream, Arc<RevocationClock>) {
    let clock = Arc::new(RevocationClock::new(Duration::from_mins(5)));
    let (sender, response) = response("text/event-stream; charset=utf-8");
    let response = end_with_access(response, access(claims, clock.epoch(), &clock));
    (sender, response.into_body().into_data_stream(), clock)
}

fn harriet() -> Revocation {
    Revocation::User("harriet".to_owned())
}

#[tokio::test]
async fn a_stream_ends_with_its_callers_access_and_its_source_is_dropped() {
    let (sender, mut body, clock) = stream(Claims::new());
    sender.send("one".into()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "one");
    clock.revoke(&Revocation::User("another user".to_owned()));
    sender.send("two".into()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "two");

    let waiting = tokio::spawn(async move { body.next().await.is_none() });
    tokio::task::yield_now().await;
    clock.revoke(&harriet());
    sender.closed().await;
    assert!(waiting.await.unwrap(), "the pending read ends");
}

#[tokio::test]
async fn nothing_is_sent_after_the_revocation() {
    let (sender, mut body, clock) = stream(Claims::new());
    sender.send("before".into()).unwrap();
    assert!(body.next().await.is_some());
    sender.send("pending".into()).unwrap();
    // Before the watcher runs.
    clock.revoke(&harriet());
    assert!(body.next().await.is_none());
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_stream_ends_even_if_the_client_does_not_read() {
    let (sender, _body, clock) = stream(Claims::new());
    clock.revoke(&harriet());
    sender.closed().await;
}

#[tokio::test]
async fn a_revocation_during_authentication_ends_the_stream() {
    let clock = Arc::new(RevocationClock::new(Duration::from_mins(5)));
    let since = clock.epoch();
    clock.revoke(&harriet());
    let (sender, response) = response("text/event-stream");
    sender.send("secret".into()).unwrap();
    let response = end_with_access(response, access(Claims::new(), since, &clock));
    assert!(response.into_body().into_data_stream().next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let (sender, mut body, _clock) = stream(Claims::new().expires_at(SystemTime::now() + Duration::from_millis(20)));
    assert!(body.next().await.is_none());
    sender.closed().await;
}

#[tokio::test]
async fn a_complete_stream_ends_and_stops_its_watcher() {
    let (sender, mut body, clock) = stream(Claims::new());
    let references = Arc::strong_count(&clock);
    sender.send("last".into()).unwrap();
    drop(sender);
    assert!(body.next().await.is_some() && body.next().await.is_none());
    drop(body);
    while Arc::strong_count(&clock) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(references > 1);
}

#[tokio::test]
async fn a_response_that_is_not_a_stream_is_unchanged() {
    let clock = Arc::new(RevocationClock::new(Duration::from_mins(5)));
    let since = clock.epoch();
    clock.revoke(&harriet());
    let (sender, response) = response("application/json");
    sender.send("{}".into()).unwrap();
    drop(sender);
    let response = end_with_access(response, access(Claims::new(), since, &clock));
    assert_eq!(axum::body::to_bytes(response.into_body(), 10).await.unwrap(), "{}");
}
