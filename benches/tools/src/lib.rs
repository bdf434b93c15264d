//! Tools, prompts and resources of the servers under test. Build scripts generate them for each library, so that all
//! servers list the same names, descriptions and arguments, and return the same results.

pub mod rmcp;
pub mod toolgate;

/// Numbers of tools of the variants of each server.
pub const SIZES: [usize; 3] = [20, 100, 500];

/// Tool of the servers under test.
pub struct Tool {
    /// Name on the wire and of the function.
    pub name: String,
    /// Description, one sentence.
    pub description: String,
    /// Required scope.
    pub scope: String,
    /// Arguments in the order of the function's parameters.
    pub arguments: Vec<Argument>,
    /// Rust expression over the arguments that evaluates to the text of the result, a `String`.
    pub body: &'static str,
}

/// Argument of a tool.
pub struct Argument {
    /// Name on the wire and of the parameter.
    pub name: &'static str,
    /// Rust type.
    pub rust_type: &'static str,
    /// Description, one sentence.
    pub description: &'static str,
}

/// Returns the first `count` tools: `add`, `echo`, and tools that read records.
#[must_use]
pub fn tools(count: usize) -> Vec<Tool> {
    (0..count).map(tool).collect()
}

/// Returns the scope of the tool at this index.
#[must_use]
pub fn scope(index: usize) -> String {
    format!("area{index:03}:records:read")
}

fn tool(index: usize) -> Tool {
    let argument = |name, rust_type, description| Argument { name, rust_type, description };
    let (name, description, arguments, body) = match index {
        0 => (
            "add".to_owned(),
            "Add two numbers.".to_owned(),
            vec![argument("a", "i64", "The first number."), argument("b", "i64", "The second number.")],
            "(a + b).to_string()",
        ),
        1 => {
            ("echo".to_owned(), "Return the input.".to_owned(), vec![argument("text", "String", "The text.")], "text")
        }
        _ => (
            format!("area_{index:03}_record"),
            format!("Return a record of area {index:03} with its history, the newest entries first."),
            vec![
                argument("record_id", "String", "The record's ID, such as `rec_0042`."),
                argument("limit", "Option<u32>", "How many entries of its history at most; 10 if left out."),
            ],
            r#"format!("{record_id}: {} entries", limit.unwrap_or(10))"#,
        ),
    };
    Tool { name, description, scope: scope(index), arguments, body }
}

/// Number of prompts and of resources of the servers in toolgate and rmcp.
pub const OTHERS: usize = 20;

/// Prompt of the servers under test. It has one argument, `record_id`.
pub struct Prompt {
    /// Name on the wire and of the function.
    pub name: String,
    /// Description, one sentence.
    pub description: String,
    /// Required scope, that of the tool at the same index.
    pub scope: String,
}

impl Prompt {
    /// Description of the argument `record_id`.
    pub const RECORD_ID: &str = "The record's ID, such as `rec_0042`.";
    /// Rust expression over the argument that evaluates to the text of the message, a `String`.
    pub const BODY: &str = r#"format!("Review the record {record_id} and list what is missing.")"#;
}

/// Returns the prompts.
#[must_use]
pub fn prompts() -> Vec<Prompt> {
    let prompt = |index| Prompt {
        name: format!("area_{index:03}_review"),
        description: format!("Review a record of area {index:03} and list what is missing."),
        scope: scope(index),
    };
    (0..OTHERS).map(prompt).collect()
}

/// Resource of the servers under test.
pub struct Resource {
    /// URI on the wire.
    pub uri: String,
    /// Name on the wire and of the function.
    pub name: String,
    /// Description, one sentence.
    pub description: String,
    /// Required scope, that of the tool at the same index.
    pub scope: String,
    /// Text of the resource, 960 bytes.
    pub text: String,
}

impl Resource {
    /// Media type of every resource.
    pub const MIME_TYPE: &str = "text/markdown";
}

/// Returns the resources.
#[must_use]
pub fn resources() -> Vec<Resource> {
    let resource = |index| Resource {
        uri: format!("company://areas/{index:03}/handbook"),
        name: format!("area_{index:03}_handbook"),
        description: format!("Handbook of area {index:03}, in Markdown."),
        scope: scope(index),
        text: format!("Records of area {index:03} are kept. ").repeat(32),
    };
    (0..OTHERS).map(resource).collect()
}

/// Returns the name of the struct with the arguments of a tool or a prompt, for libraries that require one:
/// `Area002RecordArguments` for `area_002_record`.
#[must_use]
pub fn struct_name(name: &str) -> String {
    let mut name: String = name
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
        })
        .collect();
    name.push_str("Arguments");
    name
}

/// Number of digits of each request id, which makes all requests and all responses of a kind equally long.
pub const ID_DIGITS: usize = 7;

/// First request id of a run.
pub const FIRST_ID: u32 = 1_000_000;

/// Returns a token of realistic length. It encodes its scopes for the introspection endpoint: those of `all` tools,
/// those of every second tool (`half`), or that of the first tool (`cold`).
#[must_use]
pub fn token(grant: &str, tools: usize, number: u32) -> String {
    format!("{grant}-{tools:03}-{number}-Zm9yIGEgYmVuY2htYXJrIG9ubHksIG5vdCBhIHNlY3JldA")
}

/// Returns the scopes of a token.
#[must_use]
pub fn granted(token: &str) -> Option<Vec<String>> {
    let mut parts = token.split('-');
    let (grant, tools) = (parts.next()?, parts.next()?.parse().ok()?);
    let all = (0..tools).map(scope);
    Some(match grant {
        "all" => all.collect(),
        "half" => all.step_by(2).collect(),
        "cold" => all.take(1).collect(),
        _ => return None,
    })
}

/// Returns the tokens that are used for more than one request, with their scopes. They are the cache of the servers
/// whose library leaves introspection to the application.
#[must_use]
pub fn warm_tokens(tools: usize) -> Vec<(String, Vec<String>)> {
    ["all", "half"]
        .into_iter()
        .map(|grant| token(grant, tools, FIRST_ID))
        .filter_map(|token| Some((token.clone(), granted(&token)?)))
        .collect()
}
