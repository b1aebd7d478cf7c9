//! Time zones as tables of offsets, and the daily window of a record in its zone (specification 5.11).
//!
//! The tables are made above this floor, from bundled zone data; here they are numbers.

use std::collections::BTreeMap;

const DAY: i64 = 86_400;

/// One time zone: how far its clocks are ahead of UTC, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Seconds ahead of UTC before the first change.
    first: i32,
    /// Moments (seconds since 1970 UTC) with the offset from then on, in their order.
    changes: Vec<(i64, i32)>,
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self { first: 0, changes: Vec::new() };

    /// A zone that begins with an offset and changes it at these moments.
    #[must_use]
    pub fn new(first: i32, mut changes: Vec<(i64, i32)>) -> Self {
        changes.sort_unstable();
        Self { first, changes }
    }

    /// Seconds ahead of UTC at a moment.
    #[must_use]
    pub fn offset(&self, utc: i64) -> i32 {
        self.span(utc).0
    }

    /// The first moment after this one at which the clocks change.
    #[must_use]
    pub fn next_change(&self, utc: i64) -> i64 {
        self.span(utc).1
    }

    /// The offset at a moment and the moment when it ends.
    fn span(&self, utc: i64) -> (i32, i64) {
        let n = self.changes.partition_point(|(at, _)| *at <= utc);
        let offset = n.checked_sub(1).and_then(|n| self.changes.get(n)).map_or(self.first, |(_, offset)| *offset);
        (offset, self.changes.get(n).map_or(i64::MAX, |(at, _)| *at))
    }

    /// True while the zone's clocks show `from` or more and less than `till` seconds since midnight.
    #[must_use]
    pub fn is_open(&self, utc: i64, from: i32, till: i32) -> bool {
        let clock = (utc + i64::from(self.offset(utc))).rem_euclid(DAY);
        (i64::from(from)..i64::from(till)).contains(&clock)
    }

    /// The first moment from `utc` on at which the window is open; `None` for a window that never is.
    #[must_use]
    pub fn next_open(&self, utc: i64, from: i32, till: i32) -> Option<i64> {
        let (from, till) = (i64::from(from.max(0)), i64::from(till).min(DAY));
        if from >= till {
            return None;
        }
        let mut at = utc;
        loop {
            let (offset, end) = self.span(at);
            let clock = (at + i64::from(offset)).rem_euclid(DAY);
            let wait = match clock {
                clock if clock < from => from - clock,
                clock if clock < till => 0,
                clock => DAY - clock + from,
            };
            if at + wait < end {
                return Some(at + wait);
            }
            at = end; // the clocks change before: look again from there
        }
    }
}

/// Zones by DBID; 0 and what is not known is the server's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    server: Zone,
    others: BTreeMap<i32, Zone>,
}

impl Zones {
    /// Puts a zone in, 0 for the server's own.
    pub fn insert(&mut self, dbid: i32, zone: Zone) {
        if dbid == 0 {
            self.server = zone;
        } else {
            self.others.insert(dbid, zone);
        }
    }

    /// The zone of a record.
    #[must_use]
    pub fn of(&self, dbid: i32) -> &Zone {
        if dbid == 0 { &self.server } else { self.others.get(&dbid).unwrap_or(&self.server) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: i32 = 28_800;
    const NINE_AT_NIGHT: i32 = 75_600;
    /// 2026-03-29T01:00:00Z: Prague goes from +1 to +2; 2026-10-25T01:00:00Z: back.
    const SPRING: i64 = 1_774_746_000;
    const AUTUMN: i64 = 1_792_890_000;

    fn prague() -> Zone {
        Zone::new(3_600, vec![(AUTUMN, 3_600), (SPRING, 7_200)])
    }

    #[test]
    fn a_window_opens_and_closes_by_the_clocks_of_its_zone() {
        let zone = prague();
        let midnight = SPRING - 3_600 - 3_600; // 00:00 in Prague on the day of the change
        let eight = midnight + 7 * 3_600; // one hour is missing that night
        assert!(!zone.is_open(eight - 1, EIGHT, NINE_AT_NIGHT));
        assert!(zone.is_open(eight, EIGHT, NINE_AT_NIGHT));
        assert!(zone.is_open(eight + 13 * 3_600 - 1, EIGHT, NINE_AT_NIGHT));
        assert!(!zone.is_open(eight + 13 * 3_600, EIGHT, NINE_AT_NIGHT));
        assert_eq!(zone.next_open(midnight, EIGHT, NINE_AT_NIGHT), Some(eight));
        assert_eq!(zone.next_open(eight + 5, EIGHT, NINE_AT_NIGHT), Some(eight + 5));
        assert_eq!(zone.next_open(eight + 13 * 3_600, EIGHT, NINE_AT_NIGHT), Some(eight + 24 * 3_600));
    }

    #[test]
    fn a_window_within_the_hour_that_is_left_out_opens_the_day_after() {
        let zone = prague();
        let (from, till) = (2 * 3_600 + 600, 2 * 3_600 + 1_200); // 02:10 to 02:20 does not exist that night
        let next = zone.next_open(SPRING - 1_800, from, till).unwrap();
        assert_eq!(next, SPRING + 86_400 - 3_600 + 600);
        assert!(zone.is_open(next, from, till));
    }

    #[test]
    fn every_moment_is_open_or_leads_to_an_open_one() {
        let zone = prague();
        for hour in 0..24 * 400 {
            let at = SPRING - 86_400 * 10 + hour * 3_600 + 17;
            let next = zone.next_open(at, EIGHT, NINE_AT_NIGHT).unwrap();
            assert!(zone.is_open(next, EIGHT, NINE_AT_NIGHT) && next >= at && next - at <= 12 * 3_600);
            assert_eq!(next == at, zone.is_open(at, EIGHT, NINE_AT_NIGHT));
            assert!(next == at || !zone.is_open(next - 1, EIGHT, NINE_AT_NIGHT));
        }
    }

    #[test]
    fn a_window_without_length_never_opens_and_an_unknown_zone_is_the_servers() {
        assert_eq!(Zone::UTC.next_open(0, 10, 10), None);
        assert_eq!(Zone::UTC.next_open(0, 86_400, 90_000), None);
        let mut zones = Zones::default();
        zones.insert(0, Zone::new(60, Vec::new()));
        zones.insert(5, Zone::new(120, Vec::new()));
        assert_eq!([0, 5, 9].map(|dbid| zones.of(dbid).offset(0)), [60, 120, 60]);
    }
}
