//! Return types of resources and their conversion into MCP results.

use bytes::Bytes;
use rmcp::model::ResourceContents;

use crate::{
    operation::{ResourceBody, ToolError},
    tool::{Json, JsonContent},
};

/// Return type of a resource.
///
/// A resource returns [`String`] or `&'static str` for text, `Vec<u8>` or [`Bytes`] for binary data, which is sent as
/// base64, [`Json<T>`](Json) for JSON text, [`ResourceContents`](crate::content::ResourceContents) or a `Vec` of them
/// for contents with URIs of their own, or a `Result` of any of these whose error converts into a [`ToolError`].
///
/// [`ToolError::not_found`] is the error of a resource that does not exist, such as a record with an unknown ID.
///
/// ```
/// # use std::collections::HashMap;
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
/// # struct Photos(HashMap<String, Vec<u8>>);
/// /// An employee's photo.
/// #[resource(uri = "company://employees/{id}/photo", scopes = "employees:read:public", mime_type = "image/jpeg")]
/// async fn photo(id: String, photos: &Photos) -> Result<Vec<u8>, ToolError> {
///     photos.0.get(&id).cloned().ok_or_else(ToolError::not_found)
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a resource",
    label = "not the contents of a resource",
    note = "a resource returns `String`, `Vec<u8>`, `Json<T>`, `toolgate::content::ResourceContents`, or a `Result` of these \
            with an error that converts into `ToolError`"
)]
pub trait ResourceOutput {
    /// Converts the value into the contents of the resource.
    ///
    /// # Errors
    ///
    /// The resource's error, or an error of serialization.
    fn into_result(self) -> Result<ResourceBody, ToolError>;
}

impl ResourceOutput for String {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        Ok(ResourceBody::text(self, "text/plain"))
    }
}

impl ResourceOutput for &'static str {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        self.to_owned().into_result()
    }
}

impl<T: JsonContent> ResourceOutput for Json<T> {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        let text = serde_json::to_string(&self.0)?;
        Ok(ResourceBody::text(text, "application/json"))
    }
}

impl ResourceOutput for Bytes {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        Ok(ResourceBody::blob(self))
    }
}

impl ResourceOutput for Vec<u8> {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        Bytes::from(self).into_result()
    }
}

impl ResourceOutput for ResourceContents {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        vec![self].into_result()
    }
}

impl ResourceOutput for Vec<ResourceContents> {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        // MCP: a resource that does not exist is an error, not an empty list.
        if self.is_empty() {
            return Err(ToolError::not_found());
        }
        Ok(ResourceBody::complete(self))
    }
}

impl<T: ResourceOutput, E: Into<ToolError>> ResourceOutput for Result<T, E> {
    fn into_result(self) -> Result<ResourceBody, ToolError> {
        self.map_err(Into::into)?.into_result()
    }
}
