//! Instructions to connect MCP clients to a server.
//!
//! The page of a server for browsers shows them. [`BuiltServer::clients`](crate::BuiltServer::clients) returns them, for
//! example for a banner in the terminal.
//!
//! ```
//! use toolgate::connect::{self, Step};
//!
//! let clients = connect::clients("Company tools", "https://mcp.example.com/mcp");
//! let claude = clients.iter().find(|client| client.name == "Claude Code").unwrap();
//! assert_eq!(
//!     claude.steps,
//!     [Step::Command(
//!         "claude mcp add --transport http company-tools https://mcp.example.com/mcp && claude mcp login company-tools"
//!             .to_owned()
//!     )]
//! );
//! ```

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

/// Maximum length of the name of a server in a client. Clients prefix the names of tools with it, and some limit both
/// together to 60 characters.
const MAX_NAME: usize = 24;

/// Name of a server whose own name has no letter or digit.
const FALLBACK_NAME: &str = "mcp";

/// How to connect one MCP client. The client opens a browser to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientSetup {
    /// Name of the client, such as `Claude Code`.
    pub name: &'static str,
    /// Ways to connect it. Each is sufficient; the simplest one is first.
    pub steps: Vec<Step>,
}

/// One way to connect a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A command for a POSIX shell.
    Command(String),
    /// A link that opens the client and asks whether to add the server.
    Link(String),
    /// A file of a project.
    File {
        /// Path from the root of the project.
        path: &'static str,
        /// Content as JSON, on several lines.
        content: String,
    },
}

/// Formats the step on one line: the command, the link, or the path of the file and its content.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(text) | Self::Link(text) => f.write_str(text),
            Self::File { path, content } => {
                write!(f, "{path}: ")?;
                // A JSON string has no literal line break, so the breaks are between its tokens.
                content.lines().map(str::trim_start).try_for_each(|line| {
                    let space = if line.ends_with(',') { " " } else { "" };
                    write!(f, "{line}{space}")
                })
            }
        }
    }
}

/// Returns how to connect each supported client to the MCP endpoint with the URL `endpoint`, under a
/// [name](client_name) that derives from the server's name.
pub fn clients(server_name: &str, endpoint: &str) -> Vec<ClientSetup> {
    let name = client_name(server_name);
    let shell_url = shell_word(endpoint);
    let command = |text: String| vec![Step::Command(text)];
    let client = |name, steps| ClientSetup { name, steps };
    vec![
        client(
            "Claude Code",
            // Without the login, Claude Code shows that the server needs authentication, and uses none of its tools.
            command(format!("claude mcp add --transport http {name} {shell_url} && claude mcp login {name}")),
        ),
        client("Cursor", vec![Step::Link(cursor_link(&name, endpoint))]),
        client("VS Code", vec![Step::Link(vs_code_link(&name, endpoint)), vs_code_file(&name, endpoint)]),
        client(
            "MCP Inspector",
            command(format!("npx @modelcontextprotocol/inspector@latest --transport http --server-url {shell_url}")),
        ),
        client("FastMCP", command(format!("uvx fastmcp list {shell_url}"))),
    ]
}

