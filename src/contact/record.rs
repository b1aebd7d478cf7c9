//! The objects that all interfaces share (specification of contacts, section 1). What people are called and where they
//! are reached is not in the `Debug` text of any of them, so that no log can hold it.

use std::fmt;

/// A calling list, as an import sees it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
pub struct CallingList {
    /// Store-wide integer; what jtel calls `DiallerCampaignsID`. 0 = not stored yet.
    pub number: i64,
    /// Opaque id, a UUID when we make it.
    pub id: String,
    /// Unique in its tenant.
    pub name: String,
    /// In order; fixed after creation.
    pub columns: Vec<String>,
    /// Which columns hold phones, in the order of the chain.
    pub phone_columns: Vec<PhoneColumn>,
    /// Columns that hold mail addresses.
    pub email_columns: Vec<String>,
    /// The column that carries the customer id; `None` = the contact's own id of its system.
    pub customer_column: Option<String>,
    /// Overrides that of a profile.
    pub phone_policy: Option<super::PhonePolicy>,
    /// Blanks at both ends of a value go.
    pub trim: bool,
    /// Seconds since midnight.
    pub daily_from: i32,
    /// Seconds since midnight.
    pub daily_till: i32,
    /// IANA name, or empty for the server's.
    pub time_zone: String,
    /// DBID of the time zone in the records; 0 = the server's.
    pub tz_dbid: i32,
    /// `contact_info_type` of a phone whose type is no other.
    pub contact_info_type: i32,
    /// Where `chain_n` begins.
    pub chain_n_base: i32,
    /// Goes up with every change of the settings.
    pub version: i64,
    /// What values of columns must be.
    pub rules: Vec<super::FieldRule>,
    /// Settings of other systems that decide nothing here, as JSON, so that they are given back as they came.
    pub extra: String,
}

impl Default for CallingList {
    /// A new list with the defaults of the table.
    fn default() -> Self {
        Self {
            number: 0,
            id: String::new(),
            name: String::new(),
            columns: Vec::new(),
            phone_columns: Vec::new(),
            email_columns: Vec::new(),
            customer_column: None,
            phone_policy: None,
            trim: true,
            daily_from: 28_800,
            daily_till: 75_600,
            time_zone: String::new(),
            tz_dbid: 0,
            contact_info_type: 1,
            chain_n_base: 0,
            version: 1,
            rules: Vec::new(),
            extra: String::new(),
        }
    }
}

impl CallingList {
    /// Whether its daily window opens before it closes, within one day.
    #[must_use]
    pub fn has_daily_window(&self) -> bool {
        0 <= self.daily_from && self.daily_from < self.daily_till && self.daily_till <= 86_400
    }
}

/// A column with phones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "app", derive(serde::Serialize, serde::Deserialize))]
pub struct PhoneColumn {
    /// Its name.
    pub column: String,
    /// The system's word for the kind of phone, as it was given: `cell`, `home`, ...
    pub kind: String,
    /// The column that holds the contact's zone.
    pub time_zone_column: Option<String>,
}

/// `contact_info_type` (specification 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneType {
    /// 1
    Home,
    /// 2
    Work,
    /// 3
    WorkWithExtension,
    /// 4
    Mobile,
}

impl PhoneType {
    /// What a system's word means; `None` = the list's default.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let letters =
            word.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' ')).map(|byte| byte.to_ascii_lowercase());
        let known = [
            ("home", Self::Home),
            ("work", Self::Work),
            ("business", Self::Work),
            ("workwithextension", Self::WorkWithExtension),
            ("cell", Self::Mobile),
            ("mobile", Self::Mobile),
        ];
        known.into_iter().find(|(known, _)| letters.clone().eq(known.bytes())).map(|(_, kind)| kind)
    }

    /// The number in a record.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Home => 1,
            Self::Work => 2,
            Self::WorkWithExtension => 3,
            Self::Mobile => 4,
        }
    }
}

