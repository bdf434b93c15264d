//! Prompts, resources and completions on the wire: results, errors, lists and pages.

use serde_json::{Value, json};
use toolgate::{
    CompletionArguments,
    auth::{Claims, StaticTokens},
    content::{self, PromptMessage, Role},
    prelude::*,
};
use toolgate_tests::{Client, HttpResponse, Revision, TestServer, ToolBodies};

/// The scopes of the server.
static LIBRARY: Scopes = Scopes::new(&["books:read", "books:lend", "staff"]);

/// Department of the library.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Department {
    Fiction,
    History,
    Science,
}

/// The titles that begin with what was typed, of a department if one is filled in.
fn titles(value: &str, arguments: &CompletionArguments, caller: &Caller) -> Vec<String> {
    let all = match arguments.get("department") {
        Some("history") => vec!["Peter the Great"],
        _ => vec!["Pale Fire", "Peter the Great", "Pnin"],
    };
    let mine = caller.user_id().map(|user| format!("Private notes of {user}"));
    all.into_iter().map(str::to_owned).chain(mine).filter(|title| title.starts_with(value)).collect()
}

/// Ask for a review.
#[prompt(scopes = "books:read", scopes_if(words.unwrap_or_default() > 500, "staff"), scopes_in = LIBRARY, title = "Review")]
async fn review(
    /// Title of the book.
    #[arg(complete = titles(value, arguments, caller))]
    title: String,
    department: Department,
    words: Option<u32>,
) -> Result<Vec<PromptMessage>, ToolError> {
    if title == "Unwritten" {
        return Err(ToolError::new("no such book"));
    }
    let text = format!("Review {title} ({department:?}) in {} words.", words.unwrap_or(100));
    Ok(vec![PromptMessage::new_text(Role::User, text), PromptMessage::new_text(Role::Assistant, "Which edition?")])
}

/// Ask to describe the cover.
#[prompt(authenticated, scopes_in = LIBRARY)]
async fn cover() -> content::Image {
    content::image(b"cover", "image/png")
}

/// Fail with an error that is masked.
#[prompt(authenticated, scopes_in = LIBRARY)]
async fn broken() -> Result<String, ToolError> {
    Err(ToolError::masked("the password is swordfish"))
}

fn not_lent(number: u32) -> Result<(), Denied> {
    if number == 13 { Err(Denied::new("the book is lent")) } else { Ok(()) }
}

/// The rules of the library.
#[resource(
    uri = "library://rules",
    authenticated,
    scopes_in = LIBRARY,
    mime_type = "text/markdown",
    size = 8,
    priority = 0.5,
    audience("user"),
    meta = json!({ "edition": 3 })
)]
async fn rules() -> &'static str {
    "# Rules\n"
}

/// The seal of the library.
#[resource(uri = "library://seal", scopes = "books:read", scopes_in = LIBRARY, mime_type = "image/png")]
async fn seal() -> Vec<u8> {
    vec![0, 0xFF, 0x89]
}

/// A book.
#[resource(
    uri = "library://books/{number}{?page}",
    scopes = "books:read",
    scopes_if(page.unwrap_or_default() > 100, "staff"),
    guard = not_lent(number),
    scopes_in = LIBRARY
)]
async fn book(number: u32, page: Option<u32>) -> Result<Json<Value>, ToolError> {
    match number {
        0 => Err(ToolError::not_found()),
        number => Ok(Json(json!({ "number": number, "page": page }))),
    }
}

/// A note of the staff.
#[resource(uri = "library://notes/{+path}", authenticated, org_role = "Librarian", scopes_in = LIBRARY)]
async fn note(path: String) -> String {
    path
}

async fn library() -> TestServer {
    serve(|server| server).await
}

async fn serve(configure: impl FnOnce(Server) -> Server) -> TestServer {
    let tokens = StaticTokens::new()
        .token("guest", Claims::new().subject("guest"))
        .token("reader", Claims::new().subject("reader").scopes(["books:read"]))
        .token(
            "staff",
            Claims::new().subject("staff").scopes(["books:read", "staff"]).organization("o", "Librarian"),
        );
    TestServer::serve(|url| configure(Server::new("library", &LIBRARY).server_url(url).skip_preflight().auth(tokens)))
        .await
}

