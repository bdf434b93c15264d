//! Requests of the benchmarks.

use std::{fmt::Write as _, net::SocketAddr};

use serde_json::Value;
use toolgate_bench_tools::{FIRST_ID, ID_DIGITS, OTHERS, token};

/// Revision of the MCP specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// 2025-11-25, without a session.
    Old,
    /// 2026-07-28, with metadata in every request.
    New,
}

impl Revision {
    pub const BOTH: [Self; 2] = [Self::Old, Self::New];

    /// The revision as on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Old => "2025-11-25",
            Self::New => "2026-07-28",
        }
    }
}

/// Kind of a request, and of the response that it expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `tools/call` that the token allows.
    Call,
    /// `tools/call` that the server rejects with 403, because the token lacks the scope.
    Rejected,
    /// `tools/list` with a token that has the scopes of all tools.
    List,
    /// `tools/list` with a token that has the scope of every second tool.
    HalfList,
    /// `tools/call` with a token that is not cached.
    Cold,
    /// `prompts/get` that the token allows.
    PromptGet,
    /// `prompts/list` with a token that has the scopes of all prompts.
    PromptList,
    /// `resources/read` that the token allows.
    ResourceRead,
    /// `resources/list` with a token that has the scopes of all resources.
    ResourceList,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Call,
        Self::Rejected,
        Self::List,
        Self::HalfList,
        Self::Cold,
        Self::PromptGet,
        Self::PromptList,
        Self::ResourceRead,
        Self::ResourceList,
    ];

    /// Kinds of requests for prompts and resources.
    pub const OTHERS: [Self; 4] = [Self::PromptGet, Self::PromptList, Self::ResourceRead, Self::ResourceList];

    /// The kind as in the results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Rejected => "rejected",
            Self::List => "list",
            Self::HalfList => "half-list",
            Self::Cold => "cold",
            Self::PromptGet => "prompt-get",
            Self::PromptList => "prompt-list",
            Self::ResourceRead => "resource-read",
            Self::ResourceList => "resource-list",
        }
    }

    /// Grant of the token; see [`token`].
    fn grant(self) -> &'static str {
        match self {
            Self::Rejected | Self::HalfList => "half",
            Self::Cold => "cold",
            _ => "all",
        }
    }

    /// HTTP status of the response.
    #[must_use]
    pub fn status(self) -> u16 {
        if self == Self::Rejected { 403 } else { 200 }
    }
}

/// Encoded request whose id and token can be replaced.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    id_at: usize,
    token_at: Option<usize>,
    next: u32,
    /// Number of different tokens, or `None` for a new token in each request.
    tokens: Option<u32>,
    pub kind: Kind,
}

