//! What one row, or one request, says about a contact: read and checked, not yet compared with what is stored.

use std::fmt;

use super::{Contact, ExternalId, MatchKey, Phone, Remark, Severity};

/// One record on its way to become a contact. Filled again and again by [`super::Mapping::fill`], so that texts keep
/// their buffers; requests of A and D build one by hand and end with [`Draft::find_keys`].
#[derive(Clone, Default, PartialEq, Eq)]
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
    /// One for each column that is mapped and present, in order, phones not among them; an empty text is an empty cell.
    /// What is not here is a column that is absent.
    pub attributes: Vec<(String, String)>,
    /// `None` = no such column.
    pub callable: Option<bool>,
    /// One for each phone column that is present, in the order of the chain; an empty `raw` is an empty cell.
    pub phones: Vec<Phone>,
    /// Columns of phones that a request says may be dialed, or not; nothing = as they were.
    pub phone_callable: Vec<(String, bool)>,
    /// Its organisation, when the row has one.
    pub organisation: Option<OrganisationDraft>,
    /// False = the row speaks of an organisation only.
    pub has_contact: bool,
    /// `None` = what the system says ([`super::customer_of`]).
    pub customer_id: Option<String>,
    /// Values of match keys that are not empty, in the order in which they are tried.
    pub keys: Vec<KeyValue>,
    /// Errors and warnings, in the order in which they were found.
    pub remarks: Vec<Remark>,
    /// When it is to be dialed, and by whom (D).
    pub follow_up: FollowUp,
}

impl fmt::Debug for Draft {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Draft");
        shown.field("record", &self.record).field("line", &self.line).field("remarks", &self.remarks);
        shown.finish_non_exhaustive()
    }
}

/// When and by whom a new record is to be dialed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowUp {
    /// Seconds since 1970 UTC; makes a call-back of the record.
    pub at: Option<i64>,
    /// `agent_id` of the records.
    pub agent: Option<String>,
    /// The agent was named for the follow-up, not only reserved: the call-back is a personal one.
    pub personal: bool,
}

/// The organisation part of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganisationDraft {
    /// How it is found; its value is never empty in a draft without an error.
    pub external_id: ExternalId,
    /// Empty = the cell was empty or absent.
    pub name: String,
    /// As in [`Draft::attributes`].
    pub attributes: Vec<(String, String)>,
}

/// One value that a contact may be found by. The store keeps the same values of what is stored ([`keys_of`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyValue {
    /// Which kind of key.
    pub kind: KeyKind,
    /// Source of an external id, name of a key of attributes, else empty.
    pub name: String,
    /// Id, external id, mail address in small letters, E.164; values of several attributes joined. Never empty.
    pub value: String,
}

impl fmt::Debug for KeyValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeyValue").field("kind", &self.kind).field("name", &self.name).finish_non_exhaustive()
    }
}

super::words::words! {
    /// Kind of a [`KeyValue`].
    KeyKind {
        /// Of [`MatchKey::Id`].
        Id = "id",
        /// Of [`MatchKey::ExternalId`].
        ExternalId = "external_id",
        /// Of [`MatchKey::Email`].
        Email = "email",
        /// Of [`MatchKey::Phone`].
        Phone = "phone",
        /// Of [`MatchKey::Attributes`].
        Attributes = "key",
        /// Of [`MatchKey::Customer`].
        Customer = "customer",
    }
}

impl Draft {
    /// The first error: it decides the code of a record.
    #[must_use]
    pub fn error(&self) -> Option<&Remark> {
        self.remarks.iter().find(|remark| remark.severity == Severity::Error)
    }

    /// The value of a column, as attribute or phone; `None` = absent.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&str> {
        value(&self.attributes, &self.phones, column)
    }

    /// Fills `keys` and `key` from the other fields.
    pub fn find_keys(&mut self, keys: &[MatchKey], email_columns: &[String]) {
        let customer = self.customer_id.as_deref().unwrap_or_default();
        let all = Fields {
            id: &self.id,
            external_ids: &self.external_ids,
            attributes: &self.attributes,
            phones: &self.phones,
            customer,
        };
        let mut found = std::mem::take(&mut self.keys);
        match (keys, found.as_mut_slice()) {
            // One key, the id: the usual case of a large file keeps its buffer.
            ([MatchKey::Id], [only]) if only.kind == KeyKind::Id && !self.id.is_empty() => {
                only.value.clear();
                only.value.push_str(&self.id);
            }
            _ => {
                found.clear();
                keys.iter().for_each(|key| all.find(key, email_columns, &mut found));
            }
        }
        let shown = if self.id.is_empty() { found.first().map_or("", |key| &key.value) } else { &self.id };
        self.key.clear();
        self.key.push_str(shown);
        self.keys = found;
    }
}

impl Contact {
    /// The value of a column, as attribute or phone; `None` = absent.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&str> {
        value(&self.attributes, &self.phones, column)
    }
}

