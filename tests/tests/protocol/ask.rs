//! Questions to the user during a call: `Context::ask`.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use toolgate::{
    Scopes, Server,
    auth::{Claims, StaticTokens},
    input::{AskError, Confirm, Form, InputRequired, form},
    prelude::*,
};
use toolgate_tests::{HttpResponse, Revision, TestServer, ToolBodies};

/// The scopes of a server whose tools ask.
pub(crate) static ASK_SCOPES: Scopes = Scopes::new(&["tickets:write"]);

/// Price of an order, which changes between two rounds.
#[derive(Clone, Default)]
struct Price(Arc<AtomicU32>);

#[derive(Deserialize, JsonSchema, Form)]
struct Number {
    /// A number.
    #[schemars(range(max = 1000))]
    number: u32,
}

#[derive(Deserialize, JsonSchema, Form)]
struct Text {
    text: String,
}

/// Delete a ticket after a confirmation.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_delete(ticket: u32, context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    let Confirm {} = context.ask(format!("Delete ticket {ticket}?")).await?;
    bodies.record_run();
    Ok(format!("ticket {ticket} was deleted"))
}

/// Ask for as many numbers as there are questions, one after the other.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_numbers(questions: Vec<u8>, context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    bodies.record_run();
    let mut numbers = Vec::new();
    for question in questions {
        numbers.push(context.ask::<Number>(format!("Number {question}?")).await?.number);
    }
    Ok(format!("{numbers:?}"))
}

/// Ask two questions at the same time.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_together(context: &Context) -> Result<String, ToolError> {
    let (number, text) = tokio::join!(context.ask::<Number>("Number?"), context.ask::<Text>("Text?"));
    Ok(format!("{} {}", number?.number, text?.text))
}

/// Ask whether to buy at the current price.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_order(price: &Price, context: &Context) -> Result<String, ToolError> {
    let price = price.0.load(Ordering::Relaxed);
    context.ask::<Confirm>(format!("Buy for {price} euros?")).await?;
    Ok(format!("bought for {price} euros"))
}

/// Report what the user did.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_handled(context: &Context) -> Result<String, ToolError> {
    let first = match context.ask::<Confirm>("First?").await {
        Ok(Confirm {}) => "accepted",
        Err(AskError::Declined) => "declined",
        Err(AskError::Cancelled) => "cancelled",
        Err(error) => return Err(error.into()),
    };
    let second = context.ask::<Text>("Second?").await?.text;
    Ok(format!("{first}, {second}"))
}

/// Ask long texts without an end.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_texts(context: &Context) -> Result<String, ToolError> {
    loop {
        context.ask::<Text>("Another text?").await?;
    }
}

/// Drop a question before it is answered.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_abandoned(context: &Context) -> String {
    tokio::select! {
        biased;
        _ = context.ask::<Confirm>("Ignored?") => {}
        () = std::future::ready(()) => {}
    }
    tokio::task::yield_now().await;
    "not asked".to_owned()
}

/// Ask before and after a request of another kind, with a state.
#[tool(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_mixed(context: &Context) -> Result<String, ToolError> {
    let before = context.ask::<Number>("Before?").await?.number;
    let (Some(own), Some(state)) = (context.input_response("own"), context.request_state()) else {
        return Err(InputRequired::request("own", form::<Confirm>("Own?")?).state("kept").into());
    };
    let after = context.ask::<Number>("After?").await?.number;
    Ok(format!("{before} {} {state} {after}", own["action"].as_str().unwrap_or_default()))
}

/// Write a reply in a language that the user chooses.
#[prompt(authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_prompt(ticket: u32, context: &Context) -> Result<String, ToolError> {
    let language = context.ask::<Text>("Which language?").await?.text;
    Ok(format!("Reply to ticket {ticket} in {language}."))
}

/// Policy that the user has to acknowledge.
#[resource(uri = "ask://policy", authenticated, scopes_in = crate::ask::ASK_SCOPES)]
async fn ask_resource(context: &Context) -> Result<String, ToolError> {
    context.ask::<Confirm>("Will you keep this to yourself?").await?;
    Ok("the policy".to_owned())
}

