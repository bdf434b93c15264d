//! The tools that every measured server has. Build scripts write them out in each library's own language, so that all
//! servers list the same names, descriptions and arguments and give the same results.

pub mod rmcp;
pub mod toolgate;

/// How many tools the variants of each server have.
pub const SIZES: [usize; 3] = [20, 100, 500];

/// One tool.
pub struct Tool {
    /// Its name on the wire, which is also its function's.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// The one scope that it needs.
    pub scope: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// A Rust expression over the arguments: the text of the result, a `String`.
    pub body: &'static str,
}

/// One argument of a tool.
pub struct Argument {
    /// Its name on the wire, which is also its Rust name.
    pub name: &'static str,
    /// Its Rust type.
    pub rust_type: &'static str,
    /// One sentence.
    pub description: &'static str,
}

/// The first `count` tools: `add`, `echo`, and then as many readers of records as it takes.
#[must_use]
pub fn tools(count: usize) -> Vec<Tool> {
    (0..count).map(tool).collect()
}

/// The scope of the tool at this place.
#[must_use]
pub fn scope(place: usize) -> String {
    format!("area{place:03}:records:read")
}

fn tool(place: usize) -> Tool {
    let argument = |name, rust_type, description| Argument { name, rust_type, description };
    let (name, description, arguments, body) = match place {
        0 => (
            "add".to_owned(),
            "Add two numbers.".to_owned(),
            vec![argument("a", "i64", "The first number."), argument("b", "i64", "The second number.")],
            "(a + b).to_string()",
        ),
        1 => {
            ("echo".to_owned(), "Give a text back.".to_owned(), vec![argument("text", "String", "The text.")], "text")
        }
        _ => (
            format!("area_{place:03}_record"),
            format!("Return a record of area {place:03} with its history, the newest entries first."),
            vec![
                argument("record_id", "String", "The record's ID, such as `rec_0042`."),
                argument("limit", "Option<u32>", "How many entries of its history at most; 10 if left out."),
            ],
            r#"format!("{record_id}: {} entries", limit.unwrap_or(10))"#,
        ),
    };
    Tool { name, description, scope: scope(place), arguments, body }
}

/// The name of the struct that holds a tool's arguments, for libraries that want one: `area_002_record` to
/// `Area002RecordArguments`.
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

/// Digits of a request's id: always as many, so that all requests and all answers of a kind are equally long.
pub const ID_DIGITS: usize = 7;

/// The first id of a load.
pub const FIRST_ID: u32 = 1_000_000;

/// A token, as long as those of real authorization servers. What it may do is in it, for the stub to read: `all` scopes
/// of so many tools, `half` of them, or, `cold`, the first.
#[must_use]
pub fn token(grant: &str, tools: usize, number: u32) -> String {
    format!("{grant}-{tools:03}-{number}-Zm9yIGEgYmVuY2htYXJrIG9ubHksIG5vdCBhIHNlY3JldA")
}

/// What such a token may do.
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

/// The tokens of the loads that use one token for all their requests, with what they may do: what a peer that leaves
/// introspection to its user is given as its warm cache.
#[must_use]
pub fn warm_tokens(tools: usize) -> Vec<(String, Vec<String>)> {
    ["all", "half"]
        .into_iter()
        .map(|grant| token(grant, tools, FIRST_ID))
        .filter_map(|token| Some((token.clone(), granted(&token)?)))
        .collect()
}
