//! An approval that a test decides.

use std::{fmt, sync::Arc};

use http::HeaderMap;

use super::{classify::RequestedApproval, connection::Connection, values::caller_of};
use crate::{
    approvals::ApprovalId,
    audit::{ApprovalEvent, RequestInfo},
    auth::{Caller, Claims},
};

/// Beginning of the message that clients show.
const MESSAGE_PREFIX: &str = "Log in and approve: ";

/// Approval that a call requires; returned by [`approval_required`](super::CallOutcome::approval_required). A test decides
/// it as the person whom the call acts for, without the page of the server and without a login. The decision is recorded in
/// the audit log.
///
/// ```
/// # use toolgate::{prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["payroll:export"]);
/// /// Export the payroll of a month.
/// #[tool(scopes = "payroll:export", destructive, approve = "Export the payroll of {year}-{month:02}")]
/// async fn payroll_export(year: u16, month: u8) -> String {
///     format!("exported {year}-{month:02}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("payroll", &SCOPES))?;
/// let hr = server.with_scopes(["payroll:export"]);
/// let export = async || hr.call("payroll_export", json!({ "year": 2026, "month": 7 })).await;
///
/// let approval = export().await.approval_required();
/// assert_eq!(approval.message(), "Export the payroll of 2026-07");
/// approval.approve().await;
/// assert_eq!(export().await.allowed().text(), "exported 2026-07");
///
/// // An approval is used once.
/// export().await.approval_required().decline().await;
/// export().await.not_approved();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PendingApproval {
    connection: Arc<Connection>,
    caller: Arc<Caller>,
    tool: String,
    message: String,
    url: String,
}

impl PendingApproval {
    pub(super) fn new(
        connection: Arc<Connection>,
        caller: Arc<Caller>,
        tool: String,
        requested: RequestedApproval,
    ) -> Self {
        let RequestedApproval { message, url } = requested;
        let message = message.strip_prefix(MESSAGE_PREFIX).map(str::to_owned).unwrap_or(message);
        Self { connection, caller, tool, message, url }
    }

    /// Returns what the person is asked to approve: the text of `approve = ".."` with the arguments of the call.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the URL of the page on which the person would decide.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Approves the call. The same caller can then call the tool once with the same arguments.
    ///
    /// # Panics
    ///
    /// If the approval was decided or withdrawn, or has expired.
    pub async fn approve(&self) {
        self.decide(ApprovalEvent::Given).await;
    }

    /// Declines the call. The next call of the same caller with the same arguments is
    /// [not approved](super::CallOutcome::not_approved).
    ///
    /// # Panics
    ///
    /// If the approval was decided or withdrawn, or has expired.
    pub async fn decline(&self) {
        self.decide(ApprovalEvent::Declined).await;
    }

    async fn decide(&self, event: ApprovalEvent) {
        let id = self.url.rsplit('/').next().and_then(ApprovalId::parse);
        let id = id.unwrap_or_else(|| panic!("expected the URL of an approval, got {}", self.url));
        let dispatcher = self.connection.dispatcher();
        let approver = dispatcher.registry().approver().expect("the server has requested the approval");
        match approver.decide_in_test(id.as_str(), event == ApprovalEvent::Given).await {
            Ok(true) => {}
            Ok(false) => panic!(
                "expected the approval to be pending, but it was decided or withdrawn, or has expired\n{self:?}"
            ),
            Err(error) => panic!("expected the approval to be decided, but {error}\n{self:?}"),
        }
        let info = RequestInfo::from_headers(&HeaderMap::new());
        dispatcher.audit().approval(info, &person(&self.caller), &self.tool, event, &id.reference());
    }
}

/// Returns the person whom the calls of a caller act for, as the page of the approval records them.
fn person(caller: &Caller) -> Caller {
    let mut claims = Claims::new();
    claims.subject = caller.user_id().map(str::to_owned);
    claims.org_id = caller.org_id().map(str::to_owned);
    claims.client_id = caller.client_id().map(str::to_owned);
    caller_of(&claims, Arc::default())
}

/// The tool, what is approved, and the URL, one on each line.
impl fmt::Debug for PendingApproval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  tool: {}\n  approval: {}\n  URL: {}", self.tool, self.message, self.url)
    }
}
