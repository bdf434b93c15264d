//! The sample company's internal server.
fn main() {}
