//! The smallest set of scopes that meets the requirements of operations.

use std::collections::HashMap;

use crate::{
    policy::OperationPolicy,
    scope::{ScopeIndex, ScopeSet},
};

/// Returns the smallest subset of `allowed` that meets the requirements of all `operations`. Of several, it returns
/// the one that is first in the order of the bits. Both `allowed` and the result are bits in ascending order.
///
/// This is the problem of the smallest set cover. It takes exponential time in theory, in the number of scopes that the
/// operations require and that several scopes imply.
pub(super) fn smallest_set(
    index: &ScopeIndex<&str>,
    operations: &[&OperationPolicy],
    allowed: &[usize],
) -> Option<Vec<usize>> {
    let alternatives = alternatives(index, operations);
    let mut candidates: Vec<Candidate> = Vec::new();
    for &bit in allowed {
        let granted = index.expand([index.names()[bit]]);
        let mut covers = ScopeSet::default();
        for (i, alternative) in alternatives.iter().enumerate() {
            if alternative.iter().any(|&scope| granted.contains(scope)) {
                covers.insert(i);
            }
        }
        // Of two scopes that cover the same, the first is always preferred.
        if candidates.iter().all(|candidate| candidate.covers != covers) {
            candidates.push(Candidate { bit, covers });
        }
    }
    Search { candidates, alternatives: alternatives.len(), found: HashMap::new() }.cover(&ScopeSet::default())
}

/// Returns the clauses of the requirements: of each set of scopes, a token must have one.
fn alternatives(index: &ScopeIndex<&str>, operations: &[&OperationPolicy]) -> Vec<Vec<usize>> {
    let mut alternatives = Vec::new();
    for operation in operations {
        let all = operation.scopes.iter().map(|scope| index.bit(scope).into_iter().collect());
        let any = (!operation.any_scope.is_empty())
            .then(|| operation.any_scope.iter().filter_map(|scope| index.bit(scope)).collect());
        for alternative in all.chain(any) {
            if !alternatives.contains(&alternative) {
                alternatives.push(alternative);
            }
        }
    }
    alternatives
}

/// A scope, and the clauses for which a token with it has a scope.
struct Candidate {
    bit: usize,
    covers: ScopeSet,
}

struct Search {
    candidates: Vec<Candidate>,
    /// Number of clauses.
    alternatives: usize,
    /// The smallest set for the clauses that are not in the key.
    found: HashMap<ScopeSet, Option<Vec<usize>>>,
}

impl Search {
    /// Returns the smallest set of scopes for the clauses that are not covered yet.
    ///
    /// A part of a smallest set is a smallest set of the rest, also in the order of the bits: adding a scope to two sets
    /// of equal size does not change their order.
    fn cover(&mut self, covered: &ScopeSet) -> Option<Vec<usize>> {
        let Some(next) = (0..self.alternatives).find(|&i| !covered.contains(i)) else { return Some(Vec::new()) };
        if let Some(found) = self.found.get(covered) {
            return found.clone();
        }
        let mut best: Option<Vec<usize>> = None;
        for i in 0..self.candidates.len() {
            let candidate = &self.candidates[i];
            if !candidate.covers.contains(next) {
                continue;
            }
            let bit = candidate.bit;
            let mut with_candidate = covered.clone();
            with_candidate.union(&candidate.covers);
            let Some(mut set) = self.cover(&with_candidate) else { continue };
            set.push(bit);
            set.sort_unstable();
            if best.as_ref().is_none_or(|best| (set.len(), &set) < (best.len(), best)) {
                best = Some(set);
            }
        }
        self.found.insert(covered.clone(), best.clone());
        best
    }
}
