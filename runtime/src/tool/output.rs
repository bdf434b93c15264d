//! What a tool returns, and what becomes of it on the wire.

use rmcp::model::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ImageContent, Resource, TextContent,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::ToolError;

/// Structured content: `T` as JSON, together with the same as text for clients that read only text. The tool's output
/// schema comes from `T`.
///
/// ```
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
/// #[derive(Serialize, JsonSchema)]
/// struct Profile {
///     /// The name as it stands on the badge.
///     name: String,
/// }
///
/// /// Return an employee's public profile.
/// #[tool(scopes = "employees:read:public", read_only)]
/// async fn profile(employee_id: String) -> Json<Profile> {
///     Json(Profile { name: format!("the one with the ID {employee_id}") })
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// What a tool can return.
///
/// [`Json<T>`](Json) for structured content; text as [`String`] or `&'static str`; `()`; one piece of
/// [content](crate::content) or a `Vec` of them; a whole [`CallToolResult`] for what none of these can say; and a
/// `Result` of any of them whose error converts into a [`ToolError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something that a tool can return",
    label = "not a tool result",
    note = "structured data is returned as `Json<{Self}>`, with `#[derive(Serialize, JsonSchema)]` on its type",
    note = "a tool returns `Json<T>`, `String`, `()`, content, or a `Result` of these with an error that converts into \
            `ToolError`"
)]
pub trait ToolOutput {
    /// The schema of the structured content, if there is any.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>
    where
        Self: Sized,
    {
        let _ = generator;
        None
    }

    /// The result as MCP has it.
    ///
    /// # Errors
    ///
    /// The tool's own error, or one of serializing.
    fn into_result(self) -> Result<CallToolResult, ToolError>;
}

/// The generator that describes what is *written* (a `#[serde(default)]` field is always there).
pub(crate) fn schema_generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().into_generator()
}

impl<T: Serialize + JsonSchema> ToolOutput for Json<T> {
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

/// One piece of content: text, an image, audio, an embedded resource or a link to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no content of a tool's result",
    label = "not content",
    note = "structured data is returned as `Json<Vec<{Self}>>`, with `#[derive(Serialize, JsonSchema)]` on its type",
    note = "a list of content holds `String`s, or what `toolgate::content` has: `Content`, `Text`, `Image`, `Audio`, \
            `EmbeddedResource`, `ResourceLink`"
)]
pub trait ToolContent {
    /// The content as MCP has it.
    fn into_content(self) -> ContentBlock;
}

macro_rules! content {
    ($($type:ty => |$value:ident| $content:expr;)*) => {$(
        impl ToolContent for $type {
            fn into_content(self) -> ContentBlock {
                let $value = self;
                $content
            }
        }

        impl ToolOutput for $type {
            fn into_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult::success(vec![self.into_content()]))
            }
        }
    )*};
}

content! {
    ContentBlock => |content| content;
    String => |text| ContentBlock::text(text);
    &'static str => |text| ContentBlock::text(text);
    TextContent => |text| ContentBlock::Text(text);
    ImageContent => |image| ContentBlock::Image(image);
    AudioContent => |audio| ContentBlock::Audio(audio);
    EmbeddedResource => |resource| ContentBlock::Resource(resource);
    Resource => |link| ContentBlock::ResourceLink(link);
}

/// Bytes that MCP carries as base64, such as the data of an image.
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

/// Audio from its bytes.
pub fn audio(data: impl AsRef<[u8]>, mime_type: impl Into<String>) -> AudioContent {
    AudioContent::new(encode(data), mime_type)
}

fn encode(data: impl AsRef<[u8]>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(data)
}

/// The output schema of a tool as MCP shows it: without the title, which is only the type's name.
pub(crate) fn output_schema(schema: Schema) -> Option<serde_json::Map<String, Value>> {
    match schema.to_value() {
        Value::Object(mut object) => {
            object.remove("title");
            Some(object)
        }
        // `true`: any JSON value.
        _ => None,
    }
}
