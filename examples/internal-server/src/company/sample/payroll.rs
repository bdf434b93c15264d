use chrono::Datelike;
use serde::Serialize;

use super::employees::Employee;
use super::months;
use crate::domain::{Day, EmployeeId};

/// A row of the table `payroll`.
#[derive(Serialize)]
pub(super) struct Payment<'a> {
    month: String,
    employee_id: &'a EmployeeId,
    salary_usd: u32,
    bonus_usd: u32,
    employer_taxes_usd: u32,
}

/// Returns the payments of every month to the employees who had started by its first day.
pub(super) fn all(employees: &[Employee]) -> Vec<Payment<'_>> {
    months()
        .flat_map(|month| {
            employees.iter().filter(move |employee| employee.started_on <= Day::from(month)).map(move |employee| {
                let salary_usd = employee.annual_salary_usd / 12;
                // The bonus is half a month's salary, paid in December.
                let bonus_usd = if month.month() == 12 { salary_usd / 2 } else { 0 };
                Payment {
                    month: month.format("%Y-%m").to_string(),
                    employee_id: &employee.id,
                    salary_usd,
                    bonus_usd,
                    employer_taxes_usd: (salary_usd + bonus_usd) * 8 / 100,
                }
            })
        })
        .collect()
}