impl Template {
    /// Creates requests of a kind, with or without a token.
    ///
    /// # Panics
    ///
    /// Never: the id and the token are always found in the text that was just written.
    #[must_use]
    pub fn new(address: SocketAddr, kind: Kind, revision: Revision, tools: usize, with_token: bool) -> Self {
        let (method, name, parameters) = match kind {
            Kind::Call | Kind::Cold => ("tools/call", Some("add"), r#""name":"add","arguments":{"a":2,"b":3}"#),
            Kind::Rejected => ("tools/call", Some("echo"), r#""name":"echo","arguments":{"text":"x"}"#),
            Kind::List | Kind::HalfList => ("tools/list", None, ""),
            Kind::PromptGet => (
                "prompts/get",
                Some("area_000_review"),
                r#""name":"area_000_review","arguments":{"record_id":"rec_0042"}"#,
            ),
            Kind::PromptList => ("prompts/list", None, ""),
            Kind::ResourceRead => {
                ("resources/read", Some("company://areas/000/handbook"), r#""uri":"company://areas/000/handbook""#)
            }
            Kind::ResourceList => ("resources/list", None, ""),
        };
        let meta = match revision {
            Revision::Old => String::new(),
            Revision::New => concat!(
                r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#,
                r#""io.modelcontextprotocol/clientCapabilities":{}}"#
            )
            .to_owned(),
        };
        let comma = if meta.is_empty() || parameters.is_empty() { "" } else { "," };
        let id = FIRST_ID;
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{parameters}{comma}{meta}}}}}"#);
        let mut head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {}\r\n",
            revision.name()
        );
        if revision == Revision::New {
            write!(head, "Mcp-Method: {method}\r\n").expect("writing to a String cannot fail");
            if let Some(name) = name {
                write!(head, "Mcp-Name: {name}\r\n").expect("writing to a String cannot fail");
            }
        }
        let mut token_at = None;
        if with_token {
            head += "Authorization: Bearer ";
            let token = token(kind.grant(), tools, id);
            let number_at = token.find(&id.to_string()).expect("the number was just written");
            token_at = (kind == Kind::Cold).then_some(head.len() + number_at);
            head += &token;
            head += "\r\n";
        }
        write!(head, "Content-Length: {}\r\n\r\n", body.len()).expect("writing to a String cannot fail");
        let id_at = head.len() + body.find(&id.to_string()).expect("the id was just written");
        Self { bytes: (head + &body).into_bytes(), id_at, token_at, next: id, tokens: None, kind }
    }

    /// Uses the given number of tokens in turn, instead of a new token for each request.
    #[must_use]
    pub fn with_tokens(mut self, tokens: u32) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The token of the requests, if they have one.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let (_, rest) = text.split_once("Authorization: Bearer ")?;
        Some(rest.lines().next()?.to_owned())
    }

    /// Returns the next request and its id.
    pub fn next_request(&mut self) -> (&[u8], u32) {
        let id = self.next;
        self.next = if id >= FIRST_ID * 10 - 1 { FIRST_ID } else { id + 1 };
        let digits = id.to_string();
        self.bytes[self.id_at..self.id_at + ID_DIGITS].copy_from_slice(digits.as_bytes());
        if let Some(at) = self.token_at {
            let number = self.tokens.map_or(id, |tokens| FIRST_ID + id % tokens);
            self.bytes[at..at + ID_DIGITS].copy_from_slice(number.to_string().as_bytes());
        }
        (&self.bytes, id)
    }

    /// Checks that a response belongs to the request with this id and has the expected result.
    ///
    /// # Errors
    ///
    /// The text says what differs, and contains the beginning of the response.
    pub fn check(&self, id: u32, tools: usize, body: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(body);
        // An SSE stream with one event has the response in its `data`.
        let json = text.lines().filter_map(|line| line.strip_prefix("data:")).find(|data| data.contains("jsonrpc"));
        let response: Value =
            serde_json::from_str(json.unwrap_or(&text)).map_err(|error| format!("{error}: {text}"))?;
        let unexpected = |what: &str| Err(format!("unexpected {what}: {}", &text[..text.len().min(2000)]));
        if response["id"] != id {
            return unexpected("id");
        }
        let result = &response["result"];
        let count = |list: &str| result[list].as_array().map_or(0, Vec::len);
        match self.kind {
            Kind::Call | Kind::Cold if result["content"][0]["text"] != "5" => unexpected("result"),
            Kind::Rejected if response["error"]["code"].is_null() => unexpected("success"),
            Kind::List if count("tools") != tools => unexpected("number of tools"),
            // Servers without authentication list all tools.
            Kind::HalfList if ![tools, tools / 2].contains(&count("tools")) => unexpected("number of tools"),
            Kind::PromptGet
                if !begins_with(&result["messages"][0]["content"]["text"], "Review the record rec_0042") =>
            {
                unexpected("result")
            }
            Kind::PromptList if count("prompts") != OTHERS => unexpected("number of prompts"),
            Kind::ResourceRead if !begins_with(&result["contents"][0]["text"], "Records of area 000") => {
                unexpected("result")
            }
            Kind::ResourceList if count("resources") != OTHERS => unexpected("number of resources"),
            _ => Ok(()),
        }
    }
}

fn begins_with(value: &Value, prefix: &str) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(prefix))
}
