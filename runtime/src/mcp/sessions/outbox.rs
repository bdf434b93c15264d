//! Messages of a session to its client: one buffer for each stream, from which a broken stream is resumed.
//!
//! A message goes to the stream of the request that it belongs to, or to the standalone stream. Adding a message never
//! waits for the client: if the buffers are full, the oldest messages are discarded.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::Stream;
use rmcp::{
    model::{GetExtensions as _, JsonRpcMessage, ProgressToken, RequestId, ServerJsonRpcMessage, ServerNotification},
    service::OriginatingRequestId,
    transport::streamable_http_server::session::ServerSseMessage,
};
use tokio::time::Instant;

/// Time after which a client should reconnect a broken stream.
const RETRY: Duration = Duration::from_secs(3);
/// Time for which the messages of a finished stream can be read again.
const RESUME_WINDOW: Duration = Duration::from_mins(1);
/// The stream that belongs to no request.
const STANDALONE: u64 = 0;

/// Maxima of an [`Outbox`].
#[derive(Clone, Copy, Debug)]
pub(super) struct OutboxMaxima {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// Messages of one session that its client may not have received.
pub(super) struct Outbox {
    max: OutboxMaxima,
    state: Mutex<State>,
}

struct State {
    streams: BTreeMap<u64, Buffer>,
    next_stream: u64,
    /// Stream of each request that has no response yet, by the ID that the client gave it.
    requests: HashMap<RequestId, u64>,
    /// Stream of each progress token of these requests.
    progress: HashMap<ProgressToken, u64>,
    messages: usize,
    bytes: usize,
    is_closed: bool,
}

/// Messages of one stream.
#[derive(Default)]
struct Buffer {
    /// ID of the request, as its client knows it. `None` for the standalone stream.
    request: Option<RequestId>,
    events: VecDeque<Event>,
    /// Index of the newest message. The first one has the index 1.
    newest: u64,
    /// Index of the newest message that a reader took.
    taken: u64,
    finished_at: Option<Instant>,
    /// Number of the current reader. An earlier one has ended.
    reader: u64,
    has_reader: bool,
    waker: Option<Waker>,
}

struct Event {
    index: u64,
    message: Arc<ServerJsonRpcMessage>,
    bytes: usize,
}

/// Why the stream of a request cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CannotOpen {
    /// A request with this ID has no response yet.
    DuplicateId,
    /// The session has ended.
    Ended,
}

/// How the stream of a request begins.
pub(super) enum Beginning {
    /// The response is the first message.
    Complete(Arc<ServerJsonRpcMessage>),
    /// Other messages precede the response, or it takes a while.
    Stream(Reader),
    /// The session has ended.
    Ended,
}

impl Outbox {
    pub(super) fn new(max: OutboxMaxima) -> Self {
        let state = State {
            streams: BTreeMap::from([(STANDALONE, Buffer::default())]),
            next_stream: STANDALONE + 1,
            requests: HashMap::new(),
            progress: HashMap::new(),
            messages: 0,
            bytes: 0,
            is_closed: false,
        };
        Self { max, state: Mutex::new(state) }
    }

