//! The session of one HTTP request, as rmcp's transport uses it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use rmcp::{
    model::{
        ClientJsonRpcMessage, ClientRequest, GetExtensions as _, GetMeta as _, JsonRpcMessage, JsonRpcRequest,
        RequestId, ServerJsonRpcMessage,
    },
    transport::streamable_http_server::session::{ServerSseMessage, SessionId as RmcpSessionId, SessionManager},
};

use super::{
    Opening, Session, SessionRequest, SessionUse,
    outbox::{Beginning, CannotOpen, Outbox, Reader},
    session::SessionEnded,
    transport::SessionTransport,
};

/// Time for which a response is awaited before a stream is begun. Most calls are faster: their response is then JSON, as
/// without a session, and can have another status.
const JSON_WITHIN: Duration = Duration::from_secs(1);

/// Session manager of one HTTP request. rmcp knows a session by its number, and only the session of the request.
pub(in crate::mcp) struct SessionOfRequest {
    session: Arc<Session>,
    id: Option<HeaderValue>,
    opening: Mutex<Option<Opening>>,
    accepts_stream: bool,
    outcome: Mutex<Option<Outcome>>,
}

/// ID of a request as its client knows it, in the extensions of the request.
#[derive(Clone, Debug)]
pub(in crate::mcp) struct ClientRequestId(pub(in crate::mcp) RequestId);

/// Response to a request that is not a stream.
pub(in crate::mcp) enum Outcome {
    /// The response of the handler.
    Complete(Arc<ServerJsonRpcMessage>),
    /// The session has a request with this ID.
    DuplicateId(RequestId),
    /// The session has ended.
    Ended,
}

impl SessionOfRequest {
    /// Returns the manager, and the use of the session that the response has to hold.
    pub(in crate::mcp) fn new(request: SessionRequest, accepts_stream: bool) -> (Self, SessionUse) {
        let session_use = request.session().clone();
        let (id, opening) = match request {
            SessionRequest::Open(opening) => (Some(opening.id()), Some(opening)),
            SessionRequest::Use(_) => (None, None),
        };
        let manager = Self {
            session: Arc::clone(session_use.session()),
            id,
            opening: Mutex::new(opening),
            accepts_stream,
            outcome: Mutex::default(),
        };
        (manager, session_use)
    }

    pub(in crate::mcp) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Returns the ID that the client must send from now on, if the request has opened the session.
    pub(in crate::mcp) fn new_id(&self) -> Option<HeaderValue> {
        let was_taken = self.opening.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        self.id.clone().filter(|_| was_taken && !self.session.ended().is_cancelled())
    }

    /// Returns the number of the session as rmcp receives it.
    pub(in crate::mcp) fn number(&self) -> HeaderValue {
        HeaderValue::from(self.session.number())
    }

    pub(in crate::mcp) fn take_outcome(&self) -> Option<Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set_outcome(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    /// Passes a request to the handler and waits for its response, or for the beginning of its stream.
    async fn exchange(&self, mut message: ClientJsonRpcMessage) -> Reader {
        let outbox = &self.session.outbox;
        let JsonRpcMessage::Request(request) = &mut message else { return outbox.no_stream() };
        let id = request.id.clone();
        let reader = match register(request, outbox) {
            Ok(reader) => reader,
            Err(CannotOpen::DuplicateId) => {
                self.set_outcome(Outcome::DuplicateId(id));
                return outbox.no_stream();
            }
            Err(CannotOpen::Ended) => {
                self.set_outcome(Outcome::Ended);
                return outbox.no_stream();
            }
        };
        if self.session.receive(message).await.is_err() {
            self.set_outcome(Outcome::Ended);
            return outbox.no_stream();
        }
        // Until the stream has an ID, a client that disconnects cannot resume it.
        let abandoned = AbandonOnDrop(Some((&self.session, id)));
        let beginning = reader.begin(self.accepts_stream.then_some(JSON_WITHIN)).await;
        abandoned.disarm();
        match beginning {
            Beginning::Stream(reader) => reader,
            Beginning::Complete(response) => {
                self.set_outcome(Outcome::Complete(response));
                outbox.no_stream()
            }
            Beginning::Ended => {
                self.set_outcome(Outcome::Ended);
                outbox.no_stream()
            }
        }
    }
}

impl SessionManager for SessionOfRequest {
    type Error = SessionEnded;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(RmcpSessionId, Self::Transport), Self::Error> {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner).take();
        let messages = opening.and_then(|mut opening| opening.take_messages()).ok_or(SessionEnded)?;
        let transport = SessionTransport { session: Arc::clone(&self.session), messages };
        Ok((self.session.number().to_string().into(), transport))
    }

    async fn initialize_session(
        &self,
        _: &RmcpSessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        let JsonRpcMessage::Request(request) = &mut message else { return Err(SessionEnded) };
        let reader = register(request, &self.session.outbox).map_err(|_| SessionEnded)?;
        // A client that disconnects now does not know the ID of its session.
        let unknown = EndOnDrop(Some(&self.session));
        self.session.receive(message).await?;
        let Beginning::Complete(response) = reader.begin(None).await else { return Err(SessionEnded) };
        // A client whose `initialize` fails does not receive the ID either.
        if matches!(*response, JsonRpcMessage::Response(_)) {
            unknown.disarm();
        }
        self.set_outcome(Outcome::Complete(Arc::clone(&response)));
        Ok(ServerJsonRpcMessage::clone(&response))
    }

    async fn has_session(&self, _: &RmcpSessionId) -> Result<bool, Self::Error> {
        Ok(!self.session.ended().is_cancelled())
    }

    async fn close_session(&self, _: &RmcpSessionId) -> Result<(), Self::Error> {
        self.session.end();
        Ok(())
    }

    async fn create_stream(
        &self,
        _: &RmcpSessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl futures_util::Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.exchange(message).await)
    }

    async fn accept_message(&self, _: &RmcpSessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        if self.session.receive(message).await.is_err() {
            self.set_outcome(Outcome::Ended);
        }
        Ok(())
    }

    async fn create_standalone_stream(
        &self,
        _: &RmcpSessionId,
    ) -> Result<impl futures_util::Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.session.outbox.open_standalone())
    }

    async fn resume(
        &self,
        _: &RmcpSessionId,
        last_event_id: String,
    ) -> Result<impl futures_util::Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.session.outbox.resume(&last_event_id))
    }
}

/// Opens the stream of a request, and gives the request the ID under which the handler knows it.
fn register(request: &mut JsonRpcRequest<ClientRequest>, outbox: &Arc<Outbox>) -> Result<Reader, CannotOpen> {
    let progress = request.request.get_meta().get_progress_token();
    let reader = outbox.open(request.id.clone(), progress)?;
    let id = std::mem::replace(&mut request.id, reader.handler_id());
    request.request.extensions_mut().insert(ClientRequestId(id));
    Ok(reader)
}

/// Cancels a request if its client disconnects.
struct AbandonOnDrop<'a>(Option<(&'a Session, RequestId)>);

impl AbandonOnDrop<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if let Some((session, request)) = self.0.take() {
            session.abandon(&request);
        }
    }
}

/// Ends a session whose ID its client did not receive.
struct EndOnDrop<'a>(Option<&'a Session>);

impl EndOnDrop<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.0 {
            session.end();
        }
    }
}
