use toolgate::__private::check_uri;

const _: () = check_uri("company://employees/{employee_id", &["employee_id"]);
const _: () = check_uri("company://employees/{employe_id}", &["employee_id"]);
const _: () = check_uri("company://employees/me", &["employee_id"]);
const _: () = check_uri("policies/handbook", &[]);

fn main() {}