/// Returns the name under which clients add a server: at most 24 characters of `[a-z0-9-]`, with a letter or digit at
/// both ends.
///
/// ```
/// assert_eq!(toolgate::connect::client_name("My MCP server"), "my-mcp-server");
/// ```
pub fn client_name(server_name: &str) -> String {
    let mut name = String::new();
    for c in server_name.chars() {
        if name.len() == MAX_NAME {
            break;
        }
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    match name.trim_end_matches('-') {
        "" => FALLBACK_NAME.to_owned(),
        name => name.to_owned(),
    }
}

/// Link of Cursor (<https://cursor.com/docs/mcp/install-links>). The configuration is one entry of `mcpServers` in
/// `mcp.json`.
fn cursor_link(name: &str, endpoint: &str) -> String {
    let config = STANDARD.encode(json!({ "url": endpoint }).to_string());
    let config: String = byte_serialize(config.as_bytes()).collect();
    format!("cursor://anysphere.cursor-deeplink/mcp/install?name={name}&config={config}")
}

/// Link of VS Code (<https://code.visualstudio.com/api/extension-guides/ai/mcp>): percent-encoded JSON.
fn vs_code_link(name: &str, endpoint: &str) -> String {
    let config = json!({ "name": name, "type": "http", "url": endpoint }).to_string();
    // Form encoding differs from percent encoding only for spaces. JSON without formatting has none outside of strings,
    // and neither the name nor a valid URL has one.
    let config: String = byte_serialize(config.as_bytes()).collect();
    format!("vscode:mcp/install?{config}")
}

fn vs_code_file(name: &str, endpoint: &str) -> Step {
    let servers = json!({ "servers": { name: { "type": "http", "url": endpoint } } });
    Step::File { path: ".vscode/mcp.json", content: pretty(&servers) }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value can be serialized")
}

/// Quotes a text for a POSIX shell, unless the text needs no quotes.
fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:%@+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;
    use url::Url;

    use super::*;

    const ENDPOINT: &str = "http://127.0.0.1:8000/mcp";

    fn steps(client: &str, endpoint: &str) -> Vec<Step> {
        let clients = clients("company", endpoint);
        clients.into_iter().find(|setup| setup.name == client).unwrap().steps
    }

    fn link(step: &Step) -> &str {
        let Step::Link(link) = step else { panic!("{step:?} is not a link") };
        link
    }

    #[test]
    fn claude_code_is_added_and_logged_in() {
        let expected =
            "claude mcp add --transport http company http://127.0.0.1:8000/mcp && claude mcp login company"
                .to_owned();
        assert_eq!(steps("Claude Code", ENDPOINT), [Step::Command(expected)]);
    }

    #[test]
    fn the_inspector_is_started_with_the_server() {
        let expected = "npx @modelcontextprotocol/inspector@latest --transport http --server-url \
                        http://127.0.0.1:8000/mcp";
        assert_eq!(steps("MCP Inspector", ENDPOINT), [Step::Command(expected.to_owned())]);
    }

    #[test]
    fn fastmcp_lists_the_tools() {
        assert_eq!(
            steps("FastMCP", ENDPOINT),
            [Step::Command("uvx fastmcp list http://127.0.0.1:8000/mcp".to_owned())]
        );
    }

    #[test]
    fn the_link_of_cursor_holds_the_entry_of_its_configuration_file() {
        let steps = steps("Cursor", ENDPOINT);
        let url = Url::parse(link(&steps[0])).unwrap();
        assert_eq!(
            (url.scheme(), url.host_str(), url.path()),
            ("cursor", Some("anysphere.cursor-deeplink"), "/mcp/install")
        );
        let query: Vec<_> = url.query_pairs().collect();
        assert_eq!(query[0], ("name".into(), "company".into()));
        assert_eq!(query[1].0, "config");
        let config: Value = serde_json::from_slice(&STANDARD.decode(query[1].1.as_bytes()).unwrap()).unwrap();
        assert_eq!(config, json!({ "url": ENDPOINT }));
    }

    #[test]
    fn vs_code_has_a_link_and_a_file() {
        let steps = steps("VS Code", ENDPOINT);
        let config = link(&steps[0]).strip_prefix("vscode:mcp/install?").unwrap();
        assert!(!config.contains('+'), "a percent decoder does not decode `+`");
        let (config, _) = url::form_urlencoded::parse(config.as_bytes()).next().unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config, json!({ "name": "company", "type": "http", "url": ENDPOINT }));

        let Step::File { path, content } = &steps[1] else { panic!("{:?} is not a file", steps[1]) };
        assert_eq!(*path, ".vscode/mcp.json");
        let content: Value = serde_json::from_str(content).unwrap();
        assert_eq!(content, json!({ "servers": { "company": { "type": "http", "url": ENDPOINT } } }));
        assert_eq!(
            steps[1].to_string(),
            r#".vscode/mcp.json: {"servers": {"company": {"type": "http", "url": "http://127.0.0.1:8000/mcp"}}}"#
        );
    }

    #[test]
    fn a_name_in_a_client_has_few_characters_of_a_safe_alphabet() {
        for (server, client) in [
            ("company", "company"),
            ("My MCP server", "my-mcp-server"),
            ("  --Payroll & HR (internal)!", "payroll-hr-internal"),
            ("Zürich", "z-rich"),
            ("", "mcp"),
            ("給与", "mcp"),
            ("a; rm -rf ~", "a-rm-rf"),
            ("the internal tools of the sample company", "the-internal-tools-of-th"),
            ("the internal tools of a sample company", "the-internal-tools-of-a"),
        ] {
            assert_eq!(client_name(server), client, "{server}");
        }
    }

    /// Returns the words that a shell passes to a program.
    fn words(command: &str) -> Vec<String> {
        let script = format!("for word in {command}; do printf '%s\\0' \"$word\"; done");
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_passes_every_url_on_unchanged() {
        for url in [
            "http://[::1]:8000/mcp",
            "https://mcp.example.com/$(touch%20x)/it's/mcp",
            "https://mcp.example.com/a;b&c|d/*?/`id`/\\/\"/mcp",
            "https://mcp.example.com/~root/!!/mcp",
        ] {
            let steps = steps("FastMCP", url);
            let Step::Command(command) = &steps[0] else { panic!("{steps:?}") };
            assert_eq!(words(command), ["uvx", "fastmcp", "list", url]);
        }
    }

    proptest! {
        #[test]
        fn a_name_in_a_client_is_valid_for_every_server(name: String) {
            let name = client_name(&name);
            prop_assert!((1..=MAX_NAME).contains(&name.len()));
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
        }
    }
}
