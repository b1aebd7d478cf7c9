//! Checks of single values (specification 1.1, 3.A, 3.B).

use super::words::words;
use super::{Code, Remark};

words! {
    /// What a value must be.
    FieldKind {
        /// Anything.
        Text = "text",
        /// A mail address.
        Email = "email",
        /// An address of http or https.
        Url = "url",
        /// A number.
        Number = "number",
        /// A whole number.
        Integer = "integer",
        /// `true` or `false`.
        Boolean = "boolean",
        /// Date and time of day, a zone is allowed.
        DateTime = "datetime",
        /// Date and time of day, or milliseconds since 1970.
        Timestamp = "timestamp",
    }
}

/// What an attribute must be. An empty value is checked for `required` only.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
pub struct FieldRule {
    /// Its name.
    pub attribute: String,
    /// It must have a value.
    pub required: bool,
    /// What it is.
    pub kind: FieldKind,
    /// Characters.
    pub max_chars: Option<u32>,
    /// Smallest number.
    pub min: Option<f64>,
    /// Largest number.
    pub max: Option<f64>,
}

impl FieldRule {
    /// Text of at most so many characters.
    #[must_use]
    pub fn text(attribute: &str, max_chars: u32) -> Self {
        let max_chars = Some(max_chars);
        Self {
            attribute: attribute.to_owned(),
            required: false,
            kind: FieldKind::Text,
            max_chars,
            min: None,
            max: None,
        }
    }

    /// The same of another kind.
    #[must_use]
    pub fn of(self, kind: FieldKind) -> Self {
        Self { kind, ..self }
    }

    /// The same, with a value.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Checks a value; the remark is an error and names `column`.
    #[must_use]
    pub fn check(&self, column: &str, value: &str) -> Option<Remark> {
        let wrong = |code, message: &str| Some(Remark::error(code, column, message));
        if value.is_empty() {
            return if self.required { wrong(Code::MissingRequired, "no value, one is required") } else { None };
        }
        if let Some(limit) = self.max_chars
            && let Some(found) = longer_than(value, limit)
        {
            return wrong(Code::TooLong, &format!("{found} characters, limit is {limit}"));
        }
        match self.kind {
            FieldKind::Text => None,
            FieldKind::Email if is_email(value) => None,
            FieldKind::Email => wrong(Code::BadEmail, "no mail address, expected name@host.domain"),
            FieldKind::Url if is_url(value) => None,
            FieldKind::Url => wrong(Code::BadUrl, "no address, expected http:// or https:// and a host"),
            FieldKind::Integer if value.parse::<i64>().is_ok() => self.check_range(column, value),
            FieldKind::Integer => wrong(Code::BadNumber, "no whole number"),
            FieldKind::Boolean if ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word)) => None,
            FieldKind::Boolean => wrong(Code::Type, "expected true or false"),
            FieldKind::Number if number(value).is_some() => self.check_range(column, value),
            FieldKind::Number => wrong(Code::BadNumber, "no number"),
            FieldKind::DateTime if DateTime::parse(value).is_some() => None,
            FieldKind::Timestamp if value.parse::<u64>().is_ok() || DateTime::parse(value).is_some() => None,
            FieldKind::DateTime | FieldKind::Timestamp => wrong(Code::BadDate, "no date, expected 2020-01-31T00:00:00"),
        }
    }

    fn check_range(&self, column: &str, value: &str) -> Option<Remark> {
        let value = number(value)?;
        let message = match (self.min, self.max) {
            (Some(min), _) if value < min => format!("less than {min}"),
            (_, Some(max)) if value > max => format!("more than {max}"),
            _ => return None,
        };
        Some(Remark::error(Code::BadNumber, column, message))
    }
}

/// How many characters a text has, when they are more than a limit.
#[must_use]
pub fn longer_than(value: &str, limit: u32) -> Option<usize> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if value.len() <= limit {
        return None; // Characters are no more than bytes.
    }
    Some(value.chars().count()).filter(|found| *found > limit)
}

/// One `@`, something in front of it, at least two labels behind it, no blanks (specification B.2).
#[must_use]
pub fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    let labels = || domain.split('.');
    !local.is_empty()
        && !value.contains(char::is_whitespace)
        && !domain.contains('@')
        && labels().count() >= 2
        && labels().all(|label| !label.is_empty())
}

/// http or https, with a host.
#[must_use]
pub fn is_url(value: &str) -> bool {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let begin = value.get(..scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then(|| value.get(scheme.len()..)).flatten()
    });
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty()) && !value.contains(char::is_whitespace)
}

/// A number as people write it: digits with sign, point, exponent; not `inf`.
fn number(value: &str) -> Option<f64> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    value.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

