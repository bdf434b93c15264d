//! Forms: types whose values a user enters.

use std::{
    any::{TypeId, type_name},
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use rmcp::model::{ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{AskError, InvalidAnswer, field_order::declared_fields, fields};
use crate::{
    error::{FormProblem, OperationProblem},
    operation::{ArgumentSchema, Failure, InputSchema, Violation, deserialize},
};

/// Form that a user fills in, as a type: the fields of a struct, for [`Context::ask`](crate::Context::ask).
///
/// Derive it together with `Deserialize` and `JsonSchema`:
///
/// ```
/// use toolgate::{input::Form, prelude::*};
///
/// #[derive(Deserialize, JsonSchema, Form)]
/// struct Ticket {
///     /// What is wrong, in one sentence.
///     #[schemars(length(min = 1, max = 200))]
///     summary: String,
///     priority: Priority,
///     /// Where to send updates.
///     #[schemars(email)]
///     email: Option<String>,
///     #[serde(default = "one")]
///     devices: u32,
/// }
///
/// #[derive(Deserialize, JsonSchema)]
/// enum Priority {
///     /// Can wait until tomorrow
///     Low,
///     /// Work has stopped
///     High,
/// }
///
/// fn one() -> u32 {
///     1
/// }
/// # fn main() {}
/// ```
///
/// MCP allows these fields:
///
/// | type of the field | the user enters |
/// |---|---|
/// | `String` | a text; `#[schemars(length(..))]` limits it. The formats `email`, `uri`, `date` and `date-time` are part of the form, as of `chrono::NaiveDate` and `url::Url`. The server checks other formats and patterns, which the client does not know. |
/// | an integer, `f32`, `f64` | a number; `#[schemars(range(..))]` limits it |
/// | `bool` | yes or no |
/// | an enum without data | one of the variants. If variants have a doc comment, the comments are what the user sees. |
/// | `Vec` or `BTreeSet` of such an enum | any number of the variants |
/// | `Option` of one of these | the same, or nothing |
///
/// Doc comments describe the fields, `#[schemars(title = "..")]` gives a field or a variant another name, and
/// `#[serde(default)]` is what the client fills in beforehand.
///
/// A form must not ask for a password, a token or another secret (MCP, Elicitation, Security Considerations): a client
/// shows what the user enters, and may pass it to the model. Send the user to a page of the server instead, with an
/// [`InputRequest`] in URL mode.
///
/// `build` of a server checks every form of the program, and reports a field that a form cannot have as a
/// [`BuildProblem::Form`](crate::BuildProblem::Form).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a form",
    label = "the user cannot fill in this type",
    note = "a form is a struct with named fields: write `#[derive(Deserialize, JsonSchema, Form)]` on it, with \
            `use toolgate::input::Form`; for yes or no, use `toolgate::input::Confirm`"
)]
pub trait Form: Sized + Send + 'static {
    /// Returns how to describe and to read the form. For the derive only.
    #[doc(hidden)]
    fn content() -> FormContent<Self>;
}

/// How a form is described and read.
#[doc(hidden)]
pub struct FormContent<T> {
    schema: fn(&mut SchemaGenerator) -> Schema,
    declared_fields: fn() -> &'static [&'static str],
    read: fn(Map<String, Value>) -> Result<T, Vec<Violation>>,
}

/// Returns the content of a form.
#[doc(hidden)]
pub fn form_content<T: FormType>() -> FormContent<T> {
    FormContent {
        schema: SchemaGenerator::root_schema_for::<T>,
        declared_fields: declared_fields::<T>,
        read: deserialize::arguments::<T>,
    }
}

impl<T> fmt::Debug for FormContent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormContent").finish_non_exhaustive()
    }
}

/// Type of a form: its schema and its value.
///
/// It is one trait, and its implementation is not recommended, so that a type without `Deserialize`, `JsonSchema` or both
/// is one compile error.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a form",
    label = "what a user enters is deserialized from JSON",
    note = "a form needs `serde::Deserialize` and `schemars::JsonSchema`: write `#[derive(Deserialize, JsonSchema, Form)]` on \
            the type"
)]
pub trait FormType: DeserializeOwned + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema> FormType for T {}

/// Form without fields: the user accepts or declines the message.
///
/// ```
/// # use toolgate::prelude::*;
/// use toolgate::input::Confirm;
///
/// # async fn delete(context: &Context) -> Result<(), ToolError> {
/// let Confirm {} = context.ask("Delete ticket 42?").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[allow(clippy::exhaustive_structs, reason = "a confirmation has no fields")]
pub struct Confirm {}

