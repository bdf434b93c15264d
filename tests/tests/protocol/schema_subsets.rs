//! The published schemas against the subsets of JSON Schema that vendors of models document.
//!
//! Each subset is a table: the keywords that the vendor's API accepts for the parameters of a tool, the formats, and what
//! must not be at the root. Keywords that an API is documented to ignore are accepted.

use serde_json::Value;
use toolgate_tests::{Revision, TestServer, propel_auth, token_for};

use crate::argument_zoo::Zoo;

/// What a vendor documents about the schemas of tools.
struct Subset {
    name: &'static str,
    /// Where it is documented.
    source: &'static str,
    keywords: &'static [&'static str],
    formats: &'static [&'static str],
    /// Keywords that the root must not have.
    not_at_root: &'static [&'static str],
    /// Maximum number of nested objects.
    max_depth: usize,
}

/// Keywords that annotate a schema. Clients and APIs ignore those that they do not know.
const ANNOTATIONS: [&str; 4] = ["default", "description", "examples", "x-mcp-header"];

const SUBSETS: [Subset; 3] = [
    Subset {
        name: "Anthropic",
        // The limits of strict tools. Their SDKs move the bounds of numbers, strings and arrays into the description; the
        // API accepts them in tools that are not strict, as those of MCP servers are.
        source: "https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations",
        keywords: &[
            "$defs",
            "$ref",
            "additionalProperties",
            "allOf",
            "anyOf",
            "const",
            "enum",
            "format",
            "items",
            "maxItems",
            "maxLength",
            "maximum",
            "minItems",
            "minLength",
            "minimum",
            "pattern",
            "prefixItems",
            "patternProperties",
            "properties",
            "required",
            "type",
            "uniqueItems",
        ],
        formats: &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"],
        // The API rejects the request: https://github.com/anthropics/claude-code/issues/45106
        not_at_root: &["allOf", "anyOf", "oneOf"],
        max_depth: usize::MAX,
    },
    Subset {
        name: "OpenAI",
        source: "https://platform.openai.com/docs/guides/structured-outputs#supported-schemas",
        keywords: &[
            "$defs",
            "$ref",
            "additionalProperties",
            "anyOf",
            "const",
            "enum",
            "exclusiveMaximum",
            "exclusiveMinimum",
            "format",
            "items",
            "maxItems",
            "maxLength",
            "maximum",
            "minItems",
            "minLength",
            "minimum",
            "multipleOf",
            "pattern",
            "prefixItems",
            "patternProperties",
            "properties",
            "required",
            "type",
            "uniqueItems",
        ],
        formats: &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"],
        not_at_root: &["allOf", "anyOf", "enum", "not", "oneOf"],
        max_depth: 10,
    },
    Subset {
        name: "Gemini",
        source: "https://ai.google.dev/api/caching#FunctionDeclaration (`parametersJsonSchema`)",
        keywords: &[
            "$defs",
            "$ref",
            "additionalProperties",
            "anyOf",
            "enum",
            "format",
            "items",
            "maxItems",
            "maximum",
            "minItems",
            "minimum",
            "oneOf",
            "prefixItems",
            "properties",
            "required",
            "title",
            "type",
            // Fields of the API's own `Schema`, to which its SDKs convert.
            "maxLength",
            "minLength",
            "pattern",
            // Ignored.
            "patternProperties",
            "uniqueItems",
        ],
        formats: &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"],
        not_at_root: &["allOf", "anyOf", "oneOf"],
        max_depth: usize::MAX,
    },
];

/// Returns what a subset does not have, with the place.
fn outside(subset: &Subset, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if schema["type"] != "object" || !schema["properties"].is_object() {
        found.push("the root is not an object with properties".to_owned());
    }
    found
        .extend(subset.not_at_root.iter().filter(|keyword| schema.get(**keyword).is_some()).map(ToString::to_string));
    collect(subset, schema, "", 0, &mut found);
    found
}

