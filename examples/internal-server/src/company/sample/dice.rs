/// A repeatable source of variety: `SplitMix64` (Steele, Lea and Flood, 2014), written out here
/// because a generator from a library may give other numbers in its next version.
pub(super) struct Dice(u64);

impl Dice {
    /// Two dice with the same seed give the same numbers.
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

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let count = u64::from(high.saturating_sub(low)) + 1;
        let offset = u32::try_from(self.next() % count).unwrap_or_default();
        low.saturating_add(offset)
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let last = u32::try_from(choices.len().saturating_sub(1)).unwrap_or(u32::MAX);
        choices[self.between(0, last) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_gives_the_published_numbers() {
        // The reference implementation's first outputs for this seed.
        let mut dice = Dice::new(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317);
        assert_eq!(dice.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn both_ends_of_a_range_come_up() {
        let mut dice = Dice::new(7);
        let rolls: Vec<u32> = (0..100).map(|_| dice.between(1, 3)).collect();
        assert!(rolls.iter().all(|roll| (1..=3).contains(roll)));
        assert!(rolls.contains(&1) && rolls.contains(&3));
    }
}
