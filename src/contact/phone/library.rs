//! The numbering plans of all countries.

use rlibphonenumber::enums::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

use super::{PhoneLibrary, Read, is_country_code};

/// The library itself: what is of a possible length in its country can be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberingPlans;

fn region(country: &str) -> Option<Region> {
    let found = is_country_code(country).then(|| country.to_ascii_uppercase().parse::<Region>().ok()).flatten();
    found.filter(|found| PHONE_NUMBER_UTIL.get_country_code_for_region(*found).is_some())
}

impl PhoneLibrary for NumberingPlans {
    fn read(&self, given: &str, country: &str) -> Option<Read> {
        let number = PHONE_NUMBER_UTIL.parse(given, region(country)).ok()?;
        number.is_possible_with_reason().ok()?;
        let extension = Some(number.extension()).filter(|digits| !digits.is_empty()).map(str::to_owned);
        Some(Read { e164: number.format_as(PhoneNumberFormat::E164).into_owned(), extension })
    }

    fn knows_country(&self, country: &str) -> bool {
        region(country).is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{PLAIN, PhoneReader, is_plain};
    use super::*;

    fn read(country: &str, plusless: bool, given: &str) -> Option<String> {
        let reader = PhoneReader { library: &NumberingPlans, default_country: country, plusless };
        reader
            .read(given, "")
            .map(|read| read.e164 + &read.extension.map_or(String::new(), |digits| format!(" x{digits}")))
    }

    /// (origin, country, plusless, as it is written, as it is stored)
    const VECTORS: &[(&str, &str, bool, &str, Option<&str>)] = &[
        ("S0", "", false, "+420777888777", Some("+420777888777")),
        ("S0, without its country", "", false, "777888777", None),
        ("S0, without its country", "CZ", false, "777 888 777", Some("+420777888777")),
        ("specification 1.1", "", true, "49199123456789", Some("+49199123456789")),
        ("specification 1.1", "", false, "49199123456789", None),
        ("S2, a number that is none", "", false, "01-357-296-3696", None),
        ("S4", "", true, "PhoneNumber1", None),
        ("Ofcom, numbers for drama", "GB", false, "020 7946 0958", Some("+442079460958")),
        ("Ofcom, numbers for drama", "", false, "+44 (0)20 7946 0958", Some("+442079460958")),
        ("Ofcom, numbers for drama", "", false, "0044 20 7946 0958 x 12", Some("+442079460958 x12")),
        ("NANPA, 555-01XX", "US", false, "(202) 555-0173", Some("+12025550173")),
        ("NANPA, 555-01XX", "us", false, "1-202-555-0173", Some("+12025550173")),
        ("Bundesnetzagentur, numbers for drama", "DE", false, "(030) 23125-123", Some("+493023125123")),
        ("Bundesnetzagentur, numbers for drama", "DE", false, "0171/3920012", Some("+491713920012")),
        ("ITU-T E.164: at most 15 digits", "", false, "+4912345678901234567", None),
        ("Italy keeps its zero", "", false, "+39 06 698 12345", Some("+390669812345")),
    ];

    #[test]
    fn numbers_of_the_documents_and_of_regulators_have_their_spelling() {
        for (origin, country, plusless, given, wanted) in VECTORS {
            assert_eq!(read(country, *plusless, given).as_deref(), *wanted, "{origin}: {given}");
        }
    }

    #[test]
    fn a_country_that_nobody_has_is_unknown() {
        for (country, known) in
            [("CZ", true), ("us", true), ("QQ", false), ("C", false), ("Czechia", false), ("é", false)]
        {
            assert_eq!(NumberingPlans.knows_country(country), known, "{country}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_without_the_library_is_what_the_library_gives(which in 0..PLAIN.len(), digits in "[1-9][0-9]{5,12}") {
            let (code, min, max) = PLAIN[which];
            let national = &digits[..digits.len().clamp(min, max).min(digits.len())];
            let given = format!("+{code}{national}");
            if is_plain(&given) {
                prop_assert_eq!(NumberingPlans.read(&given, "").map(|read| read.e164), Some(given));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(given: String, country in "[A-Z]{0,3}", plusless: bool) {
            let reader = PhoneReader { library: &NumberingPlans, default_country: &country, plusless };
            if let Some(read) = reader.read(&given, "") {
                prop_assert!(read.e164.starts_with('+') && read.e164[1..].bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert!(read.e164.len() <= 18);
            }
        }
    }
}
