//! Return types of tools and their conversion into MCP results.

use rmcp::model::{AudioContent, CallToolResult, ContentBlock, ImageContent};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use crate::operation::{Direction, ToolError, for_each_content_type, portable};

/// Structured content: `T` as JSON, and the same JSON as text for clients that read only text. `T` determines the tool's
/// output schema.
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
/// #[derive(Serialize, JsonSchema)]
/// struct Profile {
///     /// Full name.
///     name: String,
/// }
///
/// /// Return an employee's public profile.
/// #[tool(scopes = "employees:read:public", read_only)]
/// async fn profile(employee_id: String) -> Json<Profile> {
///     Json(Profile { name: format!("employee {employee_id}") })
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "tools construct it")]
pub struct Json<T>(pub T);

/// Return type of a tool.
///
/// A tool returns [`Json<T>`](Json) for structured content, [`String`] or `&'static str` for text, `()`, one item of
/// [content](crate::content) or a `Vec` of them, a [`CallToolResult`] for full control, or a `Result` of any of these
/// whose error converts into a [`ToolError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a tool",
    label = "not a tool result",
    note = "structured data is returned as `toolgate::Json<{Self}>`, with `#[derive(Serialize, JsonSchema)]` on its type",
    note = "a tool returns `Json<T>`, `String`, `()`, content, or a `Result` of these with an error that converts into \
            `ToolError`"
)]
pub trait ToolOutput {
    /// Returns the schema of the structured content, if there is any.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>
    where
        Self: Sized,
    {
        let _ = generator;
        None
    }

    /// Converts the value into an MCP result.
    ///
    /// # Errors
    ///
    /// The tool's error, or an error of serialization.
    fn into_result(self) -> Result<CallToolResult, ToolError>;
}

/// Returns a generator for the schemas of serialized types, in which a `#[serde(default)]` field is always present.
pub(crate) fn schema_generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().into_generator()
}

/// Content of a [`Json`]: every type that implements [`Serialize`] and [`JsonSchema`].
///
/// This trait only gives the compiler one message for a type that lacks either or both. It has no other implementations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned as `Json`",
    label = "the content of `Json` is serialized, and its schema is published",
    note = "the content needs `serde::Serialize` and `schemars::JsonSchema`: write `#[derive(Serialize, JsonSchema)]` on \
            the type, or enable the feature of toolgate for its crate (`chrono`, `uuid`, `url`)"
)]
pub trait JsonContent: Serialize + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema> JsonContent for T {}

impl<T: JsonContent> ToolOutput for Json<T> {
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.root_schema_for::<T>())
    }

    fn into_result(self) -> Result<CallToolResult, ToolError> {
        let mut result = CallToolResult::success(vec![ContentBlock::text(serde_json::to_string(&self.0)?)]);
        result.structured_content = Some(serde_json::to_value(&self.0)?);
        Ok(result)
    }
}

impl<T: ToolOutput, E: Into<ToolError>> ToolOutput for Result<T, E> {
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        T::schema(generator)
    }

    fn into_result(self) -> Result<CallToolResult, ToolError> {
        self.map_err(Into::into)?.into_result()
    }
}

impl ToolOutput for () {
    fn into_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::success(Vec::new()))
    }
}

impl ToolOutput for CallToolResult {
    fn into_result(self) -> Result<CallToolResult, ToolError> {
        Ok(self)
    }
}

impl<T: ToolContent> ToolOutput for Vec<T> {
    fn into_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::success(self.into_iter().map(ToolContent::into_content).collect()))
    }
}

/// Item of content: text, an image, audio, an embedded resource, or a resource link.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not content of a tool's result",
    label = "not content",
    note = "structured data is returned as `toolgate::Json<Vec<{Self}>>`, with `#[derive(Serialize, JsonSchema)]` on its type",
    note = "a list of content holds `String`s, or what `toolgate::content` has: `Content`, `Text`, `Image`, `Audio`, \
            `EmbeddedResource`, `ResourceLink`"
)]
pub trait ToolContent {
    /// Converts the value into MCP content.
    fn into_content(self) -> ContentBlock;
}

macro_rules! implement_for_content {
    ($($type:ty => $convert:path;)*) => {$(
        impl ToolContent for $type {
            fn into_content(self) -> ContentBlock {
                $convert(self)
            }
        }

        impl ToolOutput for $type {
            fn into_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult::success(vec![self.into_content()]))
            }
        }
    )*};
}

for_each_content_type!(implement_for_content);

/// Creates an image from its bytes, which are encoded as base64.
///
/// ```
/// use toolgate::content::{self, Image};
///
/// let dot: Image = content::image(b"\x89PNG...", "image/png");
/// # let _ = dot;
/// ```
pub fn image(data: impl AsRef<[u8]>, mime_type: impl Into<String>) -> ImageContent {
    ImageContent::new(encode(data), mime_type)
}

/// Creates audio from its bytes, which are encoded as base64.
pub fn audio(data: impl AsRef<[u8]>, mime_type: impl Into<String>) -> AudioContent {
    AudioContent::new(encode(data), mime_type)
}

fn encode(data: impl AsRef<[u8]>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(data)
}

/// Converts a schema into the form that MCP shows.
pub(crate) fn output_schema(schema: Schema) -> Option<serde_json::Map<String, Value>> {
    match portable(schema, Direction::Output).to_value() {
        Value::Object(object) => Some(object),
        // The schema `true` accepts any JSON value.
        _ => None,
    }
}