async fn start_with(price: Price) -> TestServer {
    let tokens = StaticTokens::new()
        .token("sam", Claims::new().subject("sam"))
        .token("harriet", Claims::new().subject("harriet"));
    TestServer::serve(|url| {
        Server::new("tickets", &ASK_SCOPES).server_url(url).skip_preflight().auth(tokens).state(price)
    })
    .await
}

async fn start() -> TestServer {
    start_with(Price::default()).await
}

/// One round of a call by Sam.
async fn round(server: &TestServer, tool: &str, arguments: &Value, input: &Value) -> HttpResponse {
    round_of("sam", server, tool, arguments, input).await
}

async fn round_of(token: &str, server: &TestServer, tool: &str, arguments: &Value, input: &Value) -> HttpResponse {
    send(token, server, Revision::Modern.call_message(tool, arguments), input).await
}

async fn send(token: &str, server: &TestServer, mut message: Value, input: &Value) -> HttpResponse {
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
    message["params"].as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    server.client_with(token, Revision::Modern).send(&message).await
}

/// Returns the questions of a response, as key and message.
fn questions(response: &HttpResponse) -> Vec<(String, String)> {
    assert_eq!(response.result()["resultType"], "input_required", "{response:?}");
    let requests = response.result()["inputRequests"].as_object().unwrap();
    let message = |request: &Value| request["params"]["message"].as_str().unwrap().to_owned();
    requests.iter().map(|(key, request)| (key.clone(), message(request))).collect()
}

/// Returns the only question of a response.
fn question(response: &HttpResponse) -> (String, String) {
    let mut all = questions(response);
    assert_eq!(all.len(), 1, "{response:?}");
    all.remove(0)
}

/// The input that answers every question of a response in the same way.
fn reply(response: &HttpResponse, answer: &Value) -> Value {
    let responses: serde_json::Map<_, _> =
        questions(response).into_iter().map(|(key, _)| (key, answer.clone())).collect();
    json!({ "inputResponses": responses, "requestState": response.result()["requestState"] })
}

fn accept(content: &Value) -> Value {
    json!({ "action": "accept", "content": content })
}

#[tokio::test]
async fn the_body_continues_after_the_user_has_accepted() {
    let server = start().await;
    let arguments = json!({ "ticket": 42 });
    let asked = round(&server, "ask_delete", &arguments, &json!({})).await;
    assert_eq!(question(&asked).1, "Delete ticket 42?");
    assert_eq!(server.bodies.runs(), 0);
    let input = reply(&asked, &accept(&json!({})));
    let deleted = round(&server, "ask_delete", &arguments, &input).await;
    assert_eq!(deleted.text_content(), "ticket 42 was deleted");
    // A client that sends no content accepts, too.
    let input = reply(&asked, &json!({ "action": "accept" }));
    assert_eq!(round(&server, "ask_delete", &arguments, &input).await.text_content(), "ticket 42 was deleted");
    assert_eq!(server.bodies.runs(), 2);
}

