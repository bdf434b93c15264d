use futures_util::{FutureExt as _, StreamExt as _};
use rmcp::model::{
    ErrorData, ProgressNotification, ProgressNotificationParam, ResourceUpdatedNotification,
    ResourceUpdatedNotificationParam,
};

use super::*;

const MAX: OutboxMaxima = OutboxMaxima { messages: 8, bytes: 64 * 1024 };

fn outbox(max: OutboxMaxima) -> Arc<Outbox> {
    Arc::new(Outbox::new(max))
}

fn id(number: i64) -> RequestId {
    RequestId::Number(number)
}

/// Returns the response to the request with this number, as the handler knows it.
fn response(request: i64, text: &str) -> ServerJsonRpcMessage {
    ServerJsonRpcMessage::error(ErrorData::internal_error(text.to_owned(), None), Some(id(request)))
}

fn notification(text: &str) -> ServerJsonRpcMessage {
    let params = ResourceUpdatedNotificationParam::new(text);
    ServerJsonRpcMessage::notification(ResourceUpdatedNotification::new(params).into())
}

fn progress(token: &ProgressToken) -> ServerJsonRpcMessage {
    let params = ProgressNotificationParam::new(token.clone(), 1.0);
    ServerJsonRpcMessage::notification(ProgressNotification::new(params).into())
}

/// Returns what a reader has without waiting: the IDs of events, and a part of their messages. `end` is the end.
fn read(reader: &mut Reader) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        match reader.next().now_or_never() {
            None => return events,
            Some(None) => {
                events.push("end".to_owned());
                return events;
            }
            Some(Some(event)) => {
                let message = event.message.map(|message| serde_json::to_value(&*message).unwrap());
                let text = message.map_or("begin".to_owned(), |message| {
                    let text = message.pointer("/error/message").or_else(|| message.pointer("/params/uri"));
                    text.unwrap_or(&message["method"]).as_str().unwrap().to_owned()
                });
                events.push(format!("{} {text}", event.event_id.unwrap()));
            }
        }
    }
}

