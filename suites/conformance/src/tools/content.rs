//! Tools that return each kind of content.

use toolgate::{
    content::{self, Audio, Content, EmbeddedResource, Image},
    prelude::*,
    rmcp::model::ResourceContents,
};

/// PNG image of one red pixel.
pub(crate) const PIXEL: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90\x77\x53\xde\0\0\0\x0cIDAT\
    \x08\xd7\x63\xf8\xcf\xc0\0\0\x03\x01\x01\0\x18\xdd\x8d\xb0\0\0\0\0IEND\xae\x42\x60\x82";

/// WAV file with two samples of silence: 8 kHz, one channel, 8 bits.
const SILENCE: &[u8] =
    b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x02\0\0\0\
    \x80\x80";

/// Return text.
#[tool(scopes = "conformance:content", read_only)]
async fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Return an image.
#[tool(scopes = "conformance:content", read_only)]
async fn test_image_content() -> Image {
    content::image(PIXEL, "image/png")
}

/// Return an audio clip.
#[tool(scopes = "conformance:content", read_only)]
async fn test_audio_content() -> Audio {
    content::audio(SILENCE, "audio/wav")
}

/// Return an embedded resource.
#[tool(scopes = "conformance:content", read_only)]
async fn test_embedded_resource() -> EmbeddedResource {
    EmbeddedResource::new(
        ResourceContents::text("This is an embedded resource content.", "test://embedded-resource")
            .with_mime_type("text/plain"),
    )
}

/// Return text, an image and an embedded resource.
#[tool(scopes = "conformance:content", read_only)]
async fn test_multiple_content_types() -> Vec<Content> {
    let resource = ResourceContents::text(r#"{"test":"data","value":123}"#, "test://mixed-content-resource")
        .with_mime_type("application/json");
    vec![
        Content::text("Multiple content types test:"),
        Content::Image(content::image(PIXEL, "image/png")),
        Content::Resource(EmbeddedResource::new(resource)),
    ]
}

/// Return an error.
#[tool(scopes = "conformance:content", read_only)]
async fn test_error_handling() -> Result<String, ToolError> {
    Err(ToolError::new("This tool intentionally returns an error for testing"))
}
