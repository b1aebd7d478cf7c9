//! One spelling for every way to write a phone, behind a trait of our own: what travels stays the bytes that were given.

use std::fmt;

use rlibphonenumber::enums::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

use crate::message::Phone;

/// Reads phones.
pub trait PhoneRules: fmt::Debug + Send + Sync {
    /// The one spelling of a phone; `None` when it cannot be read as one.
    fn normalise(&self, given: &str) -> Option<Phone>;
}

/// E.164 by the numbering plans of all countries.
#[derive(Clone, Copy, Debug, Default)]
pub struct E164Rules {
    home: Option<Region>,
}

/// A country that nobody has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a country of ISO 3166 such as CZ or US, found '{0}'")]
pub struct UnknownCountry(pub String);

impl E164Rules {
    /// Numbers without a country are of this one; empty = they cannot be read.
    ///
    /// # Errors
    /// [`UnknownCountry`]
    pub fn new(home: &str) -> Result<Self, UnknownCountry> {
        if home.is_empty() {
            return Ok(Self::default());
        }
        let wrong = || UnknownCountry(home.to_owned());
        let is_code = home.len() == 2 && home.bytes().all(|byte| byte.is_ascii_alphabetic());
        let found = is_code.then(|| home.to_ascii_uppercase().parse::<Region>().ok()).flatten();
        let found = found.filter(|home| PHONE_NUMBER_UTIL.get_country_code_for_region(*home).is_some());
        found.map(|home| Self { home: Some(home) }).ok_or_else(wrong)
    }
}

impl PhoneRules for E164Rules {
    fn normalise(&self, given: &str) -> Option<Phone> {
        let given = given.trim();
        // The usual way out of a country, whichever country this is.
        let international = given.strip_prefix("00").map(|rest| format!("+{rest}"));
        let text = international.as_deref().unwrap_or(given);
        let number = PHONE_NUMBER_UTIL.parse(text, self.home).ok()?;
        number.is_possible_with_reason().ok()?;
        Some(Phone::from(&*number.format_as(PhoneNumberFormat::E164)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(home: &str, given: &str) -> Option<String> {
        let phone = E164Rules::new(home).unwrap().normalise(given)?;
        Some(phone.reveal().display().into_owned())
    }

    #[test]
    fn every_way_to_write_a_number_has_one_spelling() {
        for given in ["+420777888777", "+420 777 888 777", "00420777888777", "00420 777-888-777", " +420777888777 "] {
            assert_eq!(read("", given).as_deref(), Some("+420777888777"), "{given}");
        }
        for given in ["777888777", "777 888 777", "+420777888777", "00420777888777"] {
            assert_eq!(read("cz", given).as_deref(), Some("+420777888777"), "{given}");
        }
        assert_eq!(read("US", "(202) 555-0173").as_deref(), Some("+12025550173"));
    }

    #[test]
    fn what_cannot_be_read_has_no_spelling() {
        for given in ["", "777888777", "x", "+", "00", "+4", "no number", "+999999999999999999999"] {
            assert_eq!(read("", given), None, "{given}");
        }
    }

    #[test]
    fn a_country_that_nobody_has_is_refused() {
        for wrong in ["C", "Czechia", "X!", "é"] {
            assert!(E164Rules::new(wrong).is_err(), "{wrong}");
        }
        assert!(E164Rules::new("QQ").is_err());
    }
}
