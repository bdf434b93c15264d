//! The parameters of `subscriptions/listen`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{InvalidParams, Message};
use crate::{notifications::Filter, operation::OperationKind};

/// `params.notifications` of `subscriptions/listen`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notifications {
    tools_list_changed: Option<bool>,
    prompts_list_changed: Option<bool>,
    resources_list_changed: Option<bool>,
    resource_subscriptions: Option<Vec<String>>,
}

impl Message<'_> {
    /// Returns whether the message opens a subscription.
    pub(crate) fn is_subscription(&self) -> bool {
        self.method.as_deref() == Some("subscriptions/listen")
    }

    /// Returns what a `subscriptions/listen` subscribes to.
    ///
    /// # Errors
    ///
    /// A member has another type.
    pub(crate) fn subscription_filter(&self) -> Result<Filter, InvalidParams> {
        let json = self.params.notifications.map_or("null", RawValue::get);
        let asked: Notifications = serde_json::from_str(json).map_err(|_| InvalidParams::Notifications)?;
        let lists = [
            (OperationKind::Tool, asked.tools_list_changed),
            (OperationKind::Prompt, asked.prompts_list_changed),
            (OperationKind::Resource, asked.resources_list_changed),
        ];
        let lists: Vec<_> =
            lists.into_iter().filter(|(_, asked)| *asked == Some(true)).map(|(list, _)| list).collect();
        Ok(Filter::new(&lists, asked.resource_subscriptions.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(notifications: &str) -> Option<Filter> {
        let body =
            format!(r#"{{"id":1,"method":"subscriptions/listen","params":{{"notifications":{notifications}}}}}"#);
        let message = Message::parse(body.as_bytes()).unwrap();
        assert!(message.is_subscription());
        message.subscription_filter().ok()
    }

    #[test]
    fn a_filter_has_only_what_was_asked_for() {
        assert_eq!(listen("{}"), Some(Filter::default()));
        assert_eq!(
            listen(r#"{"toolsListChanged":true,"promptsListChanged":false,"unknown":7}"#),
            Some(Filter::new(&[OperationKind::Tool], Vec::new()))
        );
        let uris = listen(r#"{"resourceSubscriptions":["b:1","a:1","b:1"]}"#).unwrap();
        assert_eq!(uris.uris().iter().map(|uri| &**uri).collect::<Vec<_>>(), ["a:1", "b:1"]);
        for invalid in ["7", "[]", "null", r#"{"toolsListChanged":"yes"}"#, r#"{"resourceSubscriptions":[7]}"#] {
            assert_eq!(listen(invalid), None, "{invalid}");
        }
    }
}
