//! Input schemas.

use toolgate::prelude::*;

/// How to reach somebody, in the vocabulary of JSON Schema 2020-12 beyond what Rust's types say.
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
    way: Option<ContactMethod>,
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

/// Say how somebody is reached.
#[tool(scopes = "conformance:schema", read_only)]
async fn json_schema_2020_12_tool(#[serde(flatten)] contact: Contact) -> String {
    let reached_at = match contact.way {
        Some(ContactMethod::Phone) => contact.phone,
        Some(ContactMethod::Email) | None => contact.email,
    };
    let city = contact.address.and_then(|address| address.street.and(address.city));
    format!(
        "{} of {} is reached at {}.",
        contact.name.as_deref().unwrap_or("Somebody"),
        city.as_deref().unwrap_or("nowhere"),
        reached_at.as_deref().unwrap_or("no address"),
    )
}

/// Repeat the region, which clients mirror into a header.
#[tool(scopes = "conformance:schema", read_only)]
async fn test_header_parameter(#[arg(header = "Region")] region: String) -> String {
    region
}
