//! Chance that is the same everywhere: integers only, from a seed.

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed draws the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(in crate::engine) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1; 0 for no choice at all.
    pub(in crate::engine) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True in so many of a thousand cases.
    pub(in crate::engine) fn per_mille(&mut self, n: u32) -> bool {
        self.below(1_000) < u64::from(n)
    }

    /// From `min` to `max`, both included.
    pub(in crate::engine) fn between(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max.saturating_sub(min).saturating_add(1))
    }

    /// Exponential with this mean, at most eight times the mean.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        const LN_2: u128 = 45_426; // in 1/65536
        let halvings = u128::from((64 << 16) - log2(self.next() | 1)); // -log2 of a number below 1, in 1/65536
        let drawn = u64::try_from((u128::from(mean) * halvings * LN_2) >> 32).unwrap_or(u64::MAX);
        drawn.min(mean.saturating_mul(8))
    }
}

/// Logarithm to the base 2 in 1/65536, rounded down; of 0 it is 0.
fn log2(n: u64) -> u64 {
    let Some(whole) = n.checked_ilog2() else { return 0 };
    // 1 <= m < 2 with 31 binary places; each squaring gives one bit of the fraction.
    let mut m = if whole >= 31 { n >> (whole - 31) } else { n << (31 - whole) };
    let mut fraction = 0;
    for bit in (0..16).rev() {
        m = (m * m) >> 31;
        if m >= 1 << 32 {
            m >>= 1;
            fraction |= 1 << bit;
        }
    }
    (u64::from(whole) << 16) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_powers_are_whole_and_the_others_between() {
        assert_eq!((log2(1), log2(2), log2(1 << 63)), (0, 1 << 16, 63 << 16));
        assert_eq!(log2(3), 103_872, "1.58496 * 65536 = 103872.3");
        assert_eq!(log2(u64::MAX), (64 << 16) - 1);
    }

    #[test]
    fn draws_have_the_mean_that_was_asked_for() {
        let mut random = Random::new(7);
        let n = 200_000;
        let sum: u64 = (0..n).map(|_| random.exponential(100_000)).sum();
        assert!((99_000..=101_000).contains(&(sum / n)), "{}", sum / n);
        let sum: u64 = (0..n).map(|_| random.between(10, 20)).sum();
        assert!((1_495..=1_505).contains(&(sum * 100 / n)), "{sum}");
        let hits = (0..n).filter(|_| random.per_mille(300)).count();
        assert!((59_000..=61_000).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| random.between(5, 5) == 5 && random.below(0) == 0));
    }
}
