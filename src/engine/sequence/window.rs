//! Weekdays and hours in a time zone.

use crate::engine::ocs::dialer::Zone;

const DAY: i64 = 86_400;
/// Boundaries that are looked at before a window is said to stay as it is: a year of days has no more.
const LOOKS: usize = 1_200;

/// Days of the week, and hours of the day, by the clocks of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The zone.
    pub zone: Zone,
    /// Its name, for people.
    pub zone_name: String,
    /// Bit 0 = Monday.
    pub days: u8,
    /// Seconds since midnight.
    pub from_s: i32,
    /// Seconds since midnight; not after `from_s` = on the day after.
    pub till_s: i32,
}

impl Window {
    /// Every day.
    pub const EVERY_DAY: u8 = 0b111_1111;
    /// Names of the days, from Monday on.
    pub const DAYS: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    fn hours(&self) -> (i64, i64) {
        (i64::from(self.from_s), i64::from(self.till_s))
    }

    fn has_day(&self, day: i64) -> bool {
        // 1970-01-01 was a Thursday.
        self.days & (1 << (day + 3).rem_euclid(7)) != 0
    }

    fn clock(&self, utc_s: i64) -> (i64, i64) {
        let local = utc_s + i64::from(self.zone.offset(utc_s));
        (local.div_euclid(DAY), local.rem_euclid(DAY))
    }

    /// True while it is open.
    #[must_use]
    pub fn is_open(&self, at_ms: i64) -> bool {
        let (day, clock) = self.clock(at_ms.div_euclid(1_000));
        let (from, till) = self.hours();
        if from < till {
            return self.has_day(day) && (from..till).contains(&clock);
        }
        (self.has_day(day) && clock >= from) || (self.has_day(day - 1) && clock < till)
    }

    /// The next moment at which it may open or close.
    fn boundary(&self, utc_s: i64) -> i64 {
        let (_, clock) = self.clock(utc_s);
        let (from, till) = self.hours();
        let until = |mark: i64| (mark - clock).rem_euclid(DAY);
        let waits = [until(from), until(till % DAY), DAY - clock].into_iter().filter(|wait| *wait > 0);
        let wait = waits.min().unwrap_or(DAY);
        (utc_s + wait).min(self.zone.next_change(utc_s))
    }

    fn first(&self, at_ms: i64, open: bool) -> Option<i64> {
        if self.is_open(at_ms) == open {
            return Some(at_ms);
        }
        let mut utc = at_ms.div_euclid(1_000);
        for _ in 0..LOOKS {
            utc = self.boundary(utc);
            let ms = utc.checked_mul(1_000)?;
            if self.is_open(ms) == open {
                return Some(ms);
            }
        }
        None
    }

    /// The first moment from then on at which it is open; `None` = it never is.
    #[must_use]
    pub fn opens(&self, at_ms: i64) -> Option<i64> {
        self.first(at_ms, true)
    }

    /// The first moment from then on at which it is closed; `None` = it never is.
    #[must_use]
    pub fn closes(&self, at_ms: i64) -> Option<i64> {
        self.first(at_ms, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-29T01:00:00Z, a Sunday: Prague goes from +1 to +2; 2026-10-25T01:00:00Z, a Sunday: back.
    const SPRING: i64 = 1_774_746_000;
    const AUTUMN: i64 = 1_792_890_000;
    const HOUR: i64 = 3_600;

    fn window(days: u8, from_h: i32, till_h: i32) -> Window {
        let zone = Zone::new(3_600, vec![(SPRING, 7_200), (AUTUMN, 3_600)]);
        Window { zone, zone_name: "Europe/Prague".into(), days, from_s: from_h * 3_600, till_s: till_h * 3_600 }
    }

    #[test]
    fn hours_are_those_of_the_zone_on_both_sides_of_a_change_of_clocks() {
        let window = window(Window::EVERY_DAY, 8, 21);
        for (change, eight) in [(SPRING, SPRING + 5 * HOUR), (AUTUMN, AUTUMN + 6 * HOUR)] {
            assert_eq!(window.opens(change * 1_000), Some(eight * 1_000));
            assert_eq!(window.closes(eight * 1_000), Some((eight + 13 * HOUR) * 1_000));
            assert!(!window.is_open(eight * 1_000 - 1) && window.is_open(eight * 1_000));
        }
    }

    #[test]
    fn weekdays_are_those_of_the_zone() {
        // From Saturday 23:30 in Prague the next Monday 00:00 is an hour nearer in spring.
        let monday = window(0b000_0001, 0, 24);
        let saturday = SPRING - 2 * HOUR - 1_800;
        assert_eq!(monday.opens(saturday * 1_000), Some((SPRING + 21 * HOUR) * 1_000));
        assert_eq!(monday.closes((SPRING + 21 * HOUR) * 1_000), Some((SPRING + 45 * HOUR) * 1_000));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
        let friday = window(0b001_0000, 22, 2);
        let opens = friday.opens(SPRING * 1_000).unwrap();
        let (day, clock) = friday.clock(opens / 1_000);
        assert_eq!(((day + 3) % 7, clock), (4, 22 * HOUR));
        assert_eq!(friday.closes(opens), Some(opens + 4 * HOUR * 1_000));
    }

    #[test]
    fn one_that_is_always_open_never_closes_and_one_without_days_never_opens() {
        assert_eq!(window(Window::EVERY_DAY, 0, 24).closes(SPRING * 1_000), None);
        assert_eq!(window(0, 8, 21).opens(SPRING * 1_000), None);
    }

    #[test]
    fn every_hour_of_a_year_is_open_or_leads_to_an_open_one() {
        let window = window(0b001_1111, 9, 18);
        for hour in 0..24 * 400 {
            let at = (SPRING - 10 * DAY + hour * HOUR + 17) * 1_000;
            let opens = window.opens(at).unwrap();
            assert!(window.is_open(opens) && opens >= at && opens - at < 4 * DAY * 1_000);
            assert!(opens == at || !window.is_open(opens - 1));
            let closes = window.closes(opens).unwrap();
            assert!(!window.is_open(closes) && window.is_open(closes - 1) && closes - opens <= 9 * HOUR * 1_000);
        }
    }
}
