//! When something ends: words of `--expires`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::exit::CliError;
use crate::protocol::{UtcSeconds, UtcTime};

/// `30d`, `12h`, or what [`fixed`] reads.
///
/// # Errors
/// Anything else.
pub(super) fn end(text: &str, from: UtcTime) -> Result<UtcTime, CliError> {
    if let Some(at) = fixed(text) {
        return Ok(at);
    }
    let unit = match text.chars().last() {
        Some('d') => Some(86_400),
        Some('h') => Some(3_600),
        _ => None,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u32>().ok());
    let seconds = unit.zip(number).map(|(unit, number)| from.seconds.0.saturating_add(i64::from(number) * unit));
    let at = seconds.map(|seconds| UtcTime { seconds: UtcSeconds(seconds), micros: 0 });
    at.ok_or_else(|| {
        CliError::usage(format!(
            "--expires: expected a time like 30d, 12h, 2027-01-31 or 2027-01-31T00:00:00Z, found '{text}'"
        ))
    })
}

/// A time of RFC 3339, or the beginning of a day in UTC: the same whenever it is read.
#[must_use]
pub(super) fn fixed(text: &str) -> Option<UtcTime> {
    let day = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
    let at = text.parse::<Timestamp>().ok().or_else(|| text.parse::<Date>().ok().and_then(day))?;
    Some(UtcTime { seconds: UtcSeconds(at.as_second()), micros: 0 })
}

/// As the API takes it.
///
/// # Errors
/// A time that no calendar has.
pub(super) fn rfc3339(at: UtcTime) -> Result<String, CliError> {
    let at = Timestamp::from_second(at.seconds.0);
    at.map(|at| at.to_string()).map_err(|error| CliError::usage(format!("--expires: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_span_a_day_or_a_time() {
        let from = UtcTime { seconds: UtcSeconds(1_000), micros: 7 };
        let end = |text: &str| end(text, from).map(|at| at.seconds.0).ok();
        assert_eq!(end("12h"), Some(1_000 + 43_200));
        assert_eq!(end("30d"), Some(1_000 + 2_592_000));
        assert_eq!(end("1970-01-01T00:20:00Z"), Some(1_200));
        assert_eq!(end("1970-01-03"), Some(172_800));
        for wrong in ["", "d", "30", "-1d", "30m", "tomorrow", "é", "1970-13-01"] {
            assert_eq!(end(wrong), None, "{wrong}");
        }
        assert_eq!(fixed("30d"), None);
    }
}
