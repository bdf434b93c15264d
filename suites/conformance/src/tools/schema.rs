//! Tools with special input schemas.

use toolgate::prelude::*;

/// Contact details with JSON Schema 2020-12 keywords that Rust types cannot express.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "allOf" = [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
    "if" = { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
    "then" = { "required": ["phone"] },
    "else" = { "required": ["email"] },
))]
#[serde(deny_unknown_fields)]
struct Contact {
    name: Option<String>,
    address: Option<Address>,
    #[serde(rename = "contactMethod")]
    method: Option<ContactMethod>,
    phone: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "address", extend("$anchor" = "addressDef"))]
struct Address {
    street: Option<String>,
    city: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ContactMethod {
    Phone,
    Email,
}

/// Return the preferred contact details.
#[tool(scopes = "conformance:schema", read_only)]
async fn json_schema_2020_12_tool(#[serde(flatten)] contact: Contact) -> String {
    let reached_at = match contact.method {
        Some(ContactMethod::Phone) => contact.phone,
        Some(ContactMethod::Email) | None => contact.email,
    };
    let city = contact.address.and_then(|address| address.street.and(address.city));
    format!(
        "{} in {} can be reached at {}.",
        contact.name.as_deref().unwrap_or("The contact"),
        city.as_deref().unwrap_or("an unknown city"),
        reached_at.as_deref().unwrap_or("an unknown address"),
    )
}

/// Return the region, which clients also send in a header.
#[tool(scopes = "conformance:schema", read_only)]
async fn test_header_parameter(#[arg(header = "Region")] region: String) -> String {
    region
}
