//! Until when every OCS must have an entry.

use std::fmt;

use crate::protocol::{UtcSeconds, UtcTime};

const DAY: i64 = 86_400;

/// How the days are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    /// Monday to Friday, in UTC. Holidays count as days: they differ from place to place, and counting them is the
    /// stricter way.
    Business,
    /// Every day.
    Calendar,
}

/// The time an entry may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    days: u32,
    profile: Profile,
}

/// A way to count days that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected business_days or calendar_days, found '{0}'")]
pub struct UnknownProfile(pub String);

impl Default for Deadline {
    fn default() -> Self {
        Self { days: 10, profile: Profile::Business }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.days, self.profile().replace('_', " "))
    }
}

impl Deadline {
    /// So many days of that profile.
    ///
    /// # Errors
    /// [`UnknownProfile`]
    pub fn new(days: u32, profile: &str) -> Result<Self, UnknownProfile> {
        let profile = match profile {
            "business_days" => Profile::Business,
            "calendar_days" => Profile::Calendar,
            other => return Err(UnknownProfile(other.to_owned())),
        };
        Ok(Self { days, profile })
    }

    /// How many.
    #[must_use]
    pub fn days(&self) -> u32 {
        self.days
    }

    /// `business_days` or `calendar_days`
    #[must_use]
    pub fn profile(&self) -> &'static str {
        match self.profile {
            Profile::Business => "business_days",
            Profile::Calendar => "calendar_days",
        }
    }

    /// The end of the time of what was asked for then. What comes on a weekend counts from the Monday on.
    #[must_use]
    pub fn of(&self, asked: UtcTime) -> UtcTime {
        let (day, second) = (asked.seconds.0.div_euclid(DAY), asked.seconds.0.rem_euclid(DAY));
        let days = i64::from(self.days);
        let (end, second) = match self.profile {
            Profile::Calendar => (day.saturating_add(days), second),
            Profile::Business => {
                // 1970-01-01 was a Thursday: 0 = Monday.
                let weekday = (day + 3).rem_euclid(7);
                let (start, second) = if weekday > 4 { (day + 7 - weekday, 0) } else { (day, second) };
                let weekday = (start + 3).rem_euclid(7);
                let (weeks, rest) = (days / 5, days % 5);
                let over = if weekday + rest > 4 { 2 } else { 0 };
                (start + weeks * 7 + rest + over, second)
            }
        };
        UtcTime { seconds: UtcSeconds(end.saturating_mul(DAY).saturating_add(second)), micros: asked.micros }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(days: u32, profile: &str, asked: &str) -> String {
        let asked: jiff::Timestamp = asked.parse().unwrap();
        let at = UtcTime { seconds: UtcSeconds(asked.as_second()), micros: 0 };
        let end = Deadline::new(days, profile).unwrap().of(at);
        jiff::Timestamp::from_second(end.seconds.0).unwrap().to_string()
    }

    #[test]
    fn business_days_leave_out_the_weekend() {
        // 2026-11-16 is a Monday.
        for (days, asked, wanted) in [
            (10, "2026-11-16T09:00:00Z", "2026-11-30T09:00:00Z"),
            (1, "2026-11-20T23:59:59Z", "2026-11-23T23:59:59Z"),
            (3, "2026-11-19T08:00:00Z", "2026-11-24T08:00:00Z"),
            (4, "2026-11-16T08:00:00Z", "2026-11-20T08:00:00Z"),
            (5, "2026-11-17T08:00:00Z", "2026-11-24T08:00:00Z"),
            (1, "2026-11-21T15:00:00Z", "2026-11-24T00:00:00Z"),
            (1, "2026-11-22T15:00:00Z", "2026-11-24T00:00:00Z"),
        ] {
            assert_eq!(end(days, "business_days", asked), wanted, "{days} from {asked}");
        }
        assert_eq!(end(10, "calendar_days", "2026-11-16T09:00:00Z"), "2026-11-26T09:00:00Z");
    }

    #[test]
    fn what_is_asked_for_later_never_ends_earlier() {
        let deadline = Deadline::default();
        let ends: Vec<UtcTime> =
            (0..24 * 30).map(|hour| deadline.of(UtcTime { seconds: UtcSeconds(hour * 3_600), micros: 0 })).collect();
        assert!(ends.is_sorted());
        assert!(Deadline::new(1, "moons").is_err());
    }
}
