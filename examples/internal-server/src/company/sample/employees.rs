use chrono::NaiveDate;
use serde::Serialize;

use super::{Dice, LAST_DAY, date, days_after, people};
use crate::company::Department;
use crate::domain::{Day, EmployeeId};

/// A row of `employees`.
#[derive(Serialize)]
pub(super) struct Employee {
    pub(super) id: EmployeeId,
    name: String,
    title: &'static str,
    pub(super) department: Department,
    location: &'static str,
    email: String,
    manager_id: Option<EmployeeId>,
    pub(super) started_on: Day,
    date_of_birth: Day,
    pub(super) annual_salary_usd: u32,
    personal_email: String,
    personal_phone: String,
    home_address: String,
}

/// A department with its size, its titles from the head down, and the range of its salaries.
struct Plan {
    department: Department,
    size: usize,
    head: &'static str,
    titles: &'static [&'static str],
    /// In thousands of US dollars a year.
    salaries: (u32, u32),
}

/// 240 employees in all. Management comes first, so `emp_0001` heads the company.
const PLANS: [Plan; 7] = [
    Plan {
        department: Department::Management,
        size: 6,
        head: "Chief Executive Officer",
        titles: &[
            "Chief Operating Officer",
            "Chief Technology Officer",
            "Chief Financial Officer",
            "Chief Product Officer",
        ],
        salaries: (228, 300),
    },
    Plan {
        department: Department::Engineering,
        size: 92,
        head: "Vice President of Engineering",
        titles: &[
            "Software Engineer",
            "Senior Software Engineer",
            "Staff Software Engineer",
            "Site Reliability Engineer",
            "Product Designer",
        ],
        salaries: (96, 204),
    },
    Plan {
        department: Department::Support,
        size: 42,
        head: "Director of Support",
        titles: &["Support Engineer", "Senior Support Engineer", "Support Specialist"],
        salaries: (54, 102),
    },
    Plan {
        department: Department::Sales,
        size: 46,
        head: "Director of Sales",
        titles: &["Account Manager", "Account Executive", "Sales Engineer"],
        salaries: (60, 138),
    },
    Plan {
        department: Department::Marketing,
        size: 24,
        head: "Director of Marketing",
        titles: &["Content Editor", "Campaign Manager", "Developer Advocate"],
        salaries: (60, 120),
    },
    Plan {
        department: Department::Finance,
        size: 16,
        head: "Director of Finance",
        titles: &["Accountant", "Financial Analyst", "Controller"],
        salaries: (66, 132),
    },
    Plan {
        department: Department::Hr,
        size: 14,
        head: "Director of People",
        titles: &["Recruiter", "People Partner", "Payroll Specialist"],
        salaries: (60, 114),
    },
];

const LOCATIONS: [&str; 5] = ["Amsterdam", "Boston", "Lisbon", "Seattle", "Remote"];
const CITIES: [&str; 4] = ["Amsterdam", "Boston", "Lisbon", "Seattle"];

/// The company was founded on this day.
const FOUNDED: NaiveDate = date(2015, 3, 2);

/// Every employee, in the order of their IDs.
pub(super) fn all() -> Vec<Employee> {
    let mut dice = Dice::new(1);
    let mut employees = Vec::new();
    for plan in &PLANS {
        let head = employees.len() + 1;
        for place in 0..plan.size {
            employees.push(employee(plan, head, place, &mut dice));
        }
    }
    employees
}

/// The employee at this place of a department whose head has the number `head`.
fn employee(plan: &Plan, head: usize, place: usize, dice: &mut Dice) -> Employee {
    let number = head + place;
    let (first, last) = people::name(number);
    let address = format!("{first}.{last}").to_lowercase();
    let title = if place == 0 { plan.head } else { plan.titles[(place - 1) % plan.titles.len()] };
    let manager = match (place, number) {
        (_, 1) => None,
        (0, _) => Some(1),
        _ => Some(head),
    };
    let tenure = u32::try_from(FOUNDED.signed_duration_since(LAST_DAY).num_days().abs()).unwrap_or_default();
    let (low, high) = plan.salaries;
    // A multiple of six thousand pays a whole number of dollars a month.
    let thousands = if place == 0 { high + 12 } else { dice.between(low / 6, high / 6) * 6 };
    Employee {
        id: EmployeeId::numbered(number),
        name: format!("{first} {last}"),
        title,
        department: plan.department,
        location: dice.pick(&LOCATIONS),
        email: format!("{address}@example.com"),
        manager_id: manager.map(EmployeeId::numbered),
        started_on: days_after(FOUNDED, if place == 0 { 0 } else { dice.between(0, tenure) }),
        date_of_birth: days_after(date(1962, 1, 1), dice.between(0, 14_600)),
        annual_salary_usd: thousands * 1000,
        personal_email: format!("{address}.home@example.com"),
        personal_phone: people::phone(number),
        home_address: format!("{}, {}", people::street(number), dice.pick(&CITIES)),
    }
}
