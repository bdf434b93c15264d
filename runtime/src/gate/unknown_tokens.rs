//! Limit on requests with unknown tokens: places of their own, shared between the peers that send them.
//!
//! Any client can invent tokens. Requests with them occupy no place of the in-flight limit, so they cannot cause a request
//! with a known token to be rejected.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    peer_limit::{PeerLimit, PeerPlace},
    rejection::Rejection,
};
use crate::{auth::TokenClass, peer::Peer};

/// Maximum number of concurrent validations for one peer: half of those for all unknown tokens, so that a token of
/// another peer does not wait behind them.
const MAX_VALIDATIONS_PER_PEER: usize = 32;

/// Places of requests whose token is being validated and was not valid before.
#[derive(Debug)]
pub(crate) struct UnknownTokenLimit(Arc<PeerLimit<Validations>>);

/// A place of a request. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct UnknownTokenPlace(PeerPlace<Validations>);

/// Validations for one peer.
#[derive(Debug)]
struct Validations(Arc<Semaphore>);

impl Default for Validations {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_VALIDATIONS_PER_PEER)))
    }
}

impl UnknownTokenLimit {
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(PeerLimit::new(max)))
    }

    /// Takes a place for a peer.
    ///
    /// # Errors
    ///
    /// The peer has its share.
    pub(crate) fn acquire(&self, peer: Option<Peer>) -> Result<UnknownTokenPlace, Rejection> {
        self.0.acquire(peer).map(UnknownTokenPlace).ok_or(Rejection::TooManyUnknownTokens)
    }

    /// Number of requests with a place.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl UnknownTokenPlace {
    /// Returns the class of the token, with which it is validated.
    pub(crate) fn token_class(&self) -> TokenClass {
        TokenClass::Unknown { validations_of_peer: Arc::clone(&self.0.shared().0) }
    }
}
