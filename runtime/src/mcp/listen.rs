//! `subscriptions/listen`: the filter of a subscription in rmcp's types, and the sending of its notifications.

use rmcp::{
    model::{ServerCapabilities, SubscriptionFilter},
    service::{SubscriptionContext, SubscriptionSendError, SubscriptionSink},
};

use crate::{
    notifications::{Change, Filter, Subscription},
    operation::OperationKind,
};

/// Converts a filter. rmcp removes what the client did not ask for and what the server does not declare.
pub(super) fn accepted(filter: &Filter) -> SubscriptionFilter {
    let mut accepted = SubscriptionFilter::default();
    accepted.tools_list_changed = Some(filter.has_lists_of(OperationKind::Tool));
    accepted.prompts_list_changed = Some(filter.has_lists_of(OperationKind::Prompt));
    accepted.resources_list_changed = Some(filter.has_lists_of(OperationKind::Resource));
    accepted.resource_subscriptions = Some(filter.uris().iter().map(|uri| uri.as_ref().to_owned()).collect());
    accepted
}

/// Declares the notifications about everything that the server has.
pub(crate) fn declare_notifications(capabilities: &mut ServerCapabilities) {
    set_notifications(capabilities, Some(true));
}

/// Declares no notifications, for a client that has no stream to receive them.
pub(super) fn remove_notifications(capabilities: &mut ServerCapabilities) {
    set_notifications(capabilities, None);
}

fn set_notifications(capabilities: &mut ServerCapabilities, declared: Option<bool>) {
    if let Some(tools) = &mut capabilities.tools {
        tools.list_changed = declared;
    }
    if let Some(prompts) = &mut capabilities.prompts {
        prompts.list_changed = declared;
    }
    if let Some(resources) = &mut capabilities.resources {
        (resources.list_changed, resources.subscribe) = (declared, declared);
    }
}

/// Sends the changes of a subscription until the client closes the stream, the access of its caller ends, or the server
/// shuts down.
pub(super) async fn send_changes(subscription: &Subscription, context: &SubscriptionContext) {
    loop {
        let change = tokio::select! {
            () = context.cancelled() => return,
            change = subscription.next() => change,
        };
        let Some(change) = change else { return };
        match send(context.sink(), change).await {
            // The gate and rmcp read the filter differently: rmcp's reading is what the client was told.
            Ok(()) | Err(SubscriptionSendError::NotificationNotAccepted(_)) => {}
            Err(error) => {
                tracing::debug!(%error, "a notification was not sent");
                return;
            }
        }
    }
}

async fn send(sink: &SubscriptionSink, change: Change) -> Result<(), SubscriptionSendError> {
    match change {
        Change::Lists(OperationKind::Tool) => sink.notify_tool_list_changed().await,
        Change::Lists(OperationKind::Prompt) => sink.notify_prompt_list_changed().await,
        Change::Lists(OperationKind::Resource) => sink.notify_resource_list_changed().await,
        Change::Resource(uri) => sink.notify_resource_updated(&*uri).await,
    }
}