#[tokio::test]
async fn e1_decline_and_cancel_end_the_call_with_a_text_for_the_model() {
    let server = start().await;
    let arguments = json!({ "ticket": 42 });
    let asked = round(&server, "ask_delete", &arguments, &json!({})).await;
    for (action, text) in [
        ("decline", "the user declined: nothing more was done"),
        ("cancel", "the user closed the question without an answer: nothing more was done"),
    ] {
        let response = round(&server, "ask_delete", &arguments, &reply(&asked, &json!({ "action": action }))).await;
        assert!(response.is_tool_error(), "{response:?}");
        assert_eq!(response.text_content(), text);
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_body_can_handle_decline_and_cancel_and_ask_on() {
    let server = start().await;
    for (action, expected) in [("accept", "accepted"), ("decline", "declined"), ("cancel", "cancelled")] {
        let first = round(&server, "ask_handled", &json!({}), &json!({})).await;
        let second = round(&server, "ask_handled", &json!({}), &reply(&first, &json!({ "action": action }))).await;
        assert_eq!(question(&second).1, "Second?");
        let input = reply(&second, &accept(&json!({ "text": "done" })));
        let response = round(&server, "ask_handled", &json!({}), &input).await;
        assert_eq!(response.text_content(), format!("{expected}, done"));
    }
}

#[tokio::test]
async fn questions_that_follow_each_other_keep_the_earlier_answers() {
    let server = start().await;
    // The third question equals the first one, and is another question.
    let arguments = json!({ "questions": [1, 2, 1] });
    let mut response = round(&server, "ask_numbers", &arguments, &json!({})).await;
    let mut keys = Vec::new();
    for (number, message) in [(10, "Number 1?"), (20, "Number 2?"), (30, "Number 1?")] {
        let (key, asked) = question(&response);
        assert_eq!(asked, message);
        keys.push(key);
        let input = reply(&response, &accept(&json!({ "number": number })));
        response = round(&server, "ask_numbers", &arguments, &input).await;
    }
    assert_eq!(response.text_content(), "[10, 20, 30]");
    assert_eq!(server.bodies.runs(), 4, "the body runs again from its start in every round");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[tokio::test]
async fn questions_that_wait_at_the_same_time_are_asked_in_one_round() {
    let server = start().await;
    let asked = round(&server, "ask_together", &json!({}), &json!({})).await;
    let answers: serde_json::Map<_, _> = questions(&asked)
        .into_iter()
        .map(|(key, message)| {
            let content = if message == "Text?" { json!({ "text": "seven" }) } else { json!({ "number": 7 }) };
            (key, accept(&content))
        })
        .collect();
    assert_eq!(answers.len(), 2);
    let state = asked.result()["requestState"].clone();
    let input = json!({ "inputResponses": answers, "requestState": state });
    assert_eq!(round(&server, "ask_together", &json!({}), &input).await.text_content(), "7 seven");
    // A client that answers one of them is asked for the other one.
    for (key, answer) in &answers {
        let input = json!({ "inputResponses": { key: answer }, "requestState": state });
        let response = round(&server, "ask_together", &json!({}), &input).await;
        let (missing, _) = question(&response);
        assert_ne!(missing, *key);
        let input = json!({
            "inputResponses": { &missing: answers[&missing] }, "requestState": response.result()["requestState"],
        });
        assert_eq!(round(&server, "ask_together", &json!({}), &input).await.text_content(), "7 seven");
    }
}

#[tokio::test]
async fn e3_an_answer_to_a_question_that_was_not_asked_is_ignored() {
    let server = start().await;
    let arguments = json!({ "questions": [1, 2] });
    let first = round(&server, "ask_numbers", &arguments, &json!({})).await;
    let second = round(&server, "ask_numbers", &arguments, &reply(&first, &accept(&json!({ "number": 1 })))).await;
    let (first_key, second_key) = (question(&first).0, question(&second).0);
    // Without a state, and with the state of the round in which only the first question was asked: a client can know the
    // key of the second one from another call.
    let answers = json!({ first_key.clone(): accept(&json!({ "number": 8 })), second_key.clone(): accept(&json!({ "number": 9 })) });
    let response = round(&server, "ask_numbers", &arguments, &json!({ "inputResponses": answers })).await;
    assert_eq!(question(&response).0, first_key);
    let input = json!({ "inputResponses": answers, "requestState": first.result()["requestState"] });
    let response = round(&server, "ask_numbers", &arguments, &input).await;
    assert_eq!(question(&response).0, second_key);
    // Nor does a second answer to the first question replace the one that was given.
    let input = json!({ "inputResponses": answers, "requestState": second.result()["requestState"] });
    assert_eq!(round(&server, "ask_numbers", &arguments, &input).await.text_content(), "[1, 9]");
}

#[tokio::test]
async fn an_answer_does_not_count_for_a_changed_question() {
    let price = Price::default();
    let server = start_with(price.clone()).await;
    price.0.store(10, Ordering::Relaxed);
    let asked = round(&server, "ask_order", &json!({}), &json!({})).await;
    price.0.store(9000, Ordering::Relaxed);
    let input = reply(&asked, &accept(&json!({})));
    let again = round(&server, "ask_order", &json!({}), &input).await;
    assert_eq!(question(&again).1, "Buy for 9000 euros?");
    let input = reply(&again, &accept(&json!({})));
    assert_eq!(round(&server, "ask_order", &json!({}), &input).await.text_content(), "bought for 9000 euros");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_form_is_asked_for_once_more() {
    let server = start().await;
    let arguments = json!({ "questions": [1] });
    let asked = round(&server, "ask_numbers", &arguments, &json!({})).await;
    for invalid in [json!({}), json!({ "number": 1001 }), json!({ "number": "swordfish" })] {
        let input = reply(&asked, &accept(&invalid));
        let again = round(&server, "ask_numbers", &arguments, &input).await;
        let message = question(&again).1;
        assert!(message.starts_with("Number 1?\n\nThe last answer does not fit the form:\n- "), "{message}");
        assert!(!message.contains("swordfish"), "{message}");
        let input = reply(&again, &accept(&json!({ "number": 7.0 })));
        assert_eq!(round(&server, "ask_numbers", &arguments, &input).await.text_content(), "[7]");
        let failed = round(&server, "ask_numbers", &arguments, &reply(&again, &accept(&invalid))).await;
        assert!(failed.is_tool_error(), "{failed:?}");
        let text = failed.text_content();
        assert!(text.starts_with("the user's answer does not fit the form:"), "{text}");
    }
}

#[tokio::test]
async fn e3_a_state_is_valid_for_its_caller_and_call_only() {
    let server = start().await;
    let arguments = json!({ "ticket": 42 });
    let asked = round(&server, "ask_delete", &arguments, &json!({})).await;
    let input = reply(&asked, &accept(&json!({})));
    let state = input["requestState"].as_str().unwrap().to_owned();
    let response = round_of("harriet", &server, "ask_delete", &arguments, &input).await;
    assert_eq!(response.error_code(), Some(-32602), "another caller: {response:?}");
    let response = round(&server, "ask_delete", &json!({ "ticket": 43 }), &input).await;
    assert_eq!(response.error_code(), Some(-32602), "another ticket: {response:?}");
    for (i, _) in state.char_indices().step_by(7) {
        let mut tampered = state.clone().into_bytes();
        tampered[i] = if tampered[i] == b'A' { b'B' } else { b'A' };
        let mut input = input.clone();
        input["requestState"] = String::from_utf8(tampered).unwrap().into();
        let response = round(&server, "ask_delete", &arguments, &input).await;
        assert_eq!(response.error_code(), Some(-32602), "{i}: {response:?}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn questions_work_beside_input_requests_and_their_state() {
    let server = start().await;
    let before = round(&server, "ask_mixed", &json!({}), &json!({})).await;
    let own = round(&server, "ask_mixed", &json!({}), &reply(&before, &accept(&json!({ "number": 1 })))).await;
    assert_eq!(question(&own), ("own".to_owned(), "Own?".to_owned()));
    let after = round(&server, "ask_mixed", &json!({}), &reply(&own, &json!({ "action": "decline" }))).await;
    assert_eq!(question(&after).1, "After?");
    let done = round(&server, "ask_mixed", &json!({}), &reply(&after, &accept(&json!({ "number": 2 })))).await;
    assert_eq!(done.text_content(), "1 decline kept 2");
}

#[tokio::test]
async fn a_question_that_the_body_gives_up_is_not_asked() {
    let server = start().await;
    assert_eq!(round(&server, "ask_abandoned", &json!({}), &json!({})).await.text_content(), "not asked");
}

#[tokio::test]
async fn the_number_of_questions_and_the_size_of_their_answers_are_bounded() {
    let server = start().await;
    for (text, rounds) in [("x".to_owned(), 32), ("x".repeat(15_000), 3), ("x".repeat(40_000), 1)] {
        let mut response = round(&server, "ask_texts", &json!({}), &json!({})).await;
        for number in 1..=rounds {
            let input = reply(&response, &accept(&json!({ "text": text })));
            response = round(&server, "ask_texts", &json!({}), &input).await;
            assert_eq!(response.is_tool_error(), number == rounds, "{number}");
        }
        assert_eq!(response.text_content(), "the call asks too many questions, or their answers are too long");
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_gets_an_error_that_says_what_to_do() {
    let server = start().await;
    let message = Revision::Modern.call_message("ask_delete", &json!({ "ticket": 1 }));
    let response = server.client_with("sam", Revision::Modern).send(&message).await;
    assert_eq!(response.error_code(), Some(-32021), "{response:?}");
    let required = &response.json()["error"]["data"]["requiredCapabilities"];
    assert_eq!(*required, json!({ "elicitation": { "form": {} } }));
    let response = server.client_with("sam", Revision::Legacy).call("ask_delete", json!({ "ticket": 1 })).await;
    assert!(response.is_tool_error(), "{response:?}");
    assert!(response.text_content().contains("use a client that supports MCP 2026-07-28"), "{response:?}");
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn p3_prompts_and_resources_ask_as_tools_do() {
    let server = start().await;
    let prompt = json!({ "name": "ask_prompt", "arguments": { "ticket": "7" } });
    let resource = json!({ "uri": "ask://policy" });
    for (method, params, content, pointer, expected) in [
        (
            "prompts/get",
            &prompt,
            json!({ "text": "French" }),
            "/messages/0/content/text",
            "Reply to ticket 7 in French.",
        ),
        ("resources/read", &resource, json!({}), "/contents/0/text", "the policy"),
    ] {
        let message = || Revision::Modern.message(method, params.clone());
        let asked = send("sam", &server, message(), &json!({})).await;
        let answered = send("sam", &server, message(), &reply(&asked, &accept(&content))).await;
        let text = answered.result().pointer(pointer).and_then(Value::as_str);
        assert_eq!(text, Some(expected), "{answered:?}");
        let declined = send("sam", &server, message(), &reply(&asked, &json!({ "action": "decline" }))).await;
        let error = declined.json()["error"]["message"].as_str();
        assert_eq!(error, Some("the user declined: nothing more was done"), "{declined:?}");
        // The state of one operation is not valid for another one.
        let input = reply(&asked, &accept(&content));
        let response = round(&server, "ask_delete", &json!({ "ticket": 7 }), &input).await;
        assert_eq!(response.error_code(), Some(-32602), "{response:?}");
    }
}

/// Hostile additions to the responses of a round.
#[derive(Clone, Debug)]
enum Extra {
    Nothing,
    /// Answers to all questions of the rounds before.
    Earlier,
    /// Answers to questions of another call.
    Foreign,
}

#[test]
fn every_question_gets_the_answer_that_was_given_to_it() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(start());
    // The keys of a call that asks everything, in every number.
    let foreign = runtime.block_on(async {
        let arguments = json!({ "questions": [0, 0, 1, 1, 2, 2] });
        let mut keys = Vec::new();
        let mut response = round(&server, "ask_numbers", &arguments, &json!({})).await;
        while response.result()["resultType"] == "input_required" {
            keys.push(question(&response).0);
            let input = reply(&response, &accept(&json!({ "number": 999 })));
            response = round(&server, "ask_numbers", &arguments, &input).await;
        }
        keys
    });
    let extra = prop_oneof![Just(Extra::Nothing), Just(Extra::Earlier), Just(Extra::Foreign)];
    let calls = prop::collection::vec((0..3_u8, 0..=1000_u32, extra), 0..6);
    proptest!(ProptestConfig::with_cases(48), |(call in calls)| {
        runtime.block_on(async {
            let arguments = json!({ "questions": call.iter().map(|(question, ..)| question).collect::<Vec<_>>() });
            let mut response = round(&server, "ask_numbers", &arguments, &json!({})).await;
            let mut earlier: Vec<String> = Vec::new();
            for (number, answer, extra) in &call {
                let (key, message) = question(&response);
                assert_eq!(message, format!("Number {number}?"));
                assert!(!earlier.contains(&key));
                let extra = match extra {
                    Extra::Nothing => &[],
                    Extra::Earlier => earlier.as_slice(),
                    Extra::Foreign => foreign.as_slice(),
                };
                let wrong = accept(&json!({ "number": 998 }));
                let mut input = reply(&response, &wrong);
                let responses = input["inputResponses"].as_object_mut().unwrap();
                responses.extend(extra.iter().map(|key| (key.clone(), wrong.clone())));
                responses.insert(key.clone(), accept(&json!({ "number": answer })));
                earlier.push(key);
                response = round(&server, "ask_numbers", &arguments, &input).await;
            }
            let expected: Vec<_> = call.iter().map(|(_, answer, _)| *answer).collect();
            assert_eq!(response.text_content(), format!("{expected:?}"));
        });
    });
}
