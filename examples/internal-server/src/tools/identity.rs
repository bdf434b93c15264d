use toolgate::prelude::*;

/// What the server knows about whoever calls.
#[derive(Debug, Serialize, JsonSchema)]
struct Identity {
    /// The user's ID; absent when the token belongs to no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The ID of the organization that the user acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    /// The user's role in the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The scopes that the token was granted.
    scopes: Vec<&'static str>,
    /// The tools that the token may call.
    tools: Vec<&'static str>,
}

/// Say who is calling: the user, the organization, the role, the scopes, and the tools that they open.
#[tool(authenticated, read_only)]
async fn whoami(caller: &Caller, context: &Context) -> Json<Identity> {
    Json(Identity {
        user_id: caller.user_id().map(str::to_owned),
        organization: caller.org_id().map(str::to_owned),
        role: caller.org_role().map(str::to_owned),
        scopes: caller.scopes().collect(),
        tools: context.tools().collect(),
    })
}
