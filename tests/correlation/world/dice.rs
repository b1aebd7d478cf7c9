//! Randomness that is the same everywhere: one seed, and no state beside it.

/// splitmix64.
pub fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One number for a seed and a place: what happens there does not depend on what happens elsewhere, so that a schedule
/// can be shrunk without changing the rest of it.
pub fn mix(seed: u64, place: &[u64]) -> u64 {
    place.iter().fold(scramble(seed), |sum, word| scramble(sum ^ word.wrapping_mul(0xff51_afd7_ed55_8ccd)))
}

/// A row of numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(scramble(seed))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// 0 to `most` - 1.
    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}
