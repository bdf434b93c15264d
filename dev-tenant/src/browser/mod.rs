//! What the tenant remembers about browsers: who is logged in, which forms are its own, what was answered.
//!
//! All of it is in memory: after a restart people choose again who they are.

mod answers;
mod form_token;
mod session;

pub(crate) use answers::{Answer, Answers};
pub(crate) use form_token::{Form, FormTokens};
pub(crate) use session::{SessionId, Sessions};
