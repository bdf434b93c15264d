//! Server under test, in the macros of rmcp, stateless and without authentication.
//!
//! By default, the macros of rmcp build the router of all tools for each list and each call. With `shared`, the process
//! has one router, which the macros support with `#[tool_handler(router = ..)]`.

use std::sync::Arc;

use axum::Router;
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};

/// Expansion of `#[tool_handler(router = ROUTER)]`.
macro_rules! shared {
    () => {
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

#[allow(clippy::pedantic, dead_code, reason = "generated code")]
mod generated {
    use super::shared;
    include!(concat!(env!("OUT_DIR"), "/tools.rs"));
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
