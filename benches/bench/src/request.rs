//! The requests of the load.

use std::{fmt::Write as _, net::SocketAddr};

use serde_json::Value;
use toolgate_bench_tools::{FIRST_ID, ID_DIGITS, token};

/// A revision of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// 2025-11-25, without a session.
    Old,
    /// 2026-07-28, which says more about every request.
    New,
}

impl Revision {
    pub const BOTH: [Self; 2] = [Self::Old, Self::New];

    /// As it is on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Old => "2025-11-25",
            Self::New => "2026-07-28",
        }
    }
}

/// What a request asks for, and what has to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call that the token allows.
    Call,
    /// A call that the token does not allow: 403.
    Refused,
    /// A list, of which the token may see all.
    List,
    /// A list, of which the token may see every second tool.
    HalfList,
    /// A call with a token that nobody has seen.
    Cold,
}

impl Kind {
    /// As it is in the results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Refused => "refused",
            Self::List => "list",
            Self::HalfList => "half-list",
            Self::Cold => "cold",
        }
    }

    /// What the token is to be good for.
    fn grant(self) -> &'static str {
        match self {
            Self::Call | Self::List => "all",
            Self::Refused | Self::HalfList => "half",
            Self::Cold => "cold",
        }
    }

    /// The status of its answers.
    #[must_use]
    pub fn status(self) -> u16 {
        if self == Self::Refused { 403 } else { 200 }
    }
}

/// A request as bytes, with places for what differs from one to the next.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    id_at: usize,
    token_at: Option<usize>,
    next: u32,
    /// How many tokens there are, if not as many as requests.
    tokens: Option<u32>,
    pub kind: Kind,
}

impl Template {
    /// The request of this kind, with a token or without.
    ///
    /// # Panics
    ///
    /// Never: the id and the token are found where they were just written.
    #[must_use]
    pub fn new(address: SocketAddr, kind: Kind, revision: Revision, tools: usize, with_token: bool) -> Self {
        let (method, name, parameters) = match kind {
            Kind::Call | Kind::Cold => ("tools/call", Some("add"), r#""name":"add","arguments":{"a":2,"b":3}"#),
            Kind::Refused => ("tools/call", Some("echo"), r#""name":"echo","arguments":{"text":"x"}"#),
            Kind::List | Kind::HalfList => ("tools/list", None, ""),
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
            write!(head, "Mcp-Method: {method}\r\n").expect("a String takes everything");
            if let Some(name) = name {
                write!(head, "Mcp-Name: {name}\r\n").expect("a String takes everything");
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
        write!(head, "Content-Length: {}\r\n\r\n", body.len()).expect("a String takes everything");
        let id_at = head.len() + body.find(&id.to_string()).expect("the id was just written");
        Self { bytes: (head + &body).into_bytes(), id_at, token_at, next: id, tokens: None, kind }
    }

    /// Takes so many tokens in turn, instead of a new one for each request.
    #[must_use]
    pub fn with_tokens(mut self, tokens: u32) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The token that the requests carry, if they carry one and the same.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let (_, rest) = text.split_once("Authorization: Bearer ")?;
        Some(rest.lines().next()?.to_owned())
    }

    /// The next request, and its id.
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

    /// Whether an answer is what the request asked for.
    ///
    /// # Errors
    ///
    /// The text says what is wrong, with the beginning of the answer.
    pub fn check(&self, id: u32, tools: usize, body: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(body);
        // A stream of one event carries the answer in its `data`.
        let json = text.lines().filter_map(|line| line.strip_prefix("data:")).find(|data| data.contains("jsonrpc"));
        let answer: Value =
            serde_json::from_str(json.unwrap_or(&text)).map_err(|error| format!("{error}: {text}"))?;
        let wrong = |what: &str| Err(format!("{what}: {}", &text[..text.len().min(2000)]));
        if answer["id"] != id {
            return wrong("another id");
        }
        match self.kind {
            Kind::Call | Kind::Cold if answer["result"]["content"][0]["text"] != "5" => wrong("another result"),
            Kind::Refused if answer["error"]["code"].is_null() => wrong("not refused"),
            Kind::List if count(&answer) != tools => wrong("other tools"),
            // Who has no scopes lists everything.
            Kind::HalfList if ![tools, tools / 2].contains(&count(&answer)) => wrong("other tools"),
            _ => Ok(()),
        }
    }
}

fn count(answer: &Value) -> usize {
    answer["result"]["tools"].as_array().map_or(0, Vec::len)
}
