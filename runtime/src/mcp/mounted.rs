//! An rmcp server behind the gate: listing what it has, and passing decided calls on to it.

use std::{io, sync::Arc, thread, time::Duration};

use async_trait::async_trait;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientJsonRpcMessage, ClientRequest, ErrorCode,
        GetPromptRequest, GetPromptRequestParams, Implementation, InitializeRequestParams, InitializedNotification,
        ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest,
        PaginatedRequestParams, ProtocolVersion, ReadResourceRequest, ReadResourceRequestParams, RequestId,
        RequestOptionalParam, ServerResult,
    },
    service::{DynService, RequestContext, serve_directly},
    transport::OneshotTransport,
};
use serde_json::{Map, Value};
use thiserror::Error;

use super::client_request::CallContext;
use crate::{
    operation::{Context, InputRequired, OperationKind, OperationResult, ResourceBody, ToolError},
    registry::{ListKind, Listing, MountedServer},
};

/// Maximum time for listing everything that a server has.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of pages of one list.
const MAX_PAGES: usize = 1000;

/// A mounted server could not be listed.
#[derive(Debug, Error)]
pub(crate) enum ListError {
    #[error("{method} failed: {message}")]
    Failed { method: &'static str, message: String },
    #[error("it did not respond within {LIST_TIMEOUT:?}")]
    TimedOut,
    #[error("it panicked")]
    Panicked,
    /// The runtime that lists the server could not be created.
    #[error(transparent)]
    Runtime(io::Error),
}

/// An rmcp server.
#[derive(Clone)]
pub(crate) struct Mounted(Arc<dyn DynService<RoleServer>>);

impl Mounted {
    pub(crate) fn new(handler: impl ServerHandler) -> Self {
        Self(Arc::new(handler))
    }

    /// Returns everything that the server lists.
    ///
    /// # Errors
    ///
    /// The server returns an error, panics, or does not respond in time.
    pub(crate) fn list(&self) -> Result<Vec<Listing>, ListError> {
        // `build` is not async, and may be called inside of a runtime, which cannot be blocked on from its own thread.
        let listing = thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.map_err(ListError::Runtime)?.block_on(async {
                    let listed = tokio::time::timeout(LIST_TIMEOUT, self.list_all()).await;
                    listed.unwrap_or(Err(ListError::TimedOut))
                })
            });
            thread.join()
        });
        listing.unwrap_or(Err(ListError::Panicked))
    }

    async fn list_all(&self) -> Result<Vec<Listing>, ListError> {
        let context = local_context();
        let mut listings = Vec::new();
        for kind in ListKind::ALL {
            self.list_of(kind, &context, &mut listings)
                .await
                .map_err(|error| ListError::Failed { method: kind.method(), message: error.message.into_owned() })?;
        }
        Ok(listings)
    }

    /// Adds every page of a list. A list that the server does not have is empty.
    async fn list_of(
        &self,
        kind: ListKind,
        context: &RequestContext<RoleServer>,
        listings: &mut Vec<Listing>,
    ) -> Result<(), ErrorData> {
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.take().map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let request = match kind {
                ListKind::Tools => ClientRequest::ListToolsRequest(with(ListToolsRequest::default(), params)),
                ListKind::Prompts => ClientRequest::ListPromptsRequest(with(ListPromptsRequest::default(), params)),
                ListKind::Resources => {
                    ClientRequest::ListResourcesRequest(with(ListResourcesRequest::default(), params))
                }
                ListKind::ResourceTemplates => {
                    ClientRequest::ListResourceTemplatesRequest(with(ListResourceTemplatesRequest::default(), params))
                }
            };
            let result = match self.0.handle_request(request, context.clone()).await {
                Err(error) if error.code == ErrorCode::METHOD_NOT_FOUND => return Ok(()),
                result => result?,
            };
            cursor = match result {
                ServerResult::ListToolsResult(list) => {
                    listings.extend(list.tools.into_iter().map(Listing::Tool));
                    list.next_cursor
                }
                ServerResult::ListPromptsResult(list) => {
                    listings.extend(list.prompts.into_iter().map(Listing::Prompt));
                    list.next_cursor
                }
                ServerResult::ListResourcesResult(list) => {
                    listings.extend(list.resources.into_iter().map(Listing::Resource));
                    list.next_cursor
                }
                ServerResult::ListResourceTemplatesResult(list) => {
                    listings.extend(list.resource_templates.into_iter().map(Listing::ResourceTemplate));
                    list.next_cursor
                }
                _ => return Err(ErrorData::internal_error("the result is not a list", None)),
            };
            if cursor.is_none() {
                return Ok(());
            }
        }
        Err(ErrorData::internal_error("the list does not end", None))
    }
}

#[async_trait]
impl MountedServer for Mounted {
    async fn call(
        &self,
        kind: OperationKind,
        name: &str,
        arguments: Map<String, Value>,
        context: &Context,
    ) -> Result<OperationResult, ToolError> {
        let Some(call) = context.request().as_any().downcast_ref::<CallContext>() else {
            return Err(ToolError::masked("an operation of a mounted server was called without an MCP request"));
        };
        let (input, state) = context.input();
        let request = match kind {
            OperationKind::Tool => {
                let mut params = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
                params.input_responses = Some(input).filter(|input| !input.is_empty());
                params.request_state = state;
                ClientRequest::CallToolRequest(CallToolRequest::new(params))
            }
            OperationKind::Prompt => {
                let mut params = GetPromptRequestParams::new(name).with_arguments(arguments);
                params.input_responses = Some(input).filter(|input| !input.is_empty());
                params.request_state = state;
                ClientRequest::GetPromptRequest(GetPromptRequest::new(params))
            }
            OperationKind::Resource => {
                let mut params = ReadResourceRequestParams::new(name);
                params.input_responses = Some(input).filter(|input| !input.is_empty());
                params.request_state = state;
                ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params))
            }
        };
        let mut request_context = call.request().clone();
        if let Some(parts) = request_context.extensions.get_mut::<http::request::Parts>() {
            parts.extensions.insert(context.shared_caller());
        }
        let result = self.0.handle_request(request, request_context).await;
        match result.map_err(ToolError::protocol)? {
            ServerResult::CallToolResult(result) => Ok(result.into()),
            ServerResult::GetPromptResult(result) => Ok(result.into()),
            ServerResult::ReadResourceResult(result) => Ok(ResourceBody::complete(result.contents).into()),
            ServerResult::InputRequiredResult(input) => Err(InputRequired::from_result(input).into()),
            _ => Err(ToolError::masked("a mounted server returned a result that the request does not have")),
        }
    }
}

fn with<M>(
    mut request: RequestOptionalParam<M, PaginatedRequestParams>,
    params: Option<PaginatedRequestParams>,
) -> RequestOptionalParam<M, PaginatedRequestParams> {
    request.params = params;
    request
}

/// Context of a request that comes from this process. Nothing that it sends is received.
fn local_context() -> RequestContext<RoleServer> {
    struct Nobody;
    impl ServerHandler for Nobody {}

    let implementation = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let mut client = InitializeRequestParams::new(ClientCapabilities::default(), implementation);
    client.protocol_version = ProtocolVersion::V_2025_11_25;
    let initialized = ClientJsonRpcMessage::notification(InitializedNotification::default().into());
    let (transport, _) = OneshotTransport::<RoleServer>::new(initialized);
    let service = serve_directly(Nobody, transport, Some(client));
    RequestContext::new(RequestId::Number(1), service.peer().clone())
}
