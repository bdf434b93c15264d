//! An rmcp server behind the gate, and its policy.

use std::sync::Arc;

use rmcp::ServerHandler;

use super::Server;
use crate::{
    error::BuildProblem,
    mcp::Mounted,
    operation::{OperationDescriptor, OperationKind},
    registry::{Listing, MountedOperation},
    resource::UriTemplate,
    scope::{Scope, Scopes},
};

/// What the callers of an operation of a mounted server, or of a [route](crate::BuiltServer::gate_layer), need.
///
/// A [`Scope`] converts into it, and so does an array of scopes, which are all required.
///
/// ```
/// use toolgate::{Requires, prelude::*};
///
/// pub static SCOPES: Scopes = Scopes::new(&["weather:admin", "weather:read"]);
/// # fn main() {
/// let one: Requires = scope!("weather:read").into();
/// let both: Requires = [scope!("weather:read"), scope!("weather:admin")].into();
/// let either = Requires::any([scope!("weather:read"), scope!("weather:admin")]);
/// let every_valid_token = Requires::authentication();
/// # let _ = (one, both, either, every_valid_token);
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Requires {
    all: Vec<Scope>,
    any: Vec<Scope>,
}

impl Requires {
    /// Every caller with a valid token is allowed.
    pub fn authentication() -> Self {
        Self::default()
    }

    /// The caller needs one of these scopes.
    ///
    /// # Panics
    ///
    /// If `scopes` is empty, which would allow every caller.
    pub fn any(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let any: Vec<_> = scopes.into_iter().collect();
        assert!(!any.is_empty(), "`Requires::any` needs a scope: every caller is `Requires::authentication()`");
        Self { all: Vec::new(), any }
    }
}

impl Requires {
    /// Returns the scopes that are all required, and those of which one is.
    pub(super) fn into_scopes(self) -> (Vec<Scope>, Vec<Scope>) {
        (self.all, self.any)
    }
}

impl From<Scope> for Requires {
    fn from(scope: Scope) -> Self {
        Self { all: vec![scope], any: Vec::new() }
    }
}

impl<const N: usize> From<[Scope; N]> for Requires {
    fn from(scopes: [Scope; N]) -> Self {
        const { assert!(N > 0, "name a scope: every caller is `Requires::authentication()`") };
        Self { all: scopes.into(), any: Vec::new() }
    }
}

/// Policy of an rmcp server that [`Server::mount`](crate::Server::mount) puts behind the gate: which of its tools, prompts
/// and resources exist for callers, and what each requires. An operation without an entry is neither listed nor callable.
///
/// ```
/// use toolgate::{MountPolicy, Requires, prelude::*};
///
/// pub static SCOPES: Scopes = Scopes::new(&["weather:read", "weather:write"]);
/// # fn main() {
/// let policy = MountPolicy::new()
///     .tool("forecast", scope!("weather:read"))
///     .tool("report_storm", [scope!("weather:read"), scope!("weather:write")])
///     .prompt("weather_report", Requires::any([scope!("weather:read"), scope!("weather:write")]))
///     .resource("weather://stations/{id}", Requires::authentication());
/// # let _ = policy;
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MountPolicy(Vec<MountedName>);

/// An operation that the policy names.
#[derive(Clone, Debug)]
struct MountedName {
    kind: OperationKind,
    name: &'static str,
    requires: Requires,
}

impl MountPolicy {
    /// Creates a policy that names no operation, so that nothing of the server is listed or callable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool.
    pub fn tool(self, name: &'static str, requires: impl Into<Requires>) -> Self {
        self.add(OperationKind::Tool, name, requires.into())
    }

    /// Adds a prompt.
    pub fn prompt(self, name: &'static str, requires: impl Into<Requires>) -> Self {
        self.add(OperationKind::Prompt, name, requires.into())
    }

    /// Adds the resource with this URI, or the resources of this URI template. The text is that of the server's list.
    pub fn resource(self, uri: &'static str, requires: impl Into<Requires>) -> Self {
        self.add(OperationKind::Resource, uri, requires.into())
    }

    fn add(mut self, kind: OperationKind, name: &'static str, requires: Requires) -> Self {
        self.0.push(MountedName { kind, name, requires });
        self
    }

