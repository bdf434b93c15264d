//! A tool and a prompt that appear and disappear, and the tools that make them.

use std::sync::atomic::{AtomicBool, Ordering};

use toolgate::{Notifications, prelude::*};

/// What callers see; a state of the server.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    tool: AtomicBool,
    prompt: AtomicBool,
}

fn shows_tool(switches: &Switches) -> bool {
    switches.tool.load(Ordering::Relaxed)
}

fn shows_prompt(switches: &Switches) -> bool {
    switches.prompt.load(Ordering::Relaxed)
}

/// A tool that is not always listed.
#[tool(scopes = "conformance:notifications", read_only, visible_to = shows_tool(switches))]
async fn test_changing_tool(switches: &Switches) -> &'static str {
    "The tool is listed."
}

/// A prompt that is not always listed.
#[prompt(scopes = "conformance:prompts", visible_to = shows_prompt(switches))]
async fn test_changing_prompt(switches: &Switches) -> &'static str {
    "The prompt is listed."
}

/// Change the list of tools.
#[tool(scopes = "conformance:notifications")]
async fn test_trigger_tool_change(switches: &Switches, notifications: &Notifications) -> &'static str {
    switches.tool.fetch_not(Ordering::Relaxed);
    notifications.access_changed();
    "The list of tools has changed."
}

/// Change the list of prompts.
#[tool(scopes = "conformance:notifications")]
async fn test_trigger_prompt_change(switches: &Switches, notifications: &Notifications) -> &'static str {
    switches.prompt.fetch_not(Ordering::Relaxed);
    notifications.access_changed();
    "The list of prompts has changed."
}