fn value<'a>(attributes: &'a [(String, String)], phones: &'a [Phone], column: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_str());
    // Of several values the first that is filled is the primary one.
    let of_column = || phones.iter().filter(|phone| phone.column == column);
    let phone = of_column().find(|phone| !phone.raw.is_empty()).or_else(|| of_column().next());
    attribute.or_else(|| phone.map(|phone| phone.raw.as_str()))
}

/// The values that a stored contact is found by, for the index of a store: the same rule as for drafts.
#[must_use]
pub fn keys_of(contact: &Contact, keys: &[MatchKey], email_columns: &[String]) -> Vec<KeyValue> {
    let all = Fields {
        id: &contact.id,
        external_ids: &contact.external_ids,
        attributes: &contact.attributes,
        phones: &contact.phones,
        customer: &contact.customer_id,
    };
    let mut found = Vec::new();
    keys.iter().for_each(|key| all.find(key, email_columns, &mut found));
    found
}

/// What keys are made of.
struct Fields<'a> {
    id: &'a str,
    external_ids: &'a [ExternalId],
    attributes: &'a [(String, String)],
    phones: &'a [Phone],
    customer: &'a str,
}

/// Between the values of a key of several attributes; no text of a file is likely to hold it.
const JOINT: char = '\u{1f}';

impl Fields<'_> {
    /// Adds the values of one key that are not empty, each once.
    fn find(&self, key: &MatchKey, email_columns: &[String], found: &mut Vec<KeyValue>) {
        let mut add = |kind, name: &str, value: String| {
            let key = KeyValue { kind, name: name.to_owned(), value };
            if !key.value.is_empty() && !found.contains(&key) {
                found.push(key);
            }
        };
        match key {
            MatchKey::Id => add(KeyKind::Id, "", self.id.to_owned()),
            MatchKey::Customer => add(KeyKind::Customer, "", self.customer.to_owned()),
            MatchKey::ExternalId(source) => {
                for id in self.external_ids.iter().filter(|id| id.source == *source) {
                    add(KeyKind::ExternalId, source, id.value.clone());
                }
            }
            MatchKey::Email => {
                for column in email_columns {
                    let address = value(self.attributes, &[], column).unwrap_or_default();
                    add(KeyKind::Email, "", address.trim().to_lowercase());
                }
            }
            MatchKey::Phone => {
                for phone in self.phones {
                    add(KeyKind::Phone, "", phone.e164.clone().unwrap_or_default());
                }
            }
            MatchKey::Attributes { name, attributes } => {
                let mut values = Vec::new();
                for attribute in attributes {
                    match value(self.attributes, self.phones, attribute) {
                        Some(value) if !value.is_empty() => values.push(value),
                        _ => return,
                    }
                }
                add(KeyKind::Attributes, name, values.join(&JOINT.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            id: "42".to_owned(),
            external_ids: vec![ExternalId { source: "crm".to_owned(), value: "c1".to_owned() }],
            attributes: [("mail", "A@X.org"), ("mail2", ""), ("mail3", "a@x.org"), ("first", "john"), ("last", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            phones: vec![
                Phone { column: "cell".to_owned(), raw: "x".to_owned(), ..Phone::default() },
                Phone { column: "home".to_owned(), e164: Some("+420777888777".to_owned()), ..Phone::default() },
            ],
            ..Draft::default()
        }
    }

    fn keys(keys: &[MatchKey]) -> Vec<(&'static str, String)> {
        let mut draft = draft();
        draft.find_keys(keys, &["mail", "mail2", "mail3"].map(str::to_owned));
        draft.keys.into_iter().map(|key| (key.kind.word(), key.value)).collect()
    }

    #[test]
    fn keys_are_tried_in_the_order_of_the_profile_and_empty_ones_never() {
        let found = keys(&[
            MatchKey::Phone,
            MatchKey::Email,
            MatchKey::ExternalId("crm".to_owned()),
            MatchKey::Customer,
            MatchKey::Id,
        ]);
        let wanted = [("phone", "+420777888777"), ("email", "a@x.org"), ("external_id", "c1"), ("id", "42")];
        assert_eq!(found, wanted.map(|(kind, value)| (kind, value.to_owned())));
    }

    #[test]
    fn a_key_of_attributes_wants_all_of_them() {
        let key = |attributes: &[&str]| MatchKey::Attributes {
            name: "Name".to_owned(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(keys(&[key(&["first", "last"]), key(&["absent"])]), []);
        assert_eq!(keys(&[key(&["first", "mail"])]), [("key", "john\u{1f}A@X.org".to_owned())]);
    }

    #[test]
    fn debug_text_of_a_draft_holds_nobody() {
        let mut draft = draft();
        draft.find_keys(&[MatchKey::Phone], &[]);
        let text = format!("{draft:?} {:?}", draft.keys);
        assert!(!text.contains("john") && !text.contains("777") && !text.contains("42"), "{text}");
    }
}
