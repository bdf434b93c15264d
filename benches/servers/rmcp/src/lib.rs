//! Server under test, in the macros of rmcp, stateless and without authentication.
//!
//! By default, the macros of rmcp build the router of all tools or prompts for each list and each call. With `shared`, the
//! process has one router, which the macros support with `#[tool_handler(router = ..)]`, and one list of resources.

use std::sync::Arc;

use axum::Router;
use rmcp::{
    RoleServer, ServerHandler,
    model::ProtocolVersion,
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};

/// Handlers of `resources/list` and `resources/read`, which rmcp leaves to the application.
macro_rules! resource_handler {
    ($list:expr) => {
        async fn list_resources(
            &self,
            _: Option<rmcp::model::PaginatedRequestParams>,
            context: rmcp::service::RequestContext<rmcp::RoleServer>,
        ) -> Result<rmcp::model::ListResourcesResult, rmcp::ErrorData> {
            let hints = super::has_cache_hints(&context);
            let mut result = rmcp::model::ListResourcesResult::with_all_items($list);
            result.ttl_ms = hints.then_some(0);
            result.cache_scope = hints.then_some(rmcp::model::CacheScope::Public);
            Ok(result)
        }

        async fn read_resource(
            &self,
            request: rmcp::model::ReadResourceRequestParams,
            context: rmcp::service::RequestContext<rmcp::RoleServer>,
        ) -> Result<rmcp::model::ReadResourceResponse, rmcp::ErrorData> {
            let Some(text) = text_of(&request.uri) else {
                return Err(rmcp::ErrorData::resource_not_found("unknown resource", None));
            };
            let hints = super::has_cache_hints(&context);
            let contents = rmcp::model::ResourceContents::text(text, request.uri).with_mime_type(MIME_TYPE);
            let mut result = rmcp::model::ReadResourceResult::new(vec![contents]);
            result.ttl_ms = hints.then_some(0);
            result.cache_scope = hints.then_some(rmcp::model::CacheScope::Public);
            Ok(result.into())
        }
    };
}
use resource_handler;

/// Expansion of `#[tool_handler(router = ROUTER)]` and `#[prompt_handler(router = PROMPT_ROUTER)]`.
macro_rules! shared {
    () => {
        static PROMPT_ROUTER: std::sync::LazyLock<rmcp::handler::server::router::prompt::PromptRouter<Tools>> =
            std::sync::LazyLock::new(Tools::prompt_router);

        static RESOURCES: std::sync::LazyLock<Vec<rmcp::model::Resource>> = std::sync::LazyLock::new(resources);

        static ROUTER: std::sync::LazyLock<rmcp::handler::server::tool::ToolRouter<Tools>> =
            std::sync::LazyLock::new(Tools::tool_router);

        #[derive(Clone)]
        pub struct SharedTools;

        impl ServerHandler for SharedTools {
            fn get_info(&self) -> rmcp::model::ServerConfig {
                Tools.get_info()
            }

            async fn call_tool(
                &self,
                request: rmcp::model::CallToolRequestParams,
                context: rmcp::service::RequestContext<rmcp::RoleServer>,
            ) -> Result<rmcp::model::CallToolResponse, rmcp::ErrorData> {
                ROUTER.call(rmcp::handler::server::tool::ToolCallContext::new(&Tools, request, context)).await
            }

            async fn list_tools(
                &self,
                _: Option<rmcp::model::PaginatedRequestParams>,
                context: rmcp::service::RequestContext<rmcp::RoleServer>,
            ) -> Result<rmcp::model::ListToolsResult, rmcp::ErrorData> {
                let hints = super::has_cache_hints(&context);
                let mut result = rmcp::model::ListToolsResult::with_all_items(ROUTER.list_all());
                result.ttl_ms = hints.then_some(0);
                result.cache_scope = hints.then_some(rmcp::model::CacheScope::Public);
                Ok(result)
            }

            fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
                ROUTER.get(name).cloned()
            }

            async fn get_prompt(
                &self,
                request: rmcp::model::GetPromptRequestParams,
                context: rmcp::service::RequestContext<rmcp::RoleServer>,
            ) -> Result<rmcp::model::GetPromptResponse, rmcp::ErrorData> {
                let context = rmcp::handler::server::prompt::PromptContext::new(
                    &Tools,
                    request.name,
                    request.arguments,
                    context,
                );
                PROMPT_ROUTER.get_prompt(context).await
            }

            async fn list_prompts(
                &self,
                _: Option<rmcp::model::PaginatedRequestParams>,
                context: rmcp::service::RequestContext<rmcp::RoleServer>,
            ) -> Result<rmcp::model::ListPromptsResult, rmcp::ErrorData> {
                let hints = super::has_cache_hints(&context);
                let mut result = rmcp::model::ListPromptsResult::with_all_items(PROMPT_ROUTER.list_all());
                result.ttl_ms = hints.then_some(0);
                result.cache_scope = hints.then_some(rmcp::model::CacheScope::Public);
                Ok(result)
            }

            super::resource_handler!(RESOURCES.clone());
        }
    };
}
use shared;

#[allow(clippy::pedantic, dead_code, reason = "generated code")]
mod generated {
    use super::{has_cache_hints, resource_handler, shared};
    include!(concat!(env!("OUT_DIR"), "/tools.rs"));
}

/// Returns whether results have `ttlMs` and `cacheScope`.
fn has_cache_hints(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// Returns the server with the given number of tools: 20, 100 or 500.
#[must_use]
pub fn router(tools: usize, shared: bool) -> Option<Router> {
    Some(match (tools, shared) {
        (20, false) => serve(generated::tools_20::Tools),
        (20, true) => serve(generated::tools_20::SharedTools),
        (100, false) => serve(generated::tools_100::Tools),
        (100, true) => serve(generated::tools_100::SharedTools),
        (500, false) => serve(generated::tools_500::Tools),
        (500, true) => serve(generated::tools_500::SharedTools),
        _ => return None,
    })
}

fn serve<S: ServerHandler + Clone>(handler: S) -> Router {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service =
        StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new().route_service("/mcp", service)
}