fn collect(subset: &Subset, schema: &Value, place: &str, depth: usize, found: &mut Vec<String>) {
    let Value::Object(members) = schema else {
        found.push(format!("{place}: a schema that is not an object"));
        return;
    };
    let depth = depth + usize::from(members.contains_key("properties"));
    if depth > subset.max_depth {
        found.push(format!("{place}: nested too deep"));
    }
    for (keyword, value) in members {
        let place = format!("{place}/{keyword}");
        if !subset.keywords.contains(&keyword.as_str()) && !ANNOTATIONS.contains(&keyword.as_str()) {
            found.push(place.clone());
        }
        match (keyword.as_str(), value) {
            ("type", Value::String(_)) | ("additionalProperties", Value::Bool(_)) => {}
            ("type", _) | ("default", Value::Null) => found.push(place),
            ("format", _) if !value.as_str().is_some_and(|format| subset.formats.contains(&format)) => {
                found.push(format!("{place}: {value}"));
            }
            // Beyond 2^53, JavaScript rounds.
            ("minimum" | "maximum", _)
                if value.as_f64().is_none_or(|bound| bound.abs() > 9_007_199_254_740_991.0) =>
            {
                found.push(format!("{place}: {value}"));
            }
            ("properties" | "patternProperties" | "$defs", Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    collect(subset, schema, &format!("{place}/{name}"), depth, found);
                }
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                for (i, schema) in schemas.iter().enumerate() {
                    collect(subset, schema, &format!("{place}/{i}"), depth, found);
                }
            }
            ("items" | "additionalProperties", schema) => collect(subset, schema, &place, depth, found),
            _ => {}
        }
    }
}

fn assert_within_subsets(tools: &[Value]) {
    assert!(!tools.is_empty());
    for tool in tools {
        for subset in &SUBSETS {
            let found = outside(subset, &tool["inputSchema"]);
            let Subset { name, source, .. } = subset;
            assert!(found.is_empty(), "{name} ({source}): {found:?} in {tool:#}");
        }
    }
}

#[tokio::test]
async fn the_schemas_of_all_argument_types_are_within_the_subsets_of_vendors() {
    let zoo = Zoo::open().await;
    for revision in Revision::BOTH {
        let list = zoo.client(revision).list().await;
        assert_within_subsets(list.result()["tools"].as_array().unwrap());
    }
}

#[tokio::test]
async fn the_schemas_of_the_sample_company_are_within_the_subsets_of_vendors() {
    let files = tempfile::tempdir().unwrap();
    let company = internal_server::company::Company::open(files.path().join("company.db")).await.unwrap();
    let repository = internal_server::repository::Repository::open(files.path()).unwrap();
    let tenant = toolgate_dev_tenant::DevTenant::builder(
        toolgate_dev_tenant::TenantConfig::from_toml(internal_server::TENANT_TOML).unwrap(),
    )
    .start()
    .await
    .unwrap();
    let server =
        TestServer::serve(|url| internal_server::server(company, repository, propel_auth(&tenant)).server_url(url))
            .await;
    let token = token_for(&tenant, "Management", &server.endpoint);
    let list = server.client_with(&token, Revision::Modern).list().await;
    assert_within_subsets(list.result()["tools"].as_array().unwrap());
}

#[tokio::test]
async fn the_schemas_of_the_test_server_are_within_the_subsets_of_vendors() {
    let server = TestServer::start().await;
    let list = server.client_with("everything", Revision::Modern).list().await;
    assert_within_subsets(list.result()["tools"].as_array().unwrap());
}

/// The list that `suites/interop` gives to Ajv.
const ARGUMENT_TYPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../suites/interop/argument_types.json");

#[tokio::test]
async fn the_interop_suite_checks_the_schemas_of_all_argument_types() {
    let zoo = Zoo::open().await;
    let list = zoo.client(Revision::Modern).list().await;
    let tools = list.result()["tools"].as_array().unwrap().iter();
    let part = |tool: &Value, name: &str| (name.to_owned(), tool[name].clone());
    let tools: Value = tools
        .map(|tool| ["name", "inputSchema", "outputSchema"].iter().map(|name| part(tool, name)).collect::<Value>())
        .collect();
    let current = format!("{tools:#}\n");
    if std::env::var_os("UPDATE_ARGUMENT_TYPES").is_some() {
        std::fs::write(ARGUMENT_TYPES, &current).unwrap();
    }
    let checked = std::fs::read_to_string(ARGUMENT_TYPES).unwrap_or_default();
    assert!(checked == current, "run this test with UPDATE_ARGUMENT_TYPES=1, and read the diff");
}

#[tokio::test]
async fn structured_content_fits_its_portable_output_schema() {
    let zoo = Zoo::open().await;
    let list = zoo.client(Revision::Modern).list().await;
    let tools = list.result()["tools"].as_array().unwrap();
    let schema = &tools.iter().find(|tool| tool["name"] == "report").unwrap()["outputSchema"];
    assert!(!schema.to_string().contains("format") && schema.get("$schema").is_none(), "{schema}");
    let response = zoo.client(Revision::Modern).call("report", serde_json::json!({})).await;
    let content = &response.result()["structuredContent"];
    assert_eq!(content["count"], u64::MAX);
    assert!(jsonschema::is_valid(schema, content), "{schema} {content}");
}
