//! An rmcp server behind the gate.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::wrapper::Parameters,
    model::{
        CallToolResult, ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, Prompt, PromptMessage,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource, ResourceContents,
        ResourceTemplate, Role, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use serde_json::{Value, json};
use toolgate::{
    BuildProblem, Caller, MountPolicy, OperationKind, Requires, Server,
    auth::{Claims, StaticTokens},
    prelude::{Deserialize, JsonSchema, Scopes, scope},
};
use toolgate_tests::{HttpResponse, Revision, TestServer};

/// The scopes of the server.
static WEATHER: Scopes = Scopes::new(&["weather:read", "weather:write"]);

#[derive(Deserialize, JsonSchema)]
struct City {
    city: String,
}

#[derive(Clone)]
struct Weather;

#[tool_router]
impl Weather {
    #[tool(description = "Return the forecast.")]
    async fn forecast(&self, Parameters(City { city }): Parameters<City>) -> String {
        format!("sunny in {city}")
    }

    #[tool(description = "Report a storm.")]
    async fn report_storm(&self) -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::text("reported")])
    }

    #[tool(description = "Show the headers of the request.")]
    async fn headers(&self, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        let parts = context.extensions.get::<axum::http::request::Parts>();
        Ok(format!("{:?}", parts.ok_or_else(|| ErrorData::internal_error("no parts", None))?.headers))
    }

    #[tool(description = "Return the user.")]
    async fn user(&self, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        let parts = context.extensions.get::<axum::http::request::Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Arc<Caller>>());
        let caller = caller.ok_or_else(|| ErrorData::internal_error("no caller", None))?;
        Ok(caller.user_id().unwrap_or_default().to_owned())
    }

    #[tool(description = "Fail.")]
    async fn fail(&self) -> Result<String, ErrorData> {
        Err(ErrorData::invalid_params("no storm", Some(json!({ "hint": "wait" }))))
    }

    #[tool(description = "Delete everything.")]
    async fn unnamed(&self) -> String {
        unreachable!("the policy does not name this tool")
    }
}

#[tool_handler]
impl ServerHandler for Weather {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_prompts().enable_resources().build())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(vec![Prompt::new("report", Some("Write a report."), None)]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, request.name)]).into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        // Two pages, of which the policy names one resource each.
        let Some(_) = request.and_then(|request| request.cursor) else {
            let mut list = ListResourcesResult::with_all_items(vec![Resource::new("weather://map", "map")]);
            list.next_cursor = Some("2".to_owned());
            return Ok(list);
        };
        let resources = ["weather://radar", "weather://unnamed"].map(|uri| Resource::new(uri, uri));
        Ok(ListResourcesResult::with_all_items(resources.into()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let template = ResourceTemplate::new("weather://stations/{id}", "station");
        Ok(ListResourceTemplatesResult::with_all_items(vec![template]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(ReadResourceResult::new(vec![ResourceContents::text("contents", request.uri)]).into())
    }
}

fn policy() -> MountPolicy {
    MountPolicy::new()
        .tool("forecast", scope!("weather:read", in WEATHER))
        .tool("report_storm", [scope!("weather:read", in WEATHER), scope!("weather:write", in WEATHER)])
        .tool("headers", Requires::authentication())
        .tool("user", Requires::authentication())
        .tool("fail", Requires::authentication())
        .prompt("report", Requires::any([scope!("weather:read", in WEATHER), scope!("weather:write", in WEATHER)]))
        .resource("weather://map", Requires::authentication())
        .resource("weather://radar", scope!("weather:read", in WEATHER))
        .resource("weather://stations/{id}", scope!("weather:read", in WEATHER))
}

async fn weather() -> TestServer {
    let tokens = StaticTokens::new()
        .token("guest", Claims::new().subject("guest"))
        .token("reader", Claims::new().subject("reader").scopes(["weather:read"]));
    TestServer::serve(|url| {
        let server = Server::new("weather", &WEATHER).server_url(url).skip_preflight();
        server.auth(tokens).mount(Weather, policy())
    })
    .await
}

fn names(response: &HttpResponse, list: &str, name: &str) -> Vec<Value> {
    response.result()[list].as_array().unwrap().iter().map(|item| item[name].clone()).collect()
}

#[tokio::test]
async fn a_mounted_server_is_listed_and_called_under_its_policy() {
    let server = weather().await;
    for revision in Revision::BOTH {
        let (guest, reader) = (server.client_with("guest", revision), server.client_with("reader", revision));
        assert_eq!(guest.tool_names().await, ["fail", "headers", "user"]);
        assert_eq!(reader.tool_names().await, ["fail", "forecast", "headers", "user"]);
        let list = |client: &toolgate_tests::Client, method: &'static str| {
            let client = client.clone();
            async move { client.send_method(method, json!({})).await }
        };
        assert_eq!(names(&list(&guest, "prompts/list").await, "prompts", "name"), Vec::<Value>::new());
        assert_eq!(names(&list(&guest, "resources/list").await, "resources", "uri"), ["weather://map"]);
        assert_eq!(names(&list(&reader, "prompts/list").await, "prompts", "name"), ["report"]);
        assert_eq!(
            names(&list(&reader, "resources/list").await, "resources", "uri"),
            ["weather://map", "weather://radar"]
        );

        let forecast = reader.call("forecast", json!({ "city": "Ghent" })).await;
        assert_eq!(forecast.text_content(), "sunny in Ghent");
        let response = reader.call("report_storm", json!({})).await;
        assert_eq!(
            (response.status, response.expect_challenge().scopes()),
            (403, vec!["weather:read", "weather:write"])
        );
        let response = guest.call("forecast", json!({ "city": "Ghent" })).await;
        assert_eq!(response.expect_challenge().scopes(), ["weather:read"]);

        let prompt = reader.send_method("prompts/get", json!({ "name": "report" })).await;
        assert_eq!(prompt.result()["messages"][0]["content"]["text"], "report");
        assert_eq!(guest.send_method("prompts/get", json!({ "name": "report" })).await.status, 403);
        let station = reader.send_method("resources/read", json!({ "uri": "weather://stations/7" })).await;
        assert_eq!(station.result()["contents"][0]["uri"], "weather://stations/7");
        let traversal = reader.send_method("resources/read", json!({ "uri": "weather://stations/%2e%2e" })).await;
        assert_eq!(traversal.json()["error"]["message"], "resource not found");
    }
}

#[tokio::test]
async fn what_the_policy_does_not_name_does_not_exist() {
    let server = weather().await;
    for revision in Revision::BOTH {
        let reader = server.client_with("reader", revision);
        let [unnamed, unknown] = [reader.call("unnamed", json!({})).await, reader.call("unknown", json!({})).await];
        assert_eq!(
            unnamed.json().to_string(),
            unknown.json().to_string().replace("unknown tool: unknown", "unknown tool: unnamed")
        );
        let read = |uri: &'static str| {
            let reader = reader.clone();
            async move { reader.send_method("resources/read", json!({ "uri": uri })).await.json().to_string() }
        };
        let [unnamed, unknown] = [read("weather://unnamed").await, read("weather://unknown").await];
        assert_eq!(unnamed, unknown.replace("unknown", "unnamed"));
    }
}

