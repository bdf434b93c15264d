/// `SplitMix64` (Steele, Lea and Flood, 2014), a deterministic random number generator. It is implemented here
/// because a library's generator may return other numbers in its next version.
pub(super) struct SampleRng(u64);

impl SampleRng {
    /// Creates a generator. Equal seeds give equal numbers.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `low` to `high` (inclusive).
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let count = u64::from(high.saturating_sub(low)) + 1;
        let offset = u32::try_from(self.next() % count).unwrap_or_default();
        low.saturating_add(offset)
    }

    /// Returns one of `choices`, which must not be empty.
    pub(super) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = u32::try_from(choices.len().saturating_sub(1)).unwrap_or(u32::MAX);
        choices[self.between(0, last) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::SampleRng;

    #[test]
    fn matches_the_reference_implementation() {
        // First outputs of the reference implementation for this seed.
        let mut rng = SampleRng::new(1_234_567);
        assert_eq!(rng.next(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_range_includes_both_ends() {
        let mut rng = SampleRng::new(7);
        let numbers: Vec<u32> = (0..100).map(|_| rng.between(1, 3)).collect();
        assert!(numbers.iter().all(|number| (1..=3).contains(number)));
        assert!(numbers.contains(&1) && numbers.contains(&3));
    }
}
