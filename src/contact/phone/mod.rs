//! Phones: one spelling for every way to write one (specification 1.1), the text that was given beside it.

use std::{borrow::Cow, fmt};

#[cfg(feature = "phones")]
mod library;

#[cfg(feature = "phones")]
pub use library::NumberingPlans;

/// A phone that could be read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// With `+`.
    pub e164: String,
    /// Digits behind `x`.
    pub extension: Option<String>,
}

impl fmt::Debug for Read {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Read").field("digits", &self.e164.len()).finish_non_exhaustive()
    }
}

/// The library of numbering plans, behind a trait of our own.
pub trait PhoneLibrary: fmt::Debug + Send + Sync {
    /// A phone, which is national when it has no `+`; `country` is ISO 3166 or empty. `None` = it cannot be read.
    fn read(&self, given: &str, country: &str) -> Option<Read>;
    /// Whether a country exists.
    fn knows_country(&self, country: &str) -> bool;
}

/// No library: plain E.164 of the countries in our own table is all that can be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainOnly;

impl PhoneLibrary for PlainOnly {
    fn read(&self, _given: &str, _country: &str) -> Option<Read> {
        None
    }

    fn knows_country(&self, country: &str) -> bool {
        is_country_code(country)
    }
}

/// Two letters, as in ISO 3166.
#[must_use]
pub fn is_country_code(country: &str) -> bool {
    country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// How phones are read.
#[derive(Clone, Copy, Debug)]
pub struct PhoneReader<'a> {
    /// Reads what is no plain E.164.
    pub library: &'a dyn PhoneLibrary,
    /// ISO 3166; empty = national numbers cannot be read.
    pub default_country: &'a str,
    /// Digits without plus are E.164 (jtel).
    pub plusless: bool,
}

impl PhoneReader<'_> {
    /// True for a text that is E.164 as it stands, by calling code and length: no library is asked.
    #[must_use]
    pub fn is_plain(given: &str) -> bool {
        is_plain(given)
    }

    /// Reads one; `country` is that of the row, empty = the default. Where no country is known and the number has none
    /// either, nothing is guessed.
    #[must_use]
    pub fn read(&self, given: &str, country: &str) -> Option<Read> {
        if is_plain(given) {
            return Some(Read { e164: given.to_owned(), extension: None });
        }
        let given = given.trim();
        let (number, extension) = split_extension(given);
        let compact: Cow<'_, str> = match number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+') {
            true => number.into(),
            // In `+49 (0) 30` the zero is not dialed: the library knows.
            false if number.contains("(0)") => number.into(),
            false => number.replace([' ', '\u{a0}', '.', '-', '/', '(', ')'], "").into(),
        };
        let read = self.read_compact(number, &compact, country)?;
        Some(Read { extension: extension.map(str::to_owned).or(read.extension), ..read })
    }

    fn read_compact(&self, number: &str, compact: &str, country: &str) -> Option<Read> {
        let &Self { library, default_country, plusless } = self;
        let international = match (compact.strip_prefix("00"), compact.starts_with('+')) {
            // The usual way out of a country, whichever country this is.
            (Some(rest), _) => Some(format!("+{rest}")),
            (None, true) => Some(compact.to_owned()),
            (None, false) => None,
        };
        if let Some(e164) = international {
            return match is_plain(&e164) {
                true => Some(Read { e164, extension: None }),
                false => library.read(&e164, ""),
            };
        }
        let digits = compact.bytes().all(|byte| byte.is_ascii_digit()) && !compact.starts_with('0');
        if plusless && digits {
            let e164 = format!("+{compact}");
            if is_plain(&e164) {
                return Some(Read { e164, extension: None });
            }
            if let Some(read) = library.read(&e164, "") {
                return Some(read);
            }
        }
        let country = country.trim();
        let country = if country.is_empty() { default_country } else { country };
        if country.is_empty() { None } else { library.read(number, country) }
    }
}

/// `x 123` behind a number.
fn split_extension(given: &str) -> (&str, Option<&str>) {
    let Some((number, extension)) = given.rsplit_once(['x', 'X']) else { return (given, None) };
    let digits = extension.trim();
    let is_extension = (1..=7).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let ends_in_digit = number.trim_end().ends_with(|c: char| c.is_ascii_digit() || c == ')');
    if is_extension && ends_in_digit { (number.trim_end(), Some(digits)) } else { (given, None) }
}

/// Calling codes whose numbers need no library, with the digits behind them. Left out: countries where a leading digit
/// other than 0 may have to go, or where a 0 stays.
const PLAIN: &[(&str, usize, usize)] = &[
    ("1", 10, 10),
    ("420", 9, 9),
    ("49", 7, 11),
    ("44", 10, 10),
    ("43", 7, 12),
    ("41", 9, 9),
    ("33", 9, 9),
    ("34", 9, 9),
    ("31", 9, 9),
    ("32", 8, 9),
    ("48", 9, 9),
    ("421", 9, 9),
    ("45", 8, 8),
    ("46", 7, 9),
    ("47", 8, 8),
    ("351", 9, 9),
    ("353", 7, 9),
    ("358", 6, 10),
    ("40", 9, 9),
    ("61", 9, 9),
    ("65", 8, 8),
    ("91", 10, 10),
    ("90", 10, 10),
    ("380", 9, 9),
    ("972", 8, 9),
];

/// True for `+` and digits that are E.164 as they stand.
fn is_plain(given: &str) -> bool {
    let [b'+', digits @ ..] = given.as_bytes() else { return false };
    if digits.len() > 15 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    // Codes are of one to three digits, so that comparing them byte by byte is the quicker way.
    let is_of = |code: &str| code.bytes().zip(digits).all(|(code, digit)| code == *digit);
    let found = PLAIN.iter().find(|(code, ..)| digits.len() >= code.len() && is_of(code));
    let Some((code, min, max)) = found.copied() else { return false };
    let national = digits.get(code.len()..).unwrap_or_default();
    let first = if code == "1" { b'2' } else { b'1' };
    (min..=max).contains(&national.len()) && national.first().is_some_and(|digit| *digit >= first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(library: &dyn PhoneLibrary, default_country: &str, plusless: bool, given: &str) -> Option<String> {
        let reader = PhoneReader { library, default_country, plusless };
        let read = reader.read(given, "")?;
        Some(match read.extension {
            Some(extension) => format!("{} x{extension}", read.e164),
            None => read.e164,
        })
    }

    #[test]
    fn plain_numbers_need_no_library() {
        for given in ["+420777888777", "00420777888777", " +420 777 888 777", "+420-777.888/777", "(+420) 777888777"] {
            assert_eq!(read(&PlainOnly, "", false, given).as_deref(), Some("+420777888777"), "{given}");
        }
        assert_eq!(read(&PlainOnly, "", false, "+12025550173 x 123").as_deref(), Some("+12025550173 x123"));
        assert_eq!(read(&PlainOnly, "", true, "420777888777").as_deref(), Some("+420777888777"));
    }

    #[test]
    fn without_a_country_nothing_is_guessed() {
        for given in
            ["", "777888777", "420777888777", "11-213-036-1987", "PhoneNumber1", "+", "00", "+420", "x 12", "é"]
        {
            assert_eq!(read(&PlainOnly, "", false, given), None, "{given}");
        }
        assert_eq!(read(&PlainOnly, "", true, "0777888777"), None, "a leading zero is national");
    }

    #[test]
    fn debug_text_holds_no_number() {
        let read = Read { e164: "+420777888777".to_owned(), extension: None };
        assert!(!format!("{read:?}").contains("777"));
    }
}