#[tokio::test]
async fn a_mounted_server_receives_the_request_without_credentials_with_its_caller_and_its_errors_are_unchanged() {
    let server = weather().await;
    for revision in Revision::BOTH {
        let guest = server.client_with("guest", revision);
        let headers = guest.call("headers", json!({})).await;
        let text = headers.text_content();
        assert!(text.contains("mcp-protocol-version") && !text.contains("authorization"), "{text}");
        for (client, user) in [(&guest, "guest"), (&server.client_with("reader", revision), "reader")] {
            assert_eq!(client.call("user", json!({})).await.text_content(), user);
        }
        let error = guest.call("fail", json!({})).await;
        assert_eq!(
            error.json()["error"],
            json!({ "code": -32602, "message": "no storm", "data": { "hint": "wait" } })
        );
    }
}

#[test]
fn a_name_that_the_server_does_not_list_is_a_problem() {
    let policy = policy().tool("forcast", scope!("weather:read", in WEATHER)).prompt("x", Requires::authentication());
    let server = Server::new("weather", &WEATHER)
        .server_url("http://127.0.0.1:1")
        .auth(StaticTokens::new())
        .mount(Weather, policy);
    let error = server.build().unwrap_err();
    for (kind, name) in [(OperationKind::Tool, "forcast"), (OperationKind::Prompt, "x")] {
        let expected = BuildProblem::MissingMountedOperation { kind, name };
        assert!(error.problems().contains(&expected), "{error}");
    }
    assert_eq!(error.problems().len(), 2, "{error}");
}

#[test]
fn the_policy_has_the_operations_of_a_mounted_server() {
    let server = Server::new("weather", &WEATHER).mount(Weather, policy());
    let operations = server.policy().operations;
    let requirement = |name: &str| operations.iter().find(|operation| operation.name == name).unwrap().requirement();
    assert_eq!(requirement("report_storm"), "weather:read and weather:write");
    assert_eq!(requirement("headers"), "any valid token");
    assert_eq!(requirement("weather://stations/{id}"), "weather:read");
}

#[test]
fn an_unnamed_resource_that_a_named_template_matches_is_a_problem() {
    let policy = MountPolicy::new().resource("weather://stations/{id}", Requires::authentication());
    let build = |handler| {
        let server = Server::new("weather", &WEATHER).server_url("http://127.0.0.1:1").auth(StaticTokens::new());
        server.mount(handler, policy.clone()).build()
    };
    assert!(build(Stations(vec!["weather://map"])).is_ok());
    for uri in ["weather://stations/admin", "weather://stations/{other}"] {
        let expected =
            BuildProblem::UnnamedMountedResource { uri: uri.to_owned(), template: "weather://stations/{id}" };
        assert_eq!(build(Stations(vec![uri])).unwrap_err().problems(), [expected]);
    }
}

/// A server with the template of stations and other resources.
struct Stations(Vec<&'static str>);

impl ServerHandler for Stations {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_resources().build())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let uris = self.0.iter().filter(|uri| !uri.contains('{'));
        Ok(ListResourcesResult::with_all_items(uris.map(|uri| Resource::new(*uri, *uri)).collect()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let others = self.0.iter().filter(|uri| uri.contains('{'));
        let templates = ["weather://stations/{id}"].iter().chain(others);
        let templates = templates.map(|uri| ResourceTemplate::new(*uri, *uri)).collect();
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }
}
