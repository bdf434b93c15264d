//! Reasons why a type cannot be a form, which `Server::build` reports, too.

use thiserror::Error;

/// Why a type cannot be a form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormProblem {
    /// The type is not a struct with named fields.
    #[error("it is not a struct with named fields")]
    NotAStruct,
    /// The form would accept any field.
    #[error("it accepts any field, such as by a flattened map: a form has a fixed list of fields")]
    OpenFields,
    /// A field is not of a primitive type.
    #[error(
        "its field `{0}` must be a text, a number, a `bool`, an enum without data, a list of such an enum, or an `Option` of \
         one of these: MCP's forms are flat"
    )]
    NotPrimitive(String),
    /// A field asks for a secret.
    #[error(
        "its field `{field}` asks for a secret ({evidence}), which a form must not do: send the user to a page of the server \
         with an `InputRequest` in URL mode, or choose another name if the field holds no secret"
    )]
    Secret {
        /// Name of the field in JSON.
        field: String,
        /// What in the schema names the secret, such as a word of the name.
        evidence: String,
    },
    /// The schema is not valid.
    #[error("its schema is not valid: {0}")]
    InvalidSchema(String),
}
