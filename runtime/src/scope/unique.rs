//! Duplicates in a list of names, found in constant evaluation.

use super::const_str;

/// Returns a name that is in the list twice.
///
/// It sorts hashes (heap sort, without allocation and without a quadratic worst case). Comparing all pairs of a few
/// thousand scopes would exceed the compiler's limit on constant evaluation.
pub(super) const fn first_duplicate<const N: usize>(names: &[&'static str; N]) -> Option<&'static str> {
    let mut hashes = [0; N];
    let mut i = 0;
    while i < N {
        hashes[i] = const_str::hash(names[i]);
        i += 1;
    }
    let mut start = N / 2;
    let mut end = N;
    while end > 1 {
        if start > 0 {
            start -= 1;
        } else {
            end -= 1;
            hashes.swap(0, end);
        }
        let mut root = start;
        while 2 * root + 1 < end {
            let mut child = 2 * root + 1;
            if child + 1 < end && hashes[child] < hashes[child + 1] {
                child += 1;
            }
            if hashes[root] >= hashes[child] {
                break;
            }
            hashes.swap(root, child);
            root = child;
        }
    }
    let mut i = 1;
    while i < N {
        // Two names can have the same hash.
        if hashes[i - 1] == hashes[i]
            && let Some(duplicate) = duplicate_with_hash(names, hashes[i])
        {
            return Some(duplicate);
        }
        i += 1;
    }
    None
}

const fn duplicate_with_hash(names: &[&'static str], hash: u64) -> Option<&'static str> {
    let mut i = 0;
    while i < names.len() {
        if const_str::hash(names[i]) == hash {
            let mut j = i + 1;
            while j < names.len() {
                if const_str::equal(names[i], names[j]) {
                    return Some(names[i]);
                }
                j += 1;
            }
        }
        i += 1;
    }
    None
}
