//! System D: dialler contacts of jtel (specification 3.D).

use super::{ImportProfile, MatchKey, OnMatch, PhoneColumn, PhonePolicy, SourceKind};

#[cfg(feature = "app")]
mod body;

#[cfg(feature = "app")]
pub use body::{Request, answer};

/// Which release's lengths hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// Before 3.19.
    Older,
    /// From 3.19 on.
    #[default]
    From319,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text of at most so many characters, before and from 3.19; `None` = any number.
    Text(Option<u32>, Option<u32>),
    /// A whole number, or null.
    Integer,
    /// A number, or null.
    Number,
    /// `2020-01-01T00:00:00` in the list's zone, or null.
    Time,
}

const fn text(older: u32, newer: u32) -> Kind {
    Kind::Text(Some(older), Some(newer))
}

/// All fields of a request, in the order of S4.
pub const FIELDS: &[(&str, Kind)] = &[
    ("DiallerCampaignsID", Kind::Integer),
    ("DiallerCampaignsName", text(64, 64)),
    ("RandomSortOrder", Kind::Integer),
    ("UserData", text(64, 64)),
    ("Client", text(32, 64)),
    ("Service", text(32, 64)),
    ("ReferenceNumber", text(32, 64)),
    ("Name", text(32, 64)),
    ("FirstName", text(32, 64)),
    ("Salutation", text(16, 16)),
    ("Title", text(16, 16)),
    ("Company", text(32, 64)),
    ("Address", text(32, 64)),
    ("PostalCode", text(10, 10)),
    ("City", text(32, 64)),
    ("Country", text(32, 64)),
    ("AccountOwner", text(32, 64)),
    ("AccountBank", text(32, 32)),
    ("AccountNationalBankCode", text(32, 32)),
    ("AccountBIC", text(11, 11)),
    ("AccountNumber", text(20, 20)),
    ("AccountIBAN", text(34, 34)),
    ("Amount", Kind::Number),
    ("PhoneNumber1", text(32, 32)),
    ("PhoneNumber2", text(32, 32)),
    ("PhoneNumber3", text(32, 32)),
    ("PhoneNumber4", text(32, 32)),
    ("PhoneNumber5", text(32, 32)),
    ("PhoneNumber6", text(32, 32)),
    ("FaxNumber", text(32, 32)),
    ("Email", text(32, 256)),
    ("Website", Kind::Text(Some(64), None)),
    ("Comment", Kind::Text(None, None)),
    ("ReservedUsersUID", text(32, 32)),
    ("FollowUpUsersUID", text(32, 32)),
    ("FollowUpDateTime", Kind::Time),
    ("dtBeginDate", Kind::Time),
    ("dtEndDate", Kind::Time),
    ("Manufacturer", text(255, 255)),
    ("Model", text(255, 255)),
    ("Tag", text(255, 255)),
    ("ExternalSystemLink", text(255, 255)),
    ("ResultCodesExportKey", text(32, 32)),
];

/// Columns of phones, in the order of the chain.
pub const PHONES: [&str; 6] =
    ["PhoneNumber1", "PhoneNumber2", "PhoneNumber3", "PhoneNumber4", "PhoneNumber5", "PhoneNumber6"];

/// What a request is refused with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field must be there and have a value.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A text has too many characters.
    #[error("{field} has {found} characters, limit is {limit}")]
    TooLong {
        /// Which.
        field: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        limit: u32,
    },
    /// Another type than the field's.
    #[error("{field} is wrong, expected {wanted}")]
    Type {
        /// Which.
        field: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// `overwriteDuplicates` is no truth value.
    #[error("overwriteDuplicates is wrong, expected true or false")]
    Flag,
    /// A byte that no text may hold.
    #[error("{0} holds a NUL")]
    Nul(&'static str),
}

/// Reads `overwriteDuplicates`; absent = false.
///
/// # Errors
/// [`Refusal::Flag`]
pub fn overwrite_duplicates(text: Option<&str>) -> Result<bool, Refusal> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::Flag),
    }
}

/// Rules of an import: `true` overwrites the contact of equal `UserData`, `false` always creates.
#[must_use]
pub fn profile(overwrite_duplicates: bool, plusless: bool, default_country: &str) -> ImportProfile {
    let phone = |column: &str| PhoneColumn { column: column.to_owned(), kind: String::new(), time_zone_column: None };
    ImportProfile {
        source: SourceKind::Jtel,
        phone_columns: PHONES.iter().map(|column| phone(column)).collect(),
        match_keys: if overwrite_duplicates { vec![MatchKey::Customer] } else { Vec::new() },
        on_match: if overwrite_duplicates { OnMatch::Overwrite } else { OnMatch::CreateAlways },
        replace_whole: true,
        trim: false,
        phones: PhonePolicy::Warn,
        plusless,
        default_country: default_country.to_owned(),
        phone_required: true,
        ..ImportProfile::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_true_or_false() {
        let all = [None, Some("true"), Some("false"), Some("TRUE"), Some("1"), Some("")].map(overwrite_duplicates);
        assert_eq!(all, [Ok(false), Ok(true), Ok(false), Err(Refusal::Flag), Err(Refusal::Flag), Err(Refusal::Flag)]);
    }
}
