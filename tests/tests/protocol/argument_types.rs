//! Arguments of every type: what is accepted, and what is said about what is not.

use chrono::{NaiveDate, Utc};
use serde_json::{Value, json};
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};
use toolgate_tests::{Revision, TestServer};
use url::Url;
use uuid::Uuid;

use crate::argument_zoo::Zoo;

static MEETING_SCOPES: Scopes = Scopes::new(&["meetings:write"]);

/// A planned meeting.
#[derive(Serialize, JsonSchema)]
struct Meeting {
    day: NaiveDate,
    at: chrono::DateTime<Utc>,
    room: Uuid,
    link: Url,
}

/// Plan a meeting.
#[tool(scopes = "meetings:write", scopes_in = MEETING_SCOPES)]
async fn plan(day: NaiveDate, at: chrono::DateTime<Utc>, room: Uuid, link: Url) -> Json<Meeting> {
    Json(Meeting { day, at, room, link })
}

#[tokio::test]
async fn dates_uuids_and_urls_are_parsed_and_validated_by_their_schemas() {
    let tokens = StaticTokens::new().token("planner", Claims::new().scopes(["meetings:write"]));
    let server = |url| Server::new("meetings", &MEETING_SCOPES).auth(tokens).server_url(url).skip_preflight();
    let server = TestServer::serve(server).await;
    let client = server.client_with("planner", Revision::Modern);

    let valid = json!({
        "day": "2026-11-22", "at": "2026-11-22T09:30:00Z",
        "room": "67e55044-10b1-426f-9247-bb680e5fe0c8", "link": "https://meet.example.com/a",
    });
    let response = client.call("plan", valid.clone()).await;
    assert_eq!(response.result()["structuredContent"], valid);

    let invalid = json!({ "day": "tomorrow", "at": "9:30", "room": "the big one", "link": "over there" });
    let response = client.call("plan", invalid).await;
    assert!(response.is_tool_error());
    for pointer in ["/day", "/at", "/room", "/link"] {
        assert!(response.text_content().contains(&format!("- {pointer}: ")), "{}", response.text_content());
    }
}

/// Sends arguments as they are written, because a JSON library would write `5.0` in its own way.
async fn call_written(zoo: &Zoo, revision: Revision, tool: &str, arguments: &str) -> String {
    let message = revision.message("tools/call", json!({ "name": tool, "arguments": {} }));
    let written = message.to_string().replace("\"arguments\":{}", &format!("\"arguments\":{arguments}"));
    assert!(written.contains(arguments));
    let request = zoo.client(revision).request(&message).body(written);
    toolgate_tests::send(request).await.text_content().to_owned()
}