/// One person, in one calling list or in none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// Store-wide integer in the order of creation, and the `chain_id` of its chain; `DiallerContactsID`. 0 = new.
    pub number: i64,
    /// Number of its list; `None` = an external contact or a profile.
    pub list: Option<i64>,
    /// Opaque text of 1 to 255 characters, unique in its list.
    pub id: String,
    /// At most ten.
    pub external_ids: Vec<ExternalId>,
    /// By name, in order; values are text. Phones are not among them: see [`Contact::value`].
    pub attributes: Vec<(String, String)>,
    /// Whether it may be dialed at all.
    pub callable: bool,
    /// In the order of the chain.
    pub phones: Vec<Phone>,
    /// Number of its organisation.
    pub organisation: Option<i64>,
    /// What `contact_info` and cancel requests name it by besides the phone (specification 1).
    pub customer_id: String,
    /// Goes up with every change.
    pub version: i64,
    /// The job that made it.
    pub job: Option<String>,
    /// Milliseconds since 1970 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970 UTC.
    pub updated_at: i64,
}

/// What another system calls a contact or an organisation.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId {
    /// The system.
    pub source: String,
    /// Its id, at most 255 characters.
    pub value: String,
}

/// One phone of a contact.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Phone {
    /// The attribute that holds it.
    pub column: String,
    /// The system's word for its kind.
    pub kind: String,
    /// Number of the value in a multi-valued attribute, from 1; 0 = single-valued.
    pub index: u32,
    /// As it was given.
    pub raw: String,
    /// With `+`, when it could be made so.
    pub e164: Option<String>,
    /// Digits behind `x`.
    pub extension: Option<String>,
    /// Whether this phone may be dialed.
    pub callable: bool,
}

impl Phone {
    /// What stands in `contact_info`.
    #[must_use]
    pub fn contact_info(&self) -> &str {
        self.e164.as_deref().unwrap_or(&self.raw)
    }

    /// The same as another one, in the room that its texts have.
    pub(super) fn become_like(&mut self, other: &Self) {
        self.column.clone_from(&other.column);
        self.kind.clone_from(&other.kind);
        self.raw.clone_from(&other.raw);
        self.e164.clone_from(&other.e164);
        self.extension.clone_from(&other.extension);
        (self.index, self.callable) = (other.index, other.callable);
    }
}

/// A company.
#[derive(Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Store-wide integer; 0 = new.
    pub number: i64,
    /// How it is found.
    pub external_id: ExternalId,
    /// Its name.
    pub name: String,
    /// By name, in order.
    pub attributes: Vec<(String, String)>,
}

impl fmt::Debug for Contact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Contact");
        shown.field("number", &self.number).field("list", &self.list).field("callable", &self.callable);
        shown.field("phones", &self.phones).field("version", &self.version).finish_non_exhaustive()
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Phone");
        shown.field("column", &self.column).field("index", &self.index).field("read", &self.e164.is_some());
        shown.field("callable", &self.callable).finish_non_exhaustive()
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ExternalId").field("source", &self.source).finish_non_exhaustive()
    }
}

impl fmt::Debug for Organisation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Organisation").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_holds_nobody() {
        let contact = Contact {
            number: 7,
            list: Some(1),
            id: "id-of-john".to_owned(),
            external_ids: vec![ExternalId { source: "crm".to_owned(), value: "value-of-john".to_owned() }],
            attributes: vec![("first_name".to_owned(), "john".to_owned())],
            callable: true,
            phones: vec![Phone {
                raw: "+420777888777".to_owned(),
                e164: Some("+420777888777".to_owned()),
                ..Phone::default()
            }],
            organisation: None,
            customer_id: "customer-of-john".to_owned(),
            version: 1,
            job: None,
            created_at: 0,
            updated_at: 0,
        };
        let text = format!("{contact:?} {:?}", contact.external_ids);
        assert!(text.contains("number: 7") && !text.contains("john") && !text.contains("777"), "{text}");
    }

    #[test]
    fn words_of_phones_have_their_numbers() {
        for (word, number) in [("home", 1), ("Work", 2), ("work_with_extension", 3), ("cell", 4), ("MOBILE", 4)] {
            assert_eq!(PhoneType::from_word(word).map(PhoneType::number), Some(number), "{word}");
        }
        assert_eq!(PhoneType::from_word("fax"), None);
    }
}
