//! The private record of an employee, as a tool and a resource return it.

use toolgate::prelude::*;

use crate::access::PrivateRecordsRead;
use crate::company::{Company, PrivateProfile};
use crate::domain::EmployeeId;

/// An employee's private record, with the salary if it was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EmployeeRecord {
    /// The private record.
    #[serde(flatten)]
    profile: PrivateProfile,
    /// The gross annual salary, in whole US dollars. Absent if it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    annual_salary_usd: Option<i64>,
}

impl EmployeeRecord {
    /// Returns the record, or `None` if the ID does not exist. The salary requires a further scope.
    pub(crate) async fn read(
        company: &Company,
        caller: &Caller,
        access: &Granted<PrivateRecordsRead>,
        id: &EmployeeId,
        with_salary: Option<bool>,
    ) -> Result<Option<Self>, ToolError> {
        let Some(profile) = company.private_profile(access, id).await? else { return Ok(None) };
        let annual_salary_usd = match with_salary {
            Some(true) => company.annual_salary(caller.grant()?, id).await?,
            _ => None,
        };
        Ok(Some(Self { profile, annual_salary_usd }))
    }
}
