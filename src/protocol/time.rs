//! Time as the machines see it: given, never asked for.

use std::{
    ops::Add,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Time since the machines started. Rooms below `net` get it with every input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

impl Time {
    /// The start of the machines.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// So many milliseconds after the start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// So many seconds after the start.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So much later; stays at the end of time when the sum would pass it.
    #[must_use]
    pub const fn saturating_add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// How long after `earlier`; nothing when it was not earlier.
    #[must_use]
    pub const fn saturating_sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// As [`Time::saturating_add`].
    fn add(self, later: Duration) -> Self {
        self.saturating_add(later)
    }
}

/// Seconds since 1970 UTC, as `TimeinSecs`, schedules and calling lists count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcSeconds(pub i64);

/// A moment of the calendar with its microseconds, as T-Server events carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTime {
    /// Whole seconds.
    pub seconds: UtcSeconds,
    /// Microseconds within that second, 0 to 999,999.
    pub micros: u32,
}

impl UtcSeconds {
    /// The unsigned 32 bits of `TimeinSecs`; moments outside its range stay at its ends.
    #[must_use]
    pub fn to_u32(self) -> u32 {
        u32::try_from(self.0.max(0)).unwrap_or(u32::MAX)
    }
}

impl From<SystemTime> for UtcTime {
    /// A clock before 1970 reads as 1970.
    fn from(clock: SystemTime) -> Self {
        let since = clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = UtcSeconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        Self { seconds, micros: since.subsec_micros() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_saturate_at_both_ends() {
        assert_eq!(Time::from_secs(1).saturating_sub(Time::from_secs(2)), Duration::ZERO);
        assert_eq!(Time(Duration::MAX).saturating_add(Duration::from_secs(1)), Time(Duration::MAX));
        assert_eq!(Time::from_millis(1_500).saturating_add(Duration::from_millis(500)), Time::from_secs(2));
        assert_eq!((UtcSeconds(-1).to_u32(), UtcSeconds(1 << 40).to_u32()), (0, u32::MAX));
    }
}