    /// Returns the descriptors of the operations. They live as long as the process, as those that the macros register do.
    pub(super) fn into_descriptors(self, list: &'static Scopes) -> Vec<&'static OperationDescriptor> {
        let descriptor = |MountedName { kind, name, requires }| {
            let (all, any) = (Vec::leak(requires.all), Vec::leak(requires.any));
            &*Box::leak(Box::new(OperationDescriptor::mounted(kind, name, list, all, any)))
        };
        self.0.into_iter().map(descriptor).collect()
    }
}

/// A mounted server with the descriptors of its operations.
pub(super) struct Mount {
    server: Mounted,
    descriptors: Vec<&'static OperationDescriptor>,
}

impl Mount {
    pub(super) fn descriptors(&self) -> impl Iterator<Item = &'static OperationDescriptor> {
        self.descriptors.iter().copied()
    }

    /// Asks the server what it has, and returns the operations that the policy names.
    ///
    /// # Errors
    ///
    /// The server does not respond, or it does not list an operation that the policy names.
    pub(super) fn into_operations(self) -> Result<Vec<MountedOperation>, Vec<BuildProblem>> {
        let listings = self.server.list().map_err(|error| vec![BuildProblem::UnlistedMount(error.to_string())])?;
        let (mut operations, mut problems) = (Vec::new(), Vec::new());
        for &descriptor in &self.descriptors {
            let identity = (descriptor.kind(), descriptor.name());
            match listings.iter().find(|listing| listing.identity() == identity) {
                Some(listing) => operations.push(MountedOperation {
                    descriptor,
                    listing: listing.clone(),
                    server: Arc::new(self.server.clone()),
                }),
                None => problems.push(BuildProblem::MissingMountedOperation { kind: identity.0, name: identity.1 }),
            }
        }
        let named = |listing: &&Listing| {
            self.descriptors.iter().any(|descriptor| (descriptor.kind(), descriptor.name()) == listing.identity())
        };
        let refused: Vec<_> =
            listings.iter().filter(|listing| !named(listing)).map(|listing| listing.identity().1).collect();
        for listing in listings.iter().filter(|listing| !named(listing)) {
            problems.extend(self.shadowed(listing));
        }
        if !refused.is_empty() {
            tracing::info!(
                operations = refused.join(", "),
                "the policy of a mounted server does not name these, so they do not exist for callers"
            );
        }
        if problems.is_empty() { Ok(operations) } else { Err(problems) }
    }
}

impl Mount {
    /// Returns a problem if a resource that the policy does not name could be read through a template that it names.
    fn shadowed(&self, unnamed: &Listing) -> Option<BuildProblem> {
        let (OperationKind::Resource, uri) = unnamed.identity() else { return None };
        let unnamed = UriTemplate::parse(uri).ok()?;
        let resources = self.descriptors().filter(|descriptor| descriptor.kind() == OperationKind::Resource);
        let template = resources
            .map(OperationDescriptor::name)
            .find(|name| UriTemplate::parse(name).is_ok_and(|named| !named.is_uri() && named.overlaps(&unnamed)))?;
        Some(BuildProblem::UnnamedMountedResource { uri: uri.to_owned(), template })
    }
}

impl Server {
    /// Puts an rmcp server behind the gate: its tools, prompts and resources that `policy` names. Lists are filtered and calls
    /// are decided, recorded and limited as those of this program's functions are, before `handler` receives them. What the
    /// policy does not name does not exist for callers.
    ///
    /// [`build`](Self::build) asks the handler what it has, and reports an operation that the policy names and the handler does
    /// not list. In a method of the handler, `context.extensions.get::<http::request::Parts>()` is the HTTP request without
    /// credentials, and the caller is the `Arc<Caller>` in its extensions.
    ///
    /// ```
    /// # use toolgate::{MountPolicy, prelude::*, rmcp::ServerHandler};
    /// # pub static SCOPES: Scopes = Scopes::new(&["weather:read", "weather:write"]);
    /// # #[derive(Default)]
    /// # struct Weather {}
    /// # fn main() {
    /// // With rmcp's `#[tool_router]` and `#[tool_handler]`, for example.
    /// impl ServerHandler for Weather {}
    ///
    /// let policy = MountPolicy::new()
    ///     .tool("forecast", scope!("weather:read"))
    ///     .tool("report_storm", [scope!("weather:read"), scope!("weather:write")])
    ///     .resource("weather://stations/{id}", scope!("weather:read"));
    /// let server = Server::new("company", &SCOPES).mount(Weather::default(), policy);
    /// # let _ = server;
    /// # }
    /// ```
    pub fn mount(mut self, handler: impl ServerHandler, policy: MountPolicy) -> Self {
        let descriptors = policy.into_descriptors(self.scope_lists[0]);
        self.mounts.push(Mount { server: Mounted::new(handler), descriptors });
        self
    }
}
