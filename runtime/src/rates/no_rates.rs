//! In place of [`Rates`] without the feature `rates`: no server has any.

use std::future::Ready;

use super::quota::Counted;
use crate::{auth::Caller, registry::RegisteredOperation};

/// The limits of a server, which cannot exist.
pub(crate) enum Rates {}

impl Rates {
    pub(crate) fn count_request(&self, _: &Caller) -> Ready<Counted> {
        match *self {}
    }

    pub(crate) fn count_call(&self, _: &RegisteredOperation, _: &Caller) -> Ready<Counted> {
        match *self {}
    }
}
