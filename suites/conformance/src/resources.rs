//! Resources of the suite.

use toolgate::prelude::*;

/// A resource with text.
#[resource(uri = "test://static-text", scopes = "conformance:resources", mime_type = "text/plain")]
async fn static_text() -> &'static str {
    "This is the content of the static text resource."
}

/// A resource with bytes.
#[resource(uri = "test://static-binary", scopes = "conformance:resources", mime_type = "image/png")]
async fn static_binary() -> Vec<u8> {
    crate::tools::PIXEL.to_vec()
}

/// A resource that clients watch.
#[resource(uri = "test://watched-resource", scopes = "conformance:resources", mime_type = "text/plain")]
async fn watched_resource() -> &'static str {
    "Watched resource content"
}

/// Data of a template.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TemplateData {
    id: String,
    template_test: bool,
    data: String,
}

/// A resource of a template.
#[resource(uri = "test://template/{id}/data", scopes = "conformance:resources")]
async fn template_data(id: String) -> Json<TemplateData> {
    let data = format!("Data for ID: {id}");
    Json(TemplateData { id, template_test: true, data })
}
