//! Completion of the arguments of prompts and of the variables of URI templates: `#[arg(complete = ..)]`.

use std::{collections::HashMap, fmt, panic::AssertUnwindSafe};

use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Provided, ToolError,
    call_steps::{Async, Immediate},
};

/// The other arguments of a prompt or a URI template that the user has filled in, for the function that completes one.
///
/// ```
/// use toolgate::{CompletionArguments, prelude::*};
///
/// pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);
///
/// /// Return the teams whose names begin with `value`.
/// fn teams(value: &str, arguments: &CompletionArguments) -> Vec<&'static str> {
///     let teams = match arguments.get("department") {
///         Some("Engineering") => vec!["Compilers", "Platform"],
///         _ => Vec::new(),
///     };
///     teams.into_iter().filter(|team| team.starts_with(value)).collect()
/// }
///
/// /// Review the quarter of a team.
/// #[prompt(scopes = "reviews:write")]
/// async fn quarterly_review(
///     department: String,
///     #[arg(complete = teams(value, arguments))] team: String,
/// ) -> String {
///     format!("Write a review of the quarter of {team} in {department}.")
/// }
///
/// # fn main() {
/// let arguments = CompletionArguments::from_iter([("department", "Engineering")]);
/// assert_eq!(teams("Pl", &arguments), ["Platform"]);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct CompletionArguments(HashMap<String, String>);

impl CompletionArguments {
    /// Returns the value of an argument, by its name in MCP.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for CompletionArguments {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(arguments: I) -> Self {
        Self(arguments.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for CompletionArguments {
    /// Lists the names. Values may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The completion of one argument.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "generated code constructs it")]
pub struct Completion {
    /// Name of the argument in MCP.
    pub argument: &'static str,
    /// The generated function that calls the author's.
    pub complete: for<'a> fn(CompletionInvocation<'a>) -> CompletionFuture<'a>,
}

/// Future of the values of a completion.
#[doc(hidden)]
pub type CompletionFuture<'a> = BoxFuture<'a, Result<Vec<String>, ToolError>>;

/// Input of a completion's generated function.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct CompletionInvocation<'a> {
    /// What the user has typed so far.
    pub(crate) value: &'a str,
    pub(crate) arguments: &'a CompletionArguments,
    pub(crate) provided: Provided<'a>,
}

impl<'a> CompletionInvocation<'a> {
    pub fn value(&self) -> &'a str {
        self.value
    }

    pub fn arguments(&self) -> &'a CompletionArguments {
        self.arguments
    }

    pub fn provided(&self) -> Provided<'a> {
        self.provided
    }

    /// Runs the author's function.
    ///
    /// # Errors
    ///
    /// The error of the function, or a masked error if it panicked.
    // A boxed future, so that the compiler reports a call of another type once and not again at its `.await`.
    pub fn complete<'b, F, C, Kind>(&'b self, call: F) -> CompletionFuture<'b>
    where
        F: FnOnce() -> C + Send + 'b,
        C: CompletionCall<Kind> + 'b,
    {
        Box::pin(async move {
            let values = AssertUnwindSafe(async move { call().values().await }).catch_unwind().await;
            values.unwrap_or_else(|_| Err(ToolError::masked("the function of a completion panicked")))
        })
    }
}

impl fmt::Debug for CompletionInvocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionInvocation").field("arguments", self.arguments).finish_non_exhaustive()
    }
}

/// Returns the future of a completion, for generated code.
#[doc(hidden)]
pub fn completion<'a>(
    future: impl Future<Output = Result<Vec<String>, ToolError>> + Send + 'a,
) -> CompletionFuture<'a> {
    Box::pin(future)
}

/// What the call of a completion evaluates to: the values, or a future of them. `Kind` is inferred.
#[diagnostic::on_unimplemented(
    message = "this is not a call of a function that completes an argument",
    label = "not a `Vec<String>`, nor a future of one",
    note = "a completion is a `fn` or an `async fn` that returns `Vec<String>`, `Vec<&'static str>`, or a `Result` of one of \
            these with an error that converts into `ToolError`: `complete = departments(value, directory)`"
)]
#[doc(hidden)]
pub trait CompletionCall<Kind>: Send {
    fn values(self) -> impl Future<Output = Result<Vec<String>, ToolError>> + Send;
}

impl<F: Future<Output: CompletionValues> + Send> CompletionCall<Async> for F {
    async fn values(self) -> Result<Vec<String>, ToolError> {
        self.await.into_values()
    }
}

impl<V: CompletionValues + Send> CompletionCall<Immediate> for V {
    async fn values(self) -> Result<Vec<String>, ToolError> {
        self.into_values()
    }
}

/// Values of a completion.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the result of a completion",
    label = "not a `Vec<String>`",
    note = "a completion returns `Vec<String>`, `Vec<&'static str>`, or a `Result` of one of these with an error that \
            converts into `ToolError`"
)]
#[doc(hidden)]
pub trait CompletionValues {
    fn into_values(self) -> Result<Vec<String>, ToolError>;
}

impl<V: Into<String>> CompletionValues for Vec<V> {
    fn into_values(self) -> Result<Vec<String>, ToolError> {
        Ok(self.into_iter().map(Into::into).collect())
    }
}

impl<V: CompletionValues, E: Into<ToolError>> CompletionValues for Result<V, E> {
    fn into_values(self) -> Result<Vec<String>, ToolError> {
        self.map_err(Into::into)?.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{Caller, Claims},
        operation::{Failure, States},
    };

    fn complete<C: CompletionCall<Kind>, Kind>(call: impl FnOnce() -> C + Send) -> Result<Vec<String>, ToolError> {
        let caller = Caller::new(&Claims::new().subject("harriet"), std::sync::Arc::default());
        let (arguments, states) = (CompletionArguments::default(), States::default());
        let provided = Provided { caller: &caller, context: None, states: &states };
        let invocation = CompletionInvocation { value: "", arguments: &arguments, provided };
        invocation.complete(call).now_or_never().expect("the call does not wait")
    }

    #[test]
    fn a_completion_returns_texts_or_a_result_or_a_future_of_them() {
        let expected = ["a", "b"];
        assert_eq!(complete(|| vec!["a", "b"]).unwrap(), expected);
        assert_eq!(complete(|| vec!["a".to_owned(), "b".to_owned()]).unwrap(), expected);
        assert_eq!(complete(|| Ok::<_, ToolError>(vec!["a", "b"])).unwrap(), expected);
        assert_eq!(complete(|| async { vec!["a", "b"] }).unwrap(), expected);
        assert_eq!(complete(|| async { Ok::<_, std::io::Error>(vec!["a", "b"]) }).unwrap(), expected);
    }

    #[test]
    fn an_error_or_a_panic_of_a_completion_is_masked() {
        let failed = complete(|| async { Err::<Vec<String>, _>(std::io::Error::other("secret")) }).unwrap_err();
        assert!(matches!(failed.into_failure(), Failure::Masked(_)));
        let panicked = complete(|| async { panic!("secret") as Vec<String> }).unwrap_err();
        assert!(matches!(panicked.into_failure(), Failure::Masked(_)));
    }

    #[test]
    fn debug_output_of_arguments_has_no_values() {
        let arguments = CompletionArguments::from_iter([("department", "secret")]);
        assert_eq!(arguments.get("department"), Some("secret"));
        assert_eq!(format!("{arguments:?}"), "{\"department\"}");
    }
}
