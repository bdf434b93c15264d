use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::*;
use crate::auth::{Claims, Revocation};

type Sender = mpsc::UnboundedSender<Bytes>;

fn caller(claims: Claims) -> Arc<Caller> {
    Arc::new(Caller::new(&claims.subject("harriet"), Arc::default()))
}

/// A response whose body is whatever the sender is given; the sender notices when the body is dropped.
fn response(content_type: &'static str) -> (Sender, Response<Body>) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Bytes>();
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context).map(|item| item.map(Ok)));
    let body = Body::from_stream(stream.map(|item: Result<Bytes, std::io::Error>| item));
    let response = Response::builder().header(header::CONTENT_TYPE, content_type).body(body);
    (sender, response.unwrap())
}

fn live(claims: Claims) -> (Sender, BodyDataStream, Arc<RevocationClock>) {
    let revocations = Arc::new(RevocationClock::new(Duration::from_secs(300)));
    let (sender, response) = response("text/event-stream; charset=utf-8");
    let response = end_with_access(response, &caller(claims), revocations.epoch(), &revocations);
    (sender, response.into_body().into_data_stream(), revocations)
}

fn harriet() -> Revocation {
    Revocation::User("harriet".to_owned())
}

#[tokio::test]
async fn a_stream_ends_with_its_callers_access_and_what_makes_it_is_dropped() {
    let (sender, mut body, revocations) = live(Claims::new());
    sender.send("one".into()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "one");
    revocations.revoke(&Revocation::User("somebody else".to_owned()));
    sender.send("two".into()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "two");

    let waiting = tokio::spawn(async move { body.next().await.is_none() });
    tokio::task::yield_now().await;
    revocations.revoke(&harriet());
    sender.closed().await;
    assert!(waiting.await.unwrap(), "whoever waits is told");
}

#[tokio::test]
async fn nothing_that_comes_after_the_revocation_is_sent() {
    let (sender, mut body, revocations) = live(Claims::new());
    sender.send("before".into()).unwrap();
    assert!(body.next().await.is_some());
    sender.send("not sent yet".into()).unwrap();
    // The watch has had no chance to run.
    revocations.revoke(&harriet());
    assert!(body.next().await.is_none());
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_nothing_open() {
    let (sender, _body, revocations) = live(Claims::new());
    revocations.revoke(&harriet());
    sender.closed().await;
}

#[tokio::test]
async fn a_revocation_while_the_caller_was_authenticated_counts() {
    let revocations = Arc::new(RevocationClock::new(Duration::from_secs(300)));
    let since = revocations.epoch();
    revocations.revoke(&harriet());
    let (sender, response) = response("text/event-stream");
    sender.send("secret".into()).unwrap();
    let response = end_with_access(response, &caller(Claims::new()), since, &revocations);
    assert!(response.into_body().into_data_stream().next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let (sender, mut body, _revocations) =
        live(Claims::new().expires_at(SystemTime::now() + Duration::from_millis(20)));
    assert!(body.next().await.is_none());
    sender.closed().await;
}

#[tokio::test]
async fn a_stream_that_is_complete_ends_by_itself_and_its_watch_with_it() {
    let (sender, mut body, revocations) = live(Claims::new());
    let watched = Arc::strong_count(&revocations);
    sender.send("last".into()).unwrap();
    drop(sender);
    assert!(body.next().await.is_some() && body.next().await.is_none());
    drop(body);
    while Arc::strong_count(&revocations) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(watched > 1);
}

#[tokio::test]
async fn a_response_that_is_no_stream_is_left_alone() {
    let revocations = Arc::new(RevocationClock::new(Duration::from_secs(300)));
    let since = revocations.epoch();
    revocations.revoke(&harriet());
    let (sender, response) = response("application/json");
    sender.send("{}".into()).unwrap();
    drop(sender);
    let response = end_with_access(response, &caller(Claims::new()), since, &revocations);
    assert_eq!(axum::body::to_bytes(response.into_body(), 10).await.unwrap(), "{}");
}