/// `0`, `1`, or empty, which is 1 (S0).
#[must_use]
pub fn callable(value: &str) -> Option<bool> {
    match value {
        "" | "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

/// Date and time of day as they were written, by the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// 1 to 9999.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// Since midnight.
    pub second: i64,
    /// Seconds east of UTC; `None` = not said.
    pub offset: Option<i64>,
}

impl DateTime {
    /// `2020-01-31`, `2020-01-31T10:20`, `2020-01-31 10:20:30.5`, with `Z` or `+01:00` behind it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (year, month, day) = match date.split('-').collect::<Vec<_>>().as_slice() {
            [year, month, day] => (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?),
            _ => return None,
        };
        let february = if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 29 } else { 28 };
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => february,
            _ => 31,
        };
        let known = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days).contains(&day);
        let (second, offset) = if rest.is_empty() { (0, None) } else { time(rest.strip_prefix(['T', ' '])?)? };
        known.then_some(Self { year, month, day, second, offset })
    }

    /// Seconds since 1970 when this is read as UTC; a caller takes the offset of a zone away.
    #[must_use]
    pub fn as_utc(&self) -> i64 {
        // Days of whole years and months up to here, counted from 1 March of year 0, so that leap days come last.
        let (year, month) = if self.month > 2 {
            (self.year, self.month.saturating_sub(3))
        } else {
            (self.year.saturating_sub(1), self.month.saturating_add(9))
        };
        let days = year
            .saturating_mul(365)
            .saturating_add(year / 4)
            .saturating_sub(year / 100)
            .saturating_add(year / 400)
            .saturating_add(month.saturating_mul(153).saturating_add(2) / 5)
            .saturating_add(self.day)
            .saturating_sub(719_469);
        days.saturating_mul(86_400).saturating_add(self.second)
    }
}

fn digits(text: &str, len: usize) -> Option<i64> {
    let plain = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Seconds since midnight, and the offset of the zone.
fn time(text: &str) -> Option<(i64, Option<i64>)> {
    let (text, offset) = match text.strip_suffix('Z') {
        Some(text) => (text, Some(0)),
        None => match text.rfind(['+', '-']).and_then(|at| text.split_at_checked(at)) {
            Some((text, zone)) => {
                let (sign, zone) = zone.split_at_checked(1)?;
                let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
                let seconds = clock(hours, minutes, "00")?;
                (text, Some(if sign == "-" { seconds.saturating_neg() } else { seconds }))
            }
            None => (text, None),
        },
    };
    let seconds = match text.split(':').collect::<Vec<_>>().as_slice() {
        [hours, minutes] => clock(hours, minutes, "00")?,
        [hours, minutes, seconds] => {
            let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
            let is_part = (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            clock(hours, minutes, whole).filter(|_| is_part)?
        }
        _ => return None,
    };
    Some((seconds, offset))
}

fn clock(hours: &str, minutes: &str, seconds: &str) -> Option<i64> {
    let (hours, minutes, seconds) = (digits(hours, 2)?, digits(minutes, 2)?, digits(seconds, 2)?);
    let known = hours < 24 && minutes < 60 && seconds < 60;
    known.then(|| hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60)).saturating_add(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_address_has_a_name_and_two_labels() {
        for good in ["a@x.org", "a.b+c@mail.example.co.uk", "jiří@škola.cz"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["name@", "@x.org", "a@x", "a@b@x.org", "a b@x.org", "a@x..org", "a@.org", "a@x.org.", "", "plain"] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_of_systems_are_http() {
        for (value, good) in [
            ("http://test.external.link/", true),
            ("HTTPS://x", true),
            ("ftp://x", false),
            ("https://", false),
            ("http:///x", false),
            ("http://a b", false),
            ("é", false),
        ] {
            assert_eq!(is_url(value), good, "{value}");
        }
    }

    #[test]
    fn callable_is_zero_or_one_and_empty_is_one() {
        let all: Vec<_> = ["", "1", "0", "2", "true", "01"].into_iter().map(callable).collect();
        assert_eq!(all, [Some(true), Some(true), Some(false), None, None, None]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, utc, offset) in [
            ("1970-01-01T00:00:00", 0, None),
            ("2020-01-01T00:00:00", 1_577_836_800, None), // S4
            ("2000-02-29 12:30", 951_827_400, None),
            ("2020-01-01T00:00:00.000Z", 1_577_836_800, Some(0)),
            ("2020-01-01T00:00:00+01:30", 1_577_836_800, Some(5400)),
            ("2020-01-01T00:00:00-0100", 1_577_836_800, Some(-3600)),
            ("2020-03-01", 1_583_020_800, None),
        ] {
            let read = DateTime::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((read.as_utc(), read.offset), (utc, offset), "{text}");
        }
        for bad in [
            "",
            "2019-02-29",
            "2020-13-01",
            "2020-00-10",
            "2020-01-01T24:00:00",
            "2020-01-01T",
            "2020-1-1",
            "01.02.2020",
            "2020-01-01T00:00:00.",
            "2020-01-01T00:00:00+1",
            "２020-01-01",
        ] {
            assert_eq!(DateTime::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rules_say_what_was_found() {
        let code = |rule: &FieldRule, value: &str| rule.check("c", value).map(|remark| remark.code);
        let text = FieldRule::text("c", 3).required();
        assert_eq!(
            (code(&text, ""), code(&text, "říč"), code(&text, "abcd")),
            (Some(Code::MissingRequired), None, Some(Code::TooLong))
        );
        assert_eq!(text.check("City", "abcd").unwrap().message, "4 characters, limit is 3");
        let number = FieldRule { min: Some(1.0), max: Some(10.0), ..FieldRule::text("c", 9).of(FieldKind::Number) };
        assert_eq!(
            (code(&number, "1.5"), code(&number, "0.5"), code(&number, "11")),
            (None, Some(Code::BadNumber), Some(Code::BadNumber))
        );
        for bad in ["inf", "nan", "1,5", "x", "1e999", "+-1"] {
            assert_eq!(code(&number, bad), Some(Code::BadNumber), "{bad}");
        }
        let stamp = FieldRule::text("c", 40).of(FieldKind::Timestamp);
        assert_eq!((code(&stamp, "1577836800000"), code(&stamp, "yesterday")), (None, Some(Code::BadDate)));
    }
}
