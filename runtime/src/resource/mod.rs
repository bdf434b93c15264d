//! Resources: their results, the URIs that clients send, and URI templates.
//!
//! Nothing here normalizes a URI. A URI that is not spelled as its resource or template spells it is the URI of no
//! resource.

mod byte_set;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod fuzzing;
mod output;
mod template;
mod uri;

pub use output::ResourceOutput;
#[cfg(test)]
pub(crate) use template::ExpandError;
#[doc(hidden)]
pub use template::check_uri;
pub(crate) use template::{UriTemplate, Variables};
pub(crate) use uri::ResourceUri;

/// Maximum length of a URI and of a URI template, in bytes.
pub(crate) const MAX_URI_BYTES: usize = 2048;