#[tokio::test]
async fn an_integer_may_be_written_with_a_fraction_or_an_exponent() {
    let zoo = Zoo::open().await;
    for revision in Revision::BOTH {
        for (tool, arguments, expected) in [
            ("integers", r#"{"u8":5.0,"i32":-2.026e3}"#, "((5), (-2026), -, -) (-, -, -, -, -) -"),
            ("integers", r#"{"u8":255.0,"i64":-0.0,"nonzero":1e2}"#, "((255), -, -, (100)) ((0), -, -, -, -) -"),
            (
                "integers",
                r#"{"u64":9007199254740991.0,"usize":1.0,"i128":-1E1,"u128":1e+1}"#,
                "(-, -, -, -) (-, (9007199254740991), (1), (-10), (10)) -",
            ),
            ("integers", r#"{"u64":18446744073709551615}"#, "(-, -, -, -) (-, (18446744073709551615), -, -, -) -"),
            ("integers", r#"{"i64":9007199254740993}"#, "(-, -, -, -) ((9007199254740993), -, -, -, -) -"),
            ("integers", r#"{"f64":5.0}"#, "(-, -, -, -) (-, -, -, -, -) (5.0)"),
            ("integers", r#"{"f64":-0.0}"#, "(-, -, -, -) (-, -, -, -, -) (-0.0)"),
            ("integers", r#"{"f64":1e300}"#, "(-, -, -, -) (-, -, -, -, -) (1e300)"),
            (
                "order",
                r#"{"order":{"id":7.0,"lines":[{"count":1.0}],"limit":2.0,"offset":3e0}}"#,
                "Some(Order { id: OrderId(7), lines: [Line { count: 1, note: None, urgency: None }], \
                 page: Page { limit: 2, offset: Some(3) } })",
            ),
            (
                "order",
                r#"{"tree":{"size":1.0,"children":[{"size":2.0}],"parent":{"size":3.0}}}"#,
                "Some(Tree { size: 1, children: [Tree { size: 2, children: [], parent: None }], \
                 parent: Some(Tree { size: 3, children: [], parent: None }) })",
            ),
            ("order", r#"{"by_name":{"a":1.0},"pair":[2.0,"b"]}"#, r#"Some({"a": 1}) Some((2, "b"))"#),
            ("order", r#"{"by_number":{"7":1.0},"triple":[1.0,2,3.0]}"#, "Some({7: 1}) Some([1, 2, 3])"),
            ("order", r#"{"nullable":[1.0,null],"unique":[2.0]}"#, "Some([Some(1), None]) Some({2})"),
            ("enums", r#"{"place":{"kind":"room","number":12.0}}"#, "Some(Room { number: 12 })"),
            ("enums", r#"{"external":{"Newtype":1.0}}"#, "Some(Newtype(1))"),
            ("enums", r#"{"external":{"Tuple":[1.0,"a"]}}"#, r#"Some(Tuple(1, "a"))"#),
            ("enums", r#"{"external":{"Struct":{"count":-1.0}}}"#, "Some(Struct { count: -1 })"),
            ("enums", r#"{"adjacent":{"type":"Count","value":1.0}}"#, "Some(Count(1))"),
            ("enums", r#"{"untagged":1.0}"#, "Some(Count(1))"),
            ("enums", r#"{"untagged":{"count":1.0}}"#, "Some(Line(Line { count: 1, note: None, urgency: None }))"),
            ("flattened", r#"{"name":"a","limit":1.0,"offset":2e0}"#, "a Page { limit: 1, offset: Some(2) }"),
            ("flattened_enum", r#"{"name":"a","kind":"room","number":1.0}"#, "a Room { number: 1 }"),
            ("attributes", r#"{"limit":5.0}"#, "5 None None None"),
            (
                "anything",
                r#"{"value":5.0,"object":{"a":1.0},"float":2.0}"#,
                r#"5.0 Some({"a": Number(1.0)}) Some(2.0)"#,
            ),
        ] {
            assert_eq!(call_written(&zoo, revision, tool, arguments).await, expected, "{tool} {arguments}");
        }
    }
}

#[tokio::test]
async fn a_number_that_is_not_the_integer_it_seems_is_rejected_with_its_pointer() {
    let zoo = Zoo::open().await;
    let inexact = "the integer is too large, or not exact: write it without a fraction or an exponent";
    for (tool, arguments, expected) in [
        ("integers", r#"{"u8":5.5}"#, r#"/u8: the value is not of type "integer""#),
        ("integers", r#"{"u8":256.0}"#, "/u8: the value is greater than the maximum of 255"),
        ("integers", r#"{"u8":-1.0}"#, "/u8: the value is less than the minimum of 0"),
        ("integers", r#"{"i32":1e300}"#, "/i32: the value is greater than the maximum of 2147483647"),
        ("integers", r#"{"u32":4294967296}"#, "/u32: the value is greater than the maximum of 4294967295"),
        ("integers", r#"{"nonzero":0.0}"#, "/nonzero: the value is less than the minimum of 1"),
        ("integers", r#"{"u64":-1}"#, "/u64: the value is less than the minimum of 0"),
        ("integers", r#"{"i64":9007199254740993.0}"#, &format!("/i64: {inexact}")),
        ("integers", r#"{"u64":18446744073709551616}"#, &format!("/u64: {inexact}")),
        ("integers", r#"{"i128":1e300}"#, &format!("/i128: {inexact}")),
        ("integers", r#"{"i64":9223372036854775808}"#, "/i64: the value is not valid: expected i64"),
        (
            "enums",
            r#"{"untagged":{"count":1e300}}"#,
            "/untagged/count: the value is greater than the maximum of 4294967295",
        ),
    ] {
        for revision in Revision::BOTH {
            let text = call_written(&zoo, revision, tool, arguments).await;
            assert_eq!(
                text,
                format!("the arguments do not fit the tool's input schema:\n- {expected}"),
                "{arguments}"
            );
        }
    }
}

#[tokio::test]
async fn null_means_that_an_optional_argument_is_absent() {
    let zoo = Zoo::open().await;
    for (tool, arguments, expected) in [
        ("integers", json!({ "u8": null, "f64": null }), "(-, -, -, -) (-, -, -, -, -) -"),
        ("attributes", json!({ "limit": null, "name": null, "pattern": null, "region": null }), "10 None None None"),
        ("enums", json!({ "urgency": null, "place": null, "untagged": null }), ""),
        (
            "enums",
            json!({ "place": { "kind": "mail", "address": "a", "copies": null } }),
            r#"Some(Mail { address: "a", copies: None })"#,
        ),
        ("flattened", json!({ "name": "a", "limit": 1, "offset": null }), "a Page { limit: 1, offset: None }"),
        ("anything", json!({ "value": null, "object": { "a": null } }), r#"null Some({"a": Null}) None"#),
    ] {
        assert_eq!(zoo.call(tool, arguments.clone()).await, expected, "{arguments}");
    }
    let required = zoo.call("flattened", json!({ "name": null, "limit": null })).await;
    for violation in
        [r#"- /name: the value is not of type "string""#, r#"- /limit: the value is not of type "integer""#]
    {
        assert!(required.contains(violation), "{required}");
    }
}

#[tokio::test]
async fn a_wrong_choice_is_answered_with_the_choices() {
    let zoo = Zoo::open().await;
    let urgency = r#"the value is not one of ["never","now","next_day"]"#;
    for (arguments, expected) in [
        (json!({ "urgency": "Now" }), format!("/urgency: {urgency}")),
        (json!({ "plain": "medium" }), r#"/plain: the value is not one of ["Large","Small"]"#.to_owned()),
        (json!({ "list": ["now", "soon"] }), format!("/list/1: {urgency}")),
        (
            json!({ "place": { "kind": "house" } }),
            r#"/place/kind: the value is not one of ["room","mail","nowhere"]"#.to_owned(),
        ),
        (json!({ "place": {} }), r#"/place: "kind" is a required property"#.to_owned()),
        (json!({ "place": { "kind": "room" } }), r#"/place: "number" is a required property"#.to_owned()),
        (
            json!({ "place": { "kind": "room", "number": "one" } }),
            r#"/place/number: the value is not of type "integer""#.to_owned(),
        ),
        (json!({ "place": "room" }), r#"/place: the value is not of type "object""#.to_owned()),
        (json!({ "external": "unit" }), r#"/external: the value is not one of ["Unit"]"#.to_owned()),
        (
            json!({ "external": { "newtype": 1 } }),
            r#"/external: "Newtype" or "Tuple" or "Struct" is a required property"#.to_owned(),
        ),
        (
            json!({ "external": { "Newtype": -1 } }),
            "/external/Newtype: the value is less than the minimum of 0".to_owned(),
        ),
        (
            json!({ "untagged": ["Large", "Medium"] }),
            r#"/untagged/1: the value is not one of ["Large","Small"]"#.to_owned(),
        ),
        (
            json!({ "untagged": true }),
            r#"/untagged: the value is not of type "integer" or "string" or "array" or "object""#.to_owned(),
        ),
        (json!({ "untagged": { "count": 1, "urgency": "soon" } }), format!("/untagged/urgency: {urgency}")),
    ] {
        let text = zoo.call("enums", arguments.clone()).await;
        assert_eq!(text, format!("the arguments do not fit the tool's input schema:\n- {expected}"), "{arguments}");
    }
}

#[tokio::test]
async fn every_argument_that_its_type_rejects_is_named_without_its_value() {
    let zoo = Zoo::open().await;
    for tool in ["strict", "strict_derived"] {
        let arguments =
            json!({ "address": "swordfish", "even": 77, "list": [2, 77], "large": 1, "text": "swordfish" });
        let text = zoo.call(tool, arguments).await;
        assert_eq!(
            text,
            "the arguments do not fit the tool's input schema:\n\
             - /address: invalid IP address syntax\n\
             - /even: the number must be even\n\
             - /list/1: the number must be even",
            "{tool}"
        );
        let text = zoo.call(tool, json!({ "address": "::1", "even": 2, "list": [], "large": 1, "text": "a" })).await;
        assert_eq!(text, "::1 Even(2) [] 1 a");
    }
}

/// Returns the published input schema of each tool.
async fn input_schemas(zoo: &Zoo) -> Vec<(String, Value)> {
    let list = zoo.client(Revision::Modern).list().await;
    let tools = list.result()["tools"].as_array().unwrap();
    tools.iter().map(|tool| (tool["name"].as_str().unwrap().to_owned(), tool["inputSchema"].clone())).collect()
}

#[tokio::test]
async fn what_is_published_is_what_is_enforced() {
    let zoo = Zoo::open().await;
    let values = [
        json!(0),
        json!(5.0),
        json!(5.5),
        json!(-1),
        json!(255),
        json!(256),
        json!(65_536),
        json!(2_147_483_648_u32),
        json!(4_294_967_296_u64),
        json!(true),
        json!("now"),
        json!("Large"),
        json!("Unit"),
        json!("x"),
        json!([]),
        json!([1, 2, 3]),
        json!([1, "a"]),
        json!([1, 1]),
        json!([null]),
        json!(["now"]),
        json!({}),
        json!({ "1": 1 }),
        json!({ "a": 40_000 }),
        json!({ "kind": "room", "number": 1 }),
        json!({ "kind": "room" }),
        json!({ "kind": "nowhere" }),
        json!({ "Newtype": 1 }),
        json!({ "Newtype": 1, "Tuple": [1, "a"] }),
        json!({ "count": 1 }),
        json!({ "count": 1, "more": 1 }),
        json!({ "type": "Count", "value": 1 }),
        json!({ "size": 1, "children": [{ "size": 2 }] }),
        json!({ "size": 1, "children": [{}] }),
        json!({ "id": 1, "lines": [], "limit": 1 }),
        json!({ "id": 1, "lines": [], "limit": 256 }),
    ];
    for (tool, schema) in input_schemas(&zoo).await {
        if !["integers", "order", "enums", "attributes"].contains(&tool.as_str()) {
            continue;
        }
        for name in schema["properties"].as_object().unwrap().keys().filter(|name| *name != "region") {
            for value in &values {
                let arguments = json!({ name: value });
                let text = zoo.call(&tool, arguments.clone()).await;
                let accepted = !text.starts_with("the arguments do not fit");
                assert_eq!(accepted, jsonschema::is_valid(&schema, &arguments), "{tool} {arguments}: {text}");
            }
        }
    }
}
