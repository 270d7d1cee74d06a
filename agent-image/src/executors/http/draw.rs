//! Weighted draws: which request comes next.

/// A small, fast generator (SplitMix64): statistically good, one multiplication chain, no allocation.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly spread over `0..bound`; 0 when the bound is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: off by at most bound / 2^64, which no run is long enough to see.
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

/// A choice among items, each with its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// Running sums: item `i` owns the tickets from `sums[i - 1]` to below `sums[i]`.
    sums: Vec<u64>,
}

impl Weights {
    /// None when no ticket is left to draw (no item, or all weights 0).
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Option<Self> {
        let running = weights.into_iter().scan(0u64, |sum, weight| {
            *sum += u64::from(weight);
            Some(*sum)
        });
        let sums: Vec<u64> = running.collect();
        sums.last().is_some_and(|total| *total > 0).then_some(Self { sums })
    }

    /// Draws an item's index.
    #[inline]
    pub fn draw(&self, random: &mut Random) -> usize {
        let total = self.sums.last().copied().unwrap_or(0);
        let ticket = random.below(total);
        self.sums.partition_point(|sum| *sum <= ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_weights() {
        let weights = Weights::new([1, 0, 3, 6]).unwrap();
        let mut random = Random::new(42);
        let mut seen = [0u32; 4];
        for _ in 0..100_000 {
            seen[weights.draw(&mut random)] += 1;
        }
        assert_eq!(seen[1], 0, "a weight of 0 is never drawn");
        for (count, share) in [(seen[0], 0.1), (seen[2], 0.3), (seen[3], 0.6)] {
            let got = f64::from(count) / 100_000.0;
            assert!((got - share).abs() < 0.01, "{got} instead of {share}");
        }
    }

    #[test]
    fn without_any_ticket_there_is_no_draw() {
        assert_eq!(Weights::new([0, 0]), None);
        assert_eq!(Weights::new([]), None);
    }

    #[test]
    fn a_bound_is_never_reached() {
        let mut random = Random::new(7);
        assert!((0..10_000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
    }
}
