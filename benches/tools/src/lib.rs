//! Tools of the servers under test. Build scripts generate them for each library, so that all servers list the same
//! names, descriptions and arguments, and return the same results.

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

/// Returns the name of the struct with a tool's arguments, for libraries that require one: `Area002RecordArguments` for
/// `area_002_record`.
#[must_use]
pub fn struct_name(tool: &Tool) -> String {
    let mut name: String = tool
        .name
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
