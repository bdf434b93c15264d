//! One call or one list, decided, answered and recorded: for rmcp's handler and for the direct path alike.

use std::sync::Arc;

use rmcp::model::{CallToolResult, InputRequiredResult};
use serde_json::{Map, Value};

use super::{
    audit::{Asked, Ended, Trail, opted_in},
    listing::Listings,
};
use crate::{
    auth::Caller,
    scope::Shortfall,
    tool::{Answer, Called, Context, Outcome, Refusal, RegisteredTool, Registry},
};

/// What answers calls.
pub(crate) struct Dispatcher {
    registry: Arc<Registry>,
    listings: Listings,
    /// Whether a tool that the caller may not use is answered like one that does not exist.
    conceal: bool,
    trail: Trail,
}

/// A call as somebody read it from a request.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) asked: Asked<'a>,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Dispatched {
    Result(CallToolResult),
    InputRequired(InputRequiredResult),
    /// No tool of this name, as far as this caller is concerned.
    UnknownTool,
    InsufficientScope(Shortfall),
}

impl Dispatcher {
    pub(crate) fn new(registry: Arc<Registry>, listings: Listings, conceal: bool) -> Self {
        Self { registry, listings, conceal, trail: Trail::new() }
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn listings(&self) -> &Listings {
        &self.listings
    }

    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The shortfall that a caller is told about; nothing where there is none, or where it is kept from them.
    pub(crate) fn shortfall(&self, name: &str, caller: &Arc<Caller>) -> Option<Shortfall> {
        match self.registry.decide(name, caller) {
            Err(Refusal::InsufficientScope(shortfall)) if !self.conceal => Some(shortfall),
            Ok(_) | Err(Refusal::Unknown | Refusal::Hidden | Refusal::InsufficientScope(_)) => None,
        }
    }

    /// Decides, calls and records. Without a context the tool must not need one.
    pub(crate) async fn call(&self, caller: &Arc<Caller>, call: Call<'_>, context: Option<&Context>) -> Dispatched {
        let Call { name, arguments, asked } = call;
        let authorized = match self.registry.decide(name, caller) {
            Ok(authorized) => authorized,
            Err(refusal) => return self.refuse(caller, name, asked, refusal),
        };
        let tool = authorized.tool();
        let declared = &tool.info().scopes;
        let opted_in = opted_in(tool, &arguments);
        let mut record = Record {
            dispatcher: self,
            caller,
            tool,
            asked,
            ended: Some(Ended {
                outcome: Outcome::Cancelled,
                required: declared,
                missing: &[],
                arguments: opted_in.as_deref(),
            }),
        };
        let Called { answer, outcome } = self.registry.call(authorized, arguments, context).await;
        match answer {
            Answer::Result(result) => {
                record.write(outcome, declared, &[]);
                Dispatched::Result(result)
            }
            Answer::InputRequired(input) => {
                record.write(outcome, declared, &[]);
                Dispatched::InputRequired(input)
            }
            Answer::InsufficientScope(mut shortfall) => {
                // One challenge names everything that the call needs, what the tool declares included.
                let others = declared.iter().filter(|scope| !shortfall.required.contains(scope)).copied();
                shortfall.required = others.chain(shortfall.required.iter().copied()).collect();
                record.write(outcome, &shortfall.required, &shortfall.missing);
                Dispatched::InsufficientScope(shortfall)
            }
        }
    }

    fn refuse(&self, caller: &Caller, name: &str, asked: Asked<'_>, refusal: Refusal) -> Dispatched {
        let hidden = Shortfall { required: Vec::new(), missing: Vec::new() };
        let (outcome, shortfall) = match refusal {
            Refusal::Unknown => (Outcome::UnknownTool, hidden),
            Refusal::Hidden => (Outcome::Hidden, hidden),
            Refusal::InsufficientScope(shortfall) => (Outcome::InsufficientScope, shortfall),
        };
        self.record_refusal(caller, name, asked, outcome, &shortfall);
        match outcome {
            Outcome::InsufficientScope if !self.conceal => Dispatched::InsufficientScope(shortfall),
            _ => Dispatched::UnknownTool,
        }
    }

    /// Records that a call was not let through.
    pub(crate) fn record_refusal(
        &self,
        caller: &Caller,
        name: &str,
        asked: Asked<'_>,
        outcome: Outcome,
        shortfall: &Shortfall,
    ) {
        let Some(tool) = self.registry.get(name) else { return self.trail.unknown_tool(asked, caller, name) };
        let ended = Ended { outcome, required: &shortfall.required, missing: &shortfall.missing, arguments: None };
        self.trail.called(asked, caller, tool, ended);
    }
}

/// A call that is recorded however it ends: one that is dropped was cancelled.
struct Record<'a> {
    dispatcher: &'a Dispatcher,
    caller: &'a Caller,
    tool: &'a RegisteredTool,
    asked: Asked<'a>,
    /// How it ends if nobody says otherwise.
    ended: Option<Ended<'a>>,
}

impl Record<'_> {
    fn write(&mut self, outcome: Outcome, required: &[&'static str], missing: &[&'static str]) {
        if let Some(Ended { arguments, .. }) = self.ended.take() {
            let ended = Ended { outcome, required, missing, arguments };
            self.dispatcher.trail.called(self.asked, self.caller, self.tool, ended);
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            self.dispatcher.trail.called(self.asked, self.caller, self.tool, ended);
        }
    }
}