impl Form for Confirm {
    fn content() -> FormContent<Self> {
        form_content()
    }
}

/// Returns a request for input with a form, for an [`InputRequired`](crate::input::InputRequired) that asks for several
/// inputs in one round. To ask the user only, use [`Context::ask`](crate::Context::ask).
///
/// ```
/// # use toolgate::prelude::*;
/// use toolgate::input::{Confirm, InputRequired, form};
///
/// # fn ask() -> Result<(), ToolError> {
/// let close = form::<Confirm>("Close ticket 42?")?;
/// let notify = form::<Confirm>("Send an email to the customer?")?;
/// return Err(InputRequired::request("close", close).and("notify", notify).into());
/// # }
/// ```
///
/// # Errors
///
/// The type cannot be a form. A type that derives [`Form`] is checked when a server is built.
pub fn form<T: Form>(message: impl Into<String>) -> Result<InputRequest, FormProblem> {
    Ok(CheckedForm::of::<T>()?.request(message.into()))
}

/// A form of this program. The derive registers one.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct RegisteredForm {
    name: fn() -> &'static str,
    check: fn() -> Result<(), FormProblem>,
}

inventory::collect!(RegisteredForm);

impl RegisteredForm {
    /// Returns the registration of `T`.
    pub const fn of<T: Form>() -> Self {
        Self { name: type_name::<T>, check: || CheckedForm::of::<T>().map(drop) }
    }

    /// Returns every type of this program that derives [`Form`] and cannot be a form.
    pub(crate) fn problems() -> impl Iterator<Item = (&'static str, FormProblem)> {
        inventory::iter::<Self>.into_iter().filter_map(|form| Some(((form.name)(), (form.check)().err()?)))
    }
}

impl fmt::Debug for RegisteredForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RegisteredForm").field(&(self.name)()).finish()
    }
}

/// The schema of a form: what the client receives, and what an answer is checked against.
pub(super) struct CheckedForm {
    requested: ElicitationSchema,
    content: ArgumentSchema,
}

/// Forms by their types.
type CheckedForms = HashMap<TypeId, Result<Arc<CheckedForm>, FormProblem>>;

/// The forms that were checked. Each type is checked once.
static FORMS: LazyLock<RwLock<CheckedForms>> = LazyLock::new(RwLock::default);

impl CheckedForm {
    /// Returns the form of a type, which is checked once.
    ///
    /// # Errors
    ///
    /// The type cannot be a form.
    pub(super) fn of<T: Form>() -> Result<Arc<Self>, FormProblem> {
        let id = TypeId::of::<T>();
        if let Some(known) = FORMS.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return known.clone();
        }
        let form = Self::new::<T>().map(Arc::new);
        FORMS.write().unwrap_or_else(PoisonError::into_inner).insert(id, form.clone());
        form
    }

    fn new<T: Form>() -> Result<Self, FormProblem> {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let form = T::content();
        let schema = (form.schema)(&mut settings.into_generator());
        let Some(object) = schema.as_object() else { return Err(FormProblem::NotAStruct) };
        let invalid = |error: &dyn fmt::Display| FormProblem::InvalidSchema(error.to_string());
        let mut requested =
            ElicitationSchema::from_json_schema(fields::form(object.clone())?).map_err(|error| invalid(&error))?;
        let declared = (form.declared_fields)().iter().map(|&name| name.to_owned());
        requested.property_order = Some(declared.collect());
        let content =
            ArgumentSchema::new(InputSchema { schema, parameters: Vec::new() }).map_err(|problem| match problem {
                OperationProblem::InvalidInputSchema(error) => FormProblem::InvalidSchema(error),
                problem => invalid(&problem),
            })?;
        Ok(Self { requested, content })
    }

    /// Returns the request for a client to show the form.
    pub(super) fn request(&self, message: String) -> InputRequest {
        InputRequest::Elicitation(ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
            meta: None,
            message,
            requested_schema: self.requested.clone(),
        }))
    }

    /// Reads what the user entered.
    ///
    /// # Errors
    ///
    /// The content does not fit the form.
    pub(super) fn read<T: Form>(&self, content: Map<String, Value>) -> Result<T, AskError> {
        let content = self.content.check(content).map_err(|error| match error.into_failure() {
            Failure::InvalidArguments(violations) => AskError::Invalid(InvalidAnswer(violations)),
            _ => AskError::Form(FormProblem::InvalidSchema("an answer cannot be checked against it".to_owned())),
        })?;
        (T::content().read)(content).map_err(|violations| AskError::Invalid(InvalidAnswer(violations)))
    }
}

#[cfg(test)]
mod tests;
