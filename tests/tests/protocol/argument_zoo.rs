//! Tools whose arguments have every kind of type, for the tests of schemas and of arguments.

#![allow(dead_code, reason = "the arguments are only formatted")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    num::NonZeroU8,
};

use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};
use toolgate_tests::{Client, Revision, TestServer};

static ZOO_SCOPES: Scopes = Scopes::new(&["zoo:visit"]);

pub(crate) struct Zoo {
    pub(crate) server: TestServer,
}

impl Zoo {
    pub(crate) async fn open() -> Self {
        let tokens = StaticTokens::new().token("visitor", Claims::new().scopes(["zoo:visit"]));
        let server = |url| Server::new("zoo", &ZOO_SCOPES).auth(tokens).server_url(url).skip_preflight();
        Self { server: TestServer::serve(server).await }
    }

    pub(crate) fn client(&self, revision: Revision) -> Client {
        self.server.client_with("visitor", revision)
    }

    /// Returns the text of a result, which is the `Debug` of the arguments, or of an error.
    pub(crate) async fn call(&self, tool: &str, arguments: serde_json::Value) -> String {
        let response = self.client(Revision::Modern).call(tool, arguments).await;
        response.text_content().to_owned()
    }
}

/// Return integers of every width.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
#[allow(clippy::too_many_arguments, reason = "one for each type")]
async fn integers(
    u8: Option<u8>,
    i32: Option<i32>,
    u32: Option<u32>,
    i64: Option<i64>,
    u64: Option<u64>,
    usize: Option<usize>,
    i128: Option<i128>,
    u128: Option<u128>,
    nonzero: Option<NonZeroU8>,
    f64: Option<f64>,
) -> String {
    let narrow = (u8, i32, u32, nonzero);
    let found = format!("{narrow:?} {:?} {f64:?}", (i64, u64, usize, i128, u128));
    found.replace("None", "-").replace("Some", "")
}

/// How urgent it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Urgency {
    /// A person is waiting.
    Now,
    /// It can wait a day.
    NextDay,
    Never,
}

#[derive(Debug, Deserialize, JsonSchema)]
enum Plain {
    Large,
    Small,
}

/// Where to send it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Place {
    /// To a room.
    Room {
        number: u16,
    },
    /// By mail.
    Mail {
        address: String,
        copies: Option<u8>,
    },
    Nowhere,
}

#[derive(Debug, Deserialize, JsonSchema)]
enum External {
    Unit,
    Newtype(u32),
    Tuple(u8, String),
    Struct { count: i8 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "value")]
enum Adjacent {
    Count(u32),
    Text(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Untagged {
    Count(u32),
    Text(String),
    Sizes(Vec<Plain>),
    Line(Line),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
struct OrderId(u64);

/// One line of an order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// How many.
    count: u32,
    note: Option<String>,
    urgency: Option<Urgency>,
}

/// An order.
#[derive(Debug, Deserialize, JsonSchema)]
struct Order {
    id: OrderId,
    lines: Vec<Line>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Page {
    limit: u8,
    offset: Option<u32>,
}

/// A tree.
#[derive(Debug, Deserialize, JsonSchema)]
struct Tree {
    size: u16,
    #[serde(default)]
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
}

/// Return an order.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn order(
    order: Option<Order>,
    tree: Option<Tree>,
    by_name: Option<BTreeMap<String, i16>>,
    by_number: Option<BTreeMap<u8, u8>>,
    pair: Option<(u8, String)>,
    triple: Option<[u8; 3]>,
    nullable: Option<Vec<Option<u8>>>,
    unique: Option<BTreeSet<u8>>,
) -> String {
    debug(&[&order, &tree, &by_name, &by_number, &pair, &triple, &nullable, &unique])
}

/// Return enums.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn enums(
    urgency: Option<Urgency>,
    plain: Option<Plain>,
    place: Option<Place>,
    external: Option<External>,
    adjacent: Option<Adjacent>,
    untagged: Option<Untagged>,
    list: Option<Vec<Urgency>>,
) -> String {
    debug(&[&urgency, &plain, &place, &external, &adjacent, &untagged, &list])
}

/// Return the arguments that are present.
fn debug(arguments: &[&dyn std::fmt::Debug]) -> String {
    let all = arguments.iter().map(|argument| format!("{argument:?}"));
    all.filter(|text| text != "None").collect::<Vec<_>>().join(" ")
}

/// Return a flattened struct.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn flattened(name: String, #[serde(flatten)] page: Page) -> String {
    format!("{name} {page:?}")
}

/// Return a flattened enum.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn flattened_enum(name: String, #[serde(flatten)] place: Place) -> String {
    format!("{name} {place:?}")
}

/// An even number, a rule that a schema could state but this one does not.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err("the number must be even") }
    }
}

/// Return arguments with rules of their own, which are read one by one.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn strict(address: IpAddr, even: Even, list: Vec<Even>, large: u64, text: String) -> String {
    format!("{address} {even:?} {list:?} {large} {text}")
}

/// Return arguments with rules of their own, which are read through derives.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn strict_derived(
    address: IpAddr,
    even: Even,
    list: Vec<Even>,
    #[serde(default)] large: u64,
    text: String,
) -> String {
    format!("{address} {even:?} {list:?} {large} {text}")
}

fn ten() -> u8 {
    10
}

/// Return arguments with attributes.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn attributes(
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 50))]
    limit: u8,
    #[schemars(length(min = 2, max = 8))] name: Option<String>,
    #[schemars(regex(pattern = "^a"))] pattern: Option<String>,
    #[arg(header = "Region")] region: Option<u16>,
) -> String {
    format!("{limit} {name:?} {pattern:?} {region:?}")
}

/// Return any JSON.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn anything(value: serde_json::Value, object: Option<JsonObject>, float: Option<f64>) -> String {
    format!("{value} {object:?} {float:?}")
}

#[derive(Serialize, JsonSchema)]
struct Report {
    count: u64,
    share: f32,
    missing: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<u8>,
    level: Level,
    parts: Vec<Report>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
enum Level {
    /// All is well.
    Good,
    Bad,
}

/// Return a structured report.
#[tool(scopes = "zoo:visit", scopes_in = ZOO_SCOPES)]
async fn report() -> Json<Report> {
    let report = |parts, level| Report { count: u64::MAX, share: 0.5, missing: None, omitted: None, level, parts };
    Json(report(vec![report(vec![], Level::Bad)], Level::Good))
}
