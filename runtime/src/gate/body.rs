//! Request bodies: reading them, and bounding the memory that parsing them takes.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{
    in_flight::InFlightGuard,
    json_bounds::{JsonShape, SMALL_BODY},
    jsonrpc::Message,
    rejection::Rejection,
};

/// Limits on request bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Maximum size, in bytes.
    pub(crate) bytes: usize,
    /// Maximum size without the arguments and the input of a tool call, in bytes.
    pub(crate) message_bytes: usize,
    /// Memory that the arguments may take if 16 times their size is less, in bytes.
    pub(crate) parsed_bytes: usize,
    /// Time within which a body must arrive.
    pub(crate) timeout: Duration,
}

/// Memory that a message without its arguments may take if 16 times its size is less, in bytes.
const PARSED_MESSAGE_BYTES: usize = 1024 * 1024;

impl BodyLimits {
    /// Reads a body, and reserves memory for it.
    pub(super) async fn read(&self, body: Body, in_flight: &mut InFlightGuard) -> Result<Bytes, Rejection> {
        let expected = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        in_flight.reserve_body_memory(expected.unwrap_or(usize::MAX).min(self.bytes))?;
        let whole = Limited::new(body, self.bytes).collect();
        match tokio::time::timeout(self.timeout, whole).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Rejection::BodyTooLarge { limit: self.bytes }),
            Ok(Err(_)) => Err(Rejection::IncompleteBody),
            Err(_) => Err(Rejection::BodyTimeout),
        }
    }

    /// Bounds the memory that parsing a body takes, before a parser allocates memory for each value.
    /// `rmcp_reads_arguments` is false for a call whose arguments only the gate reads.
    pub(super) fn check_size(
        &self,
        body: &[u8],
        message: Option<&Message<'_>>,
        rmcp_reads_arguments: bool,
        in_flight: &mut InFlightGuard,
    ) -> Result<(), Rejection> {
        let [arguments, input] = message.map_or(["", ""], Message::call_content);
        if body.len() - arguments.len() - input.len() > self.message_bytes {
            return Err(Rejection::MessageTooLarge { limit: self.message_bytes });
        }
        if body.len() <= SMALL_BODY {
            return in_flight.reserve_body_memory(0);
        }
        let arguments = JsonShape::scan(arguments.as_bytes())?;
        let rest = JsonShape::scan(body)?.without(&arguments);
        let size = arguments.check(arguments.value_size(), self.parsed_bytes)?
            + if rmcp_reads_arguments { arguments.check(arguments.rmcp_size(), self.parsed_bytes)? } else { 0 }
            + rest.check(rest.rmcp_size(), PARSED_MESSAGE_BYTES)?;
        in_flight.reserve_body_memory(size)
    }
}

/// Returns the body of a call with an empty object in place of its arguments. rmcp would take ten times the memory of the
/// gate to parse them.
pub(super) fn without_arguments(body: &Bytes, message: &Message<'_>) -> Bytes {
    let [arguments, _] = message.call_content();
    if arguments.is_empty() {
        return body.clone();
    }
    // The arguments are a part of the body.
    let start = arguments.as_ptr().addr() - body.as_ptr().addr();
    [&body[..start], b"{}", &body[start + arguments.len()..]].concat().into()
}
