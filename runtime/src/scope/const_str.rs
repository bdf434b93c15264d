//! Comparing strings in constant evaluation.

/// Longest text that [`distance`] looks at, in bytes.
const LONGEST: usize = 128;

pub(crate) const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    // From the end: scopes share their beginnings more often than their ends.
    let mut i = a.len();
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return false;
        }
    }
    true
}

/// FNV-1a, to find doubled entries without comparing all pairs.
pub(crate) const fn hash(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

/// Edit distance in bytes, or `None` for texts too long to be worth it.
const fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    let mut row = [0; LONGEST + 1];
    let mut j = 0;
    while j <= b.len() {
        row[j] = j;
        j += 1;
    }
    let mut i = 0;
    while i < a.len() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        let mut j = 0;
        while j < b.len() {
            let substituted = diagonal + !a[i].eq_ignore_ascii_case(&b[j]) as usize;
            diagonal = row[j + 1];
            let mut best = substituted;
            if row[j] + 1 < best {
                best = row[j] + 1;
            }
            if diagonal + 1 < best {
                best = diagonal + 1;
            }
            row[j + 1] = best;
            j += 1;
        }
        i += 1;
    }
    Some(row[b.len()])
}

/// The entry nearest to `text`, if one is near enough to be what was meant: at most a third of it differs.
pub(crate) const fn nearest(text: &str, names: &[&'static str]) -> Option<&'static str> {
    let mut best = None;
    let mut best_distance = text.len() / 3 + 1;
    let mut i = 0;
    while i < names.len() {
        if let Some(distance) = distance(text, names[i])
            && distance < best_distance
        {
            best = Some(names[i]);
            best_distance = distance;
        }
        i += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_entry_is_the_one_with_the_fewest_edits() {
        let names = &["employees:read:private", "employees:read:public", "payroll:read:all"];
        assert_eq!(nearest("employees:read:pubic", names), Some("employees:read:public"));
        assert_eq!(nearest("Employees:Read:Public", names), Some("employees:read:public"));
        assert_eq!(nearest("tickets", names), None);
        assert_eq!(nearest(&"x".repeat(200), names), None);
    }

    #[test]
    fn distance_counts_insertions_deletions_and_substitutions() {
        assert_eq!(distance("", "abc"), Some(3));
        assert_eq!(distance("kitten", "sitting"), Some(3));
        assert_eq!(distance("same", "same"), Some(0));
    }
}
