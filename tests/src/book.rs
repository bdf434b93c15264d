//! Compiles and runs the examples of the book in `docs/`.

macro_rules! chapters {
    ($($name:ident = $path:literal;)*) => {
        $(
            #[doc = include_str!(concat!("../../docs/", $path))]
            mod $name {}
        )*
    };
}

chapters! {
    approvals = "approvals.md";
    authorization_servers = "authorization-servers.md";
    clients = "clients.md";
    embedding = "embedding.md";
    machines = "machines.md";
    migrating_from_fastmcp = "migrating-from-fastmcp.md";
    migrating_from_rmcp = "migrating-from-rmcp.md";
    operations = "operations.md";
    policies = "policies.md";
    prompts_and_resources = "prompts-and-resources.md";
    rates = "rates.md";
    replication = "replication.md";
    sessions = "sessions.md";
    subscriptions = "subscriptions.md";
    tasks = "tasks.md";
    testing_access = "testing-access.md";
    your_own_server = "your-own-server.md";
}
