//! Times as they travel: `yyyy-MM-ddTHH:mm:ss.SSSZ`.

use jiff::Timestamp;

/// Milliseconds since 1970 UTC as they travel. What no calendar holds is 1970.
#[must_use]
pub fn write_time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Milliseconds since 1970 UTC of a time with its zone.
#[must_use]
pub fn read_time(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_three_digits_of_a_second() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_583_020_799_999, "2020-02-29T23:59:59.999Z"),
            (1_735_689_600_042, "2025-01-01T00:00:00.042Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ];
        for (at, text) in table {
            assert_eq!(write_time(at), text);
            assert_eq!(read_time(text), Some(at), "{text}");
        }
        assert_eq!(write_time(i64::MAX), write_time(0));
        assert_eq!(read_time("2025-01-01T01:00:00.0421999+01:00"), Some(1_735_689_600_042));
        assert_eq!(read_time("2025-02-29T00:00:00Z"), None);
    }
}
