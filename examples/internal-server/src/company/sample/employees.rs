use chrono::NaiveDate;
use serde::Serialize;

use super::{LAST_DAY, SampleRng, date, days_after, people};
use crate::company::Department;
use crate::domain::{Day, EmployeeId};

/// A row of the table `employees`.
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

/// The size, titles and salaries of a department.
struct DepartmentModel {
    department: Department,
    size: usize,
    head_title: &'static str,
    titles: &'static [&'static str],
    /// Lowest and highest annual salary, in thousands of US dollars.
    salaries: (u32, u32),
}

/// The departments, with 240 employees in total. Management comes first, so `emp_0001` is the head of the company.
const DEPARTMENTS: [DepartmentModel; 7] = [
    DepartmentModel {
        department: Department::Management,
        size: 6,
        head_title: "Chief Executive Officer",
        titles: &[
            "Chief Operating Officer",
            "Chief Technology Officer",
            "Chief Financial Officer",
            "Chief Product Officer",
        ],
        salaries: (228, 300),
    },
    DepartmentModel {
        department: Department::Engineering,
        size: 92,
        head_title: "Vice President of Engineering",
        titles: &[
            "Software Engineer",
            "Senior Software Engineer",
            "Staff Software Engineer",
            "Site Reliability Engineer",
            "Product Designer",
        ],
        salaries: (96, 204),
    },
    DepartmentModel {
        department: Department::Support,
        size: 42,
        head_title: "Director of Support",
        titles: &["Support Engineer", "Senior Support Engineer", "Support Specialist"],
        salaries: (54, 102),
    },
    DepartmentModel {
        department: Department::Sales,
        size: 46,
        head_title: "Director of Sales",
        titles: &["Account Manager", "Account Executive", "Sales Engineer"],
        salaries: (60, 138),
    },
    DepartmentModel {
        department: Department::Marketing,
        size: 24,
        head_title: "Director of Marketing",
        titles: &["Content Editor", "Campaign Manager", "Developer Advocate"],
        salaries: (60, 120),
    },
    DepartmentModel {
        department: Department::Finance,
        size: 16,
        head_title: "Director of Finance",
        titles: &["Accountant", "Financial Analyst", "Controller"],
        salaries: (66, 132),
    },
    DepartmentModel {
        department: Department::Hr,
        size: 14,
        head_title: "Director of People",
        titles: &["Recruiter", "People Partner", "Payroll Specialist"],
        salaries: (60, 114),
    },
];

const LOCATIONS: [&str; 5] = ["Amsterdam", "Boston", "Lisbon", "Seattle", "Remote"];
const CITIES: [&str; 4] = ["Amsterdam", "Boston", "Lisbon", "Seattle"];

/// Day on which the company was founded and the heads of departments started.
const FOUNDED: NaiveDate = date(2015, 3, 2);

/// Returns every employee, sorted by ID.
pub(super) fn all() -> Vec<Employee> {
    let mut rng = SampleRng::new(1);
    let mut employees = Vec::new();
    for department in &DEPARTMENTS {
        let head = employees.len() + 1;
        for index in 0..department.size {
            employees.push(employee(department, head, index, &mut rng));
        }
    }
    employees
}

/// Returns the employee at `index` of a department whose head is the employee number `head`.
fn employee(department: &DepartmentModel, head: usize, index: usize, rng: &mut SampleRng) -> Employee {
    let number = head + index;
    let is_head = index == 0;
    let (first, last) = people::name(number);
    let address = format!("{first}.{last}").to_lowercase();
    let title =
        if is_head { department.head_title } else { department.titles[(index - 1) % department.titles.len()] };
    let manager = match (is_head, number) {
        (_, 1) => None,
        (true, _) => Some(1),
        (false, _) => Some(head),
    };
    let company_age = u32::try_from(LAST_DAY.signed_duration_since(FOUNDED).num_days()).unwrap_or_default();
    let (low, high) = department.salaries;
    // A multiple of 6,000 dollars a year is a whole number of dollars a month, also after the December bonus.
    let thousands = if is_head { high + 12 } else { rng.between(low / 6, high / 6) * 6 };
    Employee {
        id: EmployeeId::numbered(number),
        name: format!("{first} {last}"),
        title,
        department: department.department,
        location: rng.choose(&LOCATIONS),
        email: format!("{address}@example.com"),
        manager_id: manager.map(EmployeeId::numbered),
        started_on: days_after(FOUNDED, if is_head { 0 } else { rng.between(0, company_age) }),
        date_of_birth: days_after(date(1962, 1, 1), rng.between(0, 14_600)),
        annual_salary_usd: thousands * 1000,
        personal_email: format!("{address}.home@example.com"),
        personal_phone: people::phone(number),
        home_address: format!("{}, {}", people::street(number), rng.choose(&CITIES)),
    }
}
