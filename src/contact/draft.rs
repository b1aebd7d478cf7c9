//! What one row, or one request, says about a contact: read and checked, not yet compared with what is stored.

use super::{ExternalId, MatchKey, Phone, Remark, Severity};

/// One record on its way to become a contact. Filled again and again by [`super::Mapping::fill`], so that texts keep
/// their buffers; requests of A and D build one by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// From 1, the first behind the header.
    pub record: u64,
    /// Physical line of its first byte.
    pub line: u64,
    /// What the outcome file calls it: its id, else its first value of a match key.
    pub key: String,
    /// Empty = none was given.
    pub id: String,
    /// Those that have a value.
    pub external_ids: Vec<ExternalId>,
    /// One for each column that is mapped and present, in order; an empty text is an empty cell. What is not here
    /// is a column that is absent.
    pub attributes: Vec<(String, String)>,
    /// `None` = no such column.
    pub callable: Option<bool>,
    /// One for each phone column that is present, in the order of the chain; an empty `raw` is an empty cell.
    pub phones: Vec<Phone>,
    /// Its organisation, when the row has one.
    pub organisation: Option<OrganisationDraft>,
    /// False = the row speaks of an organisation only.
    pub has_contact: bool,
    /// `None` = what the list says (its customer column, else the id).
    pub customer_id: Option<String>,
    /// Values of match keys that are not empty, in the order in which they are tried.
    pub keys: Vec<KeyValue>,
    /// Errors and warnings, in the order in which they were found.
    pub remarks: Vec<Remark>,
    /// When it is to be dialed, and by whom (D).
    pub follow_up: FollowUp,
}

/// When and by whom a new record is to be dialed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowUp {
    /// Seconds since 1970 UTC; makes a call-back of the record.
    pub at: Option<i64>,
    /// `agent_id` of the records; with a time it makes a personal call-back of a follow-up agent.
    pub agent: Option<String>,
    /// The agent was named for the follow-up, not only reserved.
    pub personal: bool,
}

/// The organisation part of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganisationDraft {
    /// How it is found; never empty.
    pub external_id: ExternalId,
    /// Empty = the cell was empty or absent.
    pub name: String,
    /// As in [`Draft::attributes`].
    pub attributes: Vec<(String, String)>,
}

/// One value that a contact may be found by. The store keeps the same values of what is stored ([`super::keys_of`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyValue {
    /// Which kind of key.
    pub kind: KeyKind,
    /// Source of an external id, name of a key of attributes, else empty.
    pub name: String,
    /// Id, external id, mail address in small letters, E.164; values of several attributes joined. Never empty.
    pub value: String,
}

/// Kind of a [`KeyValue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Of [`MatchKey::Id`].
    Id,
    /// Of [`MatchKey::ExternalId`].
    ExternalId,
    /// Of [`MatchKey::Email`].
    Email,
    /// Of [`MatchKey::Phone`].
    Phone,
    /// Of [`MatchKey::Attributes`].
    Attributes,
}

impl KeyKind {
    /// Its word in a store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::ExternalId => "external_id",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Attributes => "key",
        }
    }
}

impl Draft {
    /// The first error: it decides the code of a record.
    #[must_use]
    pub fn error(&self) -> Option<&Remark> {
        self.remarks.iter().find(|remark| remark.severity == Severity::Error)
    }
}

/// The values of these keys that a draft's fields give, in order: what fills [`Draft::keys`].
pub fn keys_of_draft(_keys: &[MatchKey], _email_columns: &[String], _draft: &mut Draft) {
    todo!()
}
