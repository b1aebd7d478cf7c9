//! The fields of a dialler contact, and how long each may be (specification 3.D).

use serde_json::{Value, json};

/// Phones of a contact, in the order of the chain.
pub const PHONES: [&str; 6] =
    ["PhoneNumber1", "PhoneNumber2", "PhoneNumber3", "PhoneNumber4", "PhoneNumber5", "PhoneNumber6"];

/// Which lengths hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// From 3.19 on.
    #[default]
    R3_19,
    /// Before.
    Older,
}

impl Release {
    /// `3.19` or `older`
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "3.19" => Some(Self::R3_19),
            "older" => Some(Self::Older),
            _ => None,
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text of so many characters from release 3.19 on, and before; `None` = any number.
    Text(Option<u32>, Option<u32>),
    /// A whole number or null.
    Integer,
    /// A number.
    Number,
    /// `2020-01-01T00:00:00` in the list's zone.
    DateTime,
}

const fn both(most: u32) -> Kind {
    Kind::Text(Some(most), Some(most))
}

/// Longer from 3.19 on.
const GREW: Kind = Kind::Text(Some(64), Some(32));

/// Names of the campaign; they are no attributes of a contact.
pub(super) const CAMPAIGN_ID: &str = "DiallerCampaignsID";
/// Names of the campaign; they are no attributes of a contact.
pub(super) const CAMPAIGN_NAME: &str = "DiallerCampaignsName";
/// Characters of a campaign's name.
pub(super) const CAMPAIGN_NAME_MAX: u32 = 64;
/// The contact's id in its own system.
pub(super) const USER_DATA: &str = "UserData";

/// Every attribute that a request may set, in the order in which answers show them.
pub(super) const FIELDS: [(&str, Kind); 41] = [
    ("RandomSortOrder", Kind::Integer),
    (USER_DATA, both(64)),
    ("Client", GREW),
    ("Service", GREW),
    ("ReferenceNumber", GREW),
    ("Name", GREW),
    ("FirstName", GREW),
    ("Salutation", both(16)),
    ("Title", both(16)),
    ("Company", GREW),
    ("Address", GREW),
    ("PostalCode", both(10)),
    ("City", GREW),
    ("Country", GREW),
    ("AccountOwner", GREW),
    ("AccountBank", both(32)),
    ("AccountNationalBankCode", both(32)),
    ("AccountBIC", both(11)),
    ("AccountNumber", both(20)),
    ("AccountIBAN", both(34)),
    ("Amount", Kind::Number),
    ("PhoneNumber1", both(32)),
    ("PhoneNumber2", both(32)),
    ("PhoneNumber3", both(32)),
    ("PhoneNumber4", both(32)),
    ("PhoneNumber5", both(32)),
    ("PhoneNumber6", both(32)),
    ("FaxNumber", both(32)),
    ("Email", Kind::Text(Some(256), Some(32))),
    ("Website", Kind::Text(None, Some(64))),
    ("Comment", Kind::Text(None, None)),
    ("ReservedUsersUID", both(32)),
    ("FollowUpUsersUID", both(32)),
    ("FollowUpDateTime", Kind::DateTime),
    ("dtBeginDate", Kind::DateTime),
    ("dtEndDate", Kind::DateTime),
    ("ResultCodesExportKey", both(32)),
    ("Manufacturer", both(255)),
    ("Model", both(255)),
    ("Tag", both(255)),
    ("ExternalSystemLink", both(255)),
];

impl Kind {
    /// Characters that a text may have.
    pub(super) fn most(self, release: Release) -> Option<u32> {
        match (self, release) {
            (Self::Text(newer, _), Release::R3_19) => newer,
            (Self::Text(_, older), Release::Older) => older,
            (Self::Integer | Self::Number | Self::DateTime, _) => None,
        }
    }
}

/// Every field of a request as JSON Schema, with the lengths of a release.
#[must_use]
pub fn schema(release: Release) -> Vec<(&'static str, Value)> {
    let of = |kind: Kind| match kind {
        Kind::Text(..) => match kind.most(release) {
            Some(most) => json!({"type": ["string", "null"], "maxLength": most}),
            None => json!({"type": ["string", "null"]}),
        },
        Kind::Integer => json!({"type": ["integer", "null"]}),
        Kind::Number => json!({"type": ["number", "null"]}),
        Kind::DateTime => json!({"type": ["string", "null"], "description": "2020-01-01T00:00:00 in the list's zone"}),
    };
    let campaign = [(CAMPAIGN_ID, Kind::Integer), (CAMPAIGN_NAME, both(CAMPAIGN_NAME_MAX))];
    campaign.into_iter().chain(FIELDS).map(|(name, kind)| (name, of(kind))).collect()
}
