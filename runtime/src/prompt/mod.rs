//! Prompts: their results and their arguments in lists.

mod arguments;
mod output;

pub(crate) use arguments::listed_arguments;
pub use output::{IntoPromptMessage, PromptOutput};
