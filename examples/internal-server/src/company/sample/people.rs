//! Fictional names, telephone numbers and addresses. Names combine sixteen first and sixteen last names. The
//! telephone numbers 555-0100 to 555-0199 are reserved for fictional use.

const FIRST_NAMES: [&str; 16] = [
    "Alex", "Blake", "Casey", "Dana", "Ellis", "Frankie", "Glenn", "Harper", "Indigo", "Jamie", "Kim", "Logan",
    "Morgan", "Noel", "Parker", "Robin",
];

const LAST_NAMES: [&str; 16] = [
    "Ash", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy", "Juniper", "Larch", "Maple", "Oak",
    "Pine", "Rowan", "Willow",
];

const STREETS: [&str; 6] =
    ["Sample Street", "Example Avenue", "Placeholder Lane", "Specimen Road", "Demo Square", "Fixture Way"];

/// Returns the first and last name of the person with this number. The names of 256 consecutive numbers are distinct.
pub(super) fn name(number: usize) -> (&'static str, &'static str) {
    let first = number % 16;
    (FIRST_NAMES[first], LAST_NAMES[(number / 16 + 5 * first) % 16])
}

/// Returns a telephone number in the range that the North American Numbering Plan reserves for fictional use.
pub(super) fn phone(number: usize) -> String {
    format!("+1-{}-555-{:04}", 201 + number / 100, 100 + number % 100)
}

/// Returns a street address without the city.
pub(super) fn street(number: usize) -> String {
    format!("{} {}", 1 + number * 7 % 180, STREETS[number % 6])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn the_first_256_names_are_distinct() {
        let names: HashSet<_> = (0..256).map(super::name).collect();
        assert_eq!(names.len(), 256);
    }
}
