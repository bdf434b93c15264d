use serde::Serialize;

use super::employees::Employee;
use super::{SampleRng, date, days_after, people};
use crate::company::{CustomerStatus, Department, Plan};
use crate::domain::{CustomerId, Day, EmployeeId};

/// A row of the table `customers`.
#[derive(Serialize)]
pub(super) struct Customer<'a> {
    pub(super) id: CustomerId,
    name: String,
    industry: &'static str,
    region: &'static str,
    plan: Plan,
    status: CustomerStatus,
    since: Day,
    seats: u32,
    annual_contract_usd: u32,
    health_score: u32,
    account_manager_id: &'a EmployeeId,
    contact_name: String,
    contact_title: &'static str,
    contact_email: String,
    contact_phone: String,
    billing_address: String,
}

const COUNT: usize = 60;

const COLOURS: [&str; 10] =
    ["Amber", "Blue", "Copper", "Dune", "Emerald", "Flint", "Golden", "Indigo", "Jade", "Silver"];
/// An industry, and the word for its companies' names.
const TRADES: [(&str, &str); 6] = [
    ("Logistics", "Freight"),
    ("Healthcare", "Clinics"),
    ("Retail", "Stores"),
    ("Manufacturing", "Works"),
    ("Software", "Systems"),
    ("Education", "Academy"),
];
pub(super) const REGIONS: [&str; 4] = ["North America", "Europe", "Asia Pacific", "Latin America"];
const CITIES: [&str; 4] = ["Boston", "Amsterdam", "Singapore", "Santiago"];
const TITLES: [&str; 4] = ["Head of Operations", "IT Manager", "Procurement Lead", "Product Owner"];

/// Returns every customer, sorted by ID.
pub(super) fn all(employees: &[Employee]) -> Vec<Customer<'_>> {
    let managers: Vec<&EmployeeId> = employees
        .iter()
        .filter(|employee| employee.department == Department::Sales)
        .map(|employee| &employee.id)
        .collect();
    let mut rng = SampleRng::new(2);
    (0..COUNT).map(|index| customer(index, &managers, &mut rng)).collect()
}

fn customer<'a>(index: usize, managers: &[&'a EmployeeId], rng: &mut SampleRng) -> Customer<'a> {
    let colour = COLOURS[index % COLOURS.len()];
    let (industry, trade) = TRADES[index / COLOURS.len() % TRADES.len()];
    // Employees have the numbers 1 to 240, so no contact has the name of an employee.
    let (first, last) = people::name(241 + index % 15);
    let region = index % REGIONS.len();
    let plan = rng.choose(&[Plan::Starter, Plan::Business, Plan::Business, Plan::Enterprise]);
    let (seats, price) = match plan {
        Plan::Starter => (rng.between(3, 20), 180),
        Plan::Business => (rng.between(20, 200), 240),
        Plan::Enterprise => (rng.between(200, 1500), 300),
    };
    let health_score = rng.between(20, 98);
    let status = match (index % 12, health_score) {
        (5, _) => CustomerStatus::Trial,
        (11, _) => CustomerStatus::Churned,
        (_, ..45) => CustomerStatus::AtRisk,
        _ => CustomerStatus::Active,
    };
    let paying = matches!(status, CustomerStatus::Active | CustomerStatus::AtRisk);
    Customer {
        id: CustomerId::numbered(index + 1),
        name: format!("{colour} {trade}"),
        industry,
        region: REGIONS[region],
        plan,
        status,
        since: days_after(date(2018, 1, 1), rng.between(0, 3000)),
        seats,
        annual_contract_usd: if paying { seats * price } else { 0 },
        health_score,
        account_manager_id: rng.choose(managers),
        contact_name: format!("{first} {last}"),
        contact_title: TITLES[index % TITLES.len()],
        contact_email: format!(
            "{}@{}-{}.example.com",
            first.to_lowercase(),
            colour.to_lowercase(),
            trade.to_lowercase()
        ),
        contact_phone: people::phone(1000 + index),
        billing_address: format!("{}, {}", people::street(300 + index), CITIES[region]),
    }
}
