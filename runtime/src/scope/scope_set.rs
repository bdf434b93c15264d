//! Sets of scopes as bits.

use std::fmt;

use smallvec::SmallVec;

/// Words of a set. Two are stored inline, so a server with up to 128 scopes needs no allocation for each caller.
type Words = SmallVec<[u64; 2]>;

/// Set of scopes that a token grants, including implied scopes. [`ScopeIndex`](super::ScopeIndex) assigns a bit to
/// each scope.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct ScopeSet {
    words: Words,
}

impl ScopeSet {
    pub(crate) fn insert(&mut self, bit: usize) {
        let word = bit / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (bit % 64);
    }

    pub(crate) fn contains(&self, bit: usize) -> bool {
        self.word(bit / 64) & (1 << (bit % 64)) != 0
    }

    pub(crate) fn union(&mut self, other: &Self) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    pub(crate) fn bits(&self) -> impl Iterator<Item = usize> + '_ {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(i, &word)| (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| i * 64 + bit))
    }

    /// Returns the bytes that the set has allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.words.spilled() { self.words.capacity() * size_of::<u64>() } else { 0 }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    #[inline]
    fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.bits()).finish()
    }
}

/// Bits to compare with a [`ScopeSet`]. Only nonzero words are stored, so the cost of a comparison depends on the
/// number of scopes in the mask, not on the number of scopes of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask {
    words: SmallVec<[(u32, u64); 1]>,
}

impl Mask {
    pub(crate) fn insert(&mut self, bit: usize) {
        let index = u32::try_from(bit / 64).expect("a server has fewer than 2^38 scopes");
        let bit = 1 << (bit % 64);
        match self.words.iter_mut().find(|(word, _)| *word == index) {
            Some((_, bits)) => *bits |= bit,
            None => self.words.push((index, bit)),
        }
    }

    /// Returns whether every bit of the mask is in the set.
    #[inline]
    pub(crate) fn all_in(&self, set: &ScopeSet) -> bool {
        self.words.iter().all(|&(index, bits)| set.word(index as usize) & bits == bits)
    }

    /// Returns whether at least one bit of the mask is in the set.
    #[inline]
    pub(crate) fn any_in(&self, set: &ScopeSet) -> bool {
        self.words.iter().any(|&(index, bits)| set.word(index as usize) & bits != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mask_compares_like_a_set_of_numbers(
            granted in prop::collection::btree_set(0_usize..300, 0..20),
            required in prop::collection::btree_set(0_usize..300, 0..6),
        ) {
            let mut set = ScopeSet::default();
            for &bit in &granted {
                set.insert(bit);
            }
            let mut mask = Mask::default();
            for &bit in &required {
                mask.insert(bit);
            }

            prop_assert_eq!(mask.all_in(&set), required.is_subset(&granted));
            prop_assert_eq!(mask.any_in(&set), !required.is_disjoint(&granted));
            prop_assert_eq!(set.len(), granted.len());
            prop_assert_eq!(set.is_empty(), granted.is_empty());
            prop_assert_eq!(set.bits().collect::<Vec<_>>(), granted.into_iter().collect::<Vec<_>>());
        }
    }
}
