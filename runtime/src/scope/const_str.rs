//! String comparison in constant evaluation.
//!
//! Written by hand because these functions must be `const fn`: traits such as `Hasher`, and libraries such as
//! `strsim`, are not available in constants.

/// Maximum length of the strings that [`edit_distance`] compares, in bytes.
const MAX_COMPARED_BYTES: usize = 128;

pub(crate) const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    // Compare from the end: scopes are more often equal at the start than at the end.
    let mut i = a.len();
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return false;
        }
    }
    true
}

/// FNV-1a hash, to find duplicates without comparing all pairs.
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

/// Edit distance in bytes (Levenshtein), ignoring ASCII case. `None` if a string is too long to compare.
const fn edit_distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > MAX_COMPARED_BYTES || b.len() > MAX_COMPARED_BYTES {
        return None;
    }
    let mut row = [0; MAX_COMPARED_BYTES + 1];
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

/// Returns the entry with the smallest edit distance to `text`, if that is at most a third of the length of `text`.
pub(crate) const fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let mut best = None;
    let mut best_distance = text.len() / 3 + 1;
    let mut i = 0;
    while i < names.len() {
        if let Some(distance) = edit_distance(text, names[i])
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
    fn nearest_returns_the_entry_with_the_fewest_edits() {
        let names = &["employees:read:private", "employees:read:public", "payroll:read:all"];
        assert_eq!(nearest("employees:read:pubic", names), Some("employees:read:public"));
        assert_eq!(nearest("Employees:Read:Public", names), Some("employees:read:public"));
        assert_eq!(nearest("tickets", names), None);
        assert_eq!(nearest(&"x".repeat(200), names), None);
    }

    #[test]
    fn edit_distance_counts_insertions_deletions_and_substitutions() {
        assert_eq!(edit_distance("", "abc"), Some(3));
        assert_eq!(edit_distance("kitten", "sitting"), Some(3));
        assert_eq!(edit_distance("same", "same"), Some(0));
    }
}
