//! What the operations read and change.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

const EMPLOYEES: [(&str, &str); 3] = [("emp_0001", "Ada"), ("emp_0002", "Grace"), ("emp_0010", "Barbara")];

/// The company's data, in memory.
pub(crate) struct Company {
    handbook: RwLock<String>,
    announcement_is_published: AtomicBool,
}

impl Company {
    pub(crate) fn new() -> Self {
        Self {
            handbook: RwLock::new("We work from 9 to 5.".to_owned()),
            announcement_is_published: AtomicBool::new(false),
        }
    }

    pub(crate) fn handbook(&self) -> String {
        self.handbook.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_handbook(&self, text: String) {
        *self.handbook.write().unwrap_or_else(PoisonError::into_inner) = text;
    }

    pub(crate) fn publish_announcement(&self, is_published: bool) {
        self.announcement_is_published.store(is_published, Ordering::Relaxed);
    }
}

/// Returns the name of an employee.
pub(crate) fn employee_name(employee_id: &str) -> Option<&'static str> {
    EMPLOYEES.into_iter().find_map(|(id, name)| (id == employee_id).then_some(name))
}

/// Whether the announcement exists: the rule of the operations that appear and disappear while the server runs.
pub(crate) fn is_published(company: &Company) -> bool {
    company.announcement_is_published.load(Ordering::Relaxed)
}

/// Completes the ID of an employee. Returns the IDs that begin with `value`.
pub(crate) fn employee_ids(value: &str) -> Vec<&'static str> {
    EMPLOYEES.into_iter().map(|(id, _)| id).filter(|id| id.starts_with(value)).collect()
}