#[tokio::test]
async fn a_response_that_is_the_first_message_is_no_stream() {
    let outbox = outbox(MAX);
    let reader = outbox.open(RequestId::String("a".into()), None).unwrap();
    outbox.push(response(1, "done"));
    let Beginning::Complete(message) = reader.begin(None).await else { panic!("it is a stream") };
    let JsonRpcMessage::Error(error) = &*message else { panic!("{message:?}") };
    assert_eq!(error.id, Some(RequestId::String("a".into())), "the ID is that of the client");
    let state = outbox.lock();
    assert_eq!((state.streams.len(), state.messages, state.bytes), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_response_is_a_stream_that_can_be_resumed() {
    let outbox = outbox(MAX);
    let reader = outbox.open(id(1), None).unwrap();
    let Beginning::Stream(mut reader) = reader.begin(Some(Duration::from_secs(1))).await else { panic!("no stream") };
    assert_eq!(read(&mut reader), ["1-0 begin"]);
    drop(reader);
    outbox.push(response(1, "done"));
    assert_eq!(read(&mut outbox.resume("1-0")), ["1-0 begin", "1-1 done", "end"]);
    assert_eq!(read(&mut outbox.resume("1-1")), ["1-1 begin", "end"]);
    tokio::time::advance(RESUME_WINDOW + Duration::from_secs(1)).await;
    assert_eq!(read(&mut outbox.resume("1-0")), ["end"]);
}

#[test]
fn messages_go_to_the_stream_of_their_request() {
    let outbox = outbox(MAX);
    let token = ProgressToken(RequestId::Number(7));
    let mut first = outbox.open(id(1), Some(token.clone())).unwrap();
    let mut second = outbox.open(id(2), None).unwrap();
    let mut standalone = outbox.open_standalone();
    outbox.push(progress(&token));
    let mut log = notification("of two");
    if let JsonRpcMessage::Notification(message) = &mut log {
        message.notification.extensions_mut().insert(OriginatingRequestId(id(2)));
    }
    outbox.push(log);
    outbox.push(notification("of none"));
    outbox.push(response(1, "done"));
    assert_eq!(read(&mut first), ["1-0 begin", "1-1 notifications/progress", "1-2 done", "end"]);
    assert_eq!(read(&mut second), ["2-0 begin", "2-1 of two"]);
    assert_eq!(read(&mut standalone), ["0-0 begin", "0-1 of none"]);
    // The request has ended.
    outbox.push(progress(&token));
    assert_eq!(read(&mut standalone), ["0-2 notifications/progress"]);
}

#[test]
fn the_standalone_stream_begins_with_what_no_reader_took_and_has_one_reader() {
    let outbox = outbox(MAX);
    outbox.push(notification("early"));
    let mut first = outbox.open_standalone();
    assert_eq!(read(&mut first), ["0-0 begin", "0-1 early"]);
    outbox.push(notification("late"));
    let mut second = outbox.open_standalone();
    assert_eq!(
        (read(&mut first), read(&mut second)),
        (vec!["end".to_owned()], vec!["0-1 begin".to_owned(), "0-2 late".to_owned()])
    );
    drop(first);
    outbox.finish_standalone();
    assert_eq!(read(&mut second), ["end"]);
}

#[test]
fn a_request_id_that_has_no_response_yet_cannot_be_used_again() {
    let outbox = outbox(MAX);
    let mut reader = outbox.open(id(1), None).unwrap();
    assert_eq!(outbox.open(id(1), None).err(), Some(CannotOpen::DuplicateId));
    assert_eq!(outbox.cancel(&id(1)), Some(reader.handler_id()));
    assert_eq!(read(&mut reader), ["end"]);
    // The client uses the ID again, before the handler has noticed the cancellation.
    let mut again = outbox.open(id(1), None).unwrap();
    outbox.push(response(1, "to the cancelled request"));
    outbox.push(response(2, "to the next request"));
    assert_eq!(read(&mut again), ["2-0 begin", "2-1 to the next request", "end"]);
    assert_eq!(outbox.cancel(&id(1)), None);
    outbox.close();
    assert_eq!(outbox.open(id(2), None).err(), Some(CannotOpen::Ended));
}

#[test]
fn unread_messages_are_bounded_and_the_newest_remain() {
    let outbox = outbox(OutboxMaxima { messages: 3, bytes: 64 * 1024 });
    for number in 0..100 {
        outbox.push(notification(&number.to_string()));
    }
    assert_eq!(outbox.lock().messages, 3);
    assert_eq!(read(&mut outbox.open_standalone()), ["0-0 begin", "0-98 97", "0-99 98", "0-100 99"]);
}

#[test]
fn a_large_response_is_stored_only_while_its_client_is_connected() {
    let outbox = outbox(OutboxMaxima { messages: 8, bytes: 1024 });
    let mut reader = outbox.open(id(1), None).unwrap();
    assert_eq!(read(&mut reader), ["1-0 begin"]);
    let large = "x".repeat(10_000);
    outbox.push(response(1, &large));
    assert_eq!(read(&mut reader), [format!("1-1 {large}"), "end".to_owned()]);
    drop(reader);
    let state = outbox.lock();
    assert_eq!((state.messages, state.bytes, state.streams.len()), (0, 0, 1));
}

#[test]
fn a_closed_outbox_ends_every_stream_and_keeps_nothing() {
    let outbox = outbox(MAX);
    let mut request = outbox.open(id(1), None).unwrap();
    let mut standalone = outbox.open_standalone();
    outbox.push(notification("unread"));
    outbox.close();
    outbox.push(notification("too late"));
    assert_eq!((read(&mut request), read(&mut standalone)), (vec!["end".to_owned()], vec!["end".to_owned()]));
    assert_eq!(outbox.lock().messages, 0);
}
