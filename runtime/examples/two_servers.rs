//! Two servers in one process, each with its own scopes, tools and port. One of them also serves the tools of a library.
//!
//! ```sh
//! cargo run -p toolgate --example two_servers
//! ```
//!
//! `HR_ADDR` and `SUPPORT_ADDR` set other addresses. Port 0 selects a free port, which the log shows.
//!
//! ```console
//! $ tools() { curl -s "http://$1/mcp" -H "Authorization: Bearer $2" -H 'Accept: application/json, text/event-stream' \
//! >     --json '{ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }' | grep -o '"name":"[a-z_]*"'; }
//! $ tools 127.0.0.1:8000 hr-token
//! "name":"salary"
//! $ tools 127.0.0.1:8001 support-token
//! "name":"service_status"
//! "name":"ticket"
//! ```
//!
//! A token of one server is not valid on the other:
//!
//! ```console
//! $ curl -s http://127.0.0.1:8001/mcp -X POST -H 'Authorization: Bearer hr-token' -o /dev/null -w '%{http_code}\n'
//! 401
//! ```

use std::{env, io};

use tokio::{net::TcpListener, try_join};
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
    shutdown_signal,
};

mod hr {
    use toolgate::prelude::*;

    pub(crate) static SCOPES: Scopes = Scopes::new(&["payroll:read"]);

    /// Return an employee's salary.
    #[tool(scopes = "payroll:read", scopes_in = crate::hr::SCOPES, read_only)]
    async fn salary(employee_id: String) -> String {
        format!("{employee_id} earns 1 EUR (sample)")
    }
}

mod support {
    use toolgate::prelude::*;

    pub(crate) static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

    /// Return a ticket.
    #[tool(scopes = "tickets:read", scopes_in = crate::support::SCOPES, read_only)]
    async fn ticket(ticket_id: String) -> String {
        format!("{ticket_id} is open")
    }
}

/// Represents a library crate. In a real one, the list is `crate::SCOPES`, and `scopes_in` is not necessary.
mod status_library {
    use toolgate::prelude::*;

    pub(crate) static SCOPES: Scopes = Scopes::new(&["status:read"]);

    /// Return the status of all services.
    #[tool(scopes = "status:read", scopes_in = crate::status_library::SCOPES, read_only)]
    async fn service_status() -> &'static str {
        "all services are up"
    }
}

/// Listens on the address in an environment variable.
async fn listen(variable: &str, default: &str) -> io::Result<TcpListener> {
    TcpListener::bind(env::var(variable).unwrap_or_else(|_| default.to_owned())).await
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    let hr_listener = listen("HR_ADDR", "127.0.0.1:8000").await?;
    let hr_claims = Claims::new().subject("harriet").scopes(["payroll:read"]);
    let hr = Server::new("HR", &hr::SCOPES)
        .auth(StaticTokens::new().token("hr-token", hr_claims))
        .bind(hr_listener.local_addr()?)
        .ignore_environment()
        .build()?;

    let support_listener = listen("SUPPORT_ADDR", "127.0.0.1:8001").await?;
    let support_claims = Claims::new().subject("sam").scopes(["tickets:read", "status:read"]);
    let support = Server::new("Support", &support::SCOPES)
        .add_from(&status_library::SCOPES)
        .auth(StaticTokens::new().token("support-token", support_claims))
        .bind(support_listener.local_addr()?)
        .ignore_environment()
        .build()?;

    try_join!(hr.serve_on(hr_listener, shutdown_signal()), support.serve_on(support_listener, shutdown_signal()),)?;
    Ok(())
}
