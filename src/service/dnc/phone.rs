//! One spelling for every way to write a phone: what travels stays the bytes that were given.

use std::fmt;

use crate::contact::phone::{NumberingPlans, PhoneLibrary, PhoneReader};
use crate::message::Phone;

/// Reads phones.
pub trait PhoneRules: fmt::Debug + Send + Sync {
    /// The one spelling of a phone; `None` when it cannot be read as one.
    fn normalise(&self, given: &str) -> Option<Phone>;
}

/// E.164 by the numbering plans of all countries.
#[derive(Clone, Debug, Default)]
pub struct E164Rules {
    home: String,
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
        let known = home.is_empty() || NumberingPlans.knows_country(home);
        if known { Ok(Self { home: home.to_owned() }) } else { Err(UnknownCountry(home.to_owned())) }
    }
}

impl PhoneRules for E164Rules {
    fn normalise(&self, given: &str) -> Option<Phone> {
        let reader = PhoneReader { library: &NumberingPlans, default_country: &self.home, plusless: false };
        reader.read(given, "").map(|read| Phone::from(&*read.e164))
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
