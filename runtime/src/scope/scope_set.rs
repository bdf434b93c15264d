//! The scopes of a token as bits.

use std::fmt;

use smallvec::SmallVec;

/// Two words are inline: lists of up to 128 scopes need no allocation for each caller.
type Words = SmallVec<[u64; 2]>;

/// A set of scopes, a bit for each scope of the server; implied scopes are already in it.
///
/// Which bit means which scope is the server's to know, so a set by itself shows only how many scopes it holds; use
/// [`Caller::scopes`](crate::Caller::scopes) for the names.
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
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    pub(crate) fn bits(&self) -> impl Iterator<Item = usize> + '_ {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(i, &word)| (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| i * 64 + bit))
    }

    /// How many scopes are in the set.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no scope is in the set.
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

/// Some bits to hold against a [`ScopeSet`]. Only the words that have a bit are kept, so a check takes as long as the
/// tool has scopes, however many the server has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask {
    words: SmallVec<[(u32, u64); 1]>,
}

impl Mask {
    pub(crate) fn insert(&mut self, bit: usize) {
        let index = u32::try_from(bit / 64).expect("a list of scopes has far fewer than 2^38 entries");
        let bit = 1 << (bit % 64);
        match self.words.iter_mut().find(|(word, _)| *word == index) {
            Some((_, bits)) => *bits |= bit,
            None => self.words.push((index, bit)),
        }
    }

    /// Whether every bit of the mask is in the set.
    #[inline]
    pub(crate) fn all_in(&self, set: &ScopeSet) -> bool {
        self.words.iter().all(|&(index, bits)| set.word(index as usize) & bits == bits)
    }

    /// Whether at least one bit of the mask is in the set.
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
        fn a_mask_agrees_with_sets_of_numbers(
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
