//! What generated code receives for a call, and for a visibility rule.

use std::any::Any;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{CallSteps, Context, ParameterCheck, StateType, States, ToolError, Violation, deserialize, parameters};
use crate::{
    auth::{Caller, Granted},
    scope::{Scope, ScopeMarker},
};

/// Input of an operation's generated function: the arguments, and everything that its parameters can refer to.
#[doc(hidden)]
pub struct Invocation<'a> {
    pub(crate) arguments: Map<String, Value>,
    /// The arguments that are read one by one, in their order.
    pub(crate) parameters: &'a [ParameterCheck],
    pub(crate) provided: Provided<'a>,
    pub(crate) steps: CallSteps<'a>,
}

/// Values that the server provides by reference.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Provided<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) context: Option<&'a Context>,
    pub(crate) states: &'a States,
}

impl<'a> Invocation<'a> {
    /// Deserializes all arguments into one type. They fit the schema already, so an error is about a rule that the schema
    /// cannot express; the model sees it.
    pub fn arguments<T: DeserializeOwned>(&mut self) -> Result<T, ToolError> {
        deserialize::arguments(std::mem::take(&mut self.arguments)).map_err(ToolError::invalid_arguments)
    }

    /// Removes one argument and deserializes it.
    pub fn argument<T: DeserializeOwned + JsonSchema>(&mut self, name: &str) -> Result<T, ToolError> {
        parameters::take(&mut self.arguments, name).map_err(|violation| self.invalid_argument(name, violation))
    }

    /// Returns the error for an argument and for those after it. The arguments before it are valid.
    #[cold]
    fn invalid_argument(&mut self, name: &str, violation: Violation) -> ToolError {
        let after = self.parameters.iter().skip_while(|parameter| parameter.name != name).skip(1);
        let others = after.filter_map(|parameter| {
            let value = self.arguments.remove(&parameter.name)?;
            (parameter.check)(&parameter.name, value).err()
        });
        ToolError::invalid_arguments(std::iter::once(violation).chain(others).collect())
    }

    pub fn provided(&self) -> Provided<'a> {
        self.provided
    }

    pub fn steps(&self) -> CallSteps<'a> {
        self.steps
    }
}

impl<'a> Provided<'a> {
    pub fn caller(self) -> &'a Caller {
        self.caller
    }

    /// Returns the value for a parameter of type `&T`: the caller, the context, or a state of the server.
    fn get<T: 'static>(self) -> Result<&'a T, ToolError> {
        let caller: &'a dyn Any = self.caller;
        let context = self.context.map(|context| -> &'a dyn Any { context });
        caller
            .downcast_ref()
            .or_else(|| context.and_then(<dyn Any>::downcast_ref))
            .or_else(|| self.states.get())
            .ok_or_else(|| ToolError::masked(format!("no state of the type {}", std::any::type_name::<T>())))
    }
}

/// A parameter of type `&T`, in generated code.
///
/// The inherent items for `Granted<S>` take precedence over those of the trait [`Reference`], so generated code
/// distinguishes the two, through aliases too.
#[doc(hidden)]
#[derive(Debug)]
pub struct ReferenceTo<T>(std::marker::PhantomData<T>);

/// Checks that a visibility rule or a completion can use a parameter. For generated code; in a constant, a panic is a compile error.
#[doc(hidden)]
#[track_caller]
pub const fn check_reference(reason: Option<&'static str>) {
    if let Some(reason) = reason {
        panic!("{}", reason);
    }
}

/// A parameter that is not a `&Granted<S>`: `&Caller`, `&Context`, or `&T` state.
#[doc(hidden)]
pub trait Reference<T> {
    const PROVES: Option<Scope>;
    /// Why a visibility rule cannot use the value, or `None` if it can.
    const NOT_IN_LISTS: Option<&'static str> = None;
    /// Why a completion cannot use the value, or `None` if it can.
    const NOT_IN_COMPLETIONS: Option<&'static str> = None;
    const TYPE: StateType;
    fn provide(provided: Provided<'_>) -> Result<&T, ToolError>;
}

impl<T: 'static> Reference<T> for ReferenceTo<T> {
    const PROVES: Option<Scope> = None;
    const TYPE: StateType = StateType::of::<T>();

    fn provide(provided: Provided<'_>) -> Result<&T, ToolError> {
        provided.get()
    }
}

impl ReferenceTo<Context> {
    pub const NOT_IN_LISTS: Option<&'static str> =
        Some("a visibility rule cannot use the context, because it decides lists, which have none: use `guard`");
    pub const NOT_IN_COMPLETIONS: Option<&'static str> =
        Some("a completion cannot use the context, because only calls have one: take state or `caller`");
}

impl<S: ScopeMarker> ReferenceTo<Granted<S>> {
    pub const PROVES: Option<Scope> = Some(S::SCOPE);
    pub const NOT_IN_LISTS: Option<&'static str> = Some(
        "a visibility rule cannot use a proof, because it is evaluated before the scopes of the caller are checked: use \
         `guard`, or `caller.has(scope!(..))` in the rule",
    );
    pub const NOT_IN_COMPLETIONS: Option<&'static str> =
        Some("a completion cannot use a proof, because only calls have one: use `caller.has(scope!(..))`");
    pub const TYPE: StateType = StateType::proof::<Granted<S>>(S::SCOPE);

    /// The decision has checked the scopes that the operation declares, and this is one of them. It is checked again, so that
    /// a mistake there cannot create a proof.
    pub fn provide(provided: Provided<'_>) -> Result<&Granted<S>, ToolError> {
        Ok(provided.caller.grant::<S>()?)
    }
}
