//! The tools. `#[tool]` registers each of them; nothing here has to list them.

mod analytics;
mod customers;
mod employees;
mod finance;
mod identity;
mod payroll;
mod repository;
mod tickets;
