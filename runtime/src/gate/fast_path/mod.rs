//! Fast path: canonical lists and calls of tools, prompts and resources answered without rmcp.
//!
//! rmcp's request path is most of the cost of a small call. A request in canonical form is answered from the gate's own
//! parse instead, with the bytes that rmcp would send. The recognizer accepts only requests that rmcp would accept and
//! leaves every other request to rmcp: it rejects nothing itself. The folder can be deleted, together with its call in
//! `Gate::process`, without a change of behaviour; `runtime/tests/fast_path.rs` compares both paths.

mod chunked_body;
mod list_cache;
mod recognize;
mod respond;

use self::{list_cache::ListCache, recognize::Recognizer};

/// The fast path of one server.
#[derive(Default)]
pub(crate) struct FastPath {
    recognizer: Recognizer,
    lists: ListCache,
}
