//! Times as a scenario writes them: so long after the start, a time of the day, the end; and dates.

use std::fmt;
use std::time::Duration;

use crate::engine::ocs::dialer::millis_from_word;
use crate::protocol::{Time, UtcSeconds};

const DAY: i64 = 86_400;

/// A moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the start.
    After(Duration),
    /// When the calendar comes to this second of a day (UTC) for the first time.
    Clock(u32),
    /// When the run ends.
    End,
}

impl Moment {
    /// `90s`, `17:30`, `17:30:15` or `end`.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        if word == "end" {
            return Some(Self::End);
        }
        if let Some(millis) = millis_from_word(word) {
            return Some(Self::After(Duration::from_millis(millis)));
        }
        clock(word).map(Self::Clock)
    }

    /// When that is, `None` for the end of a run that has no length.
    #[must_use]
    pub fn time(self, start: UtcSeconds, length: Option<Duration>) -> Option<Time> {
        match self {
            Self::After(duration) => Some(Time(duration)),
            Self::Clock(second) => {
                let wait = (i64::from(second) - start.0).rem_euclid(DAY);
                u64::try_from(wait).ok().map(Time::from_secs)
            }
            Self::End => length.map(Time),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(duration) => f.write_str(&print_span(*duration)),
            Self::Clock(second) => write!(f, "{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60),
            Self::End => f.write_str("end"),
        }
    }
}

/// `17:30` or `17:30:15` as seconds since midnight.
fn clock(word: &str) -> Option<u32> {
    let parts: Vec<&str> = word.split(':').collect();
    let digits = |word: &str, limit: u32| -> Option<u32> {
        let two = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| word.parse().ok()).flatten().filter(|number| *number < limit)
    };
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (hours, minutes, &"00"),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    Some(digits(hours, 24)? * 3_600 + digits(minutes, 60)? * 60 + digits(seconds, 60)?)
}

/// A duration in the largest unit that leaves nothing over.
#[must_use]
pub fn print_span(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let whole = units.iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{millis}ms"), |(unit, name)| format!("{}{name}", millis / unit))
}

/// `2026-12-01T17:00:00Z`; the years 1970 to 2099.
#[must_use]
pub fn read_utc(word: &str) -> Option<UtcSeconds> {
    let (date, time) = word.strip_suffix('Z')?.split_once('T')?;
    let parts: Vec<i64> = date.split('-').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [year, month, day] = *parts.as_slice() else { return None };
    let fits = (1970..2100).contains(&year) && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    let seconds = clock(time).filter(|_| fits)?;
    let days: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum::<i64>()
        + (1..month).map(|month| days_of(year, month)).sum::<i64>()
        + day
        - 1;
    Some(UtcSeconds(days * DAY + i64::from(seconds)))
}

/// The other way round.
#[must_use]
pub fn print_utc(utc: UtcSeconds) -> String {
    let (mut days, second) = (utc.0.div_euclid(DAY), utc.0.rem_euclid(DAY));
    let (mut year, mut month) = (1970, 1);
    while days >= if is_leap(year) { 366 } else { 365 } {
        days -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-03-02T08:00:00Z", 1_772_438_400),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("2099-12-31T00:00:01Z", 4_102_358_401),
        ] {
            assert_eq!(read_utc(text), Some(UtcSeconds(seconds)), "{text}");
            assert_eq!(print_utc(UtcSeconds(seconds)), text);
        }
        assert_eq!(read_utc("2026-03-02T08:00Z"), Some(UtcSeconds(1_772_438_400)));
        for wrong in
            ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-03-02", "2026-03-02T8:00Z", "1969-01-01T00:00Z"]
        {
            assert_eq!(read_utc(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_after_the_start_at_a_clock_or_at_the_end() {
        let start = read_utc("2026-12-01T17:00:00Z").unwrap();
        let time = |word: &str| Moment::read(word).unwrap().time(start, Some(Duration::from_secs(28_800)));
        assert_eq!(time("90s"), Some(Time::from_secs(90)));
        assert_eq!(time("17:30"), Some(Time::from_secs(1_800)));
        assert_eq!(time("00:00:05"), Some(Time::from_secs(7 * 3_600 + 5)), "the next day");
        assert_eq!(time("end"), Some(Time::from_secs(28_800)));
        for word in ["90s", "17:30:00", "end", "1500ms", "8h", "0ms"] {
            assert_eq!(Moment::read(word).unwrap().to_string(), word);
        }
        assert_eq!((Moment::read("25:00"), Moment::read("soon"), Moment::read("1730")), (None, None, None));
    }
}