async fn read(client: &Client, uri: &str) -> HttpResponse {
    client.send_method("resources/read", json!({ "uri": uri })).await
}

async fn get(client: &Client, prompt: &str, arguments: Value) -> HttpResponse {
    client.send_method("prompts/get", json!({ "name": prompt, "arguments": arguments })).await
}

async fn complete(client: &Client, reference: Value, argument: &str, value: &str, context: Value) -> HttpResponse {
    let params = json!({
        "ref": reference, "argument": { "name": argument, "value": value }, "context": { "arguments": context },
    });
    client.send_method("completion/complete", params).await
}

fn names(response: &HttpResponse, list: &str, name: &str) -> Vec<String> {
    let items = response.result()[list].as_array().unwrap();
    items.iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn p1_s1_lists_have_what_the_caller_may_use_and_nothing_else() {
    let server = library().await;
    for revision in Revision::BOTH {
        for (token, prompts, resources, templates) in [
            ("guest", vec!["broken", "cover"], vec!["library://rules"], vec![]),
            (
                "reader",
                vec!["broken", "cover", "review"],
                vec!["library://rules", "library://seal"],
                vec!["library://books/{number}{?page}"],
            ),
            (
                "staff",
                vec!["broken", "cover", "review"],
                vec!["library://rules", "library://seal"],
                vec!["library://books/{number}{?page}", "library://notes/{+path}"],
            ),
        ] {
            let client = server.client_with(token, revision);
            let list = |method| client.send_method(method, json!({}));
            assert_eq!(names(&list("prompts/list").await, "prompts", "name"), prompts, "{token}");
            assert_eq!(names(&list("resources/list").await, "resources", "uri"), resources, "{token}");
            let listed = list("resources/templates/list").await;
            assert_eq!(names(&listed, "resourceTemplates", "uriTemplate"), templates, "{token}");
            if revision == Revision::Modern {
                assert_eq!(listed.result()["cacheScope"], "private");
            }
        }
    }
}

#[tokio::test]
async fn a_listed_prompt_or_resource_has_what_its_author_declared() {
    let server = library().await;
    let client = server.client_with("reader", Revision::Modern);
    let prompts = client.send_method("prompts/list", json!({})).await;
    let review = prompts.result()["prompts"].as_array().unwrap().iter().find(|p| p["name"] == "review").unwrap();
    assert_eq!(review["title"], "Review");
    assert_eq!(review["description"], "Ask for a review.");
    assert_eq!(
        review["arguments"],
        json!([
            { "name": "title", "description": "Title of the book.", "required": true },
            { "name": "department", "description": "Department of the library.", "required": true },
            { "name": "words", "required": false },
        ])
    );
    let resources = client.send_method("resources/list", json!({})).await;
    assert_eq!(
        resources.result()["resources"][0],
        json!({
            "uri": "library://rules", "name": "rules", "description": "The rules of the library.",
            "mimeType": "text/markdown", "size": 8, "_meta": { "edition": 3 },
            "annotations": { "audience": ["user"], "priority": 0.5 },
        })
    );
}

#[tokio::test]
async fn p2_a_prompt_validates_its_arguments_which_are_texts() {
    let server = library().await;
    for revision in Revision::BOTH {
        let client = server.client_with("reader", revision);
        let arguments = json!({ "title": "Pnin", "department": "fiction", "words": "50" });
        let response = get(&client, "review", arguments).await;
        let messages = &response.result()["messages"];
        assert_eq!(messages[0]["content"]["text"], "Review Pnin (Fiction) in 50 words.");
        assert_eq!((&messages[0]["role"], &messages[1]["role"]), (&json!("user"), &json!("assistant")));
        for invalid in [
            json!({}),
            json!({ "title": "Pnin" }),
            json!({ "title": "Pnin", "department": "cooking" }),
            json!({ "title": "Pnin", "department": "fiction", "words": "many" }),
            json!({ "title": "Pnin", "department": "fiction", "words": "-1" }),
            json!({ "title": "Pnin", "department": "fiction", "pages": "1" }),
        ] {
            let response = get(&client, "review", invalid.clone()).await;
            assert_eq!(response.error_code(), Some(-32602), "{invalid} {revision}: {response:?}");
        }
        let image = get(&client, "cover", json!({})).await;
        assert_eq!(image.result()["messages"][0]["content"]["type"], "image");
        let failed = get(&client, "review", json!({ "title": "Unwritten", "department": "history" })).await;
        assert_eq!(
            (failed.error_code(), failed.json()["error"]["message"].as_str()),
            (Some(-32603), Some("no such book"))
        );
        let masked = get(&client, "broken", json!({})).await;
        assert!(!masked.json().to_string().contains("swordfish"), "{masked:?}");
    }
}

#[tokio::test]
async fn a9_missing_scopes_of_a_prompt_or_a_resource_are_one_challenge_with_all_scopes() {
    let server = library().await;
    for revision in Revision::BOTH {
        let guest = server.client_with("guest", revision);
        let arguments = json!({ "title": "Pnin", "department": "fiction", "words": "501" });
        let response = get(&guest, "review", arguments.clone()).await;
        assert_eq!(response.status, 403, "{response:?}");
        assert_eq!(response.expect_challenge().scopes(), ["books:read", "staff"]);
        let text = response.json()["error"]["message"].as_str().unwrap();
        assert!(text.starts_with("prompt review needs books:read"), "{text}");
        let response = read(&guest, "library://books/7?page=101").await;
        assert_eq!(response.expect_challenge().scopes(), ["books:read", "staff"]);
        let text = response.json()["error"]["message"].as_str().unwrap();
        assert!(text.starts_with("library://books/7?page=101 needs books:read"), "{text}");
        let reader = server.client_with("reader", revision);
        let response = get(&reader, "review", arguments).await;
        assert_eq!((response.status, response.expect_challenge().scopes()), (403, vec!["books:read", "staff"]));
        assert!(read(&reader, "library://books/7?page=100").await.is_success());
    }
}

#[tokio::test]
async fn resources_are_text_bytes_or_json() {
    let server = library().await;
    for revision in Revision::BOTH {
        let client = server.client_with("reader", revision);
        let contents = async |uri: &str| read(&client, uri).await.result()["contents"][0].clone();
        assert_eq!(
            contents("library://rules").await,
            json!({ "uri": "library://rules", "mimeType": "text/markdown", "text": "# Rules\n" })
        );
        assert_eq!(
            contents("library://seal").await,
            json!({ "uri": "library://seal", "mimeType": "image/png", "blob": "AP+J" })
        );
        let book = contents("library://books/7?page=2").await;
        assert_eq!(book["mimeType"], "application/json");
        assert_eq!(book["text"], r#"{"number":7,"page":2}"#);
    }
}

#[tokio::test]
async fn s2_unknown_hidden_and_missing_resources_have_the_same_response() {
    let server = library().await;
    for (revision, code) in [(Revision::Modern, -32602), (Revision::Legacy, -32002)] {
        let client = server.client_with("reader", revision);
        for uri in [
            "library://unknown",
            "library://books/0",
            "library://books/seven",
            "library://books/-1",
            "library://books/7/8",
            "library://books/7?page=",
            "library://books/7?page=1&page=2",
            "library://books/7?other=1",
            "library://books/%2e%2e",
            "library://books/..%2frules",
            "library://books/{number}{?page}",
            "library://rules/",
            "library://rules?",
            "library://rules#a",
            "LIBRARY://rules",
            "library://rules%00",
            "library://notes/secret",
            "not a uri",
            "",
        ] {
            let response = read(&client, uri).await;
            let expected = json!({
                "jsonrpc": "2.0", "id": 1,
                "error": { "code": code, "message": "resource not found", "data": { "uri": uri } },
            });
            assert_eq!((response.status, response.json()), (200, &expected), "{uri} {revision}");
        }
        let staff = server.client_with("staff", revision);
        assert!(read(&staff, "library://notes/secret").await.is_success(), "the note exists for its readers");
        for uri in
            ["library://notes/../rules", "library://notes/a/%2e%2e/b", "library://notes//a", "library://notes/a%2Fb"]
        {
            assert_eq!(read(&staff, uri).await.error_code(), Some(code), "{uri}");
        }
        let denied = read(&client, "library://books/13").await;
        assert_eq!(denied.json()["error"]["message"], "not allowed: the book is lent");
    }
}

#[tokio::test]
async fn c1_completions_have_the_policy_of_what_they_complete() {
    let server = library().await;
    let prompt = || json!({ "type": "ref/prompt", "name": "review" });
    for revision in Revision::BOTH {
        let client = server.client_with("reader", revision);
        let values = |response: HttpResponse| response.result()["completion"]["values"].clone();
        let all = complete(&client, prompt(), "title", "P", json!({})).await;
        assert_eq!(values(all), json!(["Pale Fire", "Peter the Great", "Pnin", "Private notes of reader"]));
        let history = complete(&client, prompt(), "title", "Pe", json!({ "department": "history" })).await;
        assert_eq!(values(history), json!(["Peter the Great"]));
        let department = complete(&client, prompt(), "department", "S", json!({})).await;
        assert_eq!(values(department), json!(["science"]));
        let number = json!({ "type": "ref/resource", "uri": "library://books/{number}{?page}" });
        assert_eq!(values(complete(&client, number, "number", "1", json!({})).await), json!([]));
        for (reference, argument) in [
            (prompt(), "unknown"),
            (json!({ "type": "ref/prompt", "name": "unknown" }), "title"),
            (json!({ "type": "ref/resource", "uri": "library://unknown/{a}" }), "a"),
        ] {
            let response = complete(&client, reference, argument, "", json!({})).await;
            assert!(response.error_code().is_some(), "{response:?}");
        }
        // A hidden resource completes nothing, as if it did not exist.
        let hidden = json!({ "type": "ref/resource", "uri": "library://notes/{+path}" });
        let response = complete(&client, hidden, "path", "", json!({})).await;
        assert_eq!(response.json()["error"]["message"], "resource not found");
        let guest = server.client_with("guest", revision);
        let template = json!({ "type": "ref/resource", "uri": "library://books/{number}{?page}" });
        for (reference, argument, needed) in [
            (prompt(), "title", "prompt review needs books:read"),
            (template, "number", "library://books/{number}{?page} needs books:read"),
        ] {
            let response = complete(&guest, reference, argument, "", json!({})).await;
            assert_eq!((response.status, response.expect_challenge().scopes()), (403, vec!["books:read"]));
            assert_eq!(response.json()["error"]["message"], needed);
        }
    }
}

#[tokio::test]
async fn s1_capabilities_are_declared_exactly_if_the_server_has_such_operations() {
    let with_all = library().await;
    let tools_only = TestServer::start().await;
    for (server, token, expected) in
        [(&with_all, "guest", vec!["completions", "prompts", "resources"]), (&tools_only, "public", vec!["tools"])]
    {
        let response = server.client_with(token, Revision::Modern).send_method("server/discover", json!({})).await;
        let declared = response.result()["capabilities"].as_object().unwrap();
        let declared: Vec<_> = declared.keys().filter(|name| *name != "extensions").collect();
        assert_eq!(declared, expected);
    }
    let client = tools_only.client_with("public", Revision::Legacy);
    for method in ["prompts/list", "resources/list", "resources/templates/list"] {
        assert_eq!(client.send_method(method, json!({})).await.error_code(), Some(-32601), "{method}");
    }
    assert_eq!(read(&client, "library://rules").await.error_code(), Some(-32601));
}

#[tokio::test]
async fn g1_pages_continue_the_list_of_their_caller_and_no_other() {
    let server = serve(|server| server.operations(|operations| operations.list_page_size = 1)).await;
    for revision in Revision::BOTH {
        let client = server.client_with("reader", revision);
        let (mut found, mut cursors, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
        loop {
            let params = cursor.take().map_or(json!({}), |cursor| json!({ "cursor": cursor }));
            let page = client.send_method("prompts/list", params).await;
            found.extend(names(&page, "prompts", "name"));
            if revision == Revision::Modern {
                assert_eq!(page.result()["cacheScope"], "private");
            }
            match page.result()["nextCursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
            cursors.extend(cursor.clone());
        }
        assert_eq!(found, ["broken", "cover", "review"]);
        let (guest, staff) = (server.client_with("guest", revision), server.client_with("staff", revision));
        for (client, method, cursor) in [
            (&guest, "prompts/list", &*cursors[0]),
            (&staff, "prompts/list", &cursors[0]),
            (&client, "resources/list", &cursors[0]),
            (&client, "prompts/list", "invented"),
            (&client, "prompts/list", ""),
        ] {
            let response = client.send_method(method, json!({ "cursor": cursor })).await;
            assert_eq!(response.error_code(), Some(-32602), "{method} {cursor}: {response:?}");
        }
    }
}

#[tokio::test]
async fn a_concealed_prompt_or_resource_does_not_exist() {
    let server = serve(Server::conceal_forbidden).await;
    for revision in Revision::BOTH {
        let guest = server.client_with("guest", revision);
        let [hidden, unknown] = [get(&guest, "review", json!({})).await, get(&guest, "reviex", json!({})).await];
        assert_eq!(hidden.json().to_string(), unknown.json().to_string().replace("reviex", "review"));
        let [hidden, unknown] = [read(&guest, "library://seal").await, read(&guest, "library://seax").await];
        assert_eq!(hidden.json().to_string(), unknown.json().to_string().replace("seax", "seal"));
        assert!(hidden.challenge().is_none());
    }
}

/// The scopes of a server that counts what is read.
static ARCHIVE: Scopes = Scopes::new(&["archive:read"]);

/// A box of the archive.
#[resource(uri = "archive://boxes/{label}", scopes = "archive:read", scopes_in = ARCHIVE)]
async fn archive_box(label: String, bodies: &ToolBodies) -> Vec<u8> {
    bodies.record_run();
    label.into_bytes()
}

#[tokio::test]
async fn s3_a_resource_is_read_only_after_its_uri_and_its_permission_were_checked() {
    let tokens = StaticTokens::new()
        .token("guest", Claims::new().subject("guest"))
        .token("reader", Claims::new().subject("reader").scopes(["archive:read"]));
    let server =
        TestServer::serve(|url| Server::new("archive", &ARCHIVE).server_url(url).skip_preflight().auth(tokens)).await;
    for (reads, revision) in Revision::BOTH.into_iter().enumerate() {
        let (guest, reader) = (server.client_with("guest", revision), server.client_with("reader", revision));
        for uri in [
            "archive://boxes/..",
            "archive://boxes/%2e%2e",
            "archive://boxes/..%2fsealed",
            "archive://boxes/%252e%252e",
            "archive://boxes/a%5Cb",
            "archive://boxes/a%00",
            "archive://boxes/a/../b",
            "Archive://boxes/a",
            "file:///etc/passwd",
        ] {
            assert_eq!(read(&reader, uri).await.json()["error"]["message"], "resource not found", "{uri}");
        }
        assert_eq!(read(&guest, "archive://boxes/a").await.expect_challenge().scopes(), ["archive:read"]);
        assert_eq!(server.bodies.runs(), reads, "a rejected read has run the body");
        let contents = read(&reader, "archive://boxes/%C3%A9").await.result()["contents"][0].clone();
        assert_eq!(contents["blob"], "w6k=", "base64 of the two bytes of the decoded label");
    }
}