    /// Opens the stream of a request.
    ///
    /// # Errors
    ///
    /// A request with this ID has no response yet, or the session has ended.
    pub(super) fn open(
        self: &Arc<Self>,
        request: RequestId,
        progress: Option<ProgressToken>,
    ) -> Result<Reader, CannotOpen> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(CannotOpen::Ended);
        }
        if state.requests.contains_key(&request) {
            return Err(CannotOpen::DuplicateId);
        }
        state.remove_expired();
        let stream = state.next_stream;
        state.next_stream += 1;
        state.requests.insert(request.clone(), stream);
        if let Some(token) = progress {
            state.progress.insert(token, stream);
        }
        state.streams.insert(stream, Buffer { request: Some(request), ..Buffer::default() });
        Ok(self.read(&mut state, stream, 0))
    }

    /// Opens the standalone stream. It begins with the messages that no reader took.
    pub(super) fn open_standalone(self: &Arc<Self>) -> Reader {
        let mut state = self.lock();
        let taken = state.streams.get(&STANDALONE).map_or(0, |buffer| buffer.taken);
        self.read(&mut state, STANDALONE, taken)
    }

    /// Returns a stream without messages.
    pub(super) fn no_stream(self: &Arc<Self>) -> Reader {
        Reader { outbox: Arc::clone(self), stream: u64::MAX, number: 0, after: 0, has_begun: true }
    }

    /// Resumes the stream after an event. A stream that does not exist any more is empty.
    pub(super) fn resume(self: &Arc<Self>, last_event_id: &str) -> Reader {
        let position = last_event_id
            .split_once('-')
            .and_then(|(stream, index)| Some((stream.parse::<u64>().ok()?, index.parse::<u64>().ok()?)));
        let (stream, index) = position.unwrap_or((u64::MAX, 0));
        let mut state = self.lock();
        state.remove_expired();
        self.read(&mut state, stream, index)
    }

    /// Creates the reader of a stream. It replaces the one before, which ends.
    fn read(self: &Arc<Self>, state: &mut State, stream: u64, after: u64) -> Reader {
        let mut number = 0;
        if let Some(buffer) = state.streams.get_mut(&stream) {
            buffer.reader += 1;
            buffer.has_reader = true;
            number = buffer.reader;
            wake(&mut buffer.waker);
        }
        Reader { outbox: Arc::clone(self), stream, number, after, has_begun: false }
    }

    /// Adds a message to its stream. A response to a request that was cancelled is discarded.
    pub(super) fn push(&self, mut message: ServerJsonRpcMessage) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some((stream, is_response)) = state.stream_of(&message) else { return };
        let Some(buffer) = state.streams.get_mut(&stream).filter(|buffer| buffer.finished_at.is_none()) else {
            return;
        };
        match &mut message {
            JsonRpcMessage::Response(response) => {
                if let Some(id) = &buffer.request {
                    response.id.clone_from(id);
                }
            }
            JsonRpcMessage::Error(error) => error.id.clone_from(&buffer.request),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => {}
        }
        buffer.newest += 1;
        let event = Event { index: buffer.newest, bytes: size(&message), message: Arc::new(message) };
        state.messages += 1;
        state.bytes += event.bytes;
        buffer.events.push_back(event);
        wake(&mut buffer.waker);
        if is_response {
            state.finish(stream);
        }
        state.trim(self.max);
    }

    /// Ends the stream of a request that its client cancelled: there will be no response. Returns the ID under which the
    /// handler knows the request.
    pub(super) fn cancel(&self, request: &RequestId) -> Option<RequestId> {
        let mut state = self.lock();
        let stream = state.requests.get(request).copied()?;
        state.finish(stream);
        state.remove(stream);
        Some(handler_id(stream))
    }

    /// Ends the standalone stream, for good.
    pub(super) fn finish_standalone(&self) {
        self.lock().finish(STANDALONE);
    }

    /// Ends all streams and discards their messages.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        for mut buffer in std::mem::take(&mut state.streams).into_values() {
            wake(&mut buffer.waker);
        }
        (state.messages, state.bytes) = (0, 0);
        state.requests.clear();
        state.progress.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// Returns the response if no other message precedes it.
    fn only_response(&self) -> Option<&Arc<ServerJsonRpcMessage>> {
        let first = self.events.front().filter(|event| event.index == self.newest && self.newest == 1);
        first.filter(|_| self.finished_at.is_some()).map(|event| &event.message)
    }
}

impl State {
    /// Returns the stream of a message, and whether the message is the response that ends it.
    fn stream_of(&self, message: &ServerJsonRpcMessage) -> Option<(u64, bool)> {
        let of_request = |id: &RequestId| match id {
            RequestId::Number(number) => u64::try_from(*number).ok().filter(|stream| self.is_pending(*stream)),
            RequestId::String(_) => None,
        };
        let originating = |origin: Option<&OriginatingRequestId>| origin.and_then(|origin| of_request(&origin.0));
        let stream = match message {
            JsonRpcMessage::Response(response) => return Some((of_request(&response.id)?, true)),
            JsonRpcMessage::Error(error) => return Some((of_request(error.id.as_ref()?)?, true)),
            JsonRpcMessage::Request(request) => originating(request.request.extensions().get()),
            JsonRpcMessage::Notification(notification) => match &notification.notification {
                ServerNotification::ProgressNotification(progress) => {
                    self.progress.get(&progress.params.progress_token).copied()
                }
                notification => originating(notification.extensions().get()),
            },
        };
        Some((stream.unwrap_or(STANDALONE), false))
    }

    /// Returns whether the stream belongs to a request that has no response yet.
    fn is_pending(&self, stream: u64) -> bool {
        self.streams.get(&stream).is_some_and(|buffer| buffer.request.is_some() && buffer.finished_at.is_none())
    }

    fn finish(&mut self, stream: u64) {
        self.requests.retain(|_, other| *other != stream);
        self.progress.retain(|_, other| *other != stream);
        if let Some(buffer) = self.streams.get_mut(&stream) {
            buffer.finished_at.get_or_insert_with(Instant::now);
            wake(&mut buffer.waker);
        }
    }

    fn remove(&mut self, stream: u64) {
        if let Some(mut buffer) = self.streams.remove(&stream) {
            wake(&mut buffer.waker);
            self.messages -= buffer.events.len();
            self.bytes -= buffer.events.iter().map(|event| event.bytes).sum::<usize>();
        }
    }

