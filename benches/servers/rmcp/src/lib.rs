//! The tools in rmcp's own macros, stateless and without authentication.
//!
//! As rmcp's macros come, they make the router of all tools anew for every list and every call. With `shared` there is
//! one router for the whole process, which rmcp's macros allow by `#[tool_handler(router = ..)]`.

use std::sync::Arc;

use axum::Router;
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};

/// What `#[tool_handler(router = ROUTER)]` writes.
macro_rules! shared {
    () => {
        static ROUTER: std::sync::LazyLock<rmcp::handler::server::tool::ToolRouter<AsItComes>> =
            std::sync::LazyLock::new(AsItComes::tool_router);

        #[derive(Clone)]
        pub struct Shared;

        impl ServerHandler for Shared {
            fn get_info(&self) -> rmcp::model::ServerConfig {
                AsItComes.get_info()
            }

            async fn call_tool(
                &self,
                request: rmcp::model::CallToolRequestParams,
                context: rmcp::service::RequestContext<rmcp::RoleServer>,
            ) -> Result<rmcp::model::CallToolResponse, rmcp::ErrorData> {
                ROUTER.call(rmcp::handler::server::tool::ToolCallContext::new(&AsItComes, request, context)).await
            }

            async fn list_tools(
                &self,
                _: Option<rmcp::model::PaginatedRequestParams>,
                context: rmcp::service::RequestContext<rmcp::RoleServer>,
            ) -> Result<rmcp::model::ListToolsResult, rmcp::ErrorData> {
                let hints = context
                    .protocol_version()
                    .is_some_and(|version| version >= rmcp::model::ProtocolVersion::V_2026_07_28);
                let mut result = rmcp::model::ListToolsResult::with_all_items(ROUTER.list_all());
                result.ttl_ms = hints.then_some(0);
                result.cache_scope = hints.then_some(rmcp::model::CacheScope::Public);
                Ok(result)
            }

            fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
                ROUTER.get(name).cloned()
            }
        }
    };
}
use shared;

#[allow(clippy::pedantic, dead_code)]
mod generated {
    use super::shared;
    include!(concat!(env!("OUT_DIR"), "/tools.rs"));
}

/// The server with so many tools.
#[must_use]
pub fn router(tools: usize, shared: bool) -> Option<Router> {
    Some(match (tools, shared) {
        (20, false) => serve(generated::tools_20::AsItComes),
        (20, true) => serve(generated::tools_20::Shared),
        (100, false) => serve(generated::tools_100::AsItComes),
        (100, true) => serve(generated::tools_100::Shared),
        (500, false) => serve(generated::tools_500::AsItComes),
        (500, true) => serve(generated::tools_500::Shared),
        _ => return None,
    })
}

fn serve<S: ServerHandler + Clone>(handler: S) -> Router {
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service =
        StreamableHttpService::new(move || Ok(handler.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new().route_service("/mcp", service)
}
