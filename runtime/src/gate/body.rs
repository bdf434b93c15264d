//! Request bodies: reading them, and bounding the memory that parsing them takes.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;

use super::{
    in_flight::InFlightGuard,
    json_bounds::{JsonShape, SMALL_BODY},
    jsonrpc::Message,
    rejection::Rejection,
};
use crate::body::{BodyError, read_body};

/// Limits on request bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Maximum size, in bytes.
    pub(crate) bytes: usize,
    /// Maximum size without the arguments and the input of a call, in bytes.
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
        // A body that is too large takes no memory, because it is not read.
        let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        if announced.is_none_or(|bytes| bytes <= self.bytes) {
            in_flight.reserve_body_memory(announced.unwrap_or(self.bytes))?;
        }
        read_body(body, self.bytes, self.timeout).await.map_err(|error| match error {
            BodyError::TooLarge => Rejection::BodyTooLarge { limit: self.bytes },
            BodyError::Timeout => Rejection::BodyTimeout,
            BodyError::Incomplete => Rejection::IncompleteBody,
        })
    }

    /// Bounds the memory that parsing a body takes, before a parser allocates memory for each value.
    /// `rmcp_reads_arguments` is false for a call whose arguments only the gate reads.
    pub(super) fn check_size(
        &self,
        body: &[u8],
        message: &Message<'_>,
        rmcp_reads_arguments: bool,
        in_flight: &mut InFlightGuard,
    ) -> Result<(), Rejection> {
        let [arguments, input] = message.call_content();
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

/// Returns the body of a call with an empty object in place of its arguments. rmcp would take two to four times the
/// memory of the gate to parse them.
pub(super) fn without_arguments(body: &Bytes, message: &Message<'_>) -> Bytes {
    let [arguments, _] = message.call_content();
    if arguments.is_empty() {
        return body.clone();
    }
    // The arguments are a part of the body.
    let start = arguments.as_ptr().addr() - body.as_ptr().addr();
    [&body[..start], b"{}", &body[start + arguments.len()..]].concat().into()
}