    /// Removes the finished streams that can no longer be resumed.
    fn remove_expired(&mut self) {
        let is_expired =
            |buffer: &Buffer| !buffer.has_reader && buffer.finished_at.is_some_and(|at| at.elapsed() > RESUME_WINDOW);
        let expired: Vec<_> =
            self.streams.iter().filter(|(_, buffer)| is_expired(buffer)).map(|(&id, _)| id).collect();
        for stream in expired.into_iter().filter(|&stream| stream != STANDALONE) {
            self.remove(stream);
        }
    }

    /// Discards the oldest messages until the rest is within the limits: first those of streams without a reader. The
    /// newest message of a stream with a reader stays, so that a response is not lost.
    fn trim(&mut self, max: OutboxMaxima) {
        while self.messages > max.messages || self.bytes > max.bytes {
            let unread = self.streams.iter().find(|(_, buffer)| !buffer.has_reader && !buffer.events.is_empty());
            let any = || self.streams.iter().find(|(_, buffer)| buffer.events.len() > 1);
            let Some((&stream, _)) = unread.or_else(any) else { return };
            let Some(buffer) = self.streams.get_mut(&stream) else { return };
            if let Some(event) = buffer.events.pop_front() {
                self.messages -= 1;
                self.bytes -= event.bytes;
            }
            if buffer.events.is_empty() && !buffer.has_reader && buffer.finished_at.is_some() && stream != STANDALONE
            {
                self.remove(stream);
            }
        }
    }
}

/// Reader of one stream.
pub(super) struct Reader {
    outbox: Arc<Outbox>,
    stream: u64,
    number: u64,
    /// Index of the last message that was read.
    after: u64,
    has_begun: bool,
}

impl Reader {
    /// Waits for the first message, or until the time has passed. Without a time, it waits until there is a message.
    pub(super) async fn begin(self, at_most: Option<Duration>) -> Beginning {
        let first = std::future::poll_fn(|context| self.poll_first(context));
        match at_most {
            Some(at_most) => {
                let _ = tokio::time::timeout(at_most, first).await;
            }
            None => first.await,
        }
        let mut state = self.outbox.lock();
        if state.is_closed {
            return Beginning::Ended;
        }
        let response = state.streams.get(&self.stream).and_then(Buffer::only_response).cloned();
        if response.is_some() {
            // It is sent as JSON, without an ID from which it could be resumed.
            state.remove(self.stream);
        }
        drop(state);
        // A request that was cancelled has an empty stream.
        response.map_or_else(|| Beginning::Stream(self), Beginning::Complete)
    }

    fn poll_first(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.outbox.lock();
        match state.streams.get_mut(&self.stream) {
            Some(buffer) if buffer.newest == 0 && buffer.finished_at.is_none() => {
                buffer.waker = Some(context.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// ID under which the handler knows the request of the stream. An ID that a client uses again after it cancelled the
    /// request is another one here, so that it does not receive the response to the request before.
    pub(super) fn handler_id(&self) -> RequestId {
        handler_id(self.stream)
    }

    fn event_id(&self) -> String {
        format!("{}-{}", self.stream, self.after)
    }
}

impl Stream for Reader {
    type Item = ServerSseMessage;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let outbox = Arc::clone(&this.outbox);
        let mut state = outbox.lock();
        let Some(buffer) = state.streams.get_mut(&this.stream).filter(|buffer| buffer.reader == this.number) else {
            return Poll::Ready(None);
        };
        if !this.has_begun {
            this.has_begun = true;
            // From its ID on, the client can resume the stream (SEP-1699).
            return Poll::Ready(Some(ServerSseMessage::priming(this.event_id(), RETRY)));
        }
        if let Some(event) = buffer.events.iter().find(|event| event.index > this.after) {
            this.after = event.index;
            buffer.taken = buffer.taken.max(event.index);
            let mut message = ServerSseMessage::default();
            message.event_id = Some(this.event_id());
            message.message = Some(Arc::clone(&event.message));
            return Poll::Ready(Some(message));
        }
        if buffer.finished_at.is_some() {
            return Poll::Ready(None);
        }
        buffer.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.outbox.lock();
        if let Some(buffer) = state.streams.get_mut(&self.stream).filter(|buffer| buffer.reader == self.number) {
            buffer.has_reader = false;
            buffer.waker = None;
            state.trim(self.outbox.max);
        }
    }
}

fn handler_id(stream: u64) -> RequestId {
    RequestId::Number(i64::try_from(stream).unwrap_or(i64::MAX))
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Returns the size of a message as JSON, in bytes.
fn size(message: &ServerJsonRpcMessage) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A message that cannot be serialized cannot be sent either.
    let _ = serde_json::to_writer(&mut count, message);
    count.0
}

#[cfg(test)]
mod tests;
